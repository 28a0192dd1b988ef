"""The study of covered faces as one report: the occluded-face thesis's tables 4 to 13 on other data, and what it adds.

Everything is computed from detections at a low threshold; nothing here runs a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.metrics import MetricError, Predictions, compare_at_precision, evaluate_boxes, pool
from vitruvian.metrics.curves import Curve, curves
from vitruvian.metrics.judging import judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.recovered_faces import (
    Passes,
    RecoveredFacesResult,
    evaluate_recovered,
    fit_second_thresholds,
    one_ranking,
)
from vitruvian.metrics.result import Cell, Result, Table
from vitruvian.metrics.second_look import second_look_curve
from vitruvian.taxonomy import WHOLE_FACE

LEVELS = ("none", "easy", "medium", "hard")
WANTED = 0.9
BOTH_HALVES = "all levels, both halves"


@dataclass(frozen=True, eq=False)
class FaceSets:
    """Detections of whole faces in several sets of pictures, at a low threshold.

    Attributes:
        truth: By name: ``none``, ``easy``, ``medium``, ``hard`` (covered faces, all seeds pooled) and further ones.
        first: Of the first pass, by set.
        second: Of each second look for itself, by its name and set.
        after: Of each second look beyond the first pass at its threshold, likewise.
        others: Of further detectors, by their name and set.
        threshold: Of the first pass.
    """

    truth: Mapping[str, Dataset]
    first: Mapping[str, Predictions]
    second: Mapping[str, Mapping[str, Predictions]]
    after: Mapping[str, Mapping[str, Predictions]]
    others: Mapping[str, Mapping[str, Predictions]]
    threshold: float

    def passes(self) -> dict[str, Passes]:
        """Both passes by set, the first at its threshold."""
        result = {}
        for name, truth in self.truth.items():
            sure = self.first[name].above(self.threshold)
            looks = {look: found[name] for look, found in self.after.items()}
            result[name] = Passes(truth, sure, looks)
        return result


def detector_table(title: str, sets: FaceSets, detectors: Mapping[str, Mapping[str, Predictions]]) -> Table:
    """Precision, recall and F1 at the highest F1 of a set, AP50 and AP, a row for each set and detector (tables 5 to 7,
    10 and 12 of the thesis)."""
    rows: list[tuple[Cell, ...]] = []
    for set_name, truth in sets.truth.items():
        faces = sum(a.label == WHOLE_FACE and not a.ignore for p in truth.pictures for a in p.annotations)
        if not faces:
            continue
        for name, found in detectors.items():
            result = evaluate_boxes(truth, found[set_name])[WHOLE_FACE]
            point = face_curve(truth, found[set_name]).best_f1()
            rows.append((set_name, name, faces, point.threshold, point.precision, point.recall, point.f1,
                         result.ap50, result.ap))  # fmt: skip
    columns = ("set", "detector", "faces", "threshold of the best F1", "precision", "recall", "F1", "AP50", "AP")
    return Table(title, columns, tuple(rows))


def face_curve(truth: Dataset, found: Predictions, name: str = WHOLE_FACE) -> Curve:
    """Precision and recall of whole faces over the threshold at IoU 0.5, under another name if wanted."""
    every = curves(match(judge(truth, found, "partial"), ious=(0.5,)))
    return replace(next(c for c in every if c.label == WHOLE_FACE), label=name)


def coverage_table(title: str, sets: FaceSets) -> Table:
    """Second looks as detectors of their own, each at the threshold of its best F1 (thesis, tables 8, 11, 13).

    The threshold is that of all covered faces of one half of the photographs; detections, right ones, the share of
    faces that they cover and the lowest score of a right one (at any threshold) are of the other half.
    """
    rows: list[tuple[Cell, ...]] = []
    nothing = Predictions.empty((WHOLE_FACE,))
    alone = {name: Passes(truth, nothing, {look: found[name] for look, found in sets.second.items()})
             for name, truth in sets.truth.items()}  # fmt: skip
    fitted = _together(_half(alone, odd=False), _levels(sets))
    counted = _half(alone, odd=True)
    for look, found in fitted.second.items():
        threshold = face_curve(fitted.truth, found).best_f1().threshold
        for name, mine in counted.items():
            curve = second_look_curve(mine.truth, nothing, mine.second[look], WHOLE_FACE)
            right, wrong = curve.at(threshold)
            lowest = float(curve.scores[curve.right].min()) if curve.right.any() else float("nan")
            share = right / curve.faces if curve.faces else float("nan")
            rows.append((look, name, threshold, curve.faces, right + wrong, right, share, lowest))
    columns = ("second look", "set", "threshold", "faces", "detections", "right", "coverage", "lowest right score")
    return Table(title, columns, tuple(rows))


@dataclass(frozen=True)
class RecoveryStudy(Result):
    """What second looks recover, and what the same precision brings without them.

    Attributes:
        recovered: On the half of the photographs that no threshold was fitted on; looks that came with one are counted
            on both halves besides.
        thresholds: Of each look, its own or from the other half.
        equal: All ways at equal precision, over the covered faces of all levels.
    """

    recovered: RecoveredFacesResult
    thresholds: Mapping[str, float | None]
    equal: Result

    def headline(self) -> Mapping[str, float]:
        return {f"recovered by {row.name}, {row.set_name}": row.share.value for row in self.recovered.rows}

    def tables(self) -> tuple[Table, ...]:
        return (*self.recovered.tables(), *self.equal.tables())


def recovery_study(
    sets: FaceSets, shipped: Mapping[str, float] | None = None, alone: Sequence[str] = (), resamples: int = 1000
) -> RecoveryStudy:
    """Compare second looks with each other and with doing without.

    Args:
        sets: Detections.
        shipped: Thresholds of looks that have one, from other photographs; the others' are fitted on the even half of
            the levels and of sets that show nobody.
        alone: Detectors among ``sets.others`` that are compared at equal precision too.
        resamples: Bootstrap draws of photographs.
    """
    passes = sets.passes()
    levels = _levels(sets)
    half, other_half = (_half(passes, odd) for odd in (False, True))
    # As for the shipped ones: where precision is known, each photograph once. In crowds it is only a lower bound.
    fitted_on = {name: each for name, each in half.items() if name in levels or not _has_faces(each.truth)}
    thresholds = {**fit_second_thresholds(fitted_on, WHOLE_FACE, WANTED), **(shipped or {})}
    everything = _together(passes, levels)
    counted = {**other_half, "all levels": _together(other_half, levels)}
    if shipped:
        counted[BOTH_HALVES] = replace(everything, second={look: everything.second[look] for look in shipped})
    recovered = evaluate_recovered(counted, WHOLE_FACE, thresholds, resamples)
    ways: dict[str, Predictions] = {}
    truth, lower = pool([(sets.truth[n], sets.first[n]) for n in levels])
    ways["first pass, lower threshold"] = lower
    for look, found in everything.second.items():
        ways[f"first pass, then {look}"] = one_ranking(everything.first, found)
    ways["first pass at its threshold"] = everything.first
    for name in alone:
        ways[name] = pool([(sets.truth[n], sets.others[name][n]) for n in levels])[1]
    equal = compare_at_precision(truth, ways, WHOLE_FACE, WANTED, resamples=resamples)
    return RecoveryStudy("faces-second-look", "vitruvian", (), recovered, thresholds, equal)


def _has_faces(truth: Dataset) -> bool:
    return any(picture.annotations for picture in truth.pictures)


def _half(passes: Mapping[str, Passes], odd: bool) -> dict[str, Passes]:
    """One half of the photographs of each set, without sets of which it has none.

    Raises:
        MetricError: when it has no photograph of any level of occlusion.
    """
    halves = {name: each.side(odd) for name, each in passes.items()}
    kept = {name: half for name, half in halves.items() if half.truth.pictures}
    if not any(level in kept for level in LEVELS):
        raise MetricError("too few photographs of covered faces to fit thresholds on one half and count on the other")
    return kept


def _levels(sets: FaceSets) -> list[str]:
    return [name for name in LEVELS if name in sets.truth]


def _together(passes: Mapping[str, Passes], names: Sequence[str]) -> Passes:
    names = [name for name in names if name in passes]
    looks = passes[names[0]].second
    truth, first = pool([(passes[n].truth, passes[n].first) for n in names])
    second = {look: pool([(passes[n].truth, passes[n].second[look]) for n in names])[1] for look in looks}
    return Passes(truth, first, second)


def recovered_examples(
    passes: Passes, look: str, threshold: float, count: int, right: bool
) -> list[tuple[int, np.ndarray, float]]:
    """Pictures to look at: index of the picture, box and score of faces that a look recovered, or wrongly claims.

    They are spread evenly over the scores, so that they are typical and not the best.
    """
    found = passes.second[look].above(threshold)
    found = found[found.labels == found.names.index(WHOLE_FACE)]
    curve = second_look_curve(passes.truth, passes.first, found, WHOLE_FACE)
    rows = np.flatnonzero(curve.right == right)
    if len(rows) > count:
        rows = rows[np.linspace(0, len(rows) - 1, count).round().astype(int)]
    return [(int(curve.picture[row]), found.boxes[curve.row[row]], float(curve.scores[row])) for row in rows]
