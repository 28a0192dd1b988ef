"""Right and wrong face detections by falling score, and what they amount to when original pictures are drawn anew.

Crops and occluded copies of one photograph are no independent pictures: an interval draws the photographs, each with
all its copies (the cluster bootstrap; Davison and Hinkley 1997, section 3.8).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset, Picture
from vitruvian.metrics.bootstrap import Statistic, ratio_statistic
from vitruvian.metrics.curves import Curve, pooled_curve
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.judging import judge
from vitruvian.metrics.matching import average_precision, match
from vitruvian.metrics.predictions import Predictions

ALL = "all"


@dataclass(frozen=True, slots=True, eq=False)
class FaceRates:
    """Detections that count, by falling score, and the faces to find.

    Attributes:
        label: The class.
        iou: Overlap at which a detection is right.
        scores: ``(D,)`` float64, falling.
        true: ``(D,)`` bool; every other detection is wrong.
        original: ``(D,)`` int64 number of the photograph that the detection's picture goes back to.
        group: ``(D,)`` int64 index into ``groups``.
        groups: Values of the attribute that the pictures are told apart by, in the order of the truth.
        faces: ``(groups, originals)`` float64 faces that count.
        pictures: ``(groups,)`` int64 pictures.
        lower_bound: ``(groups,)`` bool: in some picture other faces may be unlabelled, so precision may be higher.
    """

    label: str
    iou: float
    scores: NDArray[np.float64]
    true: NDArray[np.bool_]
    original: NDArray[np.int64]
    group: NDArray[np.int64]
    groups: tuple[str, ...]
    faces: NDArray[np.float64]
    pictures: NDArray[np.int64]
    lower_bound: NDArray[np.bool_]

    @property
    def originals(self) -> int:
        """Number of photographs, of which the bootstrap draws."""
        return int(self.faces.shape[1])

    def of(self, name: str) -> FaceRates:
        """Those of one group; ``"all"`` is everything."""
        if name == ALL:
            return self
        place = self.groups.index(name)
        keep, one = self.group == place, slice(place, place + 1)
        return replace(
            self,
            scores=self.scores[keep],
            true=self.true[keep],
            original=self.original[keep],
            group=np.zeros(int(keep.sum()), dtype=np.int64),
            groups=(name,),
            faces=self.faces[one],
            pictures=self.pictures[one],
            lower_bound=self.lower_bound[one],
        )

    def curve(self) -> Curve:
        """Counts at every score."""
        nothing = np.zeros(len(self.true), dtype=bool)
        name = self.groups[0] if len(self.groups) == 1 else ALL
        return pooled_curve(name, self.scores, self.true, nothing, int(self.faces.sum()), self.iou)

    def average_precision(self) -> Statistic:
        """COCO's average precision at ``iou``; NaN without faces."""
        nothing, faces = np.zeros((len(self.true), 1), dtype=bool), self.faces.sum(0)
        true = self.true[:, None]

        def value(times: NDArray[np.float64]) -> float:
            return float(average_precision(true, nothing, int(faces @ times), times[self.original])[0])

        return value

    def recall_at_precision(self, wanted: float, group: str = ALL) -> Statistic:
        """Recall (of one group, or of all) at the lowest threshold at which all together are right so often.

        0 where no threshold is: such a detector finds nothing at that precision. The threshold is chosen anew in every
        draw.
        """
        mine = self.true if group == ALL else self.true & (self.group == self.groups.index(group))
        faces = self.faces.sum(0) if group == ALL else self.faces[self.groups.index(group)]
        last = np.flatnonzero(np.append(self.scores[1:] != self.scores[:-1], True)[: len(self.scores)])

        def value(times: NDArray[np.float64]) -> float:
            whole = float(faces @ times)
            if not whole:
                return math.nan
            weights = times[self.original]
            kept = np.cumsum(weights)[last]
            right = np.cumsum(weights * self.true)[last]
            reached = np.flatnonzero((right / np.maximum(kept, 1) >= wanted) & (right > 0))
            if not len(reached):
                return 0.0
            cut = int(last[reached[-1]]) + 1
            return float(weights[:cut] @ mine[:cut]) / whole

        return value

    def recall_above(self, threshold: float) -> Statistic:
        """Recall of detections of at least ``threshold``."""
        return ratio_statistic(self._counted(self.true & (self.scores >= threshold)), self.faces.sum(0))

    def precision_above(self, threshold: float) -> Statistic:
        """Precision of detections of at least ``threshold``; NaN where there are none."""
        kept = self.scores >= threshold
        return ratio_statistic(self._counted(self.true & kept), self._counted(kept))

    def _counted(self, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(self.original[rows], minlength=self.originals).astype(np.float64)


def face_rates(
    truth: Dataset, predictions: Predictions, label: str, by: str | None = None, iou: float = 0.5
) -> FaceRates:
    """Match detections of one class to its boxes, and number the photographs.

    A picture that is exhaustive for the label, or says in which regions it is, is judged as under ``boxes-partial``. In
    any other, whatever is not labelled counts as wrong, and precision is a lower bound. Ignore regions hold everywhere.

    Args:
        truth: Pictures; copies of one photograph say so by the attribute ``original``, else a file is one.
        predictions: Any labels; only ``label`` is looked at.
        label: The class.
        by: Attribute of the pictures to tell them apart by; None, or one that no picture has, for none.
        iou: Overlap at which a detection is right.

    Raises:
        MetricError: for a label that the truth lacks, or as :func:`vitruvian.metrics.judging.judge` does.
    """
    if label not in truth.labels:
        raise MetricError(f"no {label!r} among the labels: {', '.join(truth.labels)}")
    only = replace(
        truth.map(lambda picture: _only(picture, label), labels=(label,)), keypoint_names={}, category_ids={}
    )
    matches = match(judge(only, predictions), ious=(iou,))
    judged = matches.judged
    stated = [None if by is None else picture.attributes.get(by) for picture in truth.pictures]
    values = ["unstated" if value is None else str(value) for value in stated]
    groups = tuple(dict.fromkeys(values)) if any(v is not None for v in stated) else (ALL,)
    group = np.array([groups.index(v) if len(groups) > 1 else 0 for v in values], dtype=np.int64)
    photographs = originals(truth)
    faces = np.zeros((len(groups), int(photographs.max()) + 1))
    counted = judged.gt_picture[~judged.gt_ignore]
    np.add.at(faces, (group[counted], photographs[counted]), 1)
    partial = np.array([_unlabelled(picture, label) for picture in truth.pictures], dtype=bool)
    rows = matches.det[~matches.ignored[:, 0]]
    pictures = judged.det_picture[rows]
    return FaceRates(
        label=label,
        iou=iou,
        scores=judged.det_scores[rows],
        true=matches.true[~matches.ignored[:, 0], 0],
        original=photographs[pictures],
        group=group[pictures],
        groups=groups,
        faces=faces,
        pictures=np.bincount(group, minlength=len(groups)),
        lower_bound=np.bincount(group, partial, len(groups)) > 0,
    )


def originals(truth: Dataset) -> NDArray[np.int64]:
    """``(P,)`` number of the photograph that each picture goes back to, by its source and name."""
    keys = [(p.source or "", p.original) for p in truth.pictures]
    number = {key: i for i, key in enumerate(sorted(set(keys)))}
    return np.array([number[key] for key in keys], dtype=np.int64)


def _promised_region(picture: Picture, label: str) -> bool:
    return any(label in region.labels for region in picture.exhaustive_regions)


def _unlabelled(picture: Picture, label: str) -> bool:
    return label not in picture.exhaustive and not _promised_region(picture, label)


def _only(picture: Picture, label: str) -> Picture:
    held = picture.exhaustive if _promised_region(picture, label) else frozenset({label})
    annotations = tuple(a for a in picture.annotations if a.label == label)
    return replace(picture, annotations=annotations, exhaustive=held)
