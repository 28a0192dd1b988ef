"""A hand is no head, face or leg, unless something says that a face is there."""

from __future__ import annotations

import numpy as np
import pytest

from vitruvian import Analyzer
from vitruvian.finders.detections import Detections
from vitruvian.finders.detector import Detector
from vitruvian.finders.hands import on_hands, without_hands_as_others
from vitruvian.finders.recovery import Recovered, SecondLook
from vitruvian.zoo import find_model

NAMES = tuple(find_model().card.labels)
HAND_BOX = (100, 100, 200, 200)
PICTURE = np.zeros((400, 400, 3), np.uint8)


def found(*rows: tuple[str, tuple[float, ...], float]) -> Detections:
    boxes = np.array([box for _, box, _ in rows], dtype=np.float32).reshape(-1, 4)
    scores = np.array([score for *_, score in rows], dtype=np.float32)
    return Detections(boxes, scores, np.array([NAMES.index(name) for name, *_ in rows], dtype=np.int64), NAMES)


def names(detections: Detections) -> list[str]:
    return [detections.names[label] for label in detections.labels]


@pytest.mark.parametrize(
    ("label", "box", "score", "stays"),
    [
        ("whole face", HAND_BOX, 0.6, False),
        ("Human face", (100, 100, 200, 160), 0.6, False),
        ("Human head", (90, 90, 220, 200), 0.6, False),
        ("Human leg", HAND_BOX, 0.6, False),
        ("whole face", HAND_BOX, 0.8, True),  # surer than the hand
        ("whole face", (100, 160, 200, 260), 0.6, True),  # IoU 0.25
        ("Human arm", HAND_BOX, 0.6, True),  # a hand is part of it
        ("Human hand", (105, 105, 205, 205), 0.6, True),
    ],
)
def test_what_a_surer_hand_shares_its_box_with_is_taken_back(
    label: str, box: tuple[float, ...], score: float, stays: bool
) -> None:
    other = ("whole face", (300.0, 300.0, 380.0, 380.0), 0.5)
    kept = without_hands_as_others(found(("Human hand", HAND_BOX, 0.7), (label, box, score), other))
    assert names(kept) == ["Human hand", *[label] * stays, "whole face"]


def test_a_face_with_a_feature_in_it_stays_under_a_hand() -> None:
    face = (("Human hand", HAND_BOX, 0.7), ("whole face", HAND_BOX, 0.6))
    assert names(without_hands_as_others(found(*face, ("nose", (140, 140, 160, 160), 0.5)))) == [
        "Human hand", "whole face", "nose",
    ]  # fmt: skip
    beside = ("nose", (190, 140, 230, 160), 0.5)
    assert names(without_hands_as_others(found(*face, beside))) == ["Human hand", "nose"]


def test_without_hands_or_boxes_nothing_is_taken_back() -> None:
    faces = found(("whole face", HAND_BOX, 0.6))
    assert names(without_hands_as_others(faces)) == ["whole face"]
    assert len(without_hands_as_others(found())) == 0
    assert on_hands(np.zeros((0, 4), np.float32), 0.0, found(("Human hand", HAND_BOX, 0.7))).tolist() == []


def test_a_model_that_knows_no_hands_keeps_its_faces() -> None:
    alone = Detections(np.array([HAND_BOX], np.float32), np.array([0.6], np.float32), np.array([0]), ("whole face",))
    assert len(without_hands_as_others(alone)) == 1


def test_no_pass_of_the_analyzer_reports_a_hand_as_a_face(monkeypatch: pytest.MonkeyPatch) -> None:
    both = found(("Human hand", HAND_BOX, 0.7), ("whole face", HAND_BOX, 0.6), ("Human hand", (0, 0, 80, 80), 0.6))
    monkeypatch.setattr(Detector, "decoded", lambda *_: both)
    # The second look claims the other hand, in pixels of the network's input, and a face that is no hand.
    scale = Detector(find_model(), threads=1).size / 400
    claims = np.array([[0, 0, 80, 80], [300, 300, 380, 380]], dtype=np.float32) * scale
    again = Recovered(claims, np.array([0.99, 0.9], np.float32), ({}, {}))
    monkeypatch.setattr(SecondLook, "__call__", lambda *_: again)
    scene = Analyzer(threads=1, recover=True).analyze(PICTURE)
    assert [(face.found_by, face.box) for face in scene.faces] == [
        ("recovery", pytest.approx((300, 300, 380, 380), abs=0.5))
    ]
    assert [part.label for part in scene.parts] == ["Human hand", "Human hand"]
