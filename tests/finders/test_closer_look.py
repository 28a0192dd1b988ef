"""A closer look: a detector that only knows large faces finds in the crop what it misses in the whole picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from vitruvian.finders.closer_look import NEAR, fits, look_closer
from vitruvian.finders.detections import Detections
from vitruvian.finders.detector import Detector
from vitruvian.scene import Box

NAMES = ("whole face", "nose", "Human hand")


@dataclass
class LargeFaces:
    """Takes a white square for a face if it covers a twentieth of the picture, and its middle for a nose."""

    score: float = 0.3
    calls: list[tuple[int, ...]] = field(default_factory=list)
    card: Any = field(default_factory=lambda: SimpleNamespace(thresholds={"whole face": 0.5, "nose": 0.4}))

    def detect(self, picture: NDArray[np.uint8], thresholds: dict[str, float], size: int) -> Detections:
        self.calls.append(picture.shape)
        white = (picture > 127).all(axis=2)
        if white.mean() < 0.05 or self.score < thresholds["whole face"]:
            return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), NAMES)
        rows, columns = np.nonzero(white)
        x1, y1, x2, y2 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        x, y = (x1 + x2) / 2, (y1 + y2) / 2
        boxes = np.array([[x1, y1, x2, y2], [x - 3, y - 3, x + 3, y + 3]], np.float32)
        return Detections(boxes, np.array([self.score, 0.6], np.float32), np.array([0, 1]), NAMES)


def look(near: Box, face: tuple[int, int, int, int], score: float = 0.3) -> Any:
    picture = np.zeros((240, 320, 3), np.uint8)
    x1, y1, x2, y2 = face
    picture[y1:y2, x1:x2] = 255
    eyes = LargeFaces(score)
    assert len(eyes.detect(picture, {"whole face": 0.1}, 416)) == 0  # too small in the whole picture
    return look_closer(cast(Detector, eyes), picture, near)


def test_what_is_findable_only_in_the_crop_is_found_with_its_evidence() -> None:
    found = look((98, 101, 138, 141), (100, 100, 140, 140))
    assert found is not None
    assert found.box == (100, 100, 140, 140)
    assert (found.found_by, found.score) == ("recovery", pytest.approx(0.3))
    assert found.evidence is not None
    assert found.evidence.reason == NEAR
    assert dict(found.evidence.parts) == {"nose": pytest.approx(0.6)}


@pytest.mark.parametrize("near", [(0.0, 0.0, 40.0, 40.0), (280.0, 200.0, 330.0, 250.0)])
def test_at_the_picture_s_edge(near: Box) -> None:
    x1, y1, x2, y2 = (int(v) for v in near)
    found = look(near, (x1, y1, min(x2, 320), min(y2, 240)))
    assert found is not None
    assert found.box == (x1, y1, min(x2, 320), min(y2, 240))


def test_a_face_elsewhere_or_of_another_size_or_too_faint_is_none() -> None:
    assert look((100, 100, 140, 140), (125, 125, 165, 165)) is None
    assert look((80, 80, 160, 160), (105, 105, 150, 150)) is None
    assert look((100, 100, 140, 140), (100, 100, 140, 140), score=0.01) is None


def test_the_surer_a_face_the_less_it_has_to_fit() -> None:
    near, moved = (100.0, 100.0, 140.0, 140.0), (115.0, 100.0, 155.0, 140.0)  # IoU 0.45
    assert fits(near, moved, 0.9)
    assert not fits(near, moved, 0.15)
    assert not fits(near, (135.0, 100.0, 175.0, 140.0), 1.0)


def test_nothing_is_looked_at_outside_the_picture_or_for_a_dot() -> None:
    eyes = LargeFaces()
    picture = np.full((240, 320, 3), 255, np.uint8)
    for near in ((330.0, 10.0, 370.0, 50.0), (-60.0, 10.0, -20.0, 50.0), (100.0, 100.0, 104.0, 104.0)):
        assert look_closer(cast(Detector, eyes), picture, near) is None
    assert eyes.calls == []
