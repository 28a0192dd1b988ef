"""A whole face from its parts alone, by their usual place in it: the map-free second look.

The occluded-face thesis (section 4.6.2) proposes to draw a box around the highlighted region of an activation map and
to compare it with the boxes of the parts, to see whether it makes sense. Here each facial part says where the whole
face should be; parts that agree with each other and with the strongest region of the map make a face.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import Detections, box_area, box_iou

FACE_FROM_PART: Mapping[str, tuple[tuple[float, ...], float]] = {
    "right eye face": ((-0.397, -0.863, 1.127, 0.639), 0.134),
    "left eye face": ((-1.176, -0.877, 0.382, 0.661), 0.142),
    "eyes nose": ((-1.015, -0.683, 1.027, 1.357), 0.168),
    "right face": ((-0.410, -0.955, 1.179, 0.618), 0.170),
    "left face": ((-1.223, -0.960, 0.391, 0.646), 0.178),
    "nose": ((-1.907, -1.352, 1.894, 2.443), 0.421),
    "brows": ((-1.508, -0.205, 1.531, 2.824), 0.413),
    "mouth": ((-2.067, -2.872, 2.028, 1.267), 0.557),
}
"""Edges of the whole face seen from the middle of a part, in units of the square root of the part's area: medians over
1,654 faces with 68 landmarks (HELEN, LFPW and AFW, training pictures), and the mean standard deviation of the four.
A single eye does not say which one it is, so it says too little."""

FACE_IN_HEAD = (0.146, 0.396, 0.872, 0.946)
"""Edges of the whole face as shares of the width and height of its head's box: medians over 291 uncovered training
faces of HELEN, LFPW and AFW in heads that parts22 finds (standard deviations: middle 0.056 and 0.046, sides 0.103 and
0.088). Of a head that stands upright; of one that lies it is still the middle of the head, roughly."""

_AGREE = 0.5
"""IoU from which two parts' ideas of the face are one."""
_EDGES = np.array([edges for edges, _ in FACE_FROM_PART.values()], dtype=np.float32)
_SPREADS = np.array([[spread] for _, spread in FACE_FROM_PART.values()], dtype=np.float32)


def faces_from_parts(boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """The face that parts agree on, for each of N sets of parts.

    Every part says where its face is. Of these ideas the one that others share most stands, as the mean of those that
    share it: a part that is none must not pull the face away.

    Args:
        boxes: ``(N, 8, 4)`` ``xyxy``, one for each label of :data:`FACE_FROM_PART` in its order.
        scores: ``(N, 8)`` in 0..1; 0 where there is no such part.

    Returns:
        ``(N, 5)`` float32 ``xyxy`` in the same pixels, and the noisy-or of the parts that agree; zeros where no two do.
    """
    middle, unit = np.tile(boxes[..., :2] + boxes[..., 2:], 2) / 2, np.sqrt(box_area(boxes))[..., None]
    ideas = (middle + unit * _EDGES).astype(np.float32)
    alike = (box_iou(ideas[:, :, None], ideas[:, None]) >= _AGREE) & (scores[:, :, None] > 0)
    shared = (alike & ~np.eye(len(_EDGES), dtype=bool)) @ scores[..., None]
    best = shared.argmax(axis=1)
    agreeing = alike[np.arange(len(boxes)), best[:, 0]] * (shared.max(axis=1) > 0) * scores
    weights = agreeing[..., None] / np.maximum(unit * _SPREADS, 1e-6) ** 2
    faces = (weights * ideas).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    found: NDArray[np.float32] = np.column_stack((faces, 1 - (1 - agreeing).prod(axis=1))).astype(np.float32)
    return found


def face_from_parts(parts: Detections, region: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The face that the parts in a region agree on.

    Args:
        parts: Also unsure ones, best score first; of each label of :data:`FACE_FROM_PART` the best in the region
            counts.
        region: ``(4,)`` box of the strongest activation, in the same pixels.

    Returns:
        ``(5,)`` float32 ``xyxy`` and score as of :func:`faces_from_parts`; None where no two parts agree, or their face
        does not hold the middle of the region.
    """
    centres = (parts.boxes[:, :2] + parts.boxes[:, 2:]) / 2
    inside = parts[np.flatnonzero(((centres >= region[:2]) & (centres <= region[2:])).all(axis=1))]
    boxes, scores = np.zeros((1, len(_EDGES), 4), dtype=np.float32), np.zeros((1, len(_EDGES)), dtype=np.float32)
    for place, name in enumerate(FACE_FROM_PART):
        label = inside.names.index(name) if name in inside.names else -1
        for best in np.flatnonzero(inside.labels == label)[:1]:
            boxes[0, place], scores[0, place] = inside.boxes[best], inside.scores[best]
    face: NDArray[np.float32] = faces_from_parts(boxes, scores)[0]
    middle = (region[:2] + region[2:]) / 2
    holds = (face[:2] <= middle).all() and (middle <= face[2:4]).all()
    return face if face[4] > 0 and holds else None


def faces_in_heads(heads: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(N, 4)`` boxes of the whole faces where they usually are in heads, boxes with or without further columns."""
    low, side = np.tile(heads[:, :2], 2), np.tile(heads[:, 2:4] - heads[:, :2], 2)
    faces: NDArray[np.float32] = (low + side * np.asarray(FACE_IN_HEAD, dtype=np.float32)).astype(np.float32)
    return faces


def strongest_region(heat: NDArray[np.float32], stride: int, share: float = 0.5) -> NDArray[np.float32] | None:
    """Box around the connected region of a map that holds its maximum.

    Args:
        heat: ``(h, w)`` map, e.g. the mean over classes of the activation maps after ReLU.
        stride: Pixels between its cells.
        share: Of the maximum that a cell must reach to belong to the region.

    Returns:
        ``(4,)`` float32 ``xyxy`` in pixels, or None for a map without anything above zero.
    """
    if heat.size == 0 or heat.max() <= 0:
        return None
    strong = heat >= share * heat.max()
    region = np.zeros_like(strong)
    region[np.unravel_index(heat.argmax(), heat.shape)] = True
    while True:
        grown = region.copy()
        grown[1:] |= region[:-1]
        grown[:-1] |= region[1:]
        grown[:, 1:] |= grown[:, :-1].copy()
        grown[:, :-1] |= grown[:, 1:].copy()
        grown &= strong
        if (grown == region).all():
            break
        region = grown
    rows, columns = np.nonzero(region)
    edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    return np.asarray(edges, dtype=np.float32) * stride
