"""Dense network output to a list of detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Boxes found in one picture, best score first.

    Attributes:
        boxes: ``(N, 4)`` float32 ``xyxy`` pixels of the original picture.
        scores: ``(N,)`` float32 in 0..1.
        labels: ``(N,)`` int64 index into ``names``.
        names: The labels that the model can say.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    labels: NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, thresholds: float | Mapping[str, float]) -> Detections:
        """Those that reach the threshold, one for all labels or one a label (a label without one keeps all)."""
        if isinstance(thresholds, Mapping):
            limits = np.asarray([thresholds.get(name, 0.0) for name in self.names], dtype=np.float32)[self.labels]
            return self[self.scores >= limits]
        return self[self.scores >= thresholds]

    def __getitem__(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Detections:
        return Detections(self.boxes[keep], self.scores[keep], self.labels[keep], self.names)


def decode(
    scores: NDArray[np.float32],
    boxes: NDArray[np.float32],
    names: Sequence[str],
    thresholds: float | NDArray[np.float32] = 0.05,
    iou: float = 0.6,
    most: int = 300,
) -> Detections:
    """Threshold, non-maximum suppression class by class, and a limit on the number.

    Args:
        scores: ``(N, C)`` of every location and class.
        boxes: ``(N, C, 4)`` ``xyxy`` of every location and class.
        names: The C labels.
        thresholds: Lowest score, one for all classes or ``(C,)``.
        iou: A box that overlaps a better one of its class by more than this is a duplicate.
        most: Number of detections kept, the best.
    """
    locations, labels = np.nonzero(scores >= thresholds)
    values = scores[locations, labels]
    if len(values) > 10 * most:  # nothing beyond this can survive among the best; it only costs time
        order = np.argpartition(-values, 10 * most)[: 10 * most]
        locations, labels, values = locations[order], labels[order], values[order]
    found = boxes[locations, labels]
    kept = suppress(found, values, labels, iou)[:most]
    return Detections(found[kept], values[kept], labels[kept].astype(np.int64), tuple(names))


def suppress(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], labels: NDArray[np.int64], iou: float
) -> NDArray[np.int64]:
    """Greedy non-maximum suppression within each label.

    Returns:
        Indices of the boxes kept, best score first; equal scores in the order given.
    """
    kept: list[NDArray[np.int64]] = []
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        mine = mine[np.argsort(-scores[mine], kind="stable")]
        while len(mine):
            kept.append(mine[:1])
            mine = mine[1:][box_iou(boxes[mine[0]], boxes[mine[1:]]) <= iou]
    if not kept:
        return np.zeros(0, dtype=np.int64)
    chosen = np.concatenate(kept)
    return chosen[np.lexsort((chosen, -scores[chosen]))]


def box_iou(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """IoU of one ``(4,)`` box with ``(N, 4)`` others."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    overlap = (high - low).clip(min=0).prod(axis=1)
    union = (box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - overlap
    result: NDArray[np.float32] = overlap / np.maximum(union, 1e-9)
    return result
