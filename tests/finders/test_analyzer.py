from __future__ import annotations

import hashlib
import shutil
from importlib.resources import files
from pathlib import Path

import pytest

from vitruvian import Analyzer
from vitruvian.finders import Detector, DeviceError
from vitruvian.images import sample_picture
from vitruvian.scene import Part, Scene
from vitruvian.zoo import ModelError, ModelFile, find_model, save_card


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


def test_no_thresholds_of_ones_own_are_the_cards(scene: Scene) -> None:
    analyzer = Analyzer(threads=1, threshold={})
    assert analyzer.analyze(sample_picture()) == scene
    assert analyzer.second_look is not None
    assert analyzer.second_look.card is not None
    assert analyzer.second_look.threshold == analyzer.second_look.card.thresholds["whole face"]


@pytest.mark.parametrize(("threshold", "both"), [(0.2, True), ({"whole face": 0.2}, True), ({"nose": 0.2}, False)])
def test_a_threshold_of_whole_faces_is_for_both_passes(threshold: float | dict[str, float], both: bool) -> None:
    analyzer = Analyzer(threads=1, threshold=threshold)
    assert analyzer.second_look is not None
    assert (analyzer.face_threshold == 0.2) == (analyzer.second_look.threshold == 0.2) == both


def test_a_card_without_thresholds_does_not_lose_faces(scene: Scene, tmp_path: Path) -> None:
    shipped = find_model()
    shutil.copy(shipped.path, tmp_path / shipped.path.name)
    save_card(shipped.card.model_copy(update={"thresholds": {}}), tmp_path / "parts22.json")
    bare = Analyzer(tmp_path / shipped.path.name, threads=1)
    assert bare.face_threshold == 0.5
    assert [face.box for face in bare.analyze(sample_picture()).faces] == [face.box for face in scene.faces]


def test_what_cannot_be_is_said_when_the_analyzer_is_made() -> None:
    with pytest.raises(DeviceError, match=r"^unknown device 'gpu': choose auto, cpu"):
        Analyzer(device="gpu")
    with pytest.raises(ValueError, match="size of the input"):
        Analyzer(size=-5)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "onnxruntime cannot load it"), (b"no model at all", "onnxruntime cannot load it"), (None, "scores 22")],
)
def test_a_file_that_is_not_what_its_card_says_is_refused(content: bytes | None, said: str, tmp_path: Path) -> None:
    shipped = find_model()
    path = tmp_path / "bad.onnx"
    path.write_bytes(shipped.path.read_bytes() if content is None else content)
    labels = ["Human head"] if content is None else shipped.card.labels
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    card = shipped.card.model_copy(update={"file": path.name, "sha256": sha256, "labels": labels})
    save_card(card, path.with_suffix(".json"))
    with pytest.raises(ModelError, match=rf"bad\.onnx: {said}") as caught:
        Analyzer(path)
    assert "\n" not in str(caught.value)


def test_a_suppression_is_no_detector() -> None:
    file = Path(str(files("vitruvian.finders"))) / "suppression.onnx"
    with pytest.raises(ModelError, match="gives kept, not the scores and boxes of a detector"):
        Detector(ModelFile(file, find_model().card))
