"""Overlap of two boxes."""

from __future__ import annotations

from vitruvian.data.dataset import Box


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union of two ``xyxy`` boxes; of two without area, 1 if they are equal.

    >>> box_iou((0, 0, 2, 2), (1, 0, 3, 2))
    0.3333333333333333
    """
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    overlap = max(width, 0.0) * max(height, 0.0)
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (first, second))
    return overlap / (areas - overlap) if areas > 0 else float(first == second)
