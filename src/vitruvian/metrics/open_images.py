"""Open Images' detection metric: group-of boxes, verified labels, and hierarchy expansion on request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.judging import Judged, annotations_of, judge, overlap
from vitruvian.metrics.matching import Matches, match
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table, mean


@dataclass(frozen=True, slots=True)
class OpenImagesClass:
    """One class: boxes and groups that count, groups of which something was found, and AP at IoU 0.5 (NaN for n/a)."""

    label: str
    boxes: int
    groups: int
    groups_found: int
    ap: float


@dataclass(frozen=True)
class OpenImagesResult(Result):
    """The outcome of :func:`evaluate_open_images`."""

    expanded: bool
    classes: tuple[OpenImagesClass, ...]

    @property
    def mean_ap(self) -> float:
        """Mean over classes with a box or group."""
        return mean([c.ap for c in self.classes])

    def headline(self) -> Mapping[str, float]:
        return {"Open Images mAP": self.mean_ap}

    def tables(self) -> tuple[Table, ...]:
        rows = tuple((c.label, c.boxes, c.groups, c.groups_found, c.ap) for c in self.classes)
        total = ("mean", sum(c.boxes for c in self.classes), sum(c.groups for c in self.classes), None, self.mean_ap)
        title = "Open Images AP at IoU 0.5" + (", hierarchy expanded" if self.expanded else "")
        return (Table(title, ("class", "boxes", "groups", "groups found", "AP"), (*rows, total)),)


def evaluate_open_images(
    truth: Dataset, predictions: Predictions, hierarchy: Mapping[str, str] | None = None
) -> OpenImagesResult:
    """AP at IoU 0.5 as the Open Images Challenge computes it (TensorFlow's OpenImagesDetectionChallengeEvaluator).

    * A class is judged in pictures where it is verified (exhaustively labelled): detections elsewhere are left out.
    * A box with the attribute ``group`` stands for several instances: detections that lie in it by half of their own
      area and found no single box make one right detection, the surest of them, and the others are ignored. A group of
      which nothing was found is missed.
    * The area is that under the interpolated precision-recall curve at every point, not at 101 levels.

    Args:
        truth: With the exhaustive classes of each picture.
        predictions: Of its pictures.
        hierarchy: Class -> the class that it is a kind of (``{"Woman": "Person"}``). With it, boxes and detections
            count for those classes too; a class is judged where it or a kind of it is. It is for truths that label the
            most specific class only, and not for parts: an eye is no kind of face.

    Raises:
        MetricError: when ``hierarchy`` goes round in a circle, or as :func:`vitruvian.metrics.judging.judge` does.
    """
    if hierarchy is not None:
        truth, predictions = _expanded(truth, predictions, hierarchy)
    judged = judge(truth, predictions, "partial")
    grouped = np.array([bool(a.attributes.get("group")) for _, a in annotations_of(truth)], dtype=bool)
    matches = match(judged, ious=(0.5,), max_detections=1 << 30)
    groups = grouped[judged.gt_index] & judged.gt_ignore
    classes = tuple(_class(judged, matches, label, groups) for label in range(len(judged.labels)))
    return OpenImagesResult(
        "boxes-open-images", "vitruvian, after TensorFlow's Open Images evaluator", (), hierarchy is not None, classes
    )


def _class(judged: Judged, matches: Matches, label: int, groups: NDArray[np.bool_]) -> OpenImagesClass:
    rows = matches.of_label(label)
    true, ignored = matches.true[rows, 0].copy(), matches.ignored[rows, 0]
    mine = np.flatnonzero(groups & (judged.gt_label == label))
    found: set[int] = set()
    for k in np.flatnonzero(ignored):
        det = matches.det[rows[k]]
        here = mine[judged.gt_picture[mine] == judged.det_picture[det]]
        inside = overlap(judged.det_boxes[[det]], judged.gt_boxes[here], own=True)[0]
        if len(here) and inside.max() >= 0.5:
            group = int(here[inside.argmax()])
            true[k] = group not in found
            found.add(group)
    boxes = int(((judged.gt_label == label) & ~judged.gt_ignore).sum())
    ap = all_point_ap(true, ignored & ~true, boxes + len(mine))
    return OpenImagesClass(judged.labels[label], boxes, len(mine), len(found), ap)


def all_point_ap(true: NDArray[np.bool_], ignored: NDArray[np.bool_], positives: int) -> float:
    """Area under the monotone precision-recall curve at every point (Pascal VOC 2010); NaN without positives.

    >>> round(all_point_ap(np.array([True, False, True]), np.zeros(3, bool), 2), 4)  # 0.5 * 1 + 0.5 * 2/3
    0.8333
    """
    if not positives:
        return float("nan")
    right = np.cumsum(true[~ignored])
    precision = right / np.arange(1, len(right) + 1)
    recall = np.concatenate([[0.0], right / positives])
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(((recall[1:] - recall[:-1]) * precision).sum())


def _ancestors(name: str, hierarchy: Mapping[str, str]) -> tuple[str, ...]:
    found = [name]
    while found[-1] in hierarchy:
        found.append(hierarchy[found[-1]])
        if len(found) > len(hierarchy) + 1:
            raise MetricError(f"the hierarchy goes round in a circle at {name!r}")
    return tuple(found[1:])


def _expanded(truth: Dataset, predictions: Predictions, hierarchy: Mapping[str, str]) -> tuple[Dataset, Predictions]:
    above = {
        name: tuple(a for a in _ancestors(name, hierarchy) if a in truth.labels)
        for name in (*truth.labels, *predictions.names)
    }

    def change(picture: Picture) -> Picture:
        more = [
            replace(a, label=parent, derived_from="hierarchy")
            for a in picture.annotations
            for parent in above[a.label]
            if not _stated(picture, a, parent)
        ]
        wider = {parent for name in picture.exhaustive for parent in above[name]}
        return replace(
            picture, annotations=(*picture.annotations, *more), exhaustive=picture.exhaustive | frozenset(wider)
        )

    names = predictions.names
    if missing := sorted({p for name in names for p in above[name]} - set(names)):
        names = (*names, *missing)
    source, label = [], []
    for row, name in enumerate(predictions.names[i] for i in predictions.labels):
        for parent in above[name]:
            source.append(row)
            label.append(names.index(parent))
    rows = np.concatenate([np.arange(len(predictions)), np.array(source, dtype=np.int64)])
    labels = np.concatenate([predictions.labels, np.array(label, dtype=np.int64)])
    return truth.map(change), Predictions(
        predictions.image_ids[rows], predictions.boxes[rows], predictions.scores[rows], labels, names
    )


def _stated(picture: Picture, annotation: Annotation, label: str) -> bool:
    """The truth has the expanded box already, as the published challenge files do."""
    return any(a.label == label and a.box == annotation.box for a in picture.annotations)
