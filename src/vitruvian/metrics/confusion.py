"""What is taken for what: the confusion matrix with background, and the ratio of detections to training boxes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.judging import BoxProtocol, judge, overlap
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table

BACKGROUND = "background"


@dataclass(frozen=True)
class ConfusionResult(Result):
    """Counts of detections by what they are and what they were taken for.

    Attributes:
        labels: Class names; background follows them.
        counts: ``(C + 1, C + 1)`` int64, predicted class by true class; the last row is boxes that none found, the last
            column detections of nothing.
        threshold: Confidence above which detections take part.
        iou: Overlap above which a detection and a box belong together.
    """

    labels: tuple[str, ...]
    counts: NDArray[np.int64]
    threshold: float
    iou: float

    @property
    def accuracy(self) -> float:
        """Right detections over everything counted, background included; NaN where nothing is."""
        total = int(self.counts.sum())
        return float(np.trace(self.counts)) / total if total else float("nan")

    def headline(self) -> Mapping[str, float]:
        return {"accuracy with background": self.accuracy}

    def tables(self) -> tuple[Table, ...]:
        names = (*self.labels, BACKGROUND)
        rows = tuple((name, *row) for name, row in zip(names, self.counts.tolist(), strict=True))
        title = (
            f"Confusion (rows predicted, columns true) above {self.threshold:g} at IoU {self.iou:g}, "
            f"accuracy {self.accuracy:.3f}"
        )
        return (Table(title, ("", *names), rows),)


def confusion_matrix(
    truth: Dataset,
    predictions: Predictions,
    protocol: BoxProtocol = "partial",
    threshold: float = 0.25,
    iou: float = 0.45,
) -> ConfusionResult:
    """The confusion matrix as YOLOv5 draws it, over what ``protocol`` judges.

    In each picture a detection goes to the box that it overlaps most, whatever its class, and a box keeps the detection
    that overlaps it most. Boxes to ignore take no part, and detections that lie in one are left out.
    Where classes lie inside each other (face, head) such a matrix confuses them more than a class-wise score does.

    Raises:
        MetricError: as :func:`vitruvian.metrics.judging.judge` does.
    """
    judged = judge(truth, predictions, protocol)
    size = len(judged.labels)
    counts = np.zeros((size + 1, size + 1), dtype=np.int64)
    sure = judged.det_scores > threshold
    for picture in range(judged.pictures):
        gt = np.flatnonzero(judged.gt_picture == picture)
        det = np.flatnonzero((judged.det_picture == picture) & sure)
        ignored, gt = gt[judged.gt_ignore[gt]], gt[~judged.gt_ignore[gt]]
        pairs = _pairs(overlap(judged.gt_boxes[gt], judged.det_boxes[det]), iou)
        for row, column in pairs:
            counts[judged.det_label[det[column]], judged.gt_label[gt[row]]] += 1
        missed = np.setdiff1d(np.arange(len(gt)), [row for row, _ in pairs])
        np.add.at(counts, (size, judged.gt_label[gt[missed]]), 1)
        wrong = det[np.setdiff1d(np.arange(len(det)), [column for _, column in pairs])]
        covered = (overlap(judged.det_boxes[wrong], judged.gt_boxes[ignored], own=True) > iou).any(1)
        np.add.at(counts, (judged.det_label[wrong[~covered]], size), 1)
    return ConfusionResult(f"confusion-{protocol}", "vitruvian", (), judged.labels, counts, threshold, iou)


def _pairs(iou: NDArray[np.float64], least: float) -> list[tuple[int, int]]:
    """(box, detection) pairs: each detection's best box, then each box's best detection, as YOLOv5 does."""
    rows, columns = np.nonzero(iou > least)
    order = np.argsort(-iou[rows, columns], kind="stable")
    best: dict[int, int] = {}
    for k in order:
        best.setdefault(int(columns[k]), int(rows[k]))
    kept: dict[int, int] = {}
    for column in sorted(best, key=lambda c: -iou[best[c], c]):
        kept.setdefault(best[column], column)
    return sorted(kept.items())


@dataclass(frozen=True, slots=True)
class ClassRatio:
    """How often a class is detected against how often it was taught; ``ratio`` is NaN where it was never taught."""

    label: str
    trained: int
    trained_share: float
    detected: int
    detected_share: float
    ratio: float


@dataclass(frozen=True)
class RatioResult(Result):
    """The outcome of :func:`detection_ratio`."""

    threshold: float
    classes: tuple[ClassRatio, ...]

    def headline(self) -> Mapping[str, float]:
        known = [c.ratio for c in self.classes if not np.isnan(c.ratio)]
        return {"lowest ratio": min(known, default=float("nan")), "highest ratio": max(known, default=float("nan"))}

    def tables(self) -> tuple[Table, ...]:
        rows = tuple(
            (c.label, c.trained, 100 * c.trained_share, c.detected, 100 * c.detected_share, c.ratio)
            for c in self.classes
        )
        columns = ("class", "train boxes", "train %", "detections", "detections %", "ratio")
        return (Table(f"Detections to training boxes, at threshold {self.threshold:g}", columns, rows),)


def detection_ratio(training: Dataset, predictions: Predictions, threshold: float = 0.5) -> RatioResult:
    """A class's share of all detections over its share of all training boxes (the body-part study on Open Images, 3.1).

    Far from 1 a class is over- or under-detected, if the pictures are of the kind that was trained on.
    Training boxes to ignore do not count.
    """
    trained = dict.fromkeys(training.labels, 0)
    for picture in training.pictures:
        for a in picture.annotations:
            trained[a.label] += not a.ignore
    kept = predictions.above(threshold)
    found = dict(zip(kept.names, np.bincount(kept.labels, minlength=len(kept.names)).tolist(), strict=True))
    all_trained, all_found = sum(trained.values()), sum(found.get(name, 0) for name in trained)
    rows = []
    for name, count in trained.items():
        share = count / all_trained if all_trained else float("nan")
        detected = found.get(name, 0)
        detected_share = detected / all_found if all_found else float("nan")
        ratio = detected_share / share if count and all_found else float("nan")
        rows.append(ClassRatio(name, count, share, detected, detected_share, ratio))
    return RatioResult("detection-ratio", "vitruvian", (), threshold, tuple(rows))
