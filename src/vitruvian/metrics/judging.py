"""Who is judged: the boxes and detections that a protocol compares, as arrays.

Under the ``partial`` protocol a class is judged only in pictures where every instance of it is labelled:

* not exhaustive in the picture: its boxes and detections there are left out, neither right nor wrong;
* exhaustive in regions of the picture: boxes that lie in a region are judged, its other boxes are ignored, and
  detections outside all regions are left out;
* ignore regions: detections that lie in one are left out, whatever their class.

"Lies in" means by at least half of its own area. A detection that overlaps a judged box of its class by IoU 0.5 stays
in spite of where it lies, so that a found instance on the border of a region counts.
Under the ``coco`` protocol everything that is not labelled is wrong: what plain COCO evaluation does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.predictions import Predictions

BoxProtocol = Literal["partial", "coco"]
LIES_IN = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The two sides of a comparison, picture by picture and class by class.

    Attributes:
        labels: Class names; ``*_label`` are indices into them.
        image_ids: ``(pictures,)`` int64 ``Picture.id``; COCO settles equal scores in their order.
        judged: ``(pictures, classes)`` bool: the class is judged there, at least in a region.
        gt_picture, gt_label: ``(G,)`` int64; index of the picture in the truth, and of the class.
        gt_index: ``(G,)`` int64 place in :func:`annotations_of` the truth.
        gt_boxes: ``(G, 4)`` float64 ``xyxy``.
        gt_area: ``(G,)`` float64 square pixels, as published where the truth says so.
        gt_ignore: ``(G,)`` bool: neither found nor missed counts.
        det_picture, det_label, det_boxes, det_scores: The same of detections, in the order of the predictions.
        det_index: ``(D,)`` int64 row in the predictions.
        left_out: Detections of known classes that the protocol does not judge.
        unknown: Detections of labels that the truth does not have.
    """

    labels: tuple[str, ...]
    image_ids: NDArray[np.int64]
    judged: NDArray[np.bool_]
    gt_picture: NDArray[np.int64]
    gt_label: NDArray[np.int64]
    gt_index: NDArray[np.int64]
    gt_boxes: NDArray[np.float64]
    gt_area: NDArray[np.float64]
    gt_ignore: NDArray[np.bool_]
    det_picture: NDArray[np.int64]
    det_label: NDArray[np.int64]
    det_boxes: NDArray[np.float64]
    det_scores: NDArray[np.float64]
    det_index: NDArray[np.int64]
    left_out: int
    unknown: int

    @property
    def pictures(self) -> int:
        """Number of pictures of the truth."""
        return len(self.image_ids)

    def of_pictures(self, keep: NDArray[np.bool_]) -> Judged:
        """The comparison over some pictures only; ``keep`` is ``(pictures,)`` bool. Picture indices stay."""
        return self.where(keep[self.gt_picture], keep[self.det_picture], self.judged & keep[:, None])

    def where(self, gt: NDArray[np.bool_], det: NDArray[np.bool_], judged: NDArray[np.bool_] | None = None) -> Judged:
        """Only some boxes (``gt``, ``(G,)`` bool) and detections (``det``, ``(D,)``)."""
        return replace(
            self,
            judged=self.judged if judged is None else judged,
            gt_picture=self.gt_picture[gt],
            gt_label=self.gt_label[gt],
            gt_index=self.gt_index[gt],
            gt_boxes=self.gt_boxes[gt],
            gt_area=self.gt_area[gt],
            gt_ignore=self.gt_ignore[gt],
            det_picture=self.det_picture[det],
            det_label=self.det_label[det],
            det_boxes=self.det_boxes[det],
            det_scores=self.det_scores[det],
            det_index=self.det_index[det],
            left_out=self.left_out + int((~det).sum()),
        )


def judge(truth: Dataset, predictions: Predictions, protocol: BoxProtocol = "partial") -> Judged:
    """Lay out what ``protocol`` compares; labels are those of ``truth``.

    Raises:
        MetricError: for an unknown protocol, a truth without pictures, or predictions for a picture that it lacks.
    """
    if protocol not in ("partial", "coco"):
        raise MetricError(f"unknown box protocol {protocol!r}; there are 'partial' and 'coco'")
    if not truth.pictures:
        raise MetricError("the truth has no pictures, so nothing can be judged")
    everything = _everything(truth, predictions)
    return everything if protocol == "coco" else _restricted(everything, truth)


def _everything(truth: Dataset, predictions: Predictions) -> Judged:
    number = {name: i for i, name in enumerate(truth.labels)}
    rows = annotations_of(truth)
    boxes = np.array([a.box for _, a in rows], dtype=np.float64).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    published = np.array([np.nan if a.area is None else a.area for _, a in rows], dtype=np.float64)
    picture = predictions.picture_index(truth)
    lookup = np.array([number.get(name, -1) for name in predictions.names], dtype=np.int64)
    label = lookup[predictions.labels] if len(predictions) else predictions.labels
    known = label >= 0
    return Judged(
        labels=truth.labels,
        image_ids=np.array([p.id for p in truth.pictures], dtype=np.int64),
        judged=np.ones((len(truth.pictures), len(truth.labels)), dtype=bool),
        gt_picture=np.array([p for p, _ in rows], dtype=np.int64),
        gt_label=np.array([number[a.label] for _, a in rows], dtype=np.int64),
        gt_index=np.arange(len(rows)),
        gt_boxes=boxes,
        gt_area=np.where(np.isnan(published), sides[:, 0] * sides[:, 1], published),
        gt_ignore=np.array([a.ignore for _, a in rows], dtype=bool),
        det_picture=picture[known],
        det_label=label[known],
        det_boxes=predictions.boxes[known],
        det_scores=predictions.scores[known],
        det_index=np.flatnonzero(known),
        left_out=0,
        unknown=int((~known).sum()),
    )


def annotations_of(truth: Dataset) -> list[tuple[int, Annotation]]:
    """Every annotation with the index of its picture, in order."""
    return [(i, a) for i, picture in enumerate(truth.pictures) for a in picture.annotations]


def exhaustive_matrix(truth: Dataset) -> NDArray[np.bool_]:
    """``(pictures, classes)`` bool: every instance of the class in the picture is labelled."""
    number = {name: i for i, name in enumerate(truth.labels)}
    matrix = np.zeros((len(truth.pictures), len(truth.labels)), dtype=bool)
    for row, picture in enumerate(truth.pictures):
        matrix[row, [number[name] for name in picture.exhaustive if name in number]] = True
    return matrix


def _restricted(everything: Judged, truth: Dataset) -> Judged:
    whole = exhaustive_matrix(truth)
    judged = whole.copy()
    gt_keep = whole[everything.gt_picture, everything.gt_label]
    gt_ignore = everything.gt_ignore.copy()
    det_keep = whole[everything.det_picture, everything.det_label]
    special = [i for i, p in enumerate(truth.pictures) if p.ignore_regions or p.exhaustive_regions]
    if special:
        gt_order, gt_start = _by_picture(everything.gt_picture, everything.pictures)
        det_order, det_start = _by_picture(everything.det_picture, everything.pictures)
        for i in special:
            gt = gt_order[gt_start[i] : gt_start[i + 1]]
            det = det_order[det_start[i] : det_start[i + 1]]
            _judge_picture(everything, truth.pictures[i], gt, det, whole[i], judged[i], gt_keep, gt_ignore, det_keep)
    return replace(everything, gt_ignore=gt_ignore).where(gt_keep, det_keep, judged)


def _judge_picture(
    every: Judged,
    picture: Picture,
    gt: NDArray[np.int64],
    det: NDArray[np.int64],
    whole: NDArray[np.bool_],
    judged: NDArray[np.bool_],
    gt_keep: NDArray[np.bool_],
    gt_ignore: NDArray[np.bool_],
    det_keep: NDArray[np.bool_],
) -> None:
    """Apply one picture's regions to the rows ``gt`` and ``det``; writes the last four arrays."""
    for region in picture.exhaustive_regions:
        labels = [i for i, name in enumerate(every.labels) if name in region.labels and not whole[i]]
        judged[labels] = True
        area = np.array([region.box], dtype=np.float64)
        inside = gt[
            np.isin(every.gt_label[gt], labels) & (overlap(every.gt_boxes[gt], area, own=True)[:, 0] >= LIES_IN)
        ]
        gt_keep[inside] = True
        found = np.isin(every.det_label[det], labels) & (overlap(every.det_boxes[det], area, own=True)[:, 0] >= LIES_IN)
        det_keep[det[found]] = True
    in_region = judged & ~whole
    outside = gt[in_region[every.gt_label[gt]] & ~gt_keep[gt]]
    gt_keep[outside] = True
    gt_ignore[outside] = True
    if picture.ignore_regions:
        regions = np.array(picture.ignore_regions, dtype=np.float64)
        det_keep[det[(overlap(every.det_boxes[det], regions, own=True) >= LIES_IN).any(1)]] = False
    counted = gt[gt_keep[gt] & ~gt_ignore[gt]]
    same = every.det_label[det][:, None] == every.gt_label[counted][None]
    near = ((overlap(every.det_boxes[det], every.gt_boxes[counted]) >= 0.5) & same).any(1)
    det_keep[det[near & judged[every.det_label[det]]]] = True


def _by_picture(index: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    order = np.argsort(index, kind="stable")
    return order, np.searchsorted(index[order], np.arange(count + 1))


def overlap(boxes: NDArray[np.float64], others: NDArray[np.float64], own: bool = False) -> NDArray[np.float64]:
    """``(N, M)`` IoU of ``(N, 4)`` and ``(M, 4)`` boxes; with ``own``, the intersection over the first box's own area.

    Empty boxes overlap nothing.

    >>> overlap(np.array([[0., 0., 2., 2.]]), np.array([[0., 0., 2., 1.], [0., 0., 4., 4.]]))
    array([[0.5 , 0.25]])
    >>> overlap(np.array([[0., 0., 2., 2.]]), np.array([[0., 0., 4., 4.]]), own=True)
    array([[1.]])
    """
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.prod((high - low).clip(min=0), axis=2)
    area = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)[:, None]
    whole = area if own else area + np.prod(others[:, 2:] - others[:, :2], axis=1)[None] - common
    iou: NDArray[np.float64] = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
    return iou
