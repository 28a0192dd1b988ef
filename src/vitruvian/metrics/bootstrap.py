"""How sure a number is: bootstrap intervals over pictures, paired when two models are compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.judging import BoxProtocol, judge
from vitruvian.metrics.matching import Matches, average_precision, match
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table, mean

Statistic = Callable[[NDArray[np.float64]], float]
"""A number as a function of how often each of the N pictures was drawn: ``(N,)`` float64 counts."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its percentile bootstrap interval.

    Attributes:
        value: Over the pictures as they are.
        low, high: Ends of the interval; NaN where the value is.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Difference:
    """B minus A over the same draws of pictures.

    Attributes:
        first, second: Values of A and B.
        gain: Interval of B minus A.
        p_value: Two-sided: twice the share of draws on the rarer side of no difference, at most 1.
    """

    first: float
    second: float
    gain: Interval
    p_value: float

    @property
    def significant(self) -> bool:
        """The interval does not contain 0."""
        return self.gain.low > 0 or self.gain.high < 0


def bootstrap(
    statistic: Statistic, count: int, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Percentile bootstrap (Efron and Tibshirani 1993, ch. 13) of a number over ``count`` pictures.

    >>> values = np.arange(10.0)
    >>> found = bootstrap(lambda times: float((values * times).sum() / times.sum()), 10)
    >>> found.value, found.low < 4.5 < found.high
    (4.5, True)

    Raises:
        MetricError: without pictures, or for fewer than 2 resamples or a level outside (0, 1).
    """
    value, drawn = _draws((statistic,), count, resamples, level, seed)
    return _interval(value[0], drawn[:, 0], level)


def bootstrap_difference(
    first: Statistic, second: Statistic, count: int, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Difference:
    """The paired bootstrap: both numbers over the same draws, so that what the pictures share cancels out.

    Raises:
        MetricError: as :func:`bootstrap` does.
    """
    values, drawn = _draws((first, second), count, resamples, level, seed)
    gains = drawn[:, 1] - drawn[:, 0]
    known = gains[np.isfinite(gains)]
    p_value = min(1.0, 2 * min(float((known <= 0).mean()), float((known >= 0).mean()))) if len(known) else math.nan
    return Difference(values[0], values[1], _interval(values[1] - values[0], gains, level), p_value)


def _draws(
    statistics: tuple[Statistic, ...], count: int, resamples: int, level: float, seed: int
) -> tuple[list[float], NDArray[np.float64]]:
    if count < 1:
        raise MetricError("a bootstrap needs at least one picture")
    if resamples < 2 or not 0 < level < 1:
        raise MetricError("a bootstrap needs at least 2 resamples and a level between 0 and 1")
    once = np.ones(count)
    return [statistic(once) for statistic in statistics], draws(statistics, count, resamples, seed)


def draws(statistics: Sequence[Statistic], count: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """``(resamples, statistics)`` numbers over as many draws of ``count`` pictures with replacement."""
    generator = np.random.default_rng(seed)
    drawn = np.empty((resamples, len(statistics)))
    for row in drawn:
        times = np.bincount(generator.integers(0, count, count), minlength=count).astype(np.float64)
        row[:] = [statistic(times) for statistic in statistics]
    return drawn


def _interval(value: float, drawn: NDArray[np.float64], level: float) -> Interval:
    known = drawn[np.isfinite(drawn)]
    if math.isnan(value) or not len(known):
        return Interval(value, math.nan, math.nan)
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def photographs(truth: Dataset) -> NDArray[np.int64]:
    """``(pictures,)`` number of the photograph that each picture goes back to, from 0 on, in the order of the truth.

    Crops and covered copies of one are no independent pictures: they are drawn together (the cluster bootstrap; Davison
    and Hinkley 1997, section 3.8). Without any, every picture is one of its own.
    """
    if not any("original" in picture.attributes for picture in truth.pictures):
        return np.arange(len(truth.pictures))
    number: dict[tuple[str | None, str], int] = {}
    keys = ((picture.source, picture.original) for picture in truth.pictures)
    return np.array([number.setdefault(key, len(number)) for key in keys], dtype=np.int64)


def over_photographs(statistic: Statistic, photograph: NDArray[np.int64]) -> Statistic:
    """A statistic of the pictures as one of the photographs: a picture is there as often as its photograph."""
    return lambda times: statistic(times[photograph])


def ratio_statistic(numerators: NDArray[np.float64], denominators: NDArray[np.float64]) -> Statistic:
    """The ratio of two sums over pictures: means, rates, PCK. NaN where the denominator is 0."""

    def value(times: NDArray[np.float64]) -> float:
        whole = float(denominators @ times)
        return float(numerators @ times) / whole if whole else math.nan

    return value


def ap_statistic(matches: Matches, iou: float | None = None) -> Statistic:
    """Mean over classes of COCO's average precision, over all overlaps of ``matches`` or at ``iou`` alone."""
    judged = matches.judged
    levels = slice(None) if iou is None else slice(matches.ious.index(iou), matches.ious.index(iou) + 1)
    parts = []
    for label in range(len(judged.labels)):
        positives = np.bincount(
            judged.gt_picture[(judged.gt_label == label) & ~judged.gt_ignore], minlength=judged.pictures
        )
        if not positives.any():
            continue
        rows = matches.of_label(label)
        true, ignored = matches.true[rows, levels], matches.ignored[rows, levels]
        # What comes after the last right detection cannot change the curve.
        last = int(np.flatnonzero(true.any(1)).max(initial=-1)) + 1
        pictures = judged.det_picture[matches.det[rows[:last]]]
        parts.append((true[:last], ignored[:last], pictures, positives))

    def value(times: NDArray[np.float64]) -> float:
        return mean(
            [
                float(average_precision(true, ignored, int(positives @ times), times[pictures]).mean())
                for true, ignored, pictures, positives in parts
            ]
        )

    return value


@dataclass(frozen=True)
class IntervalResult(Result):
    """Intervals of the headline numbers, by name; ``pictures`` are those drawn from, copies of a photograph one."""

    resamples: int
    level: float
    pictures: int
    intervals: Mapping[str, Interval]

    def headline(self) -> Mapping[str, float]:
        return {name: found.value for name, found in self.intervals.items()}

    def tables(self) -> tuple[Table, ...]:
        rows = tuple((name, i.value, i.low, i.high) for name, i in self.intervals.items())
        title = f"{100 * self.level:g} % intervals, {self.resamples} bootstrap draws of {self.pictures} pictures"
        return (Table(title, ("number", "value", "low", "high"), rows),)


def bootstrap_boxes(
    truth: Dataset,
    predictions: Predictions,
    protocol: BoxProtocol = "partial",
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> IntervalResult:
    """Intervals of AP and AP50 (means over classes) over pictures; copies of one photograph are drawn together.

    Raises:
        MetricError: as :func:`vitruvian.metrics.judging.judge` and :func:`bootstrap` do.
    """
    matches = match(judge(truth, predictions, protocol))
    chosen = {"AP": ap_statistic(matches), "AP50": ap_statistic(matches, 0.5)}
    photograph = photographs(truth)
    count = int(photograph.max()) + 1
    intervals = {
        name: bootstrap(over_photographs(statistic, photograph), count, resamples=resamples, level=level, seed=seed)
        for name, statistic in chosen.items()
    }
    return IntervalResult(f"boxes-{protocol}-bootstrap", "vitruvian", (), resamples, level, count, intervals)
