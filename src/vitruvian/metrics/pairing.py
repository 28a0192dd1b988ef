"""Which predicted keypoints belong to which labelled person or face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, Dataset
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.judging import overlap
from vitruvian.metrics.predictions import Predictions
from vitruvian.taxonomy import SKELETONS, LandmarkProtocol, Skeleton, landmark_protocol


@dataclass(frozen=True, slots=True, eq=False)
class KeypointPairs:
    """P labelled instances, each with the prediction that was paired with it.

    Attributes:
        picture: ``(P,)`` int64 index of the picture in the truth.
        annotations: The labelled instances.
        truth: ``(P, K, 2)`` float64 pixels.
        visibility: ``(P, K)`` int64: 0 unlabelled, 1 hidden, 2 visible.
        predicted: ``(P, K, 3)`` float64 x, y, score; NaN where nothing was predicted for the instance.
        spare: Predictions that were paired with nobody.
    """

    picture: NDArray[np.int64]
    annotations: tuple[Annotation, ...]
    truth: NDArray[np.float64]
    visibility: NDArray[np.int64]
    predicted: NDArray[np.float64]
    spare: int

    @property
    def found(self) -> NDArray[np.bool_]:
        """``(P,)`` bool: something was predicted for the instance."""
        return ~np.isnan(self.predicted[:, 0, 0]) if len(self.predicted) else np.zeros(0, dtype=bool)

    def distances(self) -> NDArray[np.float64]:
        """``(P, K)`` pixels between prediction and truth; NaN where unlabelled or not predicted."""
        distance = np.linalg.norm(self.predicted[..., :2] - self.truth, axis=2)
        return np.where(self.visibility > 0, distance, np.nan)


def pair_keypoints(truth: Dataset, predictions: Predictions) -> KeypointPairs:
    """Give every labelled instance with keypoints the prediction whose box overlaps its own most.

    Picture by picture and best overlap first, each prediction at most once. Where a picture has one labelled instance
    and one prediction they belong together whatever their boxes, as in benchmarks that give the person.
    Instances to ignore and instances without any labelled point take no part.

    Raises:
        MetricError: when the predictions have no keypoints, another number of them than the truth, or unknown pictures;
            or when the truth has none.
    """
    rows = [
        (i, a)
        for i, picture in enumerate(truth.pictures)
        for a in picture.annotations
        if a.keypoints is not None and not a.ignore and bool((a.keypoints[:, 2] > 0).any())
    ]
    if not rows:
        raise MetricError("the truth has no keypoints")
    if predictions.keypoints is None and len(predictions):
        raise MetricError("the predictions have no keypoints")
    labelled = [np.asarray(a.keypoints, dtype=np.float64) for _, a in rows]
    counts = {len(points) for points in labelled}
    if len(counts) > 1:
        raise MetricError(f"instances of the truth have different numbers of keypoints: {sorted(counts)}")
    count = counts.pop()
    if predictions.keypoints is not None and len(predictions) and predictions.keypoints.shape[1] != count:
        raise MetricError(f"{predictions.keypoints.shape[1]} predicted keypoints for {count} in the truth")
    points = np.stack(labelled)
    picture = np.array([i for i, _ in rows], dtype=np.int64)
    boxes = np.array([a.box for _, a in rows], dtype=np.float64)
    predicted = np.full((len(rows), count, 3), np.nan)
    index = predictions.picture_index(truth)
    order = np.argsort(index, kind="stable")
    used = 0
    for i in np.unique(picture):
        here = np.flatnonzero(picture == i)
        found = order[np.searchsorted(index[order], i) : np.searchsorted(index[order], i, side="right")]
        for row, candidate in _greedy(boxes[here], predictions.boxes[found], predictions.scores[found]):
            assert predictions.keypoints is not None
            predicted[here[row]] = predictions.keypoints[found[candidate]]
            used += 1
    return KeypointPairs(
        picture=picture,
        annotations=tuple(a for _, a in rows),
        truth=points[..., :2],
        visibility=points[..., 2].astype(np.int64),
        predicted=predicted,
        spare=len(predictions) - used,
    )


def _greedy(
    boxes: NDArray[np.float64], found: NDArray[np.float64], scores: NDArray[np.float64]
) -> list[tuple[int, int]]:
    if len(boxes) == 1 and len(found) == 1:
        return [(0, 0)]
    iou = overlap(boxes, found)
    pairs: list[tuple[int, int]] = []
    rows, columns = np.nonzero(iou > 0)
    taken: tuple[set[int], set[int]] = (set(), set())
    for k in np.lexsort((-scores[columns], -iou[rows, columns])):
        row, column = int(rows[k]), int(columns[k])
        if row not in taken[0] and column not in taken[1]:
            taken[0].add(row)
            taken[1].add(column)
            pairs.append((row, column))
    return pairs


def skeleton_of(truth: Dataset) -> Skeleton:
    """The skeleton whose joints the truth names, in its order.

    Raises:
        MetricError: when the truth names no keypoints, or none of the known skeletons has them so.
    """
    for names in truth.keypoint_names.values():
        plain = tuple(name.strip().lower().replace(" ", "_") for name in names)
        for candidate in SKELETONS:
            if candidate.joints == plain:
                return candidate
        raise MetricError(f"no skeleton has the joints {', '.join(names)}; give one by name")
    raise MetricError("the truth does not name its keypoints; give a skeleton by name")


def landmarks_of(pairs: KeypointPairs) -> LandmarkProtocol:
    """The landmark protocol with as many points.

    Raises:
        MetricError: when there is none.
    """
    try:
        return landmark_protocol(pairs.truth.shape[1])
    except (KeyError, ValueError) as error:
        raise MetricError(str(error)) from None
