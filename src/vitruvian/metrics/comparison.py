"""Two models on the same pictures: which classes gain and lose, how sure that is, and on which pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.bootstrap import (
    Difference,
    Statistic,
    ap_statistic,
    bootstrap_difference,
    over_photographs,
    photographs,
)
from vitruvian.metrics.curves import OperatingPoint, curve
from vitruvian.metrics.judging import BoxProtocol, judge
from vitruvian.metrics.matching import Matches, match
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Cell, Result, Table


@dataclass(frozen=True, slots=True)
class ClassChange:
    """One class in both models.

    Attributes:
        label: Its name.
        boxes: Boxes that count.
        detections: Of A and of B.
        ap50: AP50 of both, with the interval of the gain and its p-value.
        first, second: Where A and B stand in the precision-recall plane, at their thresholds.
    """

    label: str
    boxes: int
    detections: tuple[int, int]
    ap50: Difference
    first: OperatingPoint
    second: OperatingPoint


@dataclass(frozen=True, slots=True)
class PictureChange:
    """One picture: F1 of all judged classes together, in A and in B; 1 where nothing is there and nothing was found."""

    file_name: str
    first: float
    second: float


@dataclass(frozen=True)
class ComparisonResult(Result):
    """The outcome of :func:`compare_boxes`.

    Attributes:
        names: What A and B are called.
        overall: Number -> difference.
        classes: By gain in AP50, the largest first; classes that are n/a last.
        pictures: Every picture, by gain in F1, the largest first.
        resamples: Bootstrap draws.
    """

    names: tuple[str, str]
    overall: Mapping[str, Difference]
    classes: tuple[ClassChange, ...]
    pictures: tuple[PictureChange, ...]
    resamples: int

    def headline(self) -> Mapping[str, float]:
        return {f"{name} gain": found.gain.value for name, found in self.overall.items()}

    def tables(self) -> tuple[Table, ...]:
        a, b = self.names
        columns = ("number", a, b, "gain", "low", "high", "p", "significant")
        overall = tuple((name, *_cells(found)) for name, found in self.overall.items())
        classes: list[tuple[Cell, ...]] = [
            (c.label, c.boxes, *c.detections, *_cells(c.ap50), *_arrow(c.first, c.second)) for c in self.classes
        ]
        return (
            Table(f"{b} against {a} ({self.resamples} paired bootstrap draws, 95 %)", columns, overall),
            Table(
                "AP50 by class, gains first",
                (
                    *("class", "boxes", f"detections {a}", f"detections {b}", a, b, "gain", "low", "high", "p"),
                    *("significant", f"precision {a}", f"precision {b}", f"recall {a}", f"recall {b}"),
                ),
                tuple(classes),
            ),
            *self._picture_tables(),
        )

    def _picture_tables(self) -> tuple[Table, ...]:
        def rows(chosen: list[PictureChange]) -> tuple[tuple[Cell, ...], ...]:
            return tuple((p.file_name, p.first, p.second, p.second - p.first) for p in chosen)

        columns = ("picture", *self.names, "gain")
        return tuple(Table(title, columns, rows(chosen)) for title, chosen in self.picture_lists().items())

    def picture_lists(self, count: int = 5) -> dict[str, list[PictureChange]]:
        """Title -> pictures: most gained and lost, and the best and worst of each model."""
        a, b = self.names
        by_first = sorted(self.pictures, key=lambda p: (p.first, p.file_name))
        by_second = sorted(self.pictures, key=lambda p: (p.second, p.file_name))
        return {
            "Pictures that gain most": [p for p in self.pictures[:count] if p.second > p.first],
            "Pictures that lose most": [p for p in self.pictures[::-1][:count] if p.second < p.first],
            f"Worst pictures of {a}": by_first[:count],
            f"Worst pictures of {b}": by_second[:count],
            f"Best pictures of {a}": by_first[::-1][:count],
            f"Best pictures of {b}": by_second[::-1][:count],
        }


def _cells(found: Difference) -> tuple[Cell, ...]:
    gain = found.gain
    sign = "yes" if found.significant else "no"
    return (found.first, found.second, gain.value, gain.low, gain.high, found.p_value, sign)


def _arrow(first: OperatingPoint, second: OperatingPoint) -> tuple[Cell, ...]:
    return (first.precision, second.precision, first.recall, second.recall)


def compare_boxes(
    truth: Dataset,
    first: Predictions,
    second: Predictions,
    names: tuple[str, str] = ("A", "B"),
    protocol: BoxProtocol = "partial",
    *,
    thresholds: tuple[Mapping[str, float], Mapping[str, float]] = ({}, {}),
    resamples: int = 500,
    seed: int = 0,
) -> ComparisonResult:
    """Compare two models' detections of the same pictures.

    Args:
        truth: The pictures.
        first: Detections of A.
        second: Detections of B.
        names: What to call them.
        protocol: As in :func:`vitruvian.metrics.evaluate_boxes`.
        thresholds: For A and B, label -> confidence of the precision-recall plane and of the pictures' F1; a label
            without one takes the threshold of its highest F1 on these very pictures.
        resamples: Paired bootstrap draws over pictures, the same for every class; copies of one photograph are drawn
            together.
        seed: Of the draws.

    Raises:
        MetricError: as :func:`vitruvian.metrics.judging.judge` does.
    """
    # Draws are over pictures in the order of their ids, so that the order of the truth does not matter.
    truth = replace(truth, pictures=tuple(sorted(truth.pictures, key=lambda picture: picture.id)))
    both = [match(judge(truth, found, protocol)) for found in (first, second)]
    photograph = photographs(truth)

    def paired(a: Statistic, b: Statistic) -> Difference:
        one, other = over_photographs(a, photograph), over_photographs(b, photograph)
        return bootstrap_difference(one, other, int(photograph.max()) + 1, resamples=resamples, seed=seed)

    overall = {
        "AP": paired(ap_statistic(both[0]), ap_statistic(both[1])),
        "AP50": paired(ap_statistic(both[0], 0.5), ap_statistic(both[1], 0.5)),
    }
    limits = [limits_of(m, chosen) for m, chosen in zip(both, thresholds, strict=True)]
    changes = []
    for i, label in enumerate(truth.labels):
        changes.append(
            ClassChange(
                label=label,
                boxes=both[0].positives(i),
                detections=(len(both[0].of_label(i)), len(both[1].of_label(i))),
                ap50=paired(_of_class(both[0], i), _of_class(both[1], i)),
                first=curve(both[0], i).at(float(limits[0][i])),
                second=curve(both[1], i).at(float(limits[1][i])),
            )
        )
    changes.sort(key=lambda c: (math.isnan(c.ap50.gain.value), -c.ap50.gain.value, c.label))
    scores = [f1_by_picture(m, limit) for m, limit in zip(both, limits, strict=True)]
    pictures = [
        PictureChange(picture.file_name, float(scores[0][i]), float(scores[1][i]))
        for i, picture in enumerate(truth.pictures)
    ]
    pictures.sort(key=lambda p: (p.first - p.second, p.file_name))
    return ComparisonResult(
        protocol=f"boxes-{protocol}-comparison",
        evaluator="vitruvian",
        notes=(),
        names=names,
        overall=overall,
        classes=tuple(changes),
        pictures=tuple(pictures),
        resamples=resamples,
    )


def _of_class(matches: Matches, label: int) -> Statistic:
    judged = matches.judged
    only = judged.where(judged.gt_label == label, judged.det_label == label)
    return ap_statistic(match(only, ious=(0.5,)))


def limits_of(matches: Matches, chosen: Mapping[str, float]) -> NDArray[np.float64]:
    """``(C,)`` threshold of each class: the chosen one, else that of its highest F1; infinite where there is none."""
    limits = [chosen.get(label, curve(matches, i).best_f1().threshold) for i, label in enumerate(matches.judged.labels)]
    return np.nan_to_num(np.array(limits, dtype=np.float64), nan=np.inf)


def f1_by_picture(matches: Matches, limits: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(P,)`` F1 of all judged classes of a picture together; 1 where nothing is there and nothing was found."""
    judged = matches.judged
    kept = (judged.det_scores[matches.det] >= limits[judged.det_label[matches.det]]) & ~matches.ignored[:, 0]
    pictures = judged.det_picture[matches.det]
    true = np.bincount(pictures[kept & matches.true[:, 0]], minlength=judged.pictures)
    found = np.bincount(pictures[kept], minlength=judged.pictures)
    boxes = np.bincount(judged.gt_picture[~judged.gt_ignore], minlength=judged.pictures)
    f1: NDArray[np.float64] = np.divide(2 * true, found + boxes, out=np.ones(judged.pictures), where=found + boxes > 0)
    return f1
