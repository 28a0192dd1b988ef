"""A first model that says what it is told to, in place of a network."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders import Detector
from vitruvian.finders.detector import OutputWithMaps
from vitruvian.images import Letterbox
from vitruvian.zoo.cards import Preprocessing

STRIDES = (8, 16, 32)


class ToldDetector:
    """Answers with maps that are ``value`` times the picture's mean brightness in every cell, and counts the calls."""

    def __init__(self, names: Sequence[str], size: int = 64, value: float = 8.0, sha256: str = "0" * 64) -> None:
        self.names = tuple(names)
        self.size = size
        self.map_strides = STRIDES
        self.card = SimpleNamespace(name="told", sha256=sha256, preprocessing=Preprocessing(size=size), reads=None)
        self.value = value
        self.calls = 0

    prepare = staticmethod(Detector.prepare)

    def letterbox(self, width: int, height: int, size: int = 0) -> Letterbox:
        return Letterbox.fit(width, height, size or self.size)

    def run_with_maps(self, images: NDArray[np.float32]) -> OutputWithMaps:
        self.calls += 1
        height, width = images.shape[2:]
        levels = tuple(
            np.full((1, len(self.names), height // s, width // s), self.value * images[0].mean(), dtype=np.float32)
            for s in STRIDES
        )
        return output_of(levels)


def output_of(levels: Sequence[NDArray[np.float32]]) -> OutputWithMaps:
    """An output of these maps under both methods."""
    nothing = np.zeros((1, 0, 0), dtype=np.float32)
    return OutputWithMaps(nothing, nothing, STRIDES, tuple(levels), tuple(levels))


def as_detector(told: ToldDetector) -> Detector:
    """For the type checker."""
    return cast(Detector, told)
