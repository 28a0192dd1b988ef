from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vitruvian.data.dataset import Annotation, DataError, Dataset, Picture
from vitruvian.data.derive import derive_faces_from_noses

HEAD, NOSE = "Human head", "Human nose"


def dataset(*annotations: tuple[str, tuple[float, ...]], labels: tuple[str, ...] = (HEAD, NOSE)) -> Dataset:
    rows = tuple(Annotation(label, box, number) for number, (label, box) in enumerate(annotations, start=1))
    return Dataset(labels, (Picture(1, "a.png", 200, 200, rows, frozenset({HEAD, NOSE})),), Path())


def faces(found: Dataset) -> list[Annotation]:
    return [a for a in found.pictures[0].annotations if a.label == "whole face"]


def test_the_face_is_a_square_around_the_nose_with_the_size_of_the_head() -> None:
    found = derive_faces_from_noses(dataset((HEAD, (20, 20, 120, 120)), (NOSE, (65, 65, 75, 75))))
    [face] = faces(found)
    assert face.box == pytest.approx((39, 39, 101, 101))
    assert face.derived_from == "nose and head"
    assert [a.approximate for a in found.pictures[0].annotations] == [False, False, True]
    assert found.labels == (HEAD, NOSE, "whole face")
    assert found.pictures[0].exhaustive == {HEAD, NOSE}
    assert len({a.id for a in found.pictures[0].annotations}) == 3


def test_turning_the_picture_turns_the_face() -> None:
    upright = derive_faces_from_noses(dataset((HEAD, (20, 40, 100, 140)), (NOSE, (55, 100, 65, 112))))
    turned = derive_faces_from_noses(dataset((HEAD, (40, 20, 140, 100)), (NOSE, (100, 55, 112, 65))))
    x1, y1, x2, y2 = faces(upright)[0].box
    assert faces(turned)[0].box == pytest.approx((y1, x1, y2, x2))


def test_a_face_ends_where_the_head_does() -> None:
    [face] = faces(derive_faces_from_noses(dataset((HEAD, (0, 0, 100, 100)), (NOSE, (90, 40, 98, 60)))))
    assert face.box == pytest.approx((63, 19, 100, 81))


def test_a_nose_in_no_head_or_in_two_gives_no_face() -> None:
    alone = dataset((HEAD, (0, 0, 50, 50)), (NOSE, (90, 90, 98, 98)))
    shared = dataset((HEAD, (0, 0, 100, 100)), (HEAD, (20, 20, 120, 120)), (NOSE, (60, 60, 70, 70)))
    assert faces(derive_faces_from_noses(alone)) == faces(derive_faces_from_noses(shared)) == []


def test_a_set_without_noses_is_refused() -> None:
    with pytest.raises(DataError, match="no class 'Human nose'"):
        derive_faces_from_noses(dataset((HEAD, (0, 0, 9, 9)), labels=(HEAD,)))


def test_a_head_without_a_nose_is_seen_from_behind_where_all_noses_are_labelled() -> None:
    behind = derive_faces_from_noses(dataset((HEAD, (0, 0, 50, 50))))
    assert behind.pictures[0].exhaustive == {HEAD, NOSE, "whole face"}
    seen = derive_faces_from_noses(dataset((HEAD, (0, 0, 50, 50)), (NOSE, (20, 20, 25, 25))))
    assert "whole face" not in seen.pictures[0].exhaustive
    unsaid = dataset((HEAD, (0, 0, 50, 50)))
    unsaid = unsaid.map(lambda picture: replace(picture, exhaustive=frozenset({HEAD})))
    assert derive_faces_from_noses(unsaid).pictures[0].exhaustive == {HEAD}
