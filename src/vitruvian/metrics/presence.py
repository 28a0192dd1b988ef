"""Two counts that need no complete labels: false boxes where nobody is, and how many labelled instances are found."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.judging import annotations_of, judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table


@dataclass(frozen=True)
class FalseBoxes(Result):
    """Boxes on pictures without people.

    Attributes:
        pictures: Pictures that show nobody.
        boxes: Boxes on them, all wrong.
        pictures_with_any: Pictures that have at least one.
        by_label: Boxes of each label.
        worst: File names of the pictures with most, at most five, and how many.
    """

    pictures: int
    boxes: int
    pictures_with_any: int
    by_label: Mapping[str, int]
    worst: tuple[tuple[str, int], ...]

    @property
    def per_picture(self) -> float:
        """False boxes a picture; NaN without pictures."""
        return self.boxes / self.pictures if self.pictures else float("nan")

    def headline(self) -> Mapping[str, float]:
        return {"false boxes a picture": self.per_picture}

    def tables(self) -> tuple[Table, ...]:
        counts = (self.pictures, self.boxes, self.per_picture, self.pictures_with_any)
        columns = ("pictures without people", "boxes", "boxes a picture", "pictures with any")
        ordered = sorted(self.by_label.items(), key=lambda item: (-item[1], item[0]))
        return (
            Table("False boxes", columns, (counts,)),
            Table("By label", ("label", "boxes"), tuple(ordered)),
            Table("Pictures with most", ("picture", "boxes"), self.worst),
        )


def count_false_boxes(
    truth: Dataset, predictions: Predictions, thresholds: float | Mapping[str, float] = 0.5
) -> FalseBoxes:
    """Count boxes of at least ``thresholds`` on the pictures of ``truth`` that have no annotation at all.

    A picture counts as one without people when nothing is annotated in it and it is exhaustively labelled for
    something: where nothing was looked for, nothing is known to be absent.

    Args:
        truth: E.g. COCO with its people: the pictures without any are used.
        predictions: Of any labels; they need not be the truth's.
        thresholds: One for all labels, or one a label (a label without one keeps every box).

    Raises:
        MetricError: for predictions of unknown pictures, or when no picture is without people.
    """
    nobody = np.array([not p.annotations and bool(p.exhaustive) for p in truth.pictures], dtype=bool)
    if not nobody.any():
        raise MetricError("no picture of the truth is without people (exhaustively labelled, with no annotation)")
    kept = predictions.above(thresholds)
    index = kept.picture_index(truth)
    wrong = nobody[index]
    per_picture = np.bincount(index[wrong], minlength=len(nobody))
    labels = np.bincount(kept.labels[wrong], minlength=len(kept.names))
    order = np.argsort(-per_picture, kind="stable")[:5]
    return FalseBoxes(
        protocol="false-boxes",
        evaluator="vitruvian",
        notes=(f"at {_described(thresholds)}",),
        pictures=int(nobody.sum()),
        boxes=int(wrong.sum()),
        pictures_with_any=int((per_picture > 0).sum()),
        by_label={name: int(labels[i]) for i, name in enumerate(kept.names) if labels[i]},
        worst=tuple((truth.pictures[i].file_name, int(per_picture[i])) for i in order if per_picture[i]),
    )


@dataclass(frozen=True)
class FoundInstances(Result):
    """How many labelled instances are found; it asks nothing of what is not labelled.

    Attributes:
        iou: Overlap that counts as found.
        instances, found: Labelled instances, and those found.
        by_label: Label -> (instances, found).
        missed: ``(file name, annotation id)`` of the others.
    """

    iou: float
    instances: int
    found: int
    by_label: Mapping[str, tuple[int, int]]
    missed: tuple[tuple[str, int], ...]

    @property
    def recall(self) -> float:
        """Share that is found; NaN without instances."""
        return self.found / self.instances if self.instances else float("nan")

    def headline(self) -> Mapping[str, float]:
        return {f"recall at IoU {self.iou:g}": self.recall}

    def tables(self) -> tuple[Table, ...]:
        rows = [(name, n, found, found / n if n else None) for name, (n, found) in self.by_label.items()]
        total = ("all", self.instances, self.found, self.recall)
        title = f"Labelled instances found at IoU {self.iou:g}"
        return (Table(title, ("label", "labelled", "found", "recall"), (*rows, total)),)


def recall_of_labelled(
    truth: Dataset,
    predictions: Predictions,
    thresholds: float | Mapping[str, float] = 0.5,
    iou: float = 0.5,
    labels: Collection[str] | None = None,
) -> FoundInstances:
    """Recall over every labelled instance, in pictures whose other instances may be unlabelled too.

    Meant for a set such as faces68, which labels one face a picture and is exhaustive for nothing: precision is not
    defined there, recall is. Instances to ignore do not count.

    Args:
        truth: Pictures with boxes.
        predictions: With the truth's labels (see :meth:`Predictions.renamed` for others).
        thresholds: One for all labels, or one a label (a label without one keeps every box).
        iou: Overlap that counts as found.
        labels: Only these of the truth's labels; None for all.

    Raises:
        MetricError: for predictions of unknown pictures, or a label that the truth lacks.
    """
    chosen = truth.labels if labels is None else tuple(labels)
    if unknown := sorted(set(chosen) - set(truth.labels)):
        raise MetricError(f"labels that the truth does not have: {', '.join(unknown)}")
    judged = judge(truth, predictions.above(thresholds), "coco")
    matches = match(judged, ious=(iou,))
    hit = np.zeros(len(judged.gt_label), dtype=bool)
    hit[matches.gt[matches.true]] = True
    counts = np.isin(judged.gt_label, [truth.labels.index(name) for name in chosen]) & ~judged.gt_ignore
    by_label = {
        name: (int((counts & mine).sum()), int((counts & mine & hit).sum()))
        for name in chosen
        for mine in [judged.gt_label == truth.labels.index(name)]
    }
    rows = [(truth.pictures[i].file_name, a.id) for i, a in annotations_of(truth)]
    return FoundInstances(
        protocol="labelled-recall",
        evaluator="vitruvian",
        notes=(f"at {_described(thresholds)}",),
        iou=iou,
        instances=int(counts.sum()),
        found=int((counts & hit).sum()),
        by_label=by_label,
        missed=tuple(rows[i] for i in np.flatnonzero(counts & ~hit)),
    )


def _described(thresholds: float | Mapping[str, float]) -> str:
    if isinstance(thresholds, Mapping):
        return "thresholds " + ", ".join(f"{name} {value:.3f}" for name, value in thresholds.items())
    return f"threshold {thresholds:g}"
