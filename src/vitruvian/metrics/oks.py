"""Pose by object keypoint similarity: the similarity itself, and average precision the COCO way."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.coco_eval import evaluator_name
from vitruvian.metrics.errors import MetricError, missing_extra
from vitruvian.metrics.pairing import skeleton_of
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table
from vitruvian.taxonomy import Skeleton


def object_keypoint_similarity(
    predicted: ArrayLike, truth: ArrayLike, labelled: ArrayLike, area: float, sigmas: Sequence[float]
) -> float:
    """Mean over labelled joints of ``exp(-d^2 / (2 area (2 sigma)^2))`` (COCO keypoint evaluation).

    Args:
        predicted: ``(K, 2)`` pixels.
        truth: ``(K, 2)`` pixels.
        labelled: ``(K,)`` bool, joints that take part.
        area: Of the person, square pixels.
        sigmas: ``(K,)``.

    NaN where no joint is labelled.

    >>> round(object_keypoint_similarity([[3, 0]], [[0, 0]], [True], 100.0, [0.15]), 4)  # exp(-9 / (200 * 0.09))
    0.6065
    """
    chosen = np.asarray(labelled, dtype=bool)
    if not chosen.any():
        return math.nan
    squared = ((np.asarray(predicted, dtype=np.float64) - np.asarray(truth, dtype=np.float64))[chosen] ** 2).sum(1)
    spread = (2 * np.asarray(sigmas, dtype=np.float64)[chosen]) ** 2
    return float(np.exp(-squared / (2 * (area + np.spacing(1)) * spread)).mean())


@dataclass(frozen=True)
class PoseResult(Result):
    """COCO keypoint numbers; NaN where n/a.

    Attributes:
        skeleton: Name of the skeleton whose sigmas were used.
        people: Labelled people that count.
        poses: Predicted poses.
        ap, ap50, ap75, ap_medium, ap_large: Average precision over OKS 0.50:0.05:0.95, at one OKS, by area.
        ar, ar50, ar75, ar_medium, ar_large: Average recall the same way.
    """

    skeleton: str
    people: int
    poses: int
    ap: float
    ap50: float
    ap75: float
    ap_medium: float
    ap_large: float
    ar: float
    ar50: float
    ar75: float
    ar_medium: float
    ar_large: float

    def headline(self) -> Mapping[str, float]:
        return {"OKS AP": self.ap, "OKS AP50": self.ap50, "OKS AR": self.ar}

    def tables(self) -> tuple[Table, ...]:
        columns = ("", "all", "0.50", "0.75", "medium", "large")
        rows = (
            ("AP", self.ap, self.ap50, self.ap75, self.ap_medium, self.ap_large),
            ("AR", self.ar, self.ar50, self.ar75, self.ar_medium, self.ar_large),
        )
        title = f"Pose by OKS ({self.skeleton} sigmas): {self.people} people, {self.poses} predicted poses"
        return (Table(title, columns, rows),)


def evaluate_pose(truth: Dataset, predictions: Predictions, skeleton: Skeleton | None = None) -> PoseResult:
    """OKS average precision the COCO way, through faster-coco-eval (at most 20 poses a picture).

    Poses in a picture that match nobody are wrong: only for pictures in which every person is labelled. People with no
    labelled joint are ignored, as COCO does; so are those marked to ignore.

    Args:
        truth: People with keypoints; ``area`` is the person's, or the box's where it is not published.
        predictions: With keypoints.
        skeleton: Whose sigmas to use; by default the one whose joints the truth names.

    Raises:
        MetricError: for predictions without keypoints or of unknown pictures, another number of keypoints than the
            skeleton has, or a missing evaluator.
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError:
        raise missing_extra("faster-coco-eval") from None
    chosen = skeleton or skeleton_of(truth)
    check_count(predictions, len(chosen))
    images = [{"id": p.id, "width": p.width, "height": p.height} for p in truth.pictures]
    categories = [{"id": 1, "name": "person"}]
    people = _people(truth, len(chosen))
    poses = _poses(predictions, truth)
    run = COCOeval_faster(
        COCO({"images": images, "categories": categories, "annotations": people}),
        COCO({"images": images, "categories": categories, "annotations": poses}),
        "keypoints",
        kpt_oks_sigmas=list(chosen.sigmas),
    )
    run.params.catIds = [1]
    run.evaluate()
    run.accumulate()
    run.summarize()
    stats = [float(v) if v > -1 else math.nan for v in run.stats[:10]]
    counted = sum(not row["iscrowd"] and row["num_keypoints"] > 0 for row in people)
    notes = () if counted else ("the truth has no person with labelled joints, so n/a",)
    return PoseResult("pose-oks", evaluator_name(), notes, chosen.name, counted, len(poses), *stats)


def check_count(predictions: Predictions, count: int) -> None:
    """Refuse predictions without keypoints or with another number of them."""
    if not len(predictions):
        return
    if predictions.keypoints is None:
        raise MetricError("the predictions have no keypoints")
    if predictions.keypoints.shape[1] != count:
        raise MetricError(f"{predictions.keypoints.shape[1]} predicted keypoints for a skeleton of {count}")


def _people(truth: Dataset, count: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for picture in truth.pictures:
        for a in picture.annotations:
            if a.keypoints is None and not a.ignore:
                continue
            points = np.zeros((count, 3)) if a.keypoints is None else np.asarray(a.keypoints, dtype=np.float64)
            if len(points) != count:
                raise MetricError(f"annotation {a.id} has {len(points)} keypoints, the skeleton has {count}")
            x1, y1, x2, y2 = a.box
            rows.append(
                {
                    "id": len(rows) + 1,
                    "image_id": picture.id,
                    "category_id": 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1) if a.area is None else a.area,
                    "iscrowd": int(a.ignore),
                    "keypoints": points.ravel().tolist(),
                    "num_keypoints": int((points[:, 2] > 0).sum()),
                }
            )
    return rows


def _poses(predictions: Predictions, truth: Dataset) -> list[dict[str, Any]]:
    predictions.picture_index(truth)  # refuses unknown pictures
    rows: list[dict[str, Any]] = []
    for i in range(len(predictions)):
        assert predictions.keypoints is not None
        points = predictions.keypoints[i]
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        # COCO's loader takes a pose's box, and the area that decides medium or large, from its joints.
        width, height = (high - low).tolist()
        rows.append(
            {
                "id": i + 1,
                "image_id": int(predictions.image_ids[i]),
                "category_id": 1,
                "bbox": [*low.tolist(), width, height],
                "area": width * height,
                "iscrowd": 0,
                "score": float(predictions.scores[i]),
                "keypoints": points.ravel().tolist(),
            }
        )
    return rows
