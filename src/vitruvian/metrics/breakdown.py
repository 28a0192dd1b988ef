"""Average precision of some of the boxes only: by degree of occlusion as MAFA does, or any other attribute of a box."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.curves import OperatingPoint, pooled_curve
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.judging import BoxProtocol, annotations_of, judge
from vitruvian.metrics.matching import Matches, average_precision, match
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table, mean


@dataclass(frozen=True, slots=True)
class Degree:
    """The boxes of one value of the attribute.

    Attributes:
        value: The value as text; ``all`` is every box.
        boxes: Boxes that count.
        ap, ap50: Average precision, mean over classes; NaN where n/a.
        at: Counts at the fixed threshold, IoU 0.5, all classes together.
        best: The same at the threshold of the highest F1.
    """

    value: str
    boxes: int
    ap: float
    ap50: float
    at: OperatingPoint
    best: OperatingPoint


@dataclass(frozen=True)
class BreakdownResult(Result):
    """The outcome of :func:`evaluate_breakdown`; ``degrees`` are in the order of their text, ``all`` last."""

    attribute: str
    degrees: tuple[Degree, ...]

    def headline(self) -> Mapping[str, float]:
        return {f"AP50 {d.value}": d.ap50 for d in self.degrees}

    def tables(self) -> tuple[Table, ...]:
        rows = tuple(
            (d.value, d.boxes, d.ap, d.ap50, d.at.recall, d.best.precision, d.best.recall, d.best.f1, d.best.threshold)
            for d in self.degrees
        )
        threshold = self.degrees[0].at.threshold if self.degrees else math.nan
        columns = (
            *(self.attribute, "boxes", "AP", "AP50", f"recall@{threshold:g}"),
            *("precision", "recall", "best F1", "at threshold"),
        )
        return (Table(f"Boxes by {self.attribute}", columns, rows),)


def evaluate_breakdown(
    truth: Dataset,
    predictions: Predictions,
    attribute: str = "occlusion_degree",
    threshold: float = 0.5,
    protocol: BoxProtocol = "partial",
) -> BreakdownResult:
    """Measure the boxes of each value of ``attribute`` by themselves (MAFA: occlusion degree; the thesis: four levels).

    A detection that found a box of another value is ignored, so each value is judged with all detections that found
    nothing. Matching is done once, for all boxes.

    Args:
        truth: Boxes whose ``attributes`` carry ``attribute``, or whose picture's do; the others are ``unstated``.
        predictions: With labels of the truth.
        attribute: Its name.
        threshold: The fixed confidence.
        protocol: As in :func:`vitruvian.metrics.evaluate_boxes`.

    Raises:
        MetricError: when no box or picture carries the attribute, or as :func:`vitruvian.metrics.judging.judge` does.
    """
    stated = [
        a.attributes.get(attribute, truth.pictures[i].attributes.get(attribute)) for i, a in annotations_of(truth)
    ]
    if all(value is None for value in stated):
        raise MetricError(f"no box or picture of the truth carries the attribute {attribute!r}")
    judged = judge(truth, predictions, protocol)
    values = np.array(["unstated" if v is None else str(v) for v in stated])[judged.gt_index]
    matches = match(judged)
    counts = ~judged.gt_ignore
    names = (*sorted(set(values[counts].tolist())), "all")
    degrees = tuple(
        _degree(name, matches, counts if name == "all" else counts & (values == name), threshold) for name in names
    )
    return BreakdownResult("boxes-by-attribute", "vitruvian", (), attribute, degrees)


def _degree(name: str, matches: Matches, mine: NDArray[np.bool_], threshold: float) -> Degree:
    judged = matches.judged
    true = matches.true & mine[matches.gt] if len(mine) else matches.true
    ignored = matches.ignored | (matches.true & ~true)
    averages = []
    for label in range(len(judged.labels)):
        rows = matches.of_label(label)
        positives = int((mine & (judged.gt_label == label)).sum())
        averages.append(average_precision(true[rows], ignored[rows], positives))
    scores = judged.det_scores[matches.det]
    found = pooled_curve(name, scores, true[:, 0], ignored[:, 0], int(mine.sum()))
    return Degree(
        value=name,
        boxes=int(mine.sum()),
        ap=mean([float(a.mean()) for a in averages]),
        ap50=mean([float(a[0]) for a in averages]),
        at=found.at(threshold),
        best=found.best_f1(),
    )
