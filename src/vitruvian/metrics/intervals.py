"""Bootstrap intervals of the headline numbers of results that carry their numbers picture by picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.bootstrap import Interval, IntervalResult, Statistic, bootstrap, ratio_statistic
from vitruvian.metrics.challenger import ChallengerResult
from vitruvian.metrics.classified import Classified
from vitruvian.metrics.landmarks import LandmarkResult
from vitruvian.metrics.oks import evaluate_pose
from vitruvian.metrics.pairing import skeleton_of
from vitruvian.metrics.pck import PckResult
from vitruvian.metrics.predictions import Predictions
from vitruvian.taxonomy import Skeleton

Measured = LandmarkResult | PckResult | ChallengerResult
"""Results that carry what their headline is made of, picture by picture."""


def bootstrap_result(result: Measured, *, resamples: int = 1000, level: float = 0.95, seed: int = 0) -> IntervalResult:
    """Intervals over the pictures that a result measured; people of one picture are drawn together.

    Raises:
        MetricError: as :func:`vitruvian.metrics.bootstrap.bootstrap` does.
    """
    chosen, count = result_statistics(result)
    return _intervals(result.protocol, chosen, count, resamples, level, seed)


def result_statistics(result: Measured) -> tuple[dict[str, Statistic], int]:
    """Headline number -> how it follows from the pictures drawn, and how many pictures there are to draw from.

    Two results on the same truth count the same pictures in the same order, so that their draws can be paired.
    """
    if isinstance(result, ChallengerResult):
        parts = result.by_picture
        return {"AI Challenger mAP": ratio_statistic(parts[:, 0], parts[:, 1])}, len(parts)
    _, place = np.unique(result.pictures, return_inverse=True)
    count = int(place.max()) + 1 if len(place) else 0

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(place, values, minlength=count).astype(np.float64)

    if isinstance(result, PckResult):
        right, labelled = result.right.T.astype(np.float64)
        return {next(iter(result.headline())): ratio_statistic(total(right), total(labelled))}, count
    found = np.isfinite(result.errors)
    error, faces = np.where(found, result.errors, 0.0), total(np.ones(len(found)))
    return {
        "NME %": ratio_statistic(100 * total(error), total(found.astype(np.float64))),
        "failures at 10 %": ratio_statistic(total((result.errors > 0.1).astype(np.float64)), faces),
        "AUC10": ratio_statistic(total((1 - result.errors / 0.1).clip(min=0)), faces),
    }, count


def bootstrap_activity(
    outcome: Classified, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> IntervalResult:
    """Intervals of top-1, balanced accuracy and macro F1 over pictures.

    Raises:
        MetricError: as :func:`vitruvian.metrics.bootstrap.bootstrap` does.
    """
    return _intervals("activity", activity_statistics(outcome), len(outcome), resamples, level, seed)


def activity_statistics(outcome: Classified) -> dict[str, Statistic]:
    """Top-1, balanced accuracy and macro F1 as they follow from the pictures drawn."""
    size = len(outcome.labels)
    cell = outcome.truth * size + outcome.chosen

    def counted(times: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(cell, times, minlength=size * size).astype(np.float64).reshape(size, size)

    def top1(times: NDArray[np.float64]) -> float:
        return float(np.trace(counted(times)) / times.sum())

    def balanced(times: NDArray[np.float64]) -> float:
        matrix = counted(times)
        support = matrix.sum(1)
        present = support > 0
        return float((np.diag(matrix)[present] / support[present]).mean())

    def macro(times: NDArray[np.float64]) -> float:
        matrix = counted(times)
        present = matrix.sum(1) > 0
        both = (matrix.sum(0) + matrix.sum(1))[present]
        return float((2 * np.diag(matrix)[present] / both).mean())

    return {"top-1": top1, "balanced accuracy": balanced, "macro F1": macro}


def bootstrap_pose(
    truth: Dataset,
    predictions: Predictions,
    skeleton: Skeleton | None = None,
    *,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> IntervalResult:
    """The interval of OKS AP over pictures; every draw is a whole evaluation, so it takes that many times as long.

    Raises:
        MetricError: as :func:`vitruvian.metrics.evaluate_pose` and :func:`vitruvian.metrics.bootstrap.bootstrap` do.
    """
    chosen = {"OKS AP": pose_statistic(truth, predictions, skeleton)}
    return _intervals("pose-oks", chosen, len(truth), resamples, level, seed)


def pose_statistic(truth: Dataset, predictions: Predictions, skeleton: Skeleton | None = None) -> Statistic:
    """OKS AP of the pictures drawn; a picture drawn twice is there twice."""
    chosen = skeleton or skeleton_of(truth)
    index = predictions.picture_index(truth)
    rows = [np.flatnonzero(index == i) for i in range(len(truth))]

    def average(times: NDArray[np.float64]) -> float:
        drawn = np.repeat(np.arange(len(truth)), times.astype(np.int64))
        pictures = tuple(replace(truth.pictures[i], id=number) for number, i in enumerate(drawn, start=1))
        kept = predictions[np.concatenate([rows[i] for i in drawn])]
        ids = np.repeat(np.arange(1, len(drawn) + 1), [len(rows[i]) for i in drawn])
        renumbered = Predictions(ids, kept.boxes, kept.scores, kept.labels, kept.names, kept.keypoints)
        return evaluate_pose(replace(truth, pictures=pictures), renumbered, chosen).ap

    return average


def _intervals(
    protocol: str, chosen: Mapping[str, Statistic], count: int, resamples: int, level: float, seed: int
) -> IntervalResult:
    found: dict[str, Interval] = {
        name: bootstrap(statistic, count, resamples=resamples, level=level, seed=seed)
        for name, statistic in chosen.items()
    }
    return IntervalResult(f"{protocol}-bootstrap", "vitruvian", (), resamples, level, count, found)
