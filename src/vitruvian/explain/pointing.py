"""How well a map points at what it is said to be of.

* Share of energy (the energy-based pointing game of Wang et al., Score-CAM, CVPR workshops 2020, section 4.3): of all
  that is above zero in the map, the part that lies in the labelled boxes.
* Hit (the pointing game of Zhang et al., Top-down neural attention by excitation backprop, IJCV 2018, section 5.1):
  whether the map's maximum lies in a labelled box, or within 15 pixels of one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TOLERANCE = 15.0
"""Pixels; that of Zhang et al."""


@dataclass(frozen=True, slots=True)
class Pointing:
    """How one map of one class points at that class's boxes.

    Attributes:
        energy: Share in 0..1 of what is above zero that lies in the boxes; 0 for an empty map.
        hit: Whether the maximum lies in a box; False for an empty map.
        area: Share of the judged area that the boxes cover: the energy of a map that knows nothing.
    """

    energy: float
    hit: bool
    area: float


def pointing(
    plane: NDArray[np.float32], boxes: NDArray[np.float32], width: int, height: int, judged: NDArray[np.bool_] | None
) -> Pointing:
    """Judge one map.

    Args:
        plane: ``(h, w)`` signed.
        boxes: ``(N, 4)`` ``xyxy`` in pixels of the input that the map covers, N at least 1.
        width, height: Of that input.
        judged: ``(height, width)``: pixels where the labels can be relied on, the whole input by default. Outside them
            nothing counts: a border, or faces that nobody labelled.
    """
    relied = np.ones((height, width), dtype=bool) if judged is None else judged
    inside = box_mask(boxes, width, height) & relied
    positive = np.maximum(plane, 0).astype(np.float64)
    weight, weight_in = _share(relied, plane.shape), _share(inside, plane.shape)
    total, within = float((positive * weight).sum()), float((positive * weight_in).sum())
    area = float(inside.sum() / max(relied.sum(), 1))
    if total <= 0:
        return Pointing(0.0, False, area)
    row, column = np.unravel_index(np.where(weight > 0, positive, -1).argmax(), plane.shape)
    x, y = (column + 0.5) * width / plane.shape[1], (row + 0.5) * height / plane.shape[0]
    near_x = np.maximum(np.maximum(boxes[:, 0] - x, x - boxes[:, 2]), 0)
    near_y = np.maximum(np.maximum(boxes[:, 1] - y, y - boxes[:, 3]), 0)
    return Pointing(within / total, bool((np.hypot(near_x, near_y) <= _TOLERANCE).any()), area)


def box_mask(boxes: NDArray[np.float32], width: int, height: int) -> NDArray[np.bool_]:
    """``(height, width)``: the pixels whose centres lie in any of the boxes."""
    mask = np.zeros((height, width), dtype=bool)
    for x1, y1, x2, y2 in np.clip(np.ceil(boxes - 0.5), 0, None).astype(int):
        mask[y1:y2, x1:x2] = True
    return mask


def _share(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The share of each map cell's pixels that are set; the sides of the mask are multiples of the map's."""
    rows, columns = mask.shape[0] // shape[0], mask.shape[1] // shape[1]
    found: NDArray[np.float64] = mask.reshape(shape[0], rows, shape[1], columns).mean(axis=(1, 3))
    return found
