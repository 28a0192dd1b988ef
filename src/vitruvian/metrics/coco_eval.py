"""The twelve COCO numbers, and the same by class, through faster-coco-eval."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.metrics.errors import missing_extra
from vitruvian.metrics.judging import Judged


@dataclass(frozen=True, slots=True)
class BoxSummary:
    """COCO's twelve numbers (cocodataset.org, detection evaluation), means over classes; NaN where n/a.

    ``ap`` is over IoU 0.50:0.05:0.95, ``ap50`` and ``ap75`` at one IoU; ``_small`` is an area under 32^2 pixels,
    ``_large`` over 96^2; ``ar1``, ``ar10``, ``ar100`` allow that many detections of a class in a picture.
    """

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar1: float
    ar10: float
    ar100: float
    ar_small: float
    ar_medium: float
    ar_large: float

    @property
    def fitness(self) -> float:
        """0.1 AP50 + 0.9 AP: what YOLOv5 chooses its best epoch by, and the occluded-face thesis after it (4.2)."""
        return 0.1 * self.ap50 + 0.9 * self.ap


@dataclass(frozen=True, slots=True)
class ClassAverages:
    """COCO averages of one class; NaN where nothing of it is judged."""

    label: str
    ap: float
    ap50: float
    ap75: float
    ar: float


@dataclass(frozen=True, slots=True)
class CocoAverages:
    """Overall and per class."""

    summary: BoxSummary
    classes: tuple[ClassAverages, ...]


def evaluator_name() -> str:
    """``faster-coco-eval`` with its version.

    Raises:
        MetricError: when it is not installed.
    """
    try:
        from faster_coco_eval.version import __version__
    except ImportError:
        raise missing_extra("faster-coco-eval") from None
    return f"faster-coco-eval {__version__}"


def coco_averages(judged: Judged) -> CocoAverages:
    """Run faster-coco-eval over what is judged.

    Classes that are not judged in a picture are simply absent there on both sides, which the evaluator treats as a
    picture without the class: it adds nothing.

    Raises:
        MetricError: when faster-coco-eval is not installed.
    """
    try:
        from faster_coco_eval import COCO, COCOeval_faster
    except ImportError:
        raise missing_extra("faster-coco-eval") from None
    images = [{"id": i} for i in judged.image_ids.tolist()]
    categories = [{"id": i, "name": name} for i, name in enumerate(judged.labels, start=1)]
    with _collector_paused():
        truth = COCO({"images": images, "categories": categories, "annotations": _truth_rows(judged)})
        found = COCO({"images": images, "categories": categories, "annotations": _found_rows(judged)})
        run = COCOeval_faster(truth, found, "bbox")
        run.evaluate()
        run.accumulate()
    precision: NDArray[np.float64] = run.eval["precision"]  # (IoU, recall, class, area, detections)
    recall: NDArray[np.float64] = run.eval["recall"]  # (IoU, class, area, detections)
    summary = BoxSummary(
        ap=_known(precision[:, :, :, 0, 2]),
        ap50=_known(precision[0, :, :, 0, 2]),
        ap75=_known(precision[5, :, :, 0, 2]),
        ap_small=_known(precision[:, :, :, 1, 2]),
        ap_medium=_known(precision[:, :, :, 2, 2]),
        ap_large=_known(precision[:, :, :, 3, 2]),
        ar1=_known(recall[:, :, 0, 0]),
        ar10=_known(recall[:, :, 0, 1]),
        ar100=_known(recall[:, :, 0, 2]),
        ar_small=_known(recall[:, :, 1, 2]),
        ar_medium=_known(recall[:, :, 2, 2]),
        ar_large=_known(recall[:, :, 3, 2]),
    )
    classes = tuple(
        ClassAverages(
            label=name,
            ap=_known(precision[:, :, i, 0, 2]),
            ap50=_known(precision[0, :, i, 0, 2]),
            ap75=_known(precision[5, :, i, 0, 2]),
            ar=_known(recall[:, i, 0, 2]),
        )
        for i, name in enumerate(judged.labels)
    )
    return CocoAverages(summary, classes)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Half a million small rows set the cyclic collector off again and again, for nothing: an eighth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _known(values: NDArray[np.float64]) -> float:
    """Mean of what COCO computed; it marks what does not exist with -1."""
    real = values[values > -1]
    return float(real.mean()) if real.size else float("nan")


def _truth_rows(judged: Judged) -> list[dict[str, Any]]:
    columns = zip(
        judged.image_ids[judged.gt_picture].tolist(),
        (judged.gt_label + 1).tolist(),
        _xywh(judged.gt_boxes),
        judged.gt_area.tolist(),
        judged.gt_ignore.astype(int).tolist(),
        strict=True,
    )
    return [
        {"id": i, "image_id": image, "category_id": label, "bbox": box, "area": area, "iscrowd": crowd}
        for i, (image, label, box, area, crowd) in enumerate(columns, start=1)
    ]


def _found_rows(judged: Judged) -> list[dict[str, Any]]:
    sides = judged.det_boxes[:, 2:] - judged.det_boxes[:, :2]
    columns = zip(
        judged.image_ids[judged.det_picture].tolist(),
        (judged.det_label + 1).tolist(),
        _xywh(judged.det_boxes),
        (sides[:, 0] * sides[:, 1]).tolist(),
        judged.det_scores.tolist(),
        strict=True,
    )
    return [
        {"id": i, "image_id": image, "category_id": label, "bbox": box, "area": area, "score": score, "iscrowd": 0}
        for i, (image, label, box, area, score) in enumerate(columns, start=1)
    ]


def _xywh(boxes: NDArray[np.float64]) -> list[list[float]]:
    rows: list[list[float]] = np.hstack([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]]).tolist()
    return rows
