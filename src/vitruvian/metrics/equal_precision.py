"""Several face detectors at equal precision: who finds more, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.bootstrap import Difference, bootstrap_difference
from vitruvian.metrics.curves import OperatingPoint
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.face_rates import ALL, FaceRates, face_rates
from vitruvian.metrics.face_recall import OCCLUSION, check_precision, point_at_precision
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Cell, Result, Table
from vitruvian.taxonomy import WHOLE_FACE


@dataclass(frozen=True, slots=True)
class DetectorRecall:
    """One detector at one degree of occlusion.

    Attributes:
        detector, degree: Their names.
        point: Where the detector has the wanted precision at this degree; threshold NaN where it never does.
        own: Recall there, less that of the first detector (``second`` is this one), each at its own threshold.
        shared: The same with one threshold a detector for all degrees, at which all together have the precision.
    """

    detector: str
    degree: str
    point: OperatingPoint
    own: Difference
    shared: Difference


@dataclass(frozen=True)
class EqualPrecisionResult(Result):
    """The outcome of :func:`compare_at_precision`: a row for each degree and detector.

    Attributes:
        wanted: The precision.
        shared: Detector -> where all degrees together have it.
        rows: By degree, then in the order of the detectors.
        resamples: Bootstrap draws.
    """

    wanted: float
    shared: Mapping[str, OperatingPoint]
    rows: tuple[DetectorRecall, ...]
    resamples: int

    def headline(self) -> Mapping[str, float]:
        return {f"recall of {row.detector}, {row.degree}": row.own.second for row in self.rows}

    def tables(self) -> tuple[Table, ...]:
        first = self.rows[0].detector
        own = f"Recall at precision {self.wanted:g}, each degree at its own threshold"
        shared = f"Recall at precision {self.wanted:g} over all degrees, one threshold a detector"
        columns = ("degree", "detector", "threshold", "recall", f"gain over {first}", "low", "high", "p", "significant")
        at_own = tuple(
            (row.degree, row.detector, row.point.threshold, *_cells(row.own, row.detector == first))
            for row in self.rows
        )
        at_shared = tuple(
            (
                row.degree,
                row.detector,
                self.shared[row.detector].threshold,
                *_cells(row.shared, row.detector == first),
            )
            for row in self.rows
        )
        return (Table(own, columns, at_own), Table(shared, columns, at_shared))


def _cells(found: Difference, reference: bool) -> tuple[Cell, ...]:
    if reference:
        return (found.second, None, None, None, None, None)
    gain = found.gain
    return (found.second, gain.value, gain.low, gain.high, found.p_value, "yes" if found.significant else "no")


def compare_at_precision(
    truth: Dataset,
    detectors: Mapping[str, Predictions],
    label: str = WHOLE_FACE,
    precision: float = 0.9,
    *,
    by: str = OCCLUSION,
    resamples: int = 1000,
    seed: int = 0,
) -> EqualPrecisionResult:
    """Recall of several detectors where each has the same precision; gains over the first, paired over photographs.

    A detector that has the precision at no threshold has recall 0, and a note says so. See
    :func:`vitruvian.metrics.evaluate_face_recall` for the arguments.

    Args:
        truth: The pictures.
        detectors: Name -> detections; the first is what the others are compared with.
        label: The class of the faces.
        precision: Wanted, in (0, 1].
        by: Attribute of the pictures that tells the degrees apart.
        resamples: Draws, the same for all.
        seed: Of the draws.

    Raises:
        MetricError: without detectors, or as :func:`vitruvian.metrics.evaluate_face_recall` does.
    """
    check_precision(precision)
    if not detectors:
        raise MetricError("no detectors to compare")
    rates = {name: face_rates(truth, found, label, by) for name, found in detectors.items()}
    first = next(iter(rates.values()))
    degrees = first.groups if first.groups[-1] == ALL else (*first.groups, ALL)

    def gain(of: FaceRates, over: FaceRates, group: str) -> Difference:
        statistics = (over.recall_at_precision(precision, group), of.recall_at_precision(precision, group))
        return bootstrap_difference(*statistics, first.originals, resamples=resamples, seed=seed)

    rows = tuple(
        DetectorRecall(
            detector=name,
            degree=degree,
            point=point_at_precision(mine.of(degree), precision),
            own=gain(mine.of(degree), first.of(degree), ALL),
            shared=gain(mine, first, degree),
        )
        for degree in degrees
        for name, mine in rates.items()
    )
    never = [f"{row.detector} ({row.degree})" for row in rows if row.point.true == 0]
    notes = (f"precision {precision:g} is reached at no threshold, so recall is 0: {', '.join(never)}",)
    return EqualPrecisionResult(
        protocol="faces-equal-precision",
        evaluator="vitruvian",
        notes=notes if never else (),
        wanted=precision,
        shared={name: point_at_precision(mine, precision) for name, mine in rates.items()},
        rows=rows,
        resamples=resamples,
    )
