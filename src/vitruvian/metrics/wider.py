"""WIDER FACE: average precision on easy, medium and hard faces (Yang et al. 2016), after the official evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.judging import judge
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table

LEVELS = ("easy", "medium", "hard")
_THRESHOLDS = 1000


@dataclass(frozen=True)
class WiderResult(Result):
    """Average precision by level; each contains the ones before it. NaN where the truth has no such face.

    Attributes:
        ap: Level -> average precision at IoU 0.5.
        faces: Level -> faces that count.
    """

    ap: Mapping[str, float]
    faces: Mapping[str, int]

    def headline(self) -> Mapping[str, float]:
        return {f"AP {level}": value for level, value in self.ap.items()}

    def tables(self) -> tuple[Table, ...]:
        rows = tuple((level, self.faces[level], self.ap[level]) for level in LEVELS)
        return (Table("WIDER FACE", ("level", "faces", "AP"), rows),)


def evaluate_wider(truth: Dataset, predictions: Predictions) -> WiderResult:
    """The three numbers of WIDER FACE's protocol.

    It differs from COCO's: a detection goes to the face that it overlaps most (IoU 0.5, with pixel-inclusive boxes), a
    second one on the same face is wrong, one whose face is not of the level is ignored, pictures without a detection or
    a face are passed over, scores are stretched over 0 to 1 and read at 1,000 thresholds, and the area is that under
    the interpolated curve at every point.

    Args:
        truth: Faces of one class whose ``difficulty`` attribute is ``easy``, ``medium`` or ``hard`` (the first level
            that lists the face); faces without it, or to ignore, belong to no level.
        predictions: Of the same class.

    Raises:
        MetricError: when the truth has not exactly one class, or no face has a difficulty.
    """
    if len(truth.labels) != 1:
        raise MetricError(f"WIDER FACE has one class, the truth has {len(truth.labels)}")
    judged = judge(truth, predictions, "coco")
    place = {name: i for i, name in enumerate(LEVELS)}
    stated = [
        place.get(str(a.attributes.get("difficulty")), len(LEVELS)) if not a.ignore else len(LEVELS)
        for picture in truth.pictures
        for a in picture.annotations
    ]
    level_of = np.array(stated, dtype=np.int64)
    if not (level_of < len(LEVELS)).any():
        raise MetricError("no face of the truth has a 'difficulty' of easy, medium or hard")
    scores = _stretched(judged.det_scores)
    ap, faces = {}, {}
    for level, name in enumerate(LEVELS):
        right, proposed = np.zeros(_THRESHOLDS), np.zeros(_THRESHOLDS)
        counted = level_of <= level
        for picture in range(judged.pictures):
            gt = np.flatnonzero(judged.gt_picture == picture)
            det = np.flatnonzero(judged.det_picture == picture)
            det = det[np.argsort(-scores[det], kind="stable")]
            if len(gt) and len(det):
                found, kept = _fates(judged.det_boxes[det], judged.gt_boxes[gt], counted[gt])
                last = np.searchsorted(-scores[det], -_limits(), side="right")
                right += np.append(0, np.cumsum(found))[last]
                proposed += np.append(0, np.cumsum(kept))[last]
        faces[name] = int(counted.sum())
        ap[name] = _area(right, proposed, faces[name])
    return WiderResult("faces-wider", "vitruvian, after WIDER FACE's eval_tools", (), ap, faces)


def _limits() -> NDArray[np.float64]:
    return 1 - np.arange(1, _THRESHOLDS + 1) / _THRESHOLDS


def _stretched(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores from 0 to 1, as the official evaluation stretches them over all pictures."""
    if not len(scores):
        return scores
    low, high = min(1.0, float(scores.min())), max(0.0, float(scores.max()))
    return (scores - low) / (high - low) if high > low else scores


def _fates(
    boxes: NDArray[np.float64], faces: NDArray[np.float64], counted: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """For ``(D,)`` detections by falling score: it is the first on a counted face; it is not ignored."""
    iou = _inclusive_iou(boxes, faces)
    best = iou.argmax(1)
    hit = iou.max(1) >= 0.5
    first = np.zeros(len(boxes), dtype=bool)
    _, firsts = np.unique(np.where(hit, best, -1), return_index=True)
    first[firsts] = True
    return hit & first & counted[best], ~(hit & ~counted[best])


def _inclusive_iou(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    side = np.minimum(boxes[:, None, 2:], others[None, :, 2:]) - np.maximum(boxes[:, None, :2], others[None, :, :2]) + 1
    common = np.where((side > 0).all(2), side.prod(2), 0.0)
    area = (boxes[:, 2:] - boxes[:, :2] + 1).prod(1)[:, None] + (others[:, 2:] - others[:, :2] + 1).prod(1)[None]
    iou: NDArray[np.float64] = common / (area - common)
    return iou


def _area(right: NDArray[np.float64], proposed: NDArray[np.float64], faces: int) -> float:
    if not faces:
        return float("nan")
    recall = np.concatenate([[0.0], right / faces, [1.0]])
    precision = np.concatenate([[0.0], np.divide(right, proposed, out=np.zeros_like(right), where=proposed > 0), [0.0]])
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(((recall[1:] - recall[:-1]) * precision[1:]).sum())
