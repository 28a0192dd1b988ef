"""How many faces are found at a stated precision, by degree of occlusion, with intervals over photographs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.bootstrap import Interval, Statistic, bootstrap
from vitruvian.metrics.curves import Curve, OperatingPoint
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.face_rates import ALL, FaceRates, face_rates
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Cell, Result, Table
from vitruvian.taxonomy import WHOLE_FACE

OCCLUSION = "occlusion_degree"
"""Attribute of pictures that ``vitruvian data occlude`` wrote: none, easy, medium or hard."""


@dataclass(frozen=True, slots=True)
class DegreeRecall:
    """The faces of one degree of occlusion, or of ``all``.

    Attributes:
        degree: Its name.
        pictures, originals, faces: Pictures, photographs that they go back to, and faces that count.
        ap50: Average precision at IoU 0.5.
        own: Where the detections of this degree alone have the wanted precision; threshold NaN where they never do.
        recall: Recall there, with its interval; 0 where the precision is out of reach.
        shared_recall: Recall at one threshold for all degrees, at which all together have the wanted precision.
        fixed: Counts at the fixed threshold.
        fixed_recall, fixed_precision: Recall and precision there.
        lower_bound: Some faces may be unlabelled, so precision is at least what is stated.
    """

    degree: str
    pictures: int
    originals: int
    faces: int
    ap50: Interval
    own: OperatingPoint
    recall: Interval
    shared_recall: Interval
    fixed: OperatingPoint
    fixed_recall: Interval
    fixed_precision: Interval
    lower_bound: bool


@dataclass(frozen=True)
class FaceRecallResult(Result):
    """The outcome of :func:`evaluate_face_recall`.

    Attributes:
        label: The class.
        wanted: The precision that was asked for.
        threshold: The fixed threshold.
        shared: Where all degrees together have the wanted precision.
        degrees: In the order of the truth, ``all`` last.
        curves: Counts at every score, by degree: for the F1-confidence curve.
        resamples: Bootstrap draws.
    """

    label: str
    wanted: float
    threshold: float
    shared: OperatingPoint
    degrees: tuple[DegreeRecall, ...]
    curves: tuple[Curve, ...]
    resamples: int

    def __getitem__(self, degree: str) -> DegreeRecall:
        for row in self.degrees:
            if row.degree == degree:
                return row
        raise KeyError(degree)

    def headline(self) -> Mapping[str, float]:
        return {f"recall at precision {self.wanted:g}, {d.degree}": d.recall.value for d in self.degrees}

    def tables(self) -> tuple[Table, ...]:
        return (self._reached(), self._fixed())

    def json(self) -> str:
        """Every number but the curves, indented; what is not applicable is null."""
        return super(FaceRecallResult, replace(self, curves=())).json()

    def _reached(self) -> Table:
        rows: list[tuple[Cell, ...]] = [
            (
                *(d.degree, d.pictures, d.originals, d.faces, *_cells(d.ap50)),
                *(*_cells(d.recall), d.own.threshold, *_cells(d.shared_recall)),
            )
            for d in self.degrees
        ]
        columns = (
            *("degree", "pictures", "photographs", "faces", "AP50", "low", "high"),
            *(f"R@P{self.wanted:g}", "low", "high", "threshold", "at one threshold", "low", "high"),
        )
        title = (
            f"{self.label}: recall at precision {self.wanted:g}, IoU 0.5; one threshold for all degrees is "
            f"{self.shared.threshold:.3f} (95 %, {self.resamples} draws of photographs)"
        )
        return Table(title, columns, tuple(rows))

    def _fixed(self) -> Table:
        rows: list[tuple[Cell, ...]] = [
            (
                *(d.degree, d.fixed.true, d.fixed.false, d.fixed.missed),
                *(*_cells(d.fixed_precision), *_cells(d.fixed_recall), d.fixed.f1),
            )
            for d in self.degrees
        ]
        columns = (
            *("degree", "right", "wrong", "missed", "precision", "low", "high", "recall", "low", "high"),
            "F1",
        )
        return Table(f"At threshold {self.threshold:g}", columns, tuple(rows))


def _cells(found: Interval) -> tuple[float, float, float]:
    return found.value, found.low, found.high


def evaluate_face_recall(
    truth: Dataset,
    predictions: Predictions,
    label: str = WHOLE_FACE,
    precision: float = 0.9,
    threshold: float = 0.5,
    *,
    by: str = OCCLUSION,
    resamples: int = 1000,
    seed: int = 0,
) -> FaceRecallResult:
    """Recall at a wanted precision and at a fixed threshold, for each degree of occlusion and for all.

    Args:
        truth: Crops of one face each with ignore regions (``vitruvian data crop``, ``data occlude``), or any pictures.
            Where a picture is not exhaustive for the label, precision is a lower bound, and a note says so.
        predictions: Down to a low score, or the curve ends before its precision falls to the wanted one.
        label: The class of the faces.
        precision: Wanted, in (0, 1].
        threshold: The fixed one: that which a model ships with.
        by: Attribute of the pictures that tells the degrees apart.
        resamples: Bootstrap draws of photographs, each with all its crops, degrees and seeds.
        seed: Of the draws.

    Raises:
        MetricError: for a precision outside (0, 1], an unknown label, predictions of unknown pictures, or as
            :func:`vitruvian.metrics.bootstrap` does.
    """
    check_precision(precision)
    rates = face_rates(truth, predictions, label, by)
    degrees = rates.groups if rates.groups[-1] == ALL else (*rates.groups, ALL)

    def interval(statistic: Statistic) -> Interval:
        return bootstrap(statistic, rates.originals, resamples=resamples, seed=seed)

    def row(degree: str) -> DegreeRecall:
        own = rates.of(degree)
        return DegreeRecall(
            degree=degree,
            pictures=int(own.pictures.sum()),
            originals=int((own.faces.sum(0) > 0).sum()),
            faces=int(own.faces.sum()),
            ap50=interval(own.average_precision()),
            own=point_at_precision(own, precision),
            recall=interval(own.recall_at_precision(precision)),
            shared_recall=interval(rates.recall_at_precision(precision, degree)),
            fixed=own.curve().at(threshold),
            fixed_recall=interval(own.recall_above(threshold)),
            fixed_precision=interval(own.precision_above(threshold)),
            lower_bound=bool(own.lower_bound.any()),
        )

    rows = tuple(row(degree) for degree in degrees)
    return FaceRecallResult(
        protocol="faces-recall",
        evaluator="vitruvian",
        notes=_notes(rows, precision),
        label=label,
        wanted=precision,
        threshold=threshold,
        shared=point_at_precision(rates, precision),
        degrees=rows,
        curves=tuple(rates.of(degree).curve() for degree in degrees),
        resamples=resamples,
    )


def check_precision(precision: float) -> None:
    """Refuse a precision that cannot be wanted.

    Raises:
        MetricError: outside (0, 1].
    """
    if not 0 < precision <= 1:
        raise MetricError(f"the wanted precision must be above 0 and at most 1, not {precision:g}")


def point_at_precision(rates: FaceRates, wanted: float) -> OperatingPoint:
    """Where the detections have the wanted precision and most recall; nothing found, threshold NaN, where nowhere."""
    found = rates.curve()
    return found.for_precision(wanted) or OperatingPoint(float("nan"), 0, 0, found.positives)


def _notes(rows: tuple[DegreeRecall, ...], precision: float) -> tuple[str, ...]:
    notes = []
    if bound := [row.degree for row in rows if row.lower_bound]:
        notes.append(f"faces may be unlabelled, so precision is a lower bound: {', '.join(bound)}")
    if never := [row.degree for row in rows if row.own.true == 0 and row.faces]:
        notes.append(f"precision {precision:g} is reached at no threshold, so recall is 0: {', '.join(never)}")
    return tuple(notes)
