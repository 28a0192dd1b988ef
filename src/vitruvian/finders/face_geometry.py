"""A whole face from its parts alone, by their usual place in it: the map-free second look.

The occluded-face thesis (section 4.6.2) proposes to draw a box around the highlighted region of an activation map and
to compare it with the boxes of the parts, to see whether it makes sense. Here each facial part says where the whole
face should be; parts that agree with each other and with the strongest region of the map make a face.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import Detections
from vitruvian.finders.geometry import area, centre, iou
from vitruvian.scene import Box

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
"""IoU from which a part's idea of the face agrees with the common one."""
_LEAST_PARTS = 2


@dataclass(frozen=True, slots=True, eq=False)
class FaceFromParts:
    """A face that parts agree on.

    Attributes:
        box: ``(4,)`` float32 ``xyxy``, in the pixels of the parts.
        score: Noisy-or of the parts that agree, 0..1.
        parts: Score of each agreeing part by label.
    """

    box: NDArray[np.float32]
    score: float
    parts: Mapping[str, float]


def face_from_parts(parts: Detections, region: NDArray[np.float32]) -> FaceFromParts | None:
    """The face that the parts in a region agree on.

    Args:
        parts: Of labels in :data:`FACE_FROM_PART`, also unsure ones, best score first; of each label the best in the
            region counts.
        region: ``(4,)`` box of the strongest activation, in the same pixels.

    Returns:
        None where fewer than two parts agree, or their face does not hold the middle of the region.
    """
    centres = (parts.boxes[:, :2] + parts.boxes[:, 2:]) / 2
    inside = np.flatnonzero(((centres >= region[:2]) & (centres <= region[2:])).all(axis=1))
    best: dict[str, int] = {}
    for row, label in zip(inside.tolist(), parts.labels[inside].tolist(), strict=True):
        best.setdefault(parts.names[label], row)
    ideas: list[Box] = []
    weights, scores = [], [float(parts.scores[row]) for row in best.values()]
    for (name, row), score in zip(best.items(), scores, strict=True):
        part: Box = tuple(parts.boxes[row].tolist())
        (left, top, right, bottom), spread = FACE_FROM_PART[name]
        (x, y), unit = centre(part), sqrt(area(part))
        ideas.append((x + unit * left, y + unit * top, x + unit * right, y + unit * bottom))
        weights.append(score / (unit * spread) ** 2)
    agreeing = [[k for k, other in enumerate(ideas) if iou(idea, other) >= _AGREE] for idea in ideas]
    if max(map(len, agreeing), default=0) < _LEAST_PARTS:
        return None
    # The idea that others share most, then their weighted mean: a part that is none must not pull the face away.
    agree = agreeing[max(range(len(ideas)), key=lambda n: sum(scores[k] for k in agreeing[n] if k != n))]
    total = sum(weights[k] for k in agree)
    face = [sum(weights[k] * ideas[k][edge] for k in agree) / total for edge in range(4)]
    x, y = (region[0] + region[2]) / 2, (region[1] + region[3]) / 2
    if not (face[0] <= x <= face[2] and face[1] <= y <= face[3]):
        return None
    chosen = {name: scores[k] for k, name in enumerate(best) if k in agree}
    return FaceFromParts(np.asarray(face, dtype=np.float32), 1 - prod(1 - score for score in chosen.values()), chosen)


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
