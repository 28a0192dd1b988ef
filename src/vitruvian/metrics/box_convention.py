"""What one detector calls a face box, in terms of what another calls one.

Some boxes of a face take in the forehead, some the ears, some go from the brows to the chin. At an IoU of 0.5 that can
decide who is right. A shift and a scale for each axis, in units of the box itself and fitted on training pictures, take
the convention out of the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitruvian.metrics.errors import MetricError


@dataclass(frozen=True, slots=True)
class BoxAdjustment:
    """From the found to the wanted box: the centre moves by a share of the side, then the side is scaled.

    Attributes:
        shift_x, shift_y: Of the found box's width and height; positive is to the right and down.
        scale_x, scale_y: Wanted over found width and height.
        pairs: Boxes that it was fitted on.
    """

    shift_x: float
    shift_y: float
    scale_x: float
    scale_y: float
    pairs: int

    def apply(self, boxes: ArrayLike) -> NDArray[np.float64]:
        """``(N, 4)`` ``xyxy`` boxes, adjusted; not clipped to any picture.

        >>> BoxAdjustment(0.0, 0.25, 1.0, 0.5, 1).apply([[0, 0, 8, 8]]).tolist()
        [[0.0, 4.0, 8.0, 8.0]]
        """
        given = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
        size = given[:, 2:] - given[:, :2]
        centre = (given[:, :2] + given[:, 2:]) / 2 + size * (self.shift_x, self.shift_y)
        half = size * (self.scale_x, self.scale_y) / 2
        return np.concatenate([centre - half, centre + half], axis=1)


def fit_box_adjustment(found: ArrayLike, wanted: ArrayLike) -> BoxAdjustment:
    """The adjustment that takes ``found`` to ``wanted`` at the median of each of its four numbers.

    The median, so that a few pairs that are not of one face, or badly labelled, change nothing.

    Args:
        found: ``(N, 4)`` ``xyxy``.
        wanted: ``(N, 4)`` ``xyxy`` of the same faces.

    Raises:
        MetricError: for lists of different lengths, without pairs, or for a box without area.
    """
    first = np.asarray(found, dtype=np.float64).reshape(-1, 4)
    second = np.asarray(wanted, dtype=np.float64).reshape(-1, 4)
    if len(first) != len(second) or not len(first):
        raise MetricError(f"box adjustment: {len(first)} found boxes for {len(second)} wanted ones")
    size, aim = first[:, 2:] - first[:, :2], second[:, 2:] - second[:, :2]
    if (size <= 0).any() or (aim <= 0).any():
        raise MetricError("box adjustment: a box has no area")
    shift = np.median(((second[:, :2] + second[:, 2:]) - (first[:, :2] + first[:, 2:])) / 2 / size, axis=0)
    scale = np.median(aim / size, axis=0)
    return BoxAdjustment(float(shift[0]), float(shift[1]), float(scale[0]), float(scale[1]), len(first))
