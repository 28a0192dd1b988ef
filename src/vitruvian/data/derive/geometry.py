"""Boxes around points: what every derivation from landmarks, joints and masks shares."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Box

SMALLEST_SIDE = 1.0
"""Pixels; a closed eye whose points fall on one line still covers a row of pixels."""


def extent(points: NDArray[np.float32], pad: float = 0.0) -> Box:
    """The box of ``(N, 2+)`` points, N >= 1, grown by ``pad`` pixels on every side; at least a pixel wide and high."""
    low, high = points[:, :2].min(axis=0) - pad, points[:, :2].max(axis=0) + pad
    grow = np.maximum(SMALLEST_SIDE - (high - low), 0.0) / 2
    (x1, y1), (x2, y2) = low - grow, high + grow
    return float(x1), float(y1), float(x2), float(y2)


def clip(box: Box, width: int, height: int) -> Box | None:
    """The part of the box inside a picture, or None where less than a pixel is left.

    A width or height of 0 stands for one that is not known, and cuts nothing off on that side.
    """
    x1, y1, x2, y2 = box
    inside = (max(x1, 0.0), max(y1, 0.0), min(x2, width or math.inf), min(y2, height or math.inf))
    if inside[2] - inside[0] < SMALLEST_SIDE or inside[3] - inside[1] < SMALLEST_SIDE:
        return None
    return inside


def scale(box: Box, factor: float) -> Box:
    """The box scaled about its centre."""
    x1, y1, x2, y2 = box
    grow_x, grow_y = (x2 - x1) * (factor - 1) / 2, (y2 - y1) * (factor - 1) / 2
    return x1 - grow_x, y1 - grow_y, x2 + grow_x, y2 + grow_y
