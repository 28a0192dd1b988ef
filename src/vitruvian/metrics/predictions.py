"""Predicted boxes (and keypoints) as arrays."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitruvian.data.dataset import Dataset, Picture
from vitruvian.metrics.errors import MetricError


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a model found in the pictures of a data set.

    Attributes:
        image_ids: ``(N,)`` int64, ``Picture.id`` of each.
        boxes: ``(N, 4)`` float64 ``xyxy`` in pixels of the original picture.
        scores: ``(N,)`` float64; higher is surer.
        labels: ``(N,)`` int64 index into ``names``.
        names: The labels that the model can say.
        keypoints: ``(N, K, 3)`` float64 of x, y, score; None where the model has none.

    float32 arrays are accepted. Coordinates and scores are kept in double precision, because that is how the reference
    evaluators read them: in single precision an overlap that equals a threshold may fall on the other side of it.

    Raises:
        MetricError: for arrays of different lengths, NaN or infinite values, an inverted box, or a label out of range;
            the message names the first row at fault.

    >>> found = Predictions([7], [[0, 0, 10, 20]], [0.9], [0], ("Human head",))
    >>> len(found), found.boxes.shape
    (1, (1, 4))
    """

    image_ids: NDArray[np.int64]
    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    keypoints: NDArray[np.float64] | None = None

    def __init__(
        self,
        image_ids: ArrayLike,
        boxes: ArrayLike,
        scores: ArrayLike,
        labels: ArrayLike,
        names: Sequence[str],
        keypoints: ArrayLike | None = None,
    ) -> None:
        ids = np.asarray(image_ids, dtype=np.int64).reshape(-1)
        count = len(ids)
        arrays = {
            "image_ids": ids,
            "boxes": np.asarray(boxes, dtype=np.float64).reshape(-1, 4),
            "scores": np.asarray(scores, dtype=np.float64).reshape(-1),
            "labels": np.asarray(labels, dtype=np.int64).reshape(-1),
        }
        for name, array in arrays.items():
            if len(array) != count:
                raise MetricError(f"predictions: {len(array)} {name} for {count} image_ids")
            object.__setattr__(self, name, array)
        object.__setattr__(self, "names", tuple(names))
        if len(set(self.names)) != len(self.names):
            raise MetricError(f"predictions: names occur twice: {self.names}")
        points = None if keypoints is None else np.asarray(keypoints, dtype=np.float64)
        if points is not None and (points.ndim != 3 or points.shape[0] != count or points.shape[2] != 3):
            raise MetricError(f"predictions: keypoints have shape {points.shape}, expected ({count}, K, 3)")
        object.__setattr__(self, "keypoints", points)
        self._check()

    def _check(self) -> None:
        _refuse(~np.isfinite(self.scores), "score is not a finite number", self.scores)
        _refuse(~np.isfinite(self.boxes).all(1), "box is not finite", self.boxes)
        inverted = (self.boxes[:, 2] < self.boxes[:, 0]) | (self.boxes[:, 3] < self.boxes[:, 1])
        _refuse(inverted, "box is inverted (x2 < x1 or y2 < y1)", self.boxes)
        _refuse((self.labels < 0) | (self.labels >= len(self.names)), "label is out of range", self.labels)
        if self.keypoints is not None:
            _refuse(~np.isfinite(self.keypoints).all((1, 2)), "keypoints are not finite", self.image_ids)

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Predictions:
        """The predictions at ``index`` (mask, indices or slice), in that order."""
        points = None if self.keypoints is None else self.keypoints[index]
        return Predictions(
            self.image_ids[index], self.boxes[index], self.scores[index], self.labels[index], self.names, points
        )

    def above(self, thresholds: float | Mapping[str, float]) -> Predictions:
        """Those with at least the threshold of their label; a label that the mapping lacks keeps everything."""
        if isinstance(thresholds, Mapping):
            limits = np.array([thresholds.get(name, -np.inf) for name in self.names], dtype=np.float64)
            return self[self.scores >= limits[self.labels]]
        return self[self.scores >= thresholds]

    def picture_index(self, truth: Dataset) -> NDArray[np.int64]:
        """``(N,)`` position of each prediction's picture in ``truth.pictures``.

        Raises:
            MetricError: for a prediction whose picture is not in ``truth``.
        """
        ids = np.array([picture.id for picture in truth.pictures], dtype=np.int64)
        if len(ids) == 0:
            if len(self):
                raise MetricError("the truth has no pictures, so nothing can be judged")
            return np.zeros(0, dtype=np.int64)
        order = np.argsort(ids)
        place = np.searchsorted(ids, self.image_ids, sorter=order).clip(max=len(ids) - 1)
        index: NDArray[np.int64] = order[place]
        _refuse(ids[index] != self.image_ids, "picture is not in the truth: image_id", self.image_ids)
        return index

    def renamed(self, names: Mapping[str, str]) -> Predictions:
        """The same predictions with other names for some labels (to compare two vocabularies)."""
        return replace_names(self, tuple(names.get(name, name) for name in self.names))

    @classmethod
    def empty(cls, names: Sequence[str]) -> Predictions:
        """No predictions at all."""
        return cls([], np.zeros((0, 4)), [], [], names)

    @classmethod
    def load(cls, path: str | os.PathLike[str], truth: Dataset) -> Predictions:
        """Read a COCO results json; see :func:`vitruvian.metrics.results_file.load_results`."""
        from vitruvian.metrics.results_file import load_results

        return load_results(path, truth)

    def save(self, path: str | os.PathLike[str], truth: Dataset) -> None:
        """Write a COCO results json with the category ids of ``truth``; :meth:`load` reads it back.

        Raises:
            MetricError: when a predicted label is not one of the truth's.
        """
        from vitruvian.metrics.results_file import to_results

        Path(path).write_text(json.dumps(to_results(self, truth)), encoding="utf-8")


def replace_names(predictions: Predictions, names: tuple[str, ...]) -> Predictions:
    """The same rows under another list of names; two labels that get one name become one class."""
    distinct = tuple(dict.fromkeys(names))
    lookup = np.array([distinct.index(name) for name in names], dtype=np.int64)
    labels = lookup[predictions.labels] if len(predictions) else predictions.labels
    return Predictions(
        predictions.image_ids, predictions.boxes, predictions.scores, labels, distinct, predictions.keypoints
    )


def _refuse(bad: NDArray[np.bool_] | np.bool_, what: str, values: NDArray[Any], where: str = "predictions") -> None:
    if np.any(bad):
        row = int(np.flatnonzero(bad)[0])
        raise MetricError(f"{where}: row {row}: {what}: {values[row].tolist()} ({int(bad.sum())} such rows)")


def pool(pairs: Sequence[tuple[Dataset, Predictions]]) -> tuple[Dataset, Predictions]:
    """Several data sets with their predictions as one, so that a class is measured over all of them.

    Pictures are renumbered from 1 in the order given; labels are joined by name. Every picture keeps its own word on
    what is exhaustively labelled in it, and its source.

    Raises:
        MetricError: when ``pairs`` is empty, or a prediction's picture is not in its own truth.
    """
    if not pairs:
        raise MetricError("no data sets to pool")
    labels = tuple(dict.fromkeys(name for truth, _ in pairs for name in truth.labels))
    names = tuple(dict.fromkeys([*labels, *(name for _, found in pairs for name in found.names)]))
    pictures: list[Picture] = []
    ids, parts = [], []
    for truth, found in pairs:
        ids.append(found.picture_index(truth) + len(pictures) + 1)
        pictures += [replace(p, id=len(pictures) + i) for i, p in enumerate(truth.pictures, start=1)]
        lookup = np.array([names.index(name) for name in found.names], dtype=np.int64)
        parts.append(lookup[found.labels] if len(found) else found.labels)
    keypoints = None
    if all(found.keypoints is not None for _, found in pairs):
        keypoints = np.concatenate([found.keypoints for _, found in pairs if found.keypoints is not None])
    joined = Predictions(
        np.concatenate(ids),
        np.concatenate([found.boxes for _, found in pairs]),
        np.concatenate([found.scores for _, found in pairs]),
        np.concatenate(parts),
        names,
        keypoints,
    )
    first = pairs[0][0]
    names_of_points = {k: v for truth, _ in reversed(pairs) for k, v in truth.keypoint_names.items()}
    return Dataset(labels, tuple(pictures), first.images_dir, names_of_points), joined
