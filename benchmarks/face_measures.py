"""What makes the comparison of face detectors fair: box conventions, faces that nobody labelled, and five points."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset, Picture
from vitruvian.metrics import Predictions
from vitruvian.metrics.box_convention import BoxAdjustment, fit_box_adjustment
from vitruvian.metrics.five_points import five_point_error
from vitruvian.metrics.judging import annotations_of, judge, overlap
from vitruvian.metrics.matching import match
from vitruvian.taxonomy import WHOLE_FACE

SAME_PLACE = 0.25
"""Overlap over the smaller area above which a box belongs to the labelled face; ``data crop`` draws the same line."""

FEWEST = 20
"""Pairs of boxes without which no convention is fitted."""


def adjusted(found: Predictions, adjustment: BoxAdjustment | None) -> Predictions:
    """The predictions with their boxes in another convention."""
    if adjustment is None:
        return found
    boxes = adjustment.apply(found.boxes)
    return Predictions(found.image_ids, boxes, found.scores, found.labels, found.names, found.keypoints)


def in_pictures(found: Predictions, truth: Dataset) -> Predictions:
    """The predictions cut off at the edges of their pictures, as labels are; without those that lie outside."""
    sizes = np.array([(p.width, p.height) for p in truth.pictures], dtype=np.float64).reshape(-1, 2)
    boxes = np.clip(found.boxes, 0, np.tile(sizes, 2)[found.picture_index(truth)])
    inside = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
    return Predictions(found.image_ids, boxes, found.scores, found.labels, found.names, found.keypoints)[inside]


def fit(truth: Dataset, found: Predictions, threshold: float) -> BoxAdjustment | None:
    """From the detector's boxes to the labels', by each labelled face and its best box; None with too few of them."""
    index, pairs = found.picture_index(truth), []
    for number, picture in enumerate(truth.pictures):
        boxes = found.boxes[(index == number) & (found.scores >= threshold)]
        for face in picture.annotations:
            ious = overlap(np.array([face.box]), boxes)[0]
            if face.label == WHOLE_FACE and not face.ignore and ious.max(initial=0) >= 0.2:
                pairs.append((boxes[int(ious.argmax())], face.box))
    return fit_box_adjustment([p[0] for p in pairs], [p[1] for p in pairs]) if len(pairs) >= FEWEST else None


def other_faces(
    truth: Dataset, found: Mapping[str, Predictions], thresholds: Mapping[str, float]
) -> list[NDArray[np.float64]]:
    """Faces in uncovered crops that nobody labelled: away from every labelled one, and seen by two makers' detectors.

    Args:
        truth: The uncovered crops.
        found: Predictions by detector; the first word of a name is its maker's.
        thresholds: The score from which each believes its boxes.

    Returns:
        For each picture ``(N, 4)`` boxes to ignore.
    """
    index = {name: f.picture_index(truth) for name, f in found.items()}
    result = []
    for number, picture in enumerate(truth.pictures):
        seen = []
        for name, f in found.items():
            boxes = f.boxes[(index[name] == number) & (f.scores >= thresholds[name])]
            seen += [(name.split()[0], box) for box in boxes if not _near(box, picture)]
        boxes = np.array([box for _, box in seen]).reshape(-1, 4)
        makers = np.array([maker for maker, _ in seen])
        same = overlap(boxes, boxes) >= 0.3
        agreed = np.array([len(set(makers[row])) >= 2 for row in same], dtype=bool)
        result.append(boxes[agreed])
    return result


def _near(box: NDArray[np.float64], picture: Picture) -> bool:
    faces = picture.boxes().astype(np.float64)
    share = np.maximum(overlap(box[None], faces, own=True)[0], overlap(faces, box[None], own=True)[:, 0])
    return bool((share > SAME_PLACE).any())


def five_point_errors(truth: Dataset, found: Predictions, threshold: float) -> dict[int, float]:
    """Of each face found at IoU 0.5 and ``threshold`` that has 68 landmarks: its number in ``truth``, and its error."""
    points = found.keypoints
    if points is None:
        return {}
    matches = match(judge(truth, found, "partial"), ious=(0.5,))
    rows, errors = annotations_of(truth), {}
    for row in np.flatnonzero(matches.true[:, 0]):
        place, face = matches.det[row], int(matches.judged.gt_index[matches.gt[row, 0]])
        landmarks = rows[face][1].keypoints
        if matches.judged.det_scores[place] >= threshold and landmarks is not None and len(landmarks) == 68:
            errors[face] = five_point_error(points[matches.judged.det_index[place]], landmarks)
    return {face: error for face, error in errors.items() if np.isfinite(error)}
