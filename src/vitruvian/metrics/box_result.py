"""What box evaluation gives, and how it prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from vitruvian.metrics.coco_eval import BoxSummary
from vitruvian.metrics.curves import Curve, OperatingPoint
from vitruvian.metrics.result import Cell, Result, Table, mean


@dataclass(frozen=True, slots=True)
class ClassBoxes:
    """One class.

    Attributes:
        label: Its name.
        pictures: Pictures in which it is judged.
        instances: Boxes that count.
        detections: Detections that are judged.
        ap, ap50, ap75, ar: COCO averages; NaN where no box counts.
        naive_ap50: AP50 when everything unlabelled is held for wrong.
        best: The point of the highest F1 at IoU 0.5.
        fixed: The points at the fixed thresholds that were asked for, at IoU 0.5.
    """

    label: str
    pictures: int
    instances: int
    detections: int
    ap: float
    ap50: float
    ap75: float
    ar: float
    naive_ap50: float
    best: OperatingPoint
    fixed: tuple[OperatingPoint, ...]


@dataclass(frozen=True, slots=True)
class SourceBoxes:
    """The pictures of one source: how many, COCO's numbers, and AP50 by class (NaN where n/a)."""

    source: str
    pictures: int
    instances: int
    summary: BoxSummary
    ap50: Mapping[str, float]


@dataclass(frozen=True)
class BoxResult(Result):
    """The outcome of :func:`evaluate_boxes`.

    Attributes:
        summary: COCO's twelve numbers under the protocol.
        naive: The same when every unlabelled instance is held for absent; equal where labels are complete.
        classes: By class, in the order of the truth's labels.
        sources: By source; empty where all pictures come from one.
        pictures, instances, ignored, detections: What was compared.
        left_out: Detections that the protocol does not judge; they are neither right nor wrong.
        curves: Counts at every score by class, at IoU 0.5.
    """

    summary: BoxSummary
    naive: BoxSummary
    classes: tuple[ClassBoxes, ...]
    sources: tuple[SourceBoxes, ...]
    pictures: int
    instances: int
    ignored: int
    detections: int
    left_out: int
    curves: tuple[Curve, ...]

    def __getitem__(self, label: str) -> ClassBoxes:
        for row in self.classes:
            if row.label == label:
                return row
        raise KeyError(label)

    def headline(self) -> Mapping[str, float]:
        return {"AP": self.summary.ap, "AP50": self.summary.ap50, "AP75": self.summary.ap75, "AR": self.summary.ar100}

    def tables(self) -> tuple[Table, ...]:
        return (_overall(self), _by_class(self), _at_thresholds(self), *_by_source(self))

    def json(self) -> str:
        """Every number but the curves, indented; what is not applicable is null."""
        return super(BoxResult, replace(self, curves=())).json()


def _overall(result: BoxResult) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, summary in ((result.protocol, result.summary), ("naive (unlabelled is wrong)", result.naive)):
        precise = (summary.ap, summary.ap50, summary.ap75, summary.ap_small, summary.ap_medium, summary.ap_large)
        recalled = (summary.ar100, summary.ar_small, summary.ar_medium, summary.ar_large)
        rows.append((name, *precise, *recalled, summary.fitness))
    sizes = ("small", "medium", "large")
    columns = (
        "protocol",
        "AP",
        "AP50",
        "AP75",
        *(f"AP {s}" for s in sizes),
        "AR",
        *(f"AR {s}" for s in sizes),
        "fitness",
    )
    title = (
        f"Boxes: {result.pictures} pictures, {result.instances} boxes ({result.ignored} ignored), "
        f"{result.detections} detections ({result.left_out} not judged)"
    )
    return Table(title, columns, tuple(rows))


def _by_class(result: BoxResult) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (c.label, c.pictures, c.instances, c.detections, c.ap, c.ap50, c.ap75, c.ar, c.naive_ap50)
        for c in result.classes
    ]
    measured = [c for c in result.classes if not math.isnan(c.ap)]
    means = (mean([getattr(c, k) for c in measured]) for k in ("ap", "ap50", "ap75", "ar", "naive_ap50"))
    totals = ("mean", result.pictures, sum(c.instances for c in result.classes), result.detections)
    columns = ("class", "pictures", "boxes", "detections", "AP", "AP50", "AP75", "AR", "naive AP50")
    return Table("By class", columns, (*rows, (*totals, *means)))


def _at_thresholds(result: BoxResult) -> Table:
    columns = ["class", "best threshold", "precision", "recall", "F1"]
    limits = [point.threshold for point in result.classes[0].fixed] if result.classes else []
    for limit in limits:
        columns += [f"P@{limit:g}", f"R@{limit:g}", f"F1@{limit:g}"]
    rows: list[tuple[Cell, ...]] = []
    for c in result.classes:
        row: list[Cell] = [c.label, c.best.threshold, c.best.precision, c.best.recall, c.best.f1]
        for point in c.fixed:
            row += [point.precision, point.recall, point.f1]
        rows.append(tuple(row))
    return Table(
        "Precision, recall and F1 at IoU 0.5: at the best F1 and at fixed thresholds", tuple(columns), tuple(rows)
    )


def _by_source(result: BoxResult) -> tuple[Table, ...]:
    if not result.sources:
        return ()
    names = [c.label for c in result.classes if c.instances]
    rows: list[tuple[Cell, ...]] = [
        (s.source, s.pictures, s.instances, s.summary.ap, s.summary.ap50, s.summary.ar100, *(s.ap50[n] for n in names))
        for s in result.sources
    ]
    columns = ("source", "pictures", "boxes", "AP", "AP50", "AR", *names)
    return (Table("By source (class columns: AP50)", columns, tuple(rows)),)
