"""Turned faces: what lies on its side is found by turning it, and nothing else is taken for such."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from vitruvian import Analyzer, read_picture
from vitruvian.finders.detections import Detections, box_iou
from vitruvian.finders.detector import Detector
from vitruvian.finders.turned_look import FAINT, MOST_LOOKS, SMALLEST, SURE, TURNED, TurnedLook
from vitruvian.images import sample_picture
from vitruvian.scene import Evidence, Face, Scene
from vitruvian.scene.converters import detections
from vitruvian.scene.turn import turned, turned_box

NAMES = ("whole face", "nose", "Human head", "Human body", "Human hand")
THRESHOLDS = {"whole face": 0.4, "nose": 0.4, "Human head": 0.5, "Human body": 0.5, "Human hand": 0.5}
SIDE, INPUT = 600, 400
HEAD = (200.0, 240.0, 320.0, 380.0)


class UprightFaces:
    """Sees a face in the lower two thirds of what is red above and blue below, and a nose in the middle of that."""

    def __init__(self, upright: float = 0.9, otherwise: float = 0.2, wider: float = 0) -> None:
        self.names, self.size, self.scores, self.wider = NAMES, INPUT, (upright, otherwise), wider
        self.card = SimpleNamespace(preprocessing=SimpleNamespace(pad_value=114), nms_iou=0.6)
        self.calls: list[tuple[int, ...]] = []

    prepare = staticmethod(Detector.prepare)

    def run(self, images: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.calls.append(images.shape)
        scores = np.zeros((len(images), 1, len(NAMES)), np.float32)
        boxes = np.zeros((len(images), 1, len(NAMES), 4), np.float32)
        for row, image in enumerate(images):
            red, blue = image[0] > image[2] + 0.2, image[2] > image[0] + 0.2
            if not (red | blue).any():
                continue
            y, x = np.nonzero(red | blue)
            x1, y1, x2, y2 = x.min(), y.min(), x.max() + 1, y.max() + 1
            is_upright = red.any() and blue.any() and np.nonzero(red)[0].mean() < np.nonzero(blue)[0].mean() - 2
            top = y1 + (y2 - y1) / 3
            middle = np.array([(x1 + x2) / 2, (top + y2) / 2] * 2)
            boxes[row, 0, 0] = x1 - self.wider, top, x2 + self.wider, y2
            boxes[row, 0, [1, 4]] = middle + np.array([-2, -2, 2, 2])
            scores[row, 0] = self.scores[0 if is_upright else 1], 0.7, 0, 0, 0.9
        return scores, boxes


def picture(quarters: int, head: tuple[float, ...] = HEAD) -> NDArray[np.uint8]:
    """A grey square with a head, which is turned anticlockwise in its place."""
    pixels = np.full((SIDE, SIDE, 3), 120, np.uint8)
    x1, y1, x2, y2 = map(int, head)
    colours = np.zeros((y2 - y1, x2 - x1, 3), np.uint8)
    half = ((y2 - y1 if quarters % 2 == 0 else x2 - x1) + 1) // 2
    upright = colours if quarters % 2 == 0 else colours.transpose(1, 0, 2).copy()
    upright[:half] = 255, 0, 0
    upright[half:] = 0, 0, 255
    pixels[y1:y2, x1:x2] = np.rot90(upright, quarters)
    return pixels


FACES = {  # two thirds of the head, from the side where the chin is
    1: (240.0, 240.0, 320.0, 380.0),
    2: (200.0, 240.0, 320.0, 240 + 140 * 2 / 3),
    3: (200.0, 240.0, 280.0, 380.0),
}


def found(*rows: tuple[str, tuple[float, ...], float]) -> Detections:
    boxes = np.array([box for _, box, _ in rows], dtype=np.float32).reshape(-1, 4)
    scores = np.array([score for *_, score in rows], dtype=np.float32)
    return Detections(boxes, scores, np.array([NAMES.index(name) for name, *_ in rows], dtype=np.int64), NAMES)


def look(
    quarters: int,
    *rows: tuple[str, tuple[float, ...], float],
    recovered: tuple[Face, ...] = (),
    least: float = 0.4,
    **scores: Any,
) -> tuple[list[tuple[str, float]], list[Face], UprightFaces]:
    eyes = UprightFaces(**scores)
    kept, faces, _ = TurnedLook(cast(Detector, eyes), {**THRESHOLDS, "whole face": least})(
        picture(quarters), (SIDE, SIDE), found(*rows), list(recovered)
    )
    return [(kept.names[i], round(float(s), 3)) for i, s in zip(kept.labels, kept.scores, strict=True)], faces, eyes


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_the_face_of_a_head_is_found_where_it_lies_with_its_parts(quarters: int) -> None:
    parts, faces, _ = look(quarters, ("Human head", HEAD, 0.8))
    (face,) = faces
    assert face.box == pytest.approx(FACES[quarters], abs=2.5)
    assert (face.found_by, face.score) == ("recovery", pytest.approx(0.9))
    assert face.evidence == Evidence(TURNED, {"nose": 0.7})
    assert parts == [("Human head", 0.8), ("nose", 0.7)]  # a hand is no part of a face


def test_an_upright_head_has_no_turned_face() -> None:
    parts, faces, eyes = look(0, ("Human head", HEAD, 0.8))
    assert (parts, faces) == ([("Human head", 0.8)], [])
    assert [shape[0] for shape in eyes.calls] == [3]  # a glance in three turns said so


def test_a_turned_face_must_be_clearly_surer_than_as_it_is() -> None:
    assert look(2, ("Human head", HEAD, 0.8), otherwise=0.85)[1] == []
    assert len(look(2, ("Human head", HEAD, 0.8), otherwise=0.75)[1]) == 1
    assert look(2, ("Human head", HEAD, 0.8), upright=0.45)[1] == []


def test_a_higher_threshold_holds_for_turned_faces_too() -> None:
    face = ("whole face", (210.0, 290.0, 310.0, 380.0), 0.8)  # below the threshold, so it is not sure
    assert len(look(2, ("Human head", HEAD, 0.8), face, least=0.85)[1]) == 1
    assert look(2, ("Human head", HEAD, 0.8), face, least=0.95)[1] == []


def test_what_lies_beside_the_head_is_not_its_face() -> None:
    _, faces, eyes = look(1, ("Human head", (200.0, 100.0, 320.0, 239.0), 0.8))
    assert (faces, [shape[0] for shape in eyes.calls]) == ([], [3])


def test_what_was_taken_for_the_face_gives_way() -> None:
    off = (200.0, 290.0, 320.0, 380.0)
    claim = Face(off, 0.97, "recovery", evidence=Evidence("activation maps"))
    rows = (
        ("Human head", HEAD, 0.8), ("whole face", off, 0.5), ("nose", (250, 300, 270, 310), 0.6),
        ("nose", (20, 20, 30, 30), 0.5), ("whole face", (10, 10, 60, 60), 0.5),
    )  # fmt: skip
    parts, faces, _ = look(2, *rows, recovered=(claim,))
    assert [face.evidence for face in faces] == [Evidence(TURNED, {"nose": 0.7})]
    assert parts == [("Human head", 0.8), ("nose", 0.7), ("nose", 0.5), ("whole face", 0.5)]


@pytest.mark.parametrize(
    "rows",
    [
        (("Human head", HEAD, 0.8), ("whole face", (210, 290, 310, 380), SURE + 0.01)),
        (("Human head", HEAD, 0.8), ("Human body", (150, 250, 400, 600), 0.6)),
        (("Human head", HEAD, 0.4),),
        (("Human hand", HEAD, 0.8),),
        (("whole face", (210, 290, 310, 380), 0.3),),  # faint, and in no head
        (("whole face", (210, 290, 310, 380), 0.9), ("whole face", (210, 260, 310, 350), 0.5)),  # found twice
        (),
    ],
)
def test_where_nothing_may_be_turned_nothing_is_looked_at(rows: Any) -> None:
    _, faces, eyes = look(2, *rows)
    assert (faces, eyes.calls) == ([], [])


@pytest.mark.parametrize(
    "rows",
    [
        (("Human head", HEAD, 0.8), ("whole face", (210, 290, 310, 380), SURE - 0.01)),
        (("whole face", (210, 260, 310, 360), 0.5),),
        (("Human head", HEAD, FAINT["Human head"]), ("whole face", (210, 290, 310, 380), FAINT["whole face"])),
        (("Human head", HEAD, 0.8), ("Human body", (150, 50, 400, 330), 0.6)),  # goes up from the head
    ],
)
def test_what_is_unsure_is_looked_at(rows: Any) -> None:
    parts, faces, _ = look(2, *rows)
    assert [face.box for face in faces] == [pytest.approx(FACES[2], abs=2.5)]
    assert "whole face" not in dict(parts)


def test_a_turned_face_does_not_lie_on_a_sure_one() -> None:
    beside = (210.0, 150.0, 310.0, 255.0)  # shares a seventh with the turned face, its middle is not in the head
    assert look(2, ("Human head", HEAD, 0.8), ("whole face", beside, 0.9))[1] == []


def test_looks_are_bounded_and_heads_that_are_too_small_left_out() -> None:
    least = SMALLEST * SIDE / INPUT
    heads = [("Human head", (0.0, 70.0 * i, least + 1 + i, 70.0 * i + least), 0.9) for i in range(MOST_LOOKS + 2)]
    assert look(0, *heads)[2].calls[0][0] == 3 * MOST_LOOKS
    assert look(0, ("Human head", (0.0, 0.0, least - 1, least - 1), 0.9))[2].calls == []


def test_a_head_with_several_unsure_faces_is_looked_at_once() -> None:
    claim = Face((210, 300, 310, 370), 0.97, "recovery", evidence=Evidence("activation maps"))
    rows = (
        ("Human head", HEAD, 0.8),
        ("whole face", (210, 250, 310, 330), 0.5),
        ("whole face", (210, 290, 310, 370), 0.5),
    )
    _, faces, eyes = look(2, *rows, recovered=(claim,))
    assert [shape[0] for shape in eyes.calls] == [3, 2]
    assert len(faces) == 1


def test_of_heads_around_a_face_the_smallest_is_its_own() -> None:
    around = (100.0, 60.0, 540.0, 560.0)
    _, (face,), _ = look(
        2, ("Human head", around, 0.4), ("Human head", HEAD, 0.3), ("whole face", (210, 260, 310, 360), 0.5)
    )
    assert face.box == pytest.approx(FACES[2], abs=2.5)


def test_a_face_ends_where_the_picture_does() -> None:
    pixels, head = picture(2, (0.0, 240.0, 120.0, 380.0)), ("Human head", (0.0, 240.0, 120.0, 380.0), 0.8)
    _, faces, _ = TurnedLook(cast(Detector, UprightFaces(wider=6)), THRESHOLDS)(pixels, (SIDE, SIDE), found(head), [])
    x1, _, x2, _ = faces[0].box
    assert (x1, x2 > 122) == (0, True)


def test_boxes_are_of_the_original_where_a_reduced_copy_is_looked_at() -> None:
    pixels, eyes = picture(1), UprightFaces()
    rows = found(("Human head", tuple(2 * value for value in HEAD), 0.8))
    _, faces, _ = TurnedLook(cast(Detector, eyes), THRESHOLDS)(pixels, (2 * SIDE, 2 * SIDE), rows, [])
    assert faces[0].box == pytest.approx([2 * value for value in FACES[1]], abs=5)


SECOND = (400.0, 40.0, 500.0, 160.0)


def both_heads(first: int, second: int) -> NDArray[np.uint8]:
    pixels = picture(first)
    x1, y1, x2, y2 = map(int, SECOND)
    pixels[y1:y2, x1:x2] = picture(second, SECOND)[y1:y2, x1:x2]
    return pixels


@pytest.mark.parametrize(
    ("turns", "further", "quarters"),
    [
        ((2, 2), (), 2),
        ((3, 3), (), 3),
        ((1, 3), (), 0),  # they lie differently
        ((2, 2), (("whole face", (10, 400, 90, 480), 0.9),), 0),  # somebody is upright
        ((2, 2), (("whole face", (10, 400, 70, 460), 0.5),), 2),  # nobody surely is
    ],
)
def test_it_says_how_the_whole_picture_lies(turns: tuple[int, int], further: Any, quarters: int) -> None:
    rows = found(("Human head", HEAD, 0.8), ("Human head", SECOND, 0.8), *further)
    look = TurnedLook(cast(Detector, UprightFaces()), THRESHOLDS)
    result = look(both_heads(*turns), (SIDE, SIDE), rows, [])
    assert len(result.recovered) == 2
    assert result.quarters == (-quarters) % 4


def boxes(scene: Scene) -> dict[tuple[str, str | None], list[tuple[float, ...]]]:
    named: dict[tuple[str, str | None], list[tuple[float, ...]]] = {}
    for part in detections(scene):
        named.setdefault((part.label, part.side), []).append(part.box)
    return named


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_the_sample_is_understood_however_it_lies(quarters: int) -> None:
    pixels = np.ascontiguousarray(read_picture(sample_picture())[:, :400])
    analyzer = Analyzer(threads=1)
    upright = analyzer.analyze(pixels)
    assert [face.found_by for face in upright.faces] == ["first_pass"]
    scene = analyzer.analyze(np.ascontiguousarray(np.rot90(pixels, quarters)), "name")
    assert [(face.found_by, face.person) for face in scene.faces] == [("recovery", upright.faces[0].person)]
    evidence = scene.faces[0].evidence
    assert evidence is not None
    assert (evidence.reason, set(evidence.parts)) == (TURNED, {part.label for part in upright.faces[0].parts})
    expected = turned(upright, quarters)
    assert boxes(scene) == boxes(expected)
    assert (scene.image, scene.people) == ("name", expected.people)


def test_what_is_found_in_the_picture_as_it_lies_is_kept_where_that_is_more(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.ascontiguousarray(np.rot90(read_picture(sample_picture()), 2))
    analyzer = Analyzer(threads=1)
    seen: list[int] = []

    def certainty(scene: Scene) -> float:
        seen.append(len(scene.faces))
        return 1.0

    monkeypatch.setattr("vitruvian.finders.analyzer._certainty", certainty)
    scene = analyzer.analyze(pixels)
    assert seen == [1, 1]
    (face,) = scene.faces  # of the look at the head alone
    assert face.evidence is not None
    assert face.evidence.reason == TURNED
    place = turned(Analyzer(threads=1, recover=False).analyze(read_picture(sample_picture())), 2).faces[0].box
    assert 0.75 < box_iou(np.array(place, np.float32), np.array([face.box], np.float32))[0] < 0.999


def test_faint_faces_lie_in_the_picture_as_it_is() -> None:
    pixels = read_picture(sample_picture())
    analyzer = Analyzer(threads=1, threshold={"whole face": 0.45})
    _, upright = analyzer.look(pixels, faintest=0.05)
    _, faint = analyzer.look(np.ascontiguousarray(np.rot90(pixels, 1)), faintest=0.05)
    assert len(upright) > 0
    assert [face.box for face in faint] == [
        pytest.approx(turned_box(face.box, pixels.shape[1], pixels.shape[0], 1)) for face in upright
    ]


def test_turning_goes_without_the_second_look_and_can_be_left_out() -> None:
    pixels = np.ascontiguousarray(np.rot90(read_picture(sample_picture()), 2))
    assert [face.found_by for face in Analyzer(threads=1, recover=False).analyze(pixels).faces] == ["recovery"]
    scene = Analyzer(threads=1, recover=False, turned=False).analyze(pixels)
    assert all(face.found_by == "first_pass" for face in scene.faces)
