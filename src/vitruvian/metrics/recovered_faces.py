"""Second looks side by side: what each recovers of the faces that the first pass missed, and at equal precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.bootstrap import Interval, bootstrap, ratio_statistic
from vitruvian.metrics.judging import judge
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Cell, Result, Table
from vitruvian.metrics.second_look import SecondLookCurve, second_look_curve
from vitruvian.metrics.thresholds import fold_of_pictures


@dataclass(frozen=True, slots=True, eq=False)
class Passes:
    """Both passes on some pictures.

    Attributes:
        truth: The pictures; copies of one photograph say so in the attribute ``original``.
        first: What the first pass reports.
        second: By name of the second look, its faces at a low threshold without those that the first pass has.
    """

    truth: Dataset
    first: Predictions
    second: Mapping[str, Predictions]

    def side(self, odd: bool) -> Passes:
        """Photographs whose names have an odd or an even hash; what is fitted on one side is judged on the other."""
        keep = odd_photographs(self.truth) == odd
        pictures = tuple(p for p, kept in zip(self.truth.pictures, keep, strict=True) if kept)

        def cut(found: Predictions) -> Predictions:
            return found[keep[found.picture_index(self.truth)]]

        second = {name: cut(found) for name, found in self.second.items()}
        return Passes(replace(self.truth, pictures=pictures), cut(self.first), second)


@dataclass(frozen=True, slots=True)
class RecoveredRow:
    """One second look on one set.

    Attributes:
        name, set_name: Of the look, and of the pictures.
        threshold: Of the look.
        faces, missed: Labelled faces, and those that the first pass does not find.
        recovered, wrong: Right and wrong detections of the look.
        share: Of the missed faces that are recovered, over photographs.
        precision: Of the look's detections, likewise; NaN where it has none.
    """

    name: str
    set_name: str
    threshold: float
    faces: int
    missed: int
    recovered: int
    wrong: int
    share: Interval
    precision: Interval


@dataclass(frozen=True)
class RecoveredFacesResult(Result):
    """The outcome of :func:`evaluate_recovered`: a row for each set and look."""

    rows: tuple[RecoveredRow, ...]

    def headline(self) -> Mapping[str, float]:
        return {f"{row.name}, {row.set_name}": row.share.value for row in self.rows}

    def tables(self) -> tuple[Table, ...]:
        columns = ("set", "second look", "threshold", "faces", "missed", "recovered", "wrong",
                   "share recovered", "low", "high", "precision", "low ", "high ")  # fmt: skip
        cells: tuple[tuple[Cell, ...], ...] = tuple(
            (r.set_name, r.name, r.threshold, r.faces, r.missed, r.recovered, r.wrong,
             r.share.value, r.share.low, r.share.high, r.precision.value, r.precision.low, r.precision.high)
            for r in self.rows
        )  # fmt: skip
        return (Table("Faces that the first pass missed", columns, cells),)


def fit_second_thresholds(sets: Mapping[str, Passes], label: str, precision: float) -> dict[str, float | None]:
    """For each look the lowest threshold at which its faces, over all sets together, are that precise."""
    pooled: dict[str, list[SecondLookCurve]] = {}
    for passes in sets.values():
        for name, found in passes.second.items():
            pooled.setdefault(name, []).append(second_look_curve(passes.truth, passes.first, found, label))
    return {name: joined_curves(curves).threshold_for(precision) for name, curves in pooled.items()}


def evaluate_recovered(
    sets: Mapping[str, Passes], label: str, thresholds: Mapping[str, float | None], resamples: int = 1000, seed: int = 0
) -> RecoveredFacesResult:
    """What each second look recovers at its threshold, set by set.

    Args:
        sets: By name.
        label: The face class.
        thresholds: By name of the look; None recovers nothing.
        resamples: Bootstrap draws of photographs.
        seed: Of the draws.
    """
    rows = []
    for set_name, passes in sets.items():
        for name, found in passes.second.items():
            limit = thresholds[name]
            limit = float("inf") if limit is None else limit
            curve = second_look_curve(passes.truth, passes.first, found, label)
            rows.append(_row(name, set_name, limit, curve, passes, label, resamples, seed))
    return RecoveredFacesResult("faces-second-look", "vitruvian", (), tuple(rows))


def originals(truth: Dataset) -> list[str]:
    """The photograph that each picture is a copy of, or the picture itself."""
    return [picture.original for picture in truth.pictures]


def odd_photographs(truth: Dataset) -> NDArray[np.bool_]:
    """Whether each picture's photograph has a name of an odd hash: all copies of a photograph are on one side."""
    odd: NDArray[np.bool_] = fold_of_pictures(truth, 2) == 1
    return odd


def one_ranking(first: Predictions, second: Predictions) -> Predictions:
    """Both passes as one list, every face of the first ahead of every one of the second; scores stay within 0..1."""
    return Predictions(
        np.concatenate((first.image_ids, second.image_ids)),
        np.concatenate((first.boxes, second.boxes)),
        np.concatenate((0.5 + first.scores / 2, second.scores / 2)),
        np.concatenate((first.labels, second.labels)),
        first.names,
    )


def _row(
    name: str,
    set_name: str,
    limit: float,
    curve: SecondLookCurve,
    passes: Passes,
    label: str,
    resamples: int,
    seed: int,
) -> RecoveredRow:
    right, wrong = curve.at(limit)
    _, number = np.unique(originals(passes.truth), return_inverse=True)
    count = int(number.max(initial=-1)) + 1
    chosen = curve.scores >= limit
    photograph = number[curve.picture[chosen]]
    true = np.bincount(photograph[curve.right[chosen]], minlength=count).astype(np.float64)
    all_found = np.bincount(photograph, minlength=count).astype(np.float64)
    missed = _missed(passes, label, number, count)
    return RecoveredRow(
        name,
        set_name,
        limit,
        curve.faces,
        curve.missed,
        right,
        wrong,
        bootstrap(ratio_statistic(true, missed), count, resamples=resamples, seed=seed),
        bootstrap(ratio_statistic(true, all_found), count, resamples=resamples, seed=seed),
    )


def _missed(passes: Passes, label: str, number: NDArray[np.int64], count: int) -> NDArray[np.float64]:
    """Missed faces of each photograph."""
    alone = second_look_curve(passes.truth, Predictions.empty(passes.first.names), passes.first, label)
    judged = judge(passes.truth, Predictions.empty((label,)))
    counted = judged.gt_picture[(judged.gt_label == judged.labels.index(label)) & ~judged.gt_ignore]
    faces: NDArray[np.float64] = np.bincount(number[counted], minlength=count).astype(np.float64)
    found: NDArray[np.float64] = np.bincount(number[alone.picture[alone.right]], minlength=count).astype(np.float64)
    return faces - found


def joined_curves(curves: list[SecondLookCurve]) -> SecondLookCurve:
    """Several sets' detections as one list; ``picture`` and ``row`` stay those of their own sets."""
    scores = np.concatenate([c.scores for c in curves])
    order = np.argsort(-scores, kind="stable")
    right = np.concatenate([c.right for c in curves])[order]
    true = np.cumsum(right)
    return SecondLookCurve(
        faces=sum(c.faces for c in curves),
        first_true=sum(c.first_true for c in curves),
        first_false=sum(c.first_false for c in curves),
        scores=scores[order],
        true=true,
        false=np.arange(1, len(true) + 1) - true,
        picture=np.concatenate([c.picture for c in curves])[order],
        right=right,
        row=np.concatenate([c.row for c in curves])[order],
    )
