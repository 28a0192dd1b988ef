"""Precision, recall and F1 of one class as its confidence threshold moves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.metrics.matching import Matches


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a class's detections of at least ``threshold`` amount to; a ratio over nothing is NaN.

    Attributes:
        threshold: Confidence; NaN where no threshold could be chosen.
        true, false, missed: Right detections, wrong ones, and boxes that none found.
    """

    threshold: float
    true: int
    false: int
    missed: int

    @property
    def precision(self) -> float:
        return _ratio(self.true, self.true + self.false)

    @property
    def recall(self) -> float:
        return _ratio(self.true, self.true + self.missed)

    @property
    def f1(self) -> float:
        """2TP / (2TP + FP + FN): the harmonic mean of precision and recall, and 0 where nothing right was found."""
        return _ratio(2 * self.true, 2 * self.true + self.false + self.missed)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Counts at every distinct score of a class, by falling score.

    Attributes:
        label: The class.
        iou: Overlap at which a detection counts as right.
        positives: Boxes that count.
        scores: ``(S,)`` float64 distinct scores; detections at least as sure are kept.
        true, false: ``(S,)`` int64 right and wrong detections that are kept.
    """

    label: str
    iou: float
    positives: int
    scores: NDArray[np.float64]
    true: NDArray[np.int64]
    false: NDArray[np.int64]

    @property
    def precision(self) -> NDArray[np.float64]:
        """``(S,)`` share of the kept that is right."""
        precision: NDArray[np.float64] = self.true / np.maximum(self.true + self.false, 1)
        return precision

    @property
    def recall(self) -> NDArray[np.float64]:
        """``(S,)`` share of the boxes that is found; NaN where there are none."""
        if not self.positives:
            return np.full(len(self.true), np.nan)
        recall: NDArray[np.float64] = self.true / self.positives
        return recall

    @property
    def f1(self) -> NDArray[np.float64]:
        """``(S,)`` F1; NaN where there are no boxes."""
        if not self.positives:
            return np.full(len(self.true), np.nan)
        f1: NDArray[np.float64] = 2 * self.true / (self.true + self.false + self.positives)
        return f1

    def at(self, threshold: float) -> OperatingPoint:
        """The counts when detections of at least ``threshold`` are kept."""
        kept = int(np.searchsorted(-self.scores, -threshold, side="right"))
        true, false = (int(self.true[kept - 1]), int(self.false[kept - 1])) if kept else (0, 0)
        return OperatingPoint(float(threshold), true, false, self.positives - true)

    def best_f1(self) -> OperatingPoint:
        """The point of the highest F1, of equals the surest; NaN threshold where there are no boxes or detections."""
        if not self.positives or not len(self.scores):
            return OperatingPoint(float("nan"), 0, 0, self.positives)
        return self.at(float(self.scores[int(np.argmax(self.f1))]))

    def for_precision(self, wanted: float) -> OperatingPoint | None:
        """The lowest threshold whose precision is at least ``wanted``, so with the highest recall; None if none is."""
        reached = np.flatnonzero((self.precision >= wanted) & (self.true > 0))
        return self.at(float(self.scores[reached[-1]])) if len(reached) else None

    def for_recall(self, wanted: float) -> OperatingPoint | None:
        """The highest threshold whose recall is at least ``wanted``; None if none is."""
        if not self.positives:
            return None
        reached = np.flatnonzero(self.recall >= wanted)
        return self.at(float(self.scores[reached[0]])) if len(reached) else None


def curve(matches: Matches, label: int, iou: float = 0.5) -> Curve:
    """The curve of class number ``label`` at one of the overlaps of ``matches``.

    Raises:
        ValueError: if the matches were not made at ``iou``.
    """
    level = matches.ious.index(iou)
    rows = matches.of_label(label)
    return pooled_curve(
        matches.judged.labels[label],
        matches.judged.det_scores[matches.det[rows]],
        matches.true[rows, level],
        matches.ignored[rows, level],
        matches.positives(label),
        iou,
    )


def pooled_curve(
    name: str,
    scores: NDArray[np.float64],
    true: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
    positives: int,
    iou: float = 0.5,
) -> Curve:
    """The curve of detections by falling score, given the fate of each: ``(D,)`` arrays."""
    scores, right = scores[~ignored], np.cumsum(true[~ignored])
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.zeros(0, dtype=np.int64)
    return Curve(
        label=name,
        iou=iou,
        positives=positives,
        scores=scores[last],
        true=right[last].astype(np.int64),
        false=(last + 1 - right[last]).astype(np.int64),
    )


def curves(matches: Matches, iou: float = 0.5) -> tuple[Curve, ...]:
    """The curve of every class, in the order of the labels."""
    return tuple(curve(matches, i, iou) for i in range(len(matches.judged.labels)))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
