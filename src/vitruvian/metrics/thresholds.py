"""Per-class confidence thresholds: fitted only where labels are complete, their gain measured on other pictures."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.bootstrap import draws
from vitruvian.metrics.curves import Curve, OperatingPoint, curve
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.judging import Judged, judge
from vitruvian.metrics.matching import Matches, match
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table, mean

Goal = Literal["f1", "precision", "recall"]


@dataclass(frozen=True, slots=True)
class ClassThreshold:
    """The fitted threshold of one class.

    Attributes:
        label: The class.
        pictures: Pictures that label it exhaustively; only these are used.
        support: Its boxes there.
        threshold: NaN where there is too little to fit it on, or the goal is out of reach.
        fitted: Counts at the threshold on the pictures it was fitted on: too good to be true.
        crossed: Counts when each fold of the pictures is judged with the threshold that the other folds give.
        uniform: Counts at the uniform threshold that it replaces.
    """

    label: str
    pictures: int
    support: int
    threshold: float
    fitted: OperatingPoint
    crossed: OperatingPoint
    uniform: OperatingPoint


@dataclass(frozen=True)
class ThresholdFit(Result):
    """The outcome of :func:`fit_thresholds`.

    Attributes:
        goal: What was maximised or held: ``f1``, ``precision`` or ``recall``.
        wanted: The precision or recall to hold; NaN for F1.
        folds: Folds of the cross-fit.
        classes: By class.
    """

    goal: Goal
    wanted: float
    folds: int
    classes: tuple[ClassThreshold, ...]

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Label -> threshold, for the classes that have one."""
        return {c.label: c.threshold for c in self.classes if not math.isnan(c.threshold)}

    def headline(self) -> Mapping[str, float]:
        fitted = [c for c in self.classes if not math.isnan(c.threshold)]
        return {
            "mean F1, cross-fitted": mean([c.crossed.f1 for c in fitted]),
            "mean F1, uniform": mean([c.uniform.f1 for c in fitted]),
        }

    def tables(self) -> tuple[Table, ...]:
        rows = [
            (
                *(c.label, c.pictures, c.support, c.threshold, c.crossed.precision, c.crossed.recall),
                *(c.crossed.f1, c.uniform.f1, c.crossed.f1 - c.uniform.f1, c.fitted.f1),
            )
            for c in self.classes
        ]
        columns = (
            *("class", "pictures", "boxes", "threshold", "precision", "recall"),
            *("F1", "F1 uniform", "gain", "F1 on the fit"),
        )
        goal = self.goal if math.isnan(self.wanted) else f"{self.goal} >= {self.wanted:g}"
        uniform = self.classes[0].uniform.threshold if self.classes else math.nan
        title = f"Thresholds for {goal}, IoU 0.5, cross-fitted over {self.folds} folds; uniform is {uniform:g}"
        return (Table(title, columns, tuple(rows)),)


def fit_thresholds(
    truth: Dataset,
    predictions: Predictions,
    goal: Goal = "f1",
    wanted: float = math.nan,
    *,
    minimum_support: int = 10,
    folds: int = 5,
    uniform: float = 0.5,
) -> ThresholdFit:
    """Fit one confidence threshold a class at IoU 0.5, on the pictures that label it exhaustively and on no others.

    Where labels are missing, right detections count as wrong, the precision curve sinks, and the threshold with it;
    hence only complete pictures teach it. The gain over ``uniform`` is stated cross-fitted: every fold is judged with
    the threshold that the other folds give. Folds go by a hash of the photograph's name, so they stay when data is
    added.

    Args:
        truth: Pictures with their exhaustive labels.
        predictions: Down to a low score, or the curve ends too early.
        goal: ``"f1"`` takes the highest F1; ``"precision"`` and ``"recall"`` the threshold that holds ``wanted``
            and gives up least of the other.
        wanted: In (0, 1], for those two.
        minimum_support: A class with fewer boxes gets no threshold, and a note.
        folds: At least 2.
        uniform: The threshold to compare with.

    Raises:
        MetricError: for an unknown goal, a goal without its ``wanted`` or F1 with one, fewer than 2 folds, or as
            :func:`judge` does.
    """
    if goal not in ("f1", "precision", "recall"):
        raise MetricError(f"unknown goal {goal!r}; there are 'f1', 'precision' and 'recall'")
    if goal == "f1" and not math.isnan(wanted):
        raise MetricError("goal 'f1' holds no value: leave it out, or take the goal 'precision' or 'recall'")
    if goal != "f1" and not 0 < wanted <= 1:
        raise MetricError(f"goal {goal!r} needs the value to hold, in (0, 1]")
    if folds < 2:
        raise MetricError("a cross-fit needs at least 2 folds")
    judged = judge(truth, predictions, "partial")
    fold = fold_of_pictures(truth, folds)
    whole = match(judged, ious=(0.5,))
    held_out = [match(judged.of_pictures(fold == k), ious=(0.5,)) for k in range(folds)]
    taught = [match(judged.of_pictures(fold != k), ious=(0.5,)) for k in range(folds)]
    rows, notes = [], []
    for i, label in enumerate(judged.labels):
        every = curve(whole, i)
        chosen = _choose(every, goal, wanted) if every.positives >= minimum_support else None
        if chosen is None:
            rows.append(_unfitted(judged, i, every, uniform))
            notes.append(_why_not(every, goal, wanted, minimum_support))
            continue
        points = []
        for inside, outside in zip(held_out, taught, strict=True):
            point = _choose(curve(outside, i), goal, wanted)
            points.append(curve(inside, i).at(chosen.threshold if point is None else point.threshold))
        crossed = OperatingPoint(
            chosen.threshold, sum(p.true for p in points), sum(p.false for p in points), sum(p.missed for p in points)
        )
        rows.append(
            ClassThreshold(
                *(label, int(judged.judged[:, i].sum()), every.positives, chosen.threshold),
                *(chosen, crossed, every.at(uniform)),
            )
        )
    return ThresholdFit("thresholds", "vitruvian", tuple(notes), goal, wanted, folds, tuple(rows))


def fold_of_pictures(truth: Dataset, folds: int) -> NDArray[np.int64]:
    """``(pictures,)`` fold number of each picture, by a hash of its photograph's name: all copies of one are together.

    >>> from pathlib import Path
    >>> from vitruvian.data.dataset import Dataset, Picture
    >>> pictures = tuple(Picture(i, f"{i}.png", 9, 9) for i in range(4))
    >>> before = fold_of_pictures(Dataset((), pictures[:3], Path(".")), 5)
    >>> bool((before == fold_of_pictures(Dataset((), pictures, Path(".")), 5)[:3]).all())
    True
    """
    names = (picture.original.encode() for picture in truth.pictures)
    return np.array([int(hashlib.sha256(name).hexdigest()[:8], 16) % folds for name in names], dtype=np.int64)


def bagged_threshold(matches: Matches, label: int, *, beta: float = 0.5, resamples: int = 200, seed: int = 0) -> float:
    """The threshold of the highest F-beta of class number ``label``, averaged over draws of the pictures.

    The curve is flat around its highest point, which a single picture can move far; the mean over bootstrap draws of
    the pictures (bagging: Breiman, Machine Learning 24, 1996) hardly moves. Of equal points the surest is taken.

    Args:
        matches: At one overlap.
        label: The class.
        beta: Below 1 precision counts more than recall: F-beta = (1 + b) TP / (TP + FP + b (TP + FN)), b = beta^2.
        resamples: Draws, each as many pictures as there are, with replacement.
        seed: Of the draws.

    Returns:
        The threshold; NaN where nothing that is found is right.
    """
    judged, square = matches.judged, beta * beta
    rows = matches.of_label(label)
    rows = rows[~matches.ignored[rows, 0]]
    scores, pictures = judged.det_scores[matches.det[rows]], judged.det_picture[matches.det[rows]]
    counted = (judged.gt_label == label) & ~judged.gt_ignore
    positives = np.bincount(judged.gt_picture[counted], minlength=judged.pictures)
    if not len(scores) or not positives.any():
        return math.nan
    right = matches.true[rows, 0]
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))

    def best(times: NDArray[np.float64]) -> float:
        kept, boxes = times[pictures], positives @ times
        true, false = np.cumsum(kept * right)[last], np.cumsum(kept * ~right)[last]
        if not boxes or not true[-1]:
            return math.nan
        return float(scores[last[np.argmax(true / (true + false + square * boxes))]])

    drawn = draws((best,), judged.pictures, resamples, seed)
    known = drawn[np.isfinite(drawn)]
    return float(known.mean()) if len(known) else math.nan


def _choose(found: Curve, goal: Goal, wanted: float) -> OperatingPoint | None:
    if goal == "precision":
        return found.for_precision(wanted)
    if goal == "recall":
        return found.for_recall(wanted)
    best = found.best_f1()
    return None if math.isnan(best.threshold) or not best.true else best


def _unfitted(judged: Judged, label: int, every: Curve, uniform: float) -> ClassThreshold:
    nothing = OperatingPoint(math.nan, 0, 0, 0)
    pictures = int(judged.judged[:, label].sum())
    return ClassThreshold(every.label, pictures, every.positives, math.nan, nothing, nothing, every.at(uniform))


def _why_not(every: Curve, goal: Goal, wanted: float, minimum_support: int) -> str:
    if every.positives < minimum_support:
        return f"{every.label}: {every.positives} boxes where it is judged, fewer than {minimum_support}: not fitted"
    if goal == "f1":
        return f"{every.label}: no detection is right at IoU 0.5: not fitted"
    return f"{every.label}: a {goal} of {wanted:g} is out of reach: not fitted"
