"""Which detection found which box: COCO's greedy matching, for all pictures and classes at once.

The averages of the COCO protocol come from faster-coco-eval. It does not say which detection was right, and curves,
thresholds, confusion, slices and the bootstrap need to know; this module computes that, by the same rules (pycocotools
``COCOeval.evaluateImg``), and the tests hold the averages of both together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.metrics.judging import Judged

COCO_IOUS: tuple[float, ...] = tuple(np.linspace(0.5, 0.95, 10).round(2).tolist())
RECALL_POINTS = np.linspace(0, 1, 101)
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """The fate of every judged detection.

    Attributes:
        ious: The T overlaps at which a detection counts as right.
        det: ``(D,)`` int64 row in the :class:`Judged` arrays of each detection that was considered (the best
            ``max_detections`` of a class in a picture), by falling score.
        gt: ``(D, T)`` int64 row of the box that it found, or -1.
        true: ``(D, T)`` bool: found a box that counts.
        ignored: ``(D, T)`` bool: found only a box to ignore.
    """

    judged: Judged
    ious: tuple[float, ...]
    det: NDArray[np.int64]
    gt: NDArray[np.int64]
    true: NDArray[np.bool_]
    ignored: NDArray[np.bool_]

    def of_label(self, label: int) -> NDArray[np.intp]:
        """Rows of one class, by falling score."""
        return np.flatnonzero(self.judged.det_label[self.det] == label)

    def positives(self, label: int) -> int:
        """Boxes of the class that count."""
        return int(((self.judged.gt_label == label) & ~self.judged.gt_ignore).sum())


def match(judged: Judged, ious: tuple[float, ...] = COCO_IOUS, max_detections: int = 100) -> Matches:
    """Match detections to boxes greedily by score, each class of each picture for itself.

    A detection takes the free box that counts with the highest IoU, at least the threshold; of equals the last. If
    there is none it may share a box to ignore, for which the overlap is the intersection over the detection's own area.
    """
    classes = max(len(judged.labels), 1)
    rank_of_picture = np.argsort(np.argsort(judged.image_ids, kind="stable"))
    det_group = rank_of_picture[judged.det_picture] * classes + judged.det_label
    gt_group = rank_of_picture[judged.gt_picture] * classes + judged.gt_label
    order = np.lexsort((-judged.det_scores, det_group))  # lexsort is stable: file order settles equal scores
    groups, starts, counts = np.unique(det_group[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(starts, counts)
    found = np.full((len(order), len(ious)), -1, dtype=np.int64)

    gt_order = np.argsort(gt_group, kind="stable")
    gt_groups, gt_starts, gt_counts = np.unique(gt_group[gt_order], return_index=True, return_counts=True)
    _, det_side, gt_side = np.intersect1d(groups, gt_groups, assume_unique=True, return_indices=True)
    limits = np.array(ious, dtype=np.float64)
    width = 1
    while len(det_side):
        now = gt_counts[gt_side] <= width
        step = max(1, _CHUNK // (width * len(ious)))
        chosen, boxes = det_side[now], gt_side[now]
        by_count = np.argsort(-counts[chosen], kind="stable")
        chosen, boxes = chosen[by_count], boxes[by_count]
        for low in range(0, len(chosen), step):
            part, own = chosen[low : low + step], boxes[low : low + step]
            columns = np.arange(width)[None]
            rows = gt_order[np.minimum(gt_starts[own][:, None] + columns, len(gt_order) - 1)]
            real = columns < gt_counts[own][:, None]
            _match_groups(
                judged, order, starts[part], np.minimum(counts[part], max_detections), rows, real, limits, found
            )
        det_side, gt_side = det_side[~now], gt_side[~now]
        width *= 2

    kept = np.flatnonzero(rank < max_detections)
    det, found = order[kept], found[kept]
    # Equal scores stay in the order of picture ids, as when COCO joins its per-picture lists.
    falling = np.argsort(-judged.det_scores[det], kind="stable")
    det, found = det[falling], found[falling]
    ignored = (found >= 0) & judged.gt_ignore[found] if len(judged.gt_ignore) else np.zeros(found.shape, dtype=bool)
    return Matches(judged, ious, det, found, (found >= 0) & ~ignored, ignored)


def _match_groups(
    judged: Judged,
    order: NDArray[np.int64],
    starts: NDArray[np.int64],
    counts: NDArray[np.int64],
    rows: NDArray[np.int64],
    real: NDArray[np.bool_],
    ious: NDArray[np.float64],
    found: NDArray[np.int64],
) -> None:
    """Match B groups with at most W boxes, those with most detections first; writes ``found``.

    ``rows`` and ``real`` are ``(B, W)``: the groups' boxes, and which columns hold one.
    """
    gt = judged.gt_boxes[rows]
    gt_area = (gt[..., 2] - gt[..., 0]) * (gt[..., 3] - gt[..., 1])
    ignore = judged.gt_ignore[rows] & real
    counted = real & ~ignore
    free = np.broadcast_to(counted[:, None, :], (len(rows), len(ious), rows.shape[1])).copy()
    any_ignored = bool(ignore.any())
    for rank in range(int(counts.max(initial=0))):
        n = int(np.searchsorted(-counts, -rank, side="left"))  # groups with more than `rank` detections
        place = starts[:n] + rank
        det = judged.det_boxes[order[place]][:, None, :]
        side = np.minimum(det[..., 2:], gt[:n, :, 2:]) - np.maximum(det[..., :2], gt[:n, :, :2])
        common = np.where((side > 0).all(2), side[..., 0] * side[..., 1], 0.0)
        area = (det[..., 2] - det[..., 0]) * (det[..., 3] - det[..., 1])
        whole = np.where(ignore[:n], area, area + gt_area[:n] - common)
        iou = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
        best, at = _last_best(iou, free[:n], ious)
        hit = best > 0
        group, level = np.nonzero(hit)
        free[group, level, at[group, level]] = False
        if any_ignored:
            shared, where = _last_best(iou, np.broadcast_to(ignore[:n, None, :], free[:n].shape), ious)
            at = np.where(hit, at, where)
            hit |= shared > 0
        found[place] = np.where(hit, np.take_along_axis(rows[:n], at, axis=1), -1)


def _last_best(
    iou: NDArray[np.float64], allowed: NDArray[np.bool_], ious: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """``(B, T)`` highest allowed IoU that reaches each level, else 0, and its column; of equal ones the last."""
    reach = np.minimum(ious, 1 - 1e-10)[None, :, None]
    value = np.where(allowed & (iou[:, None, :] >= reach), iou[:, None, :], 0.0)
    column = value.shape[2] - 1 - value[..., ::-1].argmax(2)
    return np.take_along_axis(value, column[..., None], axis=2)[..., 0], column


def average_precision(
    true: NDArray[np.bool_], ignored: NDArray[np.bool_], positives: int, weights: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """``(T,)`` COCO average precision from ``(D, T)`` fates by falling score; NaN where nothing counts.

    Precision is made monotone and read at 101 recall levels (pycocotools ``COCOeval.accumulate``). ``weights`` ``(D,)``
    counts every detection that many times, for the bootstrap; ``positives`` must count the same way.

    >>> average_precision(np.array([[True], [False], [True]]), np.zeros((3, 1), bool), 2).round(3).tolist()
    [0.835]
    """
    levels = true.shape[1]
    if positives <= 0:
        return np.full(levels, np.nan)
    if len(true) == 0:
        return np.zeros(levels)
    times = np.ones(len(true)) if weights is None else weights
    right = np.cumsum(np.where(true, times[:, None], 0.0), axis=0)
    wrong = np.cumsum(np.where(true | ignored, 0.0, times[:, None]), axis=0)
    recall = right / positives
    precision = right / np.maximum(right + wrong, np.spacing(1))
    precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    result = np.zeros(levels)
    for level in range(levels):
        place = np.searchsorted(recall[:, level], RECALL_POINTS, side="left")
        reached = place < len(precision)
        result[level] = precision[place[reached], level].sum() / len(RECALL_POINTS)
    return result
