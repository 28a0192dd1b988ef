"""A second look at the place where a face should be, closer than the first.

A face that fills more of the network's input is seen better, and where a face was a moment ago less evidence is enough.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import box_iou
from vitruvian.finders.detector import Detector
from vitruvian.scene import Box, Evidence, Face
from vitruvian.taxonomy import FACIAL_PARTS, WHOLE_FACE

NEAR = "near where it was"
"""Reason of the evidence of a face that was found by looking again."""

REACH = 2.2
"""Side of the square that is looked at, in sides of the face: as much surroundings as around faces in training."""
INPUT_SIZE = 320
"""Long side of the network's input: the face is about 150 pixels large in it. At 416 as many were found, with more
false boxes and in more time (``benchmarks/video_faces.py``, with other videos than those whose result is told, though
of the same validation pictures; :data:`FAINT_FITS` was chosen there too)."""
LEAST_SCORE = 0.3
"""Of the face in the closer look. From 0.15 on (``--seed 5`` and 6 of that benchmark) no more were found and more were
false: what passes in front of a face was taken for it and followed."""
SURE, SURE_FITS, FAINT_FITS = 0.5, 0.3, 0.7
"""A face of this score must overlap the place where it should be by the first IoU, one of score 0 by the second: what
is left in view of a covered face often has a faint box of its own, and so has what came in its place."""
_SMALLEST = 8.0


def look_closer(detector: Detector, picture: NDArray[np.uint8], near: Box) -> Face | None:
    """The face at a place, if there is one.

    Args:
        detector: Any that knows whole faces.
        picture: ``(H, W, 3)`` uint8 RGB.
        near: Where it should be, ``xyxy`` pixels.

    Returns:
        The best face by score and overlap, with the facial parts that fired in it as evidence.
    """
    window = _window(near, picture.shape[1], picture.shape[0])
    if window is None:
        return None
    left, top, right, bottom = window
    limits = {**detector.card.thresholds, WHOLE_FACE: LEAST_SCORE}
    found = detector.detect(np.ascontiguousarray(picture[top:bottom, left:right]), thresholds=limits, size=INPUT_SIZE)
    boxes = found.boxes + np.asarray([left, top, left, top], dtype=np.float32)
    names = [found.names[label] for label in found.labels]
    overlap = box_iou(np.asarray(near, dtype=np.float32), boxes)
    faces = [i for i, name in enumerate(names) if name == WHOLE_FACE and overlap[i] >= _needed(float(found.scores[i]))]
    if not faces:
        return None
    best = max(faces, key=lambda i: float(found.scores[i] * overlap[i]))
    x1, y1, x2, y2 = (round(float(value), 2) for value in boxes[best])
    parts: dict[str, float] = {}
    for box, name, score in zip(boxes, names, found.scores, strict=True):
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        if name in FACIAL_PARTS.names and name != WHOLE_FACE and x1 <= x <= x2 and y1 <= y <= y2:
            parts.setdefault(name, float(score))
    return Face((x1, y1, x2, y2), float(found.scores[best]), "recovery", evidence=Evidence(NEAR, parts))


def fits(near: Box, box: Box, score: float) -> bool:
    """Whether a face of that score is where it should be: the fainter it is, the better it has to fit."""
    overlap = box_iou(np.asarray(near, dtype=np.float32), np.asarray([box], dtype=np.float32))[0]
    return bool(overlap >= _needed(score))


def _needed(score: float) -> float:
    return FAINT_FITS + (SURE_FITS - FAINT_FITS) * min(score / SURE, 1.0)


def _window(near: Box, width: int, height: int) -> tuple[int, int, int, int] | None:
    """The pixels to look at; None for a face that is too small, or whose middle has left the picture."""
    x, y = (near[0] + near[2]) / 2, (near[1] + near[3]) / 2
    side = max(near[2] - near[0], near[3] - near[1])
    if side < _SMALLEST or not (0 <= x < width and 0 <= y < height):
        return None
    half = side * REACH / 2
    return max(int(x - half), 0), max(int(y - half), 0), min(int(x + half) + 1, width), min(int(y + half) + 1, height)
