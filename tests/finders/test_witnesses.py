from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from vitruvian.finders.detector import Detector, OutputWithMaps
from vitruvian.finders.face_geometry import FACE_FROM_PART, faces_in_heads
from vitruvian.finders.geometry import fit
from vitruvian.finders.recovery import fresh_faces
from vitruvian.finders.witnesses import PLACE_TERMS, SAID, TELLING, Heard, Witnesses, settle
from vitruvian.zoo.cards import Fusion, Place

NAMES = ("whole face", "Human head", "nose")
READER = (40.0, 44.0, 84.0, 92.0)
HEAD = (30.0, 8.0, 96.0, 98.0)
FAINT = (44.0, 44.0, 92.0, 92.0)
Box = tuple[float, float, float, float]
MEAN = Fusion(reader=1.0, first_pass=0.0, parts=0.0, bias=0.0)
NOTHING_KNOWN = np.zeros((0, 4), dtype=np.float32)


def hear(
    *found: tuple[str, Box, float],
    names: tuple[str, ...] = NAMES,
    boxes: tuple[Box, ...] = (READER,),
    known: tuple[Box, ...] = (),
) -> Heard:
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
    witnesses = Witnesses(first)
    scores = np.linspace(0.5, 0.4, len(boxes), dtype=np.float32)
    return witnesses.hear(witnesses.look(output, np.asarray(known, dtype=np.float32).reshape(-1, 4)), reader, scores)


def said(heard: Heard) -> tuple[np.ndarray, np.ndarray]:
    """The first face's box and what speaks for it, where the witnesses' mean is the box."""
    boxes, rows = settle(heard, None)
    np.testing.assert_array_equal(rows[:, SAID:], heard.terms[:, :-1])
    return boxes[0], rows[0, :SAID]


def test_where_nobody_else_speaks_the_readers_box_stands() -> None:
    box, (reader, first, parts, head, agreement) = said(hear())
    np.testing.assert_allclose(box, READER)
    assert reader == pytest.approx(0.0, abs=1e-6)
    assert first == pytest.approx(np.log(0.01 / 0.99), rel=1e-4)
    assert (parts, head, agreement) == (0.0, 0.0, 1.0)


def test_a_head_speaks_for_the_face_in_it_and_says_where_it_is() -> None:
    box, row = said(hear(("Human head", HEAD, 0.8)))
    usual = faces_in_heads(np.asarray([HEAD], dtype=np.float32))[0]
    np.testing.assert_allclose(box, (np.asarray(READER) + usual) / 2, rtol=1e-5)
    assert row[3] == pytest.approx(0.8 * fit("whole face", READER, "Human head", HEAD), rel=1e-4)
    assert row[3] > 0.4


def test_heads_and_parts_of_a_sure_face_say_nothing_of_another() -> None:
    nose, beside = (50.0, 60.0, 60.0, 70.0), (90.0, 60.0, 100.0, 70.0)
    sure = (44.0, 40.0, 88.0, 96.0)
    heard = hear(("Human head", HEAD, 0.8), ("nose", nose, 0.5), ("nose", beside, 0.3), known=(sure,))
    assert heard.scores[0, 3] == 0
    np.testing.assert_allclose(heard.telling[0, TELLING.index("nose")], (*beside, 0.3), rtol=1e-6)
    elsewhere = (100.0, 0.0, 128.0, 30.0)
    heard = hear(("Human head", HEAD, 0.8), ("nose", nose, 0.5), known=(elsewhere,))
    assert heard.scores[0, 3] > 0.4
    np.testing.assert_allclose(heard.telling[0, TELLING.index("nose")], (*nose, 0.5), rtol=1e-6)


@pytest.mark.parametrize("head", [(0.0, 0.0, 38.0, 42.0), (86.0, 60.0, 128.0, 110.0)])
def test_a_head_elsewhere_says_nothing(head: Box) -> None:
    box, row = said(hear(("Human head", head, 0.9)))
    np.testing.assert_allclose(box, READER)
    assert row[3] == 0


def test_a_detector_without_heads_has_a_witness_less() -> None:
    box, row = said(hear(("nose", HEAD, 0.8), names=("whole face", "nose")))
    np.testing.assert_allclose(box, READER)
    assert row[3] == 0


def test_of_several_that_see_the_face_the_surest_speaks() -> None:
    left, right = (30.0, 44.0, 74.0, 92.0), (50.0, 44.0, 94.0, 92.0)
    for first, second in ((0.2, 0.4), (0.4, 0.2)):
        box, row = said(hear(("whole face", left, first), ("whole face", right, second)))
        assert row[1] == pytest.approx(np.log(0.4 / 0.6), rel=1e-4)
        surest = right if second > first else left
        np.testing.assert_allclose(box, (np.asarray(READER) + surest) / 2, rtol=1e-5)


def test_the_first_passes_faint_face_is_heard_where_it_is_the_same() -> None:
    box, row = said(hear(("whole face", FAINT, 0.2), ("whole face", (0.0, 0.0, 30.0, 30.0), 0.3)))
    assert row[1] == pytest.approx(np.log(0.2 / 0.8), rel=1e-4)
    np.testing.assert_allclose(box, (np.asarray(READER) + FAINT) / 2, rtol=1e-5)
    box, _ = said(hear(("whole face", FAINT, 0.2), ("Human head", HEAD, 0.8)))
    usual = faces_in_heads(np.asarray([HEAD], dtype=np.float32))[0]
    np.testing.assert_allclose(box, (np.asarray(READER) + FAINT + usual) / 3, rtol=1e-5)


def test_two_boxes_that_become_one_are_one_face() -> None:
    beside = (62.0, 44.0, 106.0, 92.0)  # overlaps the reader's other box by a third; the faint face between joins them
    heard = hear(("whole face", (48.0, 44.0, 98.0, 92.0), 0.3), boxes=(READER, beside))
    boxes, rows = fresh_faces(heard, MEAN, NOTHING_KNOWN, 0.5)
    assert (len(boxes), len(rows)) == (1, 1)
    assert rows[0, 0] == pytest.approx(0.0, abs=1e-6)  # the surer one's
    assert len(fresh_faces(hear(boxes=(READER, beside)), MEAN, NOTHING_KNOWN, 0.5)[0]) == 2


def test_nothing_proposed_is_nothing_heard() -> None:
    heard = hear(("nose", FAINT, 0.5), boxes=())
    boxes, rows = settle(heard, Place(hidden=[[0.1]] * PLACE_TERMS, edges=[(0.1, 0.1, 0.1, 0.1)] * 2))
    assert (len(heard), boxes.shape, rows.shape) == (0, (0, 4), (0, SAID + PLACE_TERMS - 1))


def test_the_parts_near_each_face_agree_on_it() -> None:
    right = tuple(x + 44 if i % 2 == 0 else x for i, x in enumerate(READER))
    found: list[tuple[str, Box, float]] = []
    for face in (READER, right):
        for name in ("eyes nose", "left face"):
            edges = np.array(FACE_FROM_PART[name][0])
            unit = (face[2] - face[0]) / (edges[2] - edges[0])
            x, y = face[0] - unit * edges[0], face[1] - unit * edges[1]
            found.append((name, (x - unit / 2, y - unit / 2, x + unit / 2, y + unit / 2), 0.4))
    heard = hear(*found, names=("whole face", "eyes nose", "left face"), boxes=(READER, right))
    assert heard.scores[:, 2].tolist() == pytest.approx([1 - 0.6**2] * 2)
    np.testing.assert_allclose(heard.boxes[:, 2, [0, 2]], [(40, 84), (84, 128)], atol=0.5)
    alone = hear(*found[:2], names=("whole face", "eyes nose", "left face"), boxes=(READER, right))
    assert alone.scores[:, 2].tolist() == pytest.approx([1 - 0.6**2, 0.0])
    beside = tuple(
        x - 28 if i % 2 == 0 else x for i, x in enumerate(READER)
    )  # the parts are near, their face is not its
    other = hear(*found[:2], names=("whole face", "eyes nose", "left face"), boxes=(beside,))
    assert other.telling[0, :, 4].max() == pytest.approx(0.4)
    assert other.scores[0, 2] == 0


def test_the_surest_part_near_the_face_tells_where_it_is() -> None:
    inside, surer, far = (50.0, 60.0, 60.0, 70.0), (70.0, 60.0, 80.0, 70.0), (118.0, 110.0, 128.0, 120.0)
    heard = hear(("nose", inside, 0.1), ("nose", surer, 0.3), ("nose", far, 0.9))
    np.testing.assert_allclose(heard.telling[0, TELLING.index("nose")], (*surer, 0.3), rtol=1e-6)
    others = np.delete(heard.telling[0], TELLING.index("nose"), axis=0)
    assert not others.any()
    assert not hear(("nose", inside, 0.02)).telling.any()  # too faint to be one


def test_the_network_moves_the_mean_by_its_terms() -> None:
    heard = hear(("nose", (50.0, 60.0, 60.0, 70.0), 0.25), ("whole face", FAINT, 0.2))
    mean, size = (np.asarray(READER) + FAINT) / 2, np.sqrt(46.0 * 48.0)
    terms = heard.terms[0]
    np.testing.assert_allclose(terms[4:8] * size, np.asarray(FAINT) - mean, atol=1e-4)  # the first pass's edges
    np.testing.assert_allclose(terms[16:20], (0.5, 0.2, 0.0, 0.0), atol=1e-6)
    start = 20 + 5 * TELLING.index("nose")
    middle = np.array([65.0, 68.0, 65.0, 68.0])
    expected = (0.5, *(0.5 * (np.array([50.0, 60.0, 60.0, 70.0]) - middle) / size))
    np.testing.assert_allclose(terms[start : start + 5], expected, rtol=1e-4)
    assert terms[-1] == 1
    hidden = np.zeros((PLACE_TERMS, 2))
    hidden[start, 0], hidden[start, 1] = 0.4, -0.4  # the second unit stays at zero
    edges = [(0.0, 0.0, 0.5, 0.0), (0.0, 7.0, 0.0, 7.0), (-0.1, 0.0, 0.0, 0.0)]
    boxes, rows = settle(heard, Place(hidden=hidden.tolist(), edges=edges))
    np.testing.assert_allclose(boxes[0], mean + size * np.array([-0.1, 0.0, 0.1, 0.0]), rtol=1e-5)
    assert rows[0, 4] == pytest.approx(46 / (46 + 0.2 * size), rel=1e-4)


def test_a_move_that_turns_a_box_inside_out_is_not_made() -> None:
    inside_out = Place(hidden=[[0.0]] * PLACE_TERMS, edges=[(0.0, 0.0, 0.0, 0.0), (5.0, 0.0, 0.0, 0.0)])
    boxes, rows = settle(hear(), inside_out)
    np.testing.assert_allclose(boxes[0], READER)
    assert rows[0, 4] == 1


def test_what_was_heard_can_be_told_in_another_pictures_pixels() -> None:
    heard = hear(("nose", (50.0, 60.0, 60.0, 70.0), 0.25), ("Human head", HEAD, 0.8))
    twice = heard.moved(lambda boxes: 2 * boxes + 7)
    np.testing.assert_allclose(twice.terms, heard.terms, atol=1e-5)  # they know neither scale nor place
    np.testing.assert_allclose(twice.means, 2 * heard.means + 7, rtol=1e-6)
    both = Heard.together([heard, twice])
    assert len(both) == 2
    np.testing.assert_array_equal(both[np.array([1])].means, twice.means)
    assert len(Heard.together([])) == 0
