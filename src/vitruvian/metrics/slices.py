"""The same number over parts of the pictures, and the gap between the best and the worst part."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.bootstrap import Interval, Statistic, ap_statistic, bootstrap, photographs
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.judging import BoxProtocol, judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table

_MANY_VALUES = 12


@dataclass(frozen=True, slots=True)
class Slice:
    """The pictures with one value of the attribute: how many, boxes that count, AP, and AP50 with its interval."""

    value: str
    pictures: int
    boxes: int
    ap: float
    ap50: Interval


@dataclass(frozen=True)
class SliceResult(Result):
    """The outcome of :func:`evaluate_slices`, worst slice first; slices in which nothing counts come last."""

    attribute: str
    slices: tuple[Slice, ...]

    @property
    def gap(self) -> float:
        """AP50 of the best slice minus that of the worst; NaN with fewer than two."""
        known = [s.ap50.value for s in self.slices if not math.isnan(s.ap50.value)]
        return max(known) - min(known) if len(known) > 1 else math.nan

    def headline(self) -> Mapping[str, float]:
        return {f"AP50 gap by {self.attribute}": self.gap}

    def tables(self) -> tuple[Table, ...]:
        rows = tuple((s.value, s.pictures, s.boxes, s.ap, s.ap50.value, s.ap50.low, s.ap50.high) for s in self.slices)
        columns = (self.attribute, "pictures", "boxes", "AP", "AP50", "low", "high")
        return (Table(f"Slices by {self.attribute}: AP50 gap {self.gap:.3f}", columns, rows),)


def evaluate_slices(
    truth: Dataset,
    predictions: Predictions,
    attribute: str,
    protocol: BoxProtocol = "partial",
    *,
    resamples: int = 200,
    seed: int = 0,
) -> SliceResult:
    """AP and AP50 over the pictures of every value of ``attribute``.

    Numbers with more than 12 different values are cut at their quartiles. Where slices hold different classes, their
    means are over different classes, too; a note says so.

    Args:
        truth: Pictures whose ``attributes`` carry ``attribute``; ``source`` is :attr:`Picture.source`.
        predictions: Of the truth's pictures.
        attribute: Its name; pictures without it are ``unstated``.
        protocol: As in :func:`vitruvian.metrics.evaluate_boxes`.
        resamples: Bootstrap draws for the 95 % interval of each slice; copies of one photograph are drawn together.
        seed: Of the draws.

    Raises:
        MetricError: when no picture has the attribute, or as :func:`vitruvian.metrics.judging.judge` does.
    """
    values = _values(truth, attribute)
    judged = judge(truth, predictions, protocol)
    counted = ~judged.gt_ignore
    photograph = photographs(truth)
    rows, classes = [], set()
    for value in sorted(set(values)):
        chosen = np.array([v == value for v in values], dtype=bool)
        part = judged.of_pictures(chosen)
        matches = match(part)
        pictures = np.flatnonzero(chosen)
        interval = _interval(ap_statistic(matches, 0.5), pictures, photograph, resamples, seed)
        rows.append(
            Slice(
                value=value,
                pictures=len(pictures),
                boxes=int((counted & chosen[judged.gt_picture]).sum()),
                ap=ap_statistic(matches)(np.ones(len(truth))),
                ap50=interval,
            )
        )
        classes.add(frozenset(part.gt_label[~part.gt_ignore].tolist()))
    notes = ("slices hold different classes, so their means are over different classes",) if len(classes) > 1 else ()
    rows.sort(key=lambda s: (math.isnan(s.ap50.value), s.ap50.value))
    return SliceResult(f"boxes-{protocol}-slices", "vitruvian", notes, attribute, tuple(rows))


def _interval(
    statistic: Statistic, pictures: NDArray[np.int64], photograph: NDArray[np.int64], resamples: int, seed: int
) -> Interval:
    """Draw only among the photographs of ``pictures``; the others take no part."""
    drawn, number = np.unique(photograph[pictures], return_inverse=True)

    def of_part(times: NDArray[np.float64]) -> float:
        whole = np.zeros(len(photograph))
        whole[pictures] = times[number]
        return statistic(whole)

    return bootstrap(of_part, len(drawn), resamples=resamples, seed=seed)


def _values(truth: Dataset, attribute: str) -> list[str]:
    found = [p.source if attribute == "source" else p.attributes.get(attribute) for p in truth.pictures]
    stated = [v for v in found if v is not None]
    if not stated:
        raise MetricError(f"no picture of the truth has the attribute {attribute!r}")
    numbers = [float(v) for v in stated if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < len(stated) or len(set(numbers)) <= _MANY_VALUES:
        return ["unstated" if v is None else str(v) for v in found]
    edges = np.quantile(numbers, [0, 0.25, 0.5, 0.75, 1])
    names = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return ["unstated" if v is None else names[int(np.searchsorted(edges[1:-1], float(v), side="left"))] for v in found]
