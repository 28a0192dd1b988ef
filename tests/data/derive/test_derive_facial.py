"""Facial parts from landmarks, against the thesis's index groups written out here a second time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from workshop_builders import ibug_face, make_dataset, make_picture

from vitruvian.data.dataset import Annotation, DataError, Dataset
from vitruvian.data.derive import derive_facial_parts
from vitruvian.data.derive.facial import protocol_of
from vitruvian.taxonomy import AAM73, FACIAL_PARTS, IBUG68, IMM58, WFLW98

THESIS = {
    "nose": [*range(27, 36)],
    "whole face": [*range(68)],
    "right face": [*range(0, 9), 48],
    "left face": [*range(8, 17), 54],
    "brows": [*range(17, 27)],
    "left eye face": [*range(42, 48), *range(8, 17), 54],
    "right eye face": [*range(36, 42), *range(0, 9), 48],
    "eyes nose": [*range(36, 48), *range(27, 36)],
    "mouth": [*range(48, 68)],
}


def faces(points: np.ndarray, size: tuple[int, int] = (200, 160)) -> Dataset:
    x, y = points[:, 0], points[:, 1]
    box = (float(x.min()), float(y.min()), float(x.max()), float(y.max()))
    face = Annotation("face", box, 7, keypoints=points)
    return make_dataset(["face"], [replace(make_picture(1, size=size), annotations=(face,))])


def test_the_ten_boxes_span_the_points_the_thesis_names() -> None:
    points = ibug_face()
    [picture] = derive_facial_parts(faces(points), "face", IBUG68)
    found = [(a.label, a.box) for a in picture.annotations]
    expected = [(name, points[group]) for name, group in THESIS.items()]
    expected += [("eyes", points[36:42]), ("eyes", points[42:48])]
    boxes = sorted((n, (*p[:, :2].min(axis=0).tolist(), *p[:, :2].max(axis=0).tolist())) for n, p in expected)
    assert [n for n, _ in sorted(found)] == [n for n, _ in boxes]
    np.testing.assert_allclose([b for _, b in sorted(found)], [b for _, b in boxes], rtol=1e-6)
    assert {a.derived_from for a in picture.annotations} == {"landmarks"}
    assert {a.attributes["face"] for a in picture.annotations} == {7}
    assert [a.attributes["side"] for a in picture.annotations if a.label == "eyes"] == ["right", "left"]


def test_the_surroundings_are_exhaustive_and_the_picture_is_not() -> None:
    dataset = derive_facial_parts(faces(ibug_face()), "face", IBUG68)
    [picture] = dataset
    assert dataset.labels == FACIAL_PARTS.names
    assert picture.exhaustive == frozenset()
    [region] = picture.exhaustive_regions
    assert region.labels == frozenset(FACIAL_PARTS.names)
    face = faces(ibug_face()).pictures[0].annotations[0].box
    width, height = face[2] - face[0], face[3] - face[1]
    assert region.box[2] - region.box[0] == pytest.approx(1.5 * width)
    assert region.box[3] - region.box[1] == pytest.approx(min(1.5 * height, 160 - region.box[1]), rel=1e-5)


def test_self_occluded_points_are_skipped_and_hidden_ones_flagged() -> None:
    points = ibug_face()
    points[36:42, 2] = 0
    points[36:42, :2] = -1  # as MERL-RAV writes them
    points[48:50, 2] = 1
    [picture] = derive_facial_parts(faces(points), "face", IBUG68)
    by_label = {a.label: a for a in picture.annotations}
    assert [a.attributes["side"] for a in picture.annotations if a.label == "eyes"] == ["left"]
    assert min(a.box[0] for a in picture.annotations) > 0
    assert by_label["mouth"].attributes["occluded_points"] == 2
    assert by_label["right face"].attributes["occluded_points"] == 1
    assert "occluded" not in by_label["nose"].attributes


def test_a_part_mostly_out_of_view_is_neither_boxed_nor_promised() -> None:
    points = ibug_face()
    points[0:7, 2] = 0
    [picture] = derive_facial_parts(faces(points), "face", IBUG68)
    assert "right face" not in {a.label for a in picture.annotations}
    assert "right face" not in picture.exhaustive_regions[0].labels
    assert "left face" in picture.exhaustive_regions[0].labels


def test_mirrored_landmarks_give_mirrored_boxes_of_mirrored_labels() -> None:
    points, width = ibug_face(), 200
    flipped = points[list(IBUG68.mirror)].copy()
    flipped[:, 0] = width - flipped[:, 0]
    [before] = derive_facial_parts(faces(points), "face", IBUG68)
    [after] = derive_facial_parts(faces(flipped), "face", IBUG68)
    mirrored = sorted(
        (FACIAL_PARTS[a.label].mirror, width - a.box[2], a.box[1], width - a.box[0], a.box[3])
        for a in before.annotations
    )
    found = sorted((a.label, *a.box) for a in after.annotations)
    assert [m[0] for m in mirrored] == [f[0] for f in found]
    np.testing.assert_allclose([m[1:] for m in mirrored], [f[1:] for f in found], rtol=1e-4)


@pytest.mark.parametrize("protocol", [IBUG68, WFLW98, IMM58, AAM73], ids=lambda p: p.name)
def test_every_protocol_gives_eleven_boxes_inside_the_whole_face(protocol) -> None:
    rng = np.random.default_rng(3)
    points = np.column_stack([rng.uniform(20, 150, (protocol.points, 2)), np.full(protocol.points, 2)])
    [picture] = derive_facial_parts(faces(points.astype(np.float32)), "face", protocol)
    assert len(picture.annotations) == 11
    whole = next(a.box for a in picture.annotations if a.label == "whole face")
    for a in picture.annotations:
        assert whole[0] <= a.box[0] <= a.box[2] <= whole[2]
        assert whole[1] <= a.box[1] <= a.box[3] <= whole[3]
    assert protocol_of(faces(points), "face") is protocol


def test_boxes_end_at_the_picture_and_unknown_sizes_cut_nothing() -> None:
    points = ibug_face(centre=(190, 80))
    [cut] = derive_facial_parts(faces(points), "face", IBUG68)
    [free] = derive_facial_parts(faces(points, size=(0, 0)), "face", IBUG68)
    assert max(a.box[2] for a in cut.annotations) == 200
    assert max(a.box[2] for a in free.annotations) == pytest.approx(points[:, 0].max())


def test_wrong_number_of_points_and_unknown_label_are_named() -> None:
    with pytest.raises(DataError, match="annotation 7 has 60 points"):
        derive_facial_parts(faces(ibug_face()[:60]), "face", IBUG68)
    with pytest.raises(DataError, match="no class 'head'"):
        derive_facial_parts(faces(ibug_face()), "head", IBUG68)
    with pytest.raises(DataError, match="no landmark protocol has 60 points"):
        protocol_of(faces(ibug_face()[:60]), "face")
