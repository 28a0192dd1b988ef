from __future__ import annotations

import pytest

from vitruvian import Analyzer
from vitruvian.images import sample_picture
from vitruvian.scene import Part, Scene


@pytest.fixture(scope="module")
def scene() -> Scene:
    return Analyzer(threads=1).analyze(sample_picture())


def facial(scene: Scene, label: str) -> list[Part]:
    return [part for face in scene.faces for part in face.parts if part.label == label]


def test_facial_parts_are_reported_also_where_whole_faces_are_not_asked_for(scene: Scene) -> None:
    nose, eyes = facial(scene, "nose"), facial(scene, "eyes")
    assert (len(nose), len(eyes)) == (1, 2)
    found = Analyzer(threads=1, labels=["nose", "eyes", "Human nose"]).analyze(sample_picture())
    expected = [*nose, *eyes, *(part for part in scene.parts if part.label == "Human nose")]
    assert list(found.parts) == sorted(expected, key=lambda part: -part.score)
    assert found.faces == ()
    assert found.people == scene.people


def test_facial_parts_stay_in_whole_faces_that_are_asked_for(scene: Scene) -> None:
    found = Analyzer(threads=1, labels=["nose", "whole face"]).analyze(sample_picture())
    assert found.parts == ()
    assert [(face.box, face.parts) for face in found.faces] == [(scene.faces[0].box, tuple(facial(scene, "nose")))]
    assert Analyzer(threads=1, labels=["whole face"]).analyze(sample_picture()).faces[0].parts == ()
