"""Dense network output to a list of detections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SUPPRESSION = Path(__file__).with_name("suppression.onnx")
"""Of one node, ONNX's NonMaxSuppression, with its inputs boxes, scores, most and iou, and its output kept: onnxruntime
does in about 0.4 of the time what numpy does, whose calls are many and small."""


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
    if len(scores) < 2:
        return np.arange(len(scores))
    order = np.argsort(labels, kind="stable")  # the operator ranks scores itself; of two alike the first is first
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    counts = np.diff(starts, append=len(order))
    group = np.repeat(np.arange(len(starts)), counts)
    rank = np.arange(len(order)) - starts[group]
    # The operator takes a batch, and knows labels only of common boxes: each label is a picture of its own, filled up.
    filled = np.zeros((len(starts), counts.max(), 4), dtype=np.float32)
    values = np.full((len(starts), 1, counts.max()), -1, dtype=np.float32)
    filled[group, rank], values[group, 0, rank] = boxes[order], scores[order]
    limits = {"most": counts.max(keepdims=True), "iou": np.asarray([iou], dtype=np.float32)}
    picture, _, row = _suppression().run(["kept"], {"boxes": filled, "scores": values, **limits})[0].T
    chosen = order[(starts[picture] + row)[row < counts[picture]]]
    result: NDArray[np.int64] = chosen[np.lexsort((chosen, -scores[chosen]))]
    return result


@cache
def _suppression() -> Any:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(str(_SUPPRESSION), options, providers=["CPUExecutionProvider"])


def box_iou(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """IoU of ``(..., 4)`` boxes with ``(..., 4)`` others, broadcast against each other: one box with N, or M with N."""
    overlap = box_overlap(first, second)
    union = box_area(first) + box_area(second) - overlap
    result: NDArray[np.float32] = overlap / np.maximum(union, 1e-9)
    return result


def box_overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Area that ``(..., 4)`` boxes share with ``(..., 4)`` others, broadcast against each other."""
    width = np.minimum(first[..., 2], second[..., 2]) - np.maximum(first[..., 0], second[..., 0])
    height = np.minimum(first[..., 3], second[..., 3]) - np.maximum(first[..., 1], second[..., 1])
    result: NDArray[np.float32] = np.maximum(width, 0) * np.maximum(height, 0)
    return result


def box_area(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Areas of ``(..., 4)`` boxes."""
    result: NDArray[np.float32] = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return result
