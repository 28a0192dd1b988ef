"""Prediction files: the COCO results format, a json list with one row a detection."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.predictions import Predictions

MAX_FILE_BYTES = 2 << 30
"""A larger predictions file is refused before it is read: parsed, it would need some ten times its size of memory."""


def load_results(path: str | os.PathLike[str], truth: Dataset) -> Predictions:
    """Read a COCO results json: a list of ``{"image_id", "category_id", "bbox": [x, y, w, h], "score"}``.

    ``category_id`` is that of the truth's file. ``keypoints`` are read where the rows have them (all or none, all as
    many); such a row may lack the box, which then is the box around them.

    Raises:
        MetricError: for a file that is missing, too large, or no such list, and for a row of an unknown picture or
            category, a NaN score, an inverted box, or an ``id`` that occurs twice; the message names the row.
    """
    path = Path(path)
    return from_results(_read_json(path), truth, str(path))


def category_ids(truth: Dataset) -> dict[int, str]:
    """Category id in a predictions file -> label: the ids of the file that the truth was read from, else 1, 2, ..."""
    if all(name in truth.category_ids for name in truth.labels):
        return {truth.category_ids[name]: name for name in truth.labels}
    return dict(enumerate(truth.labels, start=1))


def _read_json(path: Path) -> object:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise MetricError(f"{path}: larger than {MAX_FILE_BYTES >> 20} MiB")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MetricError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, MetricError):
            raise
        raise MetricError(f"{path}: not valid JSON: {error}") from error


def from_results(rows: object, truth: Dataset, where: str = "predictions") -> Predictions:
    """Predictions from a parsed COCO results list; see :func:`load_results` for the errors."""
    if not isinstance(rows, list):
        raise MetricError(f"{where}: not a list of COCO results, but {type(rows).__name__}")
    index = {i: truth.labels.index(name) for i, name in category_ids(truth).items()}
    pictures = {picture.id for picture in truth.pictures}
    names = truth.labels
    with_points = bool(rows) and isinstance(rows[0], dict) and "keypoints" in rows[0]
    ids, labels, scores, boxes, points = [], [], [], [], []
    seen: set[str] = set()
    for number, row in enumerate(rows):
        place = f"{where}: row {number}"
        try:
            ids.append(row["image_id"])
            label = index.get(row["category_id"])
            scores.append(float(row["score"]))
            if with_points:
                flat = np.asarray(row["keypoints"], dtype=np.float64).reshape(-1, 3)
                points.append(flat)
                x, y, w, h = row["bbox"] if "bbox" in row else _around(flat)
            else:
                x, y, w, h = row["bbox"]
            boxes.append((float(x), float(y), float(x) + float(w), float(y) + float(h)))
        except KeyError as error:
            raise MetricError(f"{place}: has no {error.args[0]!r}") from None
        except (TypeError, ValueError, OverflowError) as error:
            raise MetricError(f"{place}: not a COCO result: {error}") from None
        if label is None:
            known = ", ".join(str(i) for i in list(index)[:20])
            raise MetricError(f"{place}: unknown category_id {row['category_id']!r}; the truth has {known}")
        labels.append(label)
        if not isinstance(ids[-1], int) or ids[-1] not in pictures:
            raise MetricError(f"{place}: unknown picture: image_id {ids[-1]!r} is not in the truth")
        if "id" in row:
            if str(row["id"]) in seen:
                raise MetricError(f"{place}: id {row['id']!r} occurs twice")
            seen.add(str(row["id"]))
        if not np.isfinite(scores[-1]):
            raise MetricError(f"{place}: score is {scores[-1]}")
        if not (w >= 0 and h >= 0):
            raise MetricError(
                f"{place}: bbox {row['bbox']} is inverted: [x, y, width, height] needs width, height >= 0"
            )
    if points and len({len(p) for p in points}) > 1:
        raise MetricError(f"{where}: rows have different numbers of keypoints: {sorted({len(p) for p in points})}")
    stacked = np.stack(points) if points else None
    return Predictions(ids, np.asarray(boxes).reshape(-1, 4), scores, labels, names, stacked)


def _around(points: NDArray[np.float64]) -> tuple[float, float, float, float]:
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])


def to_results(predictions: Predictions, truth: Dataset) -> list[dict[str, Any]]:
    """COCO results rows with the category ids of ``truth``.

    Raises:
        MetricError: when a predicted label is not one of the truth's.
    """
    ids = {name: i for i, name in category_ids(truth).items()}
    used = {predictions.names[i] for i in np.unique(predictions.labels)}
    if unknown := sorted(used - set(ids)):
        raise MetricError(f"labels that the truth does not have: {', '.join(unknown)}")
    numbers = [ids.get(name) for name in predictions.names]
    rows: list[dict[str, Any]] = []
    for i in range(len(predictions)):
        x1, y1, x2, y2 = predictions.boxes[i].tolist()
        row: dict[str, Any] = {
            "image_id": int(predictions.image_ids[i]),
            "category_id": numbers[predictions.labels[i]],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": float(predictions.scores[i]),
        }
        if predictions.keypoints is not None:
            row["keypoints"] = predictions.keypoints[i].ravel().tolist()
        rows.append(row)
    return rows
