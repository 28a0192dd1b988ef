"""AI Challenger's score for pose, which is called mAP there and is not COCO's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.oks import check_count, object_keypoint_similarity
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table
from vitruvian.taxonomy import AIC14, Skeleton

OKS_LEVELS = np.linspace(0.5, 0.95, 10).round(2)


@dataclass(frozen=True)
class ChallengerResult(Result):
    """AI Challenger's score.

    Attributes:
        score: Mean over OKS 0.50:0.05:0.95 of people whose best pose is above it / max(people, poses) a picture.
        at: Level -> that ratio.
        people, poses: Labelled people, and predicted poses.
        denominator: Sum over pictures of max(people, poses).
        by_picture: ``(pictures, 2)`` float64: people above a level, mean over levels, and max(people, poses).
    """

    score: float
    at: Mapping[float, float]
    people: int
    poses: int
    denominator: int
    by_picture: NDArray[np.float64]

    def headline(self) -> Mapping[str, float]:
        return {"AI Challenger mAP": self.score}

    def tables(self) -> tuple[Table, ...]:
        columns = ("mAP", *(f"{level:.2f}" for level in self.at))
        title = f"AI Challenger score: {self.people} people, {self.poses} poses, denominator {self.denominator}"
        return (Table(title, columns, ((self.score, *self.at.values()),)),)


def evaluate_challenger(truth: Dataset, predictions: Predictions, skeleton: Skeleton = AIC14) -> ChallengerResult:
    """The official score of AI Challenger 2017's keypoint contest (its ``keypoint_eval.py``).

    Not COCO's AP, though it is called mAP: only joints with AI Challenger's visibility 1 (visible; 2 in the canonical
    data set) count, a person's similarity is that of the best pose of the picture, scores play no part, and the number
    above a level is divided by max(people, poses) of each picture. OKS is over the area of the person's box plus one
    pixel. The same model gets about twice the number that COCO's protocol gives.

    Raises:
        MetricError: for predictions without keypoints, of unknown pictures, or with another number of keypoints.
    """
    check_count(predictions, len(skeleton))
    index = predictions.picture_index(truth)
    best: list[float] = []
    by_picture = np.zeros((len(truth), 2))
    poses = 0
    for i, picture in enumerate(truth.pictures):
        people = [a for a in picture.annotations if a.keypoints is not None and not a.ignore]
        rows = np.flatnonzero(index == i)
        poses += len(rows)
        by_picture[i, 1] = max(len(people), len(rows)) if people else 0
        for a in people:
            assert a.keypoints is not None
            if len(a.keypoints) != len(skeleton):
                raise MetricError(f"annotation {a.id} has {len(a.keypoints)} keypoints, the skeleton {len(skeleton)}")
            area = (a.box[2] - a.box[0]) * (a.box[3] - a.box[1]) + 1
            visible = a.keypoints[:, 2] == 2
            similar = [0.0]
            if predictions.keypoints is not None and visible.any():
                similar += [
                    object_keypoint_similarity(
                        predictions.keypoints[row, :, :2], a.keypoints[:, :2], visible, area, skeleton.sigmas
                    )
                    for row in rows
                ]
            best.append(max(similar))
            by_picture[i, 0] += float((max(similar) > OKS_LEVELS).mean())
    if not best:
        raise MetricError("the truth has no people with keypoints")
    denominator = int(by_picture[:, 1].sum())
    at = {float(level): float((np.array(best) > level).sum() / denominator) for level in OKS_LEVELS}
    return ChallengerResult(
        protocol="pose-aic",
        evaluator="vitruvian, after AI Challenger's keypoint_eval.py",
        notes=("joints with AI Challenger visibility 1 only; not comparable with COCO's OKS AP",),
        score=float(np.mean(list(at.values()))),
        at=at,
        people=len(best),
        poses=poses,
        denominator=denominator,
        by_picture=by_picture,
    )
