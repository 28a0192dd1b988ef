"""What a second look adds to a first pass, face by face: of those missed how many it recovers, and how surely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.judging import judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.predictions import Predictions


@dataclass(frozen=True, slots=True, eq=False)
class SecondLookCurve:
    """Both passes together, as the second one's threshold falls.

    Attributes:
        faces: Labelled faces that count.
        first_true, first_false: Right and wrong detections of the first pass.
        scores: ``(D,)`` of the second look's detections that count, falling.
        true, false: ``(D,)`` int64, its right and wrong ones down to each score. A face that the first pass found is
            not found again: a second box on it is wrong.
        picture: ``(D,)`` int64 index of the picture of each detection.
        right: ``(D,)`` bool, whether each is right.
        row: ``(D,)`` int64 row of each among the second look's predictions of the label.
    """

    faces: int
    first_true: int
    first_false: int
    scores: NDArray[np.float64]
    true: NDArray[np.int64]
    false: NDArray[np.int64]
    picture: NDArray[np.int64]
    right: NDArray[np.bool_]
    row: NDArray[np.int64]

    @property
    def missed(self) -> int:
        """Faces that the first pass did not find."""
        return self.faces - self.first_true

    def at(self, threshold: float) -> tuple[int, int]:
        """Right and wrong detections of the second look from a score on."""
        count = int((self.scores >= threshold).sum())
        return (int(self.true[count - 1]), int(self.false[count - 1])) if count else (0, 0)

    def threshold_for(self, precision: float) -> float | None:
        """The lowest score at which the second look's own detections are still that precise; None where none is.

        The score before a run of wrong detections is not taken for the end: a lower one that is precise again counts.
        """
        enough = np.flatnonzero(self.true >= precision * (self.true + self.false))
        # A score is a threshold only where all detections of that score are counted.
        last = np.flatnonzero(np.append(self.scores[1:] != self.scores[:-1], True)) if len(self.scores) else enough
        usable = np.intersect1d(enough, last)
        return float(self.scores[usable[-1]]) if len(usable) else None


def second_look_curve(truth: Dataset, first: Predictions, second: Predictions, label: str) -> SecondLookCurve:
    """Judge two passes under the partial-label protocol at IoU 0.5, the first one's detections before all others.

    Args:
        truth: Labelled pictures.
        first: What the first pass reports, at its threshold.
        second: What the second look gives, at any low threshold, without what the first pass has found already.
        label: The face class.

    Raises:
        MetricError: when the truth does not know the label.
    """
    if label not in truth.labels:
        raise MetricError(f"no {label!r} among the labels: {', '.join(truth.labels)}")
    first, second = _of(first, label), _of(second, label)
    both = _both(first, second)
    matches = match(judge(truth, both, "partial"), ious=(0.5,))
    rows = matches.of_label(truth.labels.index(label))
    rows = rows[~matches.ignored[rows, 0]]
    place = matches.det[rows]
    right = matches.true[rows, 0]
    scores = matches.judged.det_scores[place]
    later = scores < 1.5
    true = np.cumsum(right[later])
    return SecondLookCurve(
        faces=matches.positives(truth.labels.index(label)),
        first_true=int(right[~later].sum()),
        first_false=int((~right[~later]).sum()),
        scores=scores[later],
        true=true,
        false=np.arange(1, len(true) + 1) - true,
        picture=matches.judged.det_picture[place][later],
        right=right[later],
        row=matches.judged.det_index[place][later] - len(first),
    )


def _of(predictions: Predictions, label: str) -> Predictions:
    if label not in predictions.names:
        return Predictions.empty((label,))
    chosen = predictions[predictions.labels == predictions.names.index(label)]
    return Predictions(chosen.image_ids, chosen.boxes, chosen.scores, np.zeros(len(chosen), dtype=np.int64), (label,))


def _both(first: Predictions, second: Predictions) -> Predictions:
    """One list in which every detection of the first pass is ahead of every one of the second."""
    return Predictions(
        np.concatenate((first.image_ids, second.image_ids)),
        np.concatenate((first.boxes, second.boxes)),
        np.concatenate((first.scores + 2.0, second.scores)),
        np.concatenate((first.labels, second.labels)),
        first.names,
    )
