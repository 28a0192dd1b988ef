from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitruvian.finders.detections import Detections, box_iou
from vitruvian.finders.detector import Detector, OutputWithMaps
from vitruvian.finders.face_geometry import (
    FACE_FROM_PART,
    face_from_parts,
    faces_from_parts,
    faces_in_heads,
    strongest_region,
)
from vitruvian.finders.map_readers import MapFree
from vitruvian.images import Letterbox
from vitruvian.taxonomy import FACIAL_PARTS

FACE = np.array([40, 50, 140, 160], dtype=np.float32)
NAMES = FACIAL_PARTS.names


def part_of(face: np.ndarray, name: str, aspect: float = 1.3) -> np.ndarray:
    """A box of that part that says exactly this face in its horizontal extent and upper edge."""
    (left, top, right, _), _ = FACE_FROM_PART[name]
    unit = (face[2] - face[0]) / (right - left)
    x, y = face[0] - left * unit, face[1] - top * unit
    width, height = unit * np.sqrt(aspect), unit / np.sqrt(aspect)
    return np.array([x - width / 2, y - height / 2, x + width / 2, y + height / 2], dtype=np.float32)


def detections(*rows: tuple[str, np.ndarray, float]) -> Detections:
    rows = tuple(sorted(rows, key=lambda row: -row[2]))
    boxes = np.asarray([box for _, box, _ in rows], dtype=np.float32).reshape(-1, 4)
    scores = np.asarray([score for _, _, score in rows], dtype=np.float32)
    return Detections(boxes, scores, np.asarray([NAMES.index(name) for name, _, _ in rows], dtype=np.int64), NAMES)


def test_parts_that_agree_make_the_face() -> None:
    found = detections(*((name, part_of(FACE, name), 0.4) for name in ("eyes nose", "left face", "mouth")))
    face = face_from_parts(found, FACE)
    assert face is not None
    assert box_iou(FACE, face[:4]) > 0.7
    assert face[4] == pytest.approx(1 - 0.6**3, abs=1e-6)


def test_every_set_of_parts_has_its_own_face() -> None:
    labels = list(FACE_FROM_PART)
    places = np.zeros((3, len(labels), 4), dtype=np.float32)
    scores = np.zeros((3, len(labels)), dtype=np.float32)
    for row, (face, seen) in enumerate(((FACE, ("eyes nose", "left face")), (FACE + 500, ("nose", "mouth", "brows")))):
        for name in seen:
            places[row, labels.index(name)], scores[row, labels.index(name)] = part_of(face, name), 0.4
    places[2, 0], scores[2, 0] = part_of(FACE, labels[0]), 0.9  # nobody agrees with it
    faces = faces_from_parts(places, scores)
    assert faces[:, 4].tolist() == pytest.approx([1 - 0.6**2, 1 - 0.6**3, 0.0])
    np.testing.assert_allclose(faces[:2, [0, 2]], [FACE[[0, 2]], FACE[[0, 2]] + 500], atol=0.1)
    assert not faces[2].any()
    assert faces_from_parts(places[:0], scores[:0]).shape == (0, 5)


def test_a_part_of_score_zero_is_not_there_wherever_its_box_lies() -> None:
    labels = list(FACE_FROM_PART)
    places = np.zeros((1, len(labels), 4), dtype=np.float32)
    scores = np.zeros((1, len(labels)), dtype=np.float32)
    shift = np.array([25, 0, 25, 0], dtype=np.float32)
    for name, face, score in (("nose", FACE - shift, 0.4), ("mouth", FACE + shift, 0.4), ("brows", FACE, 0.0)):
        places[0, labels.index(name)], scores[0, labels.index(name)] = part_of(face, name), score
    assert not faces_from_parts(places, scores).any()  # two that disagree
    scores[0, labels.index("brows")] = 0.4
    np.testing.assert_allclose(faces_from_parts(places, scores)[0, 4], 1 - 0.6**3, rtol=1e-5)


def test_a_part_that_disagrees_neither_counts_nor_pulls() -> None:
    agreeing = [(name, part_of(FACE, name), 0.4) for name in ("eyes nose", "left face")]
    stray = ("mouth", np.array([120, 60, 136, 66], dtype=np.float32), 0.9)
    with_stray = face_from_parts(detections(*agreeing, stray), FACE)
    without = face_from_parts(detections(*agreeing), FACE)
    assert with_stray is not None
    assert without is not None
    np.testing.assert_allclose(with_stray, without)


def test_map_free_takes_the_surest_sight_of_each_part() -> None:
    stray = np.array([120, 60, 136, 66], dtype=np.float32)
    sights = [("left face", stray, 0.2), *((name, part_of(FACE, name), 0.4) for name in ("left face", "eyes nose"))]
    scores = np.zeros((1, len(sights), len(NAMES)), dtype=np.float32)
    boxes = np.zeros((1, len(sights), len(NAMES), 4), dtype=np.float32)
    for row, (name, box, score) in enumerate(sights):
        scores[0, row, NAMES.index(name)], boxes[0, row, NAMES.index(name)] = score, box
    heat = np.zeros((1, len(NAMES), 26, 26), dtype=np.float32)
    heat[:, :, 6:20, 5:18] = 1
    first = cast(Detector, SimpleNamespace(names=NAMES, card=SimpleNamespace(nms_iou=0.5)))
    output = OutputWithMaps(scores, boxes, (8,), (heat,), ())
    faces, values = MapFree(first)(output, Letterbox.fit(208, 208, 208), 0.0)
    assert values.tolist() == pytest.approx([1 - 0.6**2])
    np.testing.assert_allclose(faces[0][[0, 2]], FACE[[0, 2]], atol=1)


def test_one_part_or_parts_elsewhere_are_not_enough() -> None:
    one = detections(("eyes nose", part_of(FACE, "eyes nose"), 0.9))
    assert face_from_parts(one, FACE) is None
    two = detections(("eyes nose", part_of(FACE, "eyes nose"), 0.9), ("left face", part_of(FACE, "left face"), 0.9))
    assert face_from_parts(two, FACE) is not None
    assert face_from_parts(two, FACE + 300) is None
    # The parts lie in the region, but the region's middle is far from the face that they make.
    assert face_from_parts(two, np.array([0, 0, 900, 900], dtype=np.float32)) is None


def test_the_face_is_in_the_lower_middle_of_the_head() -> None:
    face = faces_in_heads(np.array([[100, 50, 200, 250]], dtype=np.float32))[0]
    assert face.tolist() == pytest.approx([114.6, 129.2, 187.2, 239.2])


@given(st.integers(0, 9), st.integers(0, 11), st.integers(1, 4), st.integers(1, 4))
def test_the_strongest_region_is_the_connected_one_with_the_maximum(x: int, y: int, width: int, height: int) -> None:
    heat = np.zeros((16, 14), dtype=np.float32)
    heat[y : y + height, x : x + width] = 0.8
    heat[y, x] = 1.0
    heat[y, x + width - 1] = max(heat[y, x + width - 1], 0.8)
    heat[15, 13] = 0.9 if y + height < 14 or x + width < 12 else 0.0  # strong, but not connected
    box = strongest_region(heat, stride=8)
    assert box is not None
    assert box.tolist() == [8 * x, 8 * y, 8 * (x + width), 8 * (y + height)]


def test_a_winding_region_is_followed_to_its_end() -> None:
    heat = np.zeros((5, 5), dtype=np.float32)
    heat[0, :] = heat[2, :] = heat[4, :] = heat[1, 4] = heat[3, 0] = 1
    assert strongest_region(heat, 1).tolist() == [0, 0, 5, 5]


@pytest.mark.parametrize("heat", [np.zeros((3, 3)), -np.ones((3, 3)), np.zeros((0, 3))])
def test_a_map_with_nothing_above_zero_has_no_region(heat: np.ndarray) -> None:
    assert strongest_region(heat.astype(np.float32), 8) is None
