from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from vitruvian.finders.detector import Detector, OutputWithMaps
from vitruvian.finders.face_geometry import face_in_head
from vitruvian.finders.geometry import fit
from vitruvian.finders.witnesses import Heard, Witnesses
from vitruvian.images import Letterbox

NAMES = ("whole face", "Human head", "nose")
READER = (40.0, 44.0, 84.0, 92.0)
HEAD = (30.0, 8.0, 96.0, 98.0)
FAINT = (44.0, 44.0, 92.0, 92.0)
Box = tuple[float, float, float, float]


def hear(*found: tuple[str, Box, float], names: tuple[str, ...] = NAMES, boxes: tuple[Box, ...] = (READER,)) -> Heard:
    """What is heard of the reader's boxes where the first pass sees the given labels, boxes and scores."""
    count = max(len(found), 1)
    scores = np.zeros((1, count, len(names)), dtype=np.float32)
    places = np.zeros((1, count, len(names), 4), dtype=np.float32)
    for row, (label, box, score) in enumerate(found):
        scores[0, row, names.index(label)] = score
        places[0, row, names.index(label)] = box
    maps = (np.zeros((1, len(names), 16, 16), dtype=np.float32),)
    output = OutputWithMaps(scores, places, (8,), maps, maps)
    first = cast(Detector, SimpleNamespace(names=names, card=SimpleNamespace(nms_iou=0.5)))
    reader = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    letterbox = Letterbox.fit(128, 128, 128)
    return Witnesses(first).hear(output, letterbox, reader, np.linspace(0.5, 0.4, len(boxes), dtype=np.float32))


def test_where_nobody_else_speaks_the_readers_box_stands() -> None:
    heard = hear()
    np.testing.assert_allclose(heard.boxes, [READER])
    reader, first, parts, head = heard.rows[0]
    assert reader == pytest.approx(0.0, abs=1e-6)
    assert first == pytest.approx(np.log(0.01 / 0.99), rel=1e-4)
    assert (parts, head) == (0.0, 0.0)


def test_a_head_speaks_for_the_face_in_it_and_says_where_it_is() -> None:
    heard = hear(("Human head", HEAD, 0.8))
    usual = face_in_head(np.asarray(HEAD, dtype=np.float32))
    np.testing.assert_allclose(heard.boxes[0], (np.asarray(READER) + usual) / 2, rtol=1e-5)
    assert heard.rows[0, 3] == pytest.approx(0.8 * fit("whole face", READER, "Human head", HEAD), rel=1e-4)
    assert heard.rows[0, 3] > 0.4


@pytest.mark.parametrize("head", [(0.0, 0.0, 38.0, 42.0), (86.0, 60.0, 128.0, 110.0)])
def test_a_head_elsewhere_says_nothing(head: Box) -> None:
    heard = hear(("Human head", head, 0.9))
    np.testing.assert_allclose(heard.boxes, [READER])
    assert heard.rows[0, 3] == 0


def test_a_detector_without_heads_has_a_witness_less() -> None:
    heard = hear(("nose", HEAD, 0.8), names=("whole face", "nose"))
    np.testing.assert_allclose(heard.boxes, [READER])
    assert heard.rows[0, 3] == 0


def test_the_first_passes_faint_face_is_heard_where_it_is_the_same() -> None:
    heard = hear(("whole face", FAINT, 0.2), ("whole face", (0.0, 0.0, 30.0, 30.0), 0.3))
    assert heard.rows[0, 1] == pytest.approx(np.log(0.2 / 0.8), rel=1e-4)
    np.testing.assert_allclose(heard.boxes[0], (np.asarray(READER) + FAINT) / 2, rtol=1e-5)
    both = hear(("whole face", FAINT, 0.2), ("Human head", HEAD, 0.8))
    usual = face_in_head(np.asarray(HEAD, dtype=np.float32))
    np.testing.assert_allclose(both.boxes[0], (np.asarray(READER) + FAINT + usual) / 3, rtol=1e-5)


def test_two_boxes_that_become_one_are_one_face() -> None:
    beside = (62.0, 44.0, 106.0, 92.0)  # overlaps the reader's other box by a third; the faint face between joins them
    heard = hear(("whole face", (48.0, 44.0, 98.0, 92.0), 0.3), boxes=(READER, beside))
    assert heard.place.tolist() == [0]
    assert len(heard.boxes) == len(heard.rows) == 1
    assert hear(boxes=(READER, beside)).place.tolist() == [0, 1]


def test_nothing_proposed_is_nothing_heard() -> None:
    heard = hear(boxes=())
    assert heard.boxes.shape == (0, 4)
    assert heard.rows.shape == (0, 4)
