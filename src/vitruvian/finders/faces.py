"""Detectors of faces as plain functions, so that any other detector can stand in a model's place."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.finders.detector import Detector
from vitruvian.finders.errors import LabelError
from vitruvian.images import read_picture
from vitruvian.metrics import Predictions
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.zoo import DEFAULT_MODEL, find_model

FaceFinder = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], NDArray[np.float32]]]
"""``(H, W, 3)`` uint8 RGB to the ``(N, 4)`` ``xyxy`` boxes of its faces in pixels, and their ``(N,)`` scores."""


class FaceModel:
    """A model's faces; an instance is a :data:`FaceFinder`.

    Args:
        model: Name or path of a model (:func:`vitruvian.zoo.find_model`), or a loaded detector.
        label: Its label for a face.
        threshold: Lowest score; None takes the model's own threshold.
        threads: CPU threads; 0 leaves the choice to onnxruntime.

    Raises:
        ModelError: when there is no such model.
        LabelError: when it has no such label.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Detector = DEFAULT_MODEL,
        label: str = WHOLE_FACE,
        threshold: float | None = None,
        threads: int = 0,
    ) -> None:
        self.detector = model if isinstance(model, Detector) else Detector(find_model(model), threads=threads)
        card = self.detector.card
        if label not in card.labels:
            raise LabelError(f"model {card.name} has no label {label!r}")
        self.shipped_threshold = card.thresholds.get(label, 0.5)
        self.threshold = self.shipped_threshold if threshold is None else threshold
        self.name = f"{card.name} {card.sha256[:16]} {label} {self.threshold:g}"
        self._label = card.labels.index(label)

    def __call__(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        found = self.detector.detect(picture, thresholds=self.threshold)
        faces = found[found.labels == self._label]
        return faces.boxes, faces.scores

    def boxes(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The ``(N, 4)`` boxes alone."""
        return self(picture)[0]


def find_faces(
    finder: FaceFinder, dataset: Dataset, label: str = WHOLE_FACE, on_picture: Callable[[], None] = lambda: None
) -> Predictions:
    """What a detector finds in every picture of a data set, under the name of ``label``.

    Boxes are cut off at the picture's edges, for every detector alike; what lies outside altogether is dropped.

    Raises:
        ReadError: when a picture cannot be read.
    """
    ids, boxes, scores = [], [], []
    for picture in dataset.pictures:
        pixels = read_picture(dataset.path(picture))
        height, width = pixels.shape[:2]
        found, sure = finder(pixels)
        clipped = np.clip(np.asarray(found, dtype=np.float64).reshape(-1, 4), 0, [width, height, width, height])
        kept = (clipped[:, 2] > clipped[:, 0]) & (clipped[:, 3] > clipped[:, 1])
        ids.append(np.full(int(kept.sum()), picture.id, dtype=np.int64))
        boxes.append(clipped[kept])
        scores.append(np.asarray(sure, dtype=np.float64).reshape(-1)[kept])
        on_picture()
    if not ids:
        return Predictions.empty((label,))
    rows = np.concatenate(ids)
    return Predictions(rows, np.concatenate(boxes), np.concatenate(scores), np.zeros(len(rows), np.int64), (label,))
