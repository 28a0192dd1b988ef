"""The five points of face detectors (eye centres, nose tip, mouth corners) out of 68 landmarks, and their error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.metrics.errors import MetricError
from vitruvian.taxonomy import IBUG68

NOSE_TIP = 30
"""Index of the nose tip among the 68 points (300-W, Sagonas et al. 2013: the lowest point of the nose's ridge)."""


def five_points(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """``(5, 2)`` right eye, left eye, nose tip, right and left corner of the mouth; the subject's own sides.

    An eye's centre is the mean of its outline, as 300-W takes it for the pupil.

    Args:
        landmarks: ``(68, 2)`` or ``(68, 3)`` in iBUG order; a third column is not looked at.

    Raises:
        MetricError: for another number of landmarks.
    """
    if landmarks.ndim != 2 or len(landmarks) != IBUG68.points:
        raise MetricError(f"five points come from {IBUG68.points} landmarks, not from shape {landmarks.shape}")
    places = landmarks[:, :2].astype(np.float64)
    eyes = [places[list(outline)].mean(axis=0) for outline in IBUG68.pupils]
    return np.stack([*eyes, places[NOSE_TIP], *places[list(IBUG68.mouth_corners)]])


def five_point_error(found: NDArray[np.floating], landmarks: NDArray[np.float32]) -> float:
    """Mean distance of the points found to the labelled ones, over the distance of the outer eye corners.

    Args:
        found: ``(5, 3)`` x, y, known in the order of :func:`five_points`; where known is 0 the point is not counted.
        landmarks: ``(68, 2)`` or ``(68, 3)`` in iBUG order.

    Returns:
        A fraction; NaN where no point is known or the eye corners coincide.

    Raises:
        MetricError: for another number of points or landmarks.
    """
    if found.shape != (5, 3):
        raise MetricError(f"five points have shape (5, 3), not {found.shape}")
    distance = np.linalg.norm(found[:, :2].astype(np.float64) - five_points(landmarks), axis=1)
    right, left = landmarks[list(IBUG68.outer_eye_corners), :2].astype(np.float64)
    known, between = found[:, 2] > 0, float(np.linalg.norm(right - left))
    return float(distance[known].mean()) / between if known.any() and between > 0 else float("nan")
