"""A model's predictions on a data set, for the evaluators."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.finders.detector import Detector
from vitruvian.images import read_reduced
from vitruvian.metrics import Predictions
from vitruvian.zoo import find_model


def predict_dataset(
    model: str | os.PathLike[str] | Detector,
    dataset: Dataset,
    threshold: float = 0.01,
    progress: Callable[[int], None] | None = None,
) -> Predictions:
    """Detections in every picture of a data set, at a threshold low enough for precision-recall curves.

    Args:
        model: Name or path of a model, or a loaded detector.
        dataset: Its labels are not looked at.
        threshold: Lowest score kept.
        progress: Called with the number of pictures done.

    Raises:
        ReadError: when a picture cannot be read.
    """
    detector = model if isinstance(model, Detector) else Detector(find_model(model))
    ids, boxes, scores, labels = [], [], [], []
    for done, picture in enumerate(dataset.pictures, start=1):
        pixels, width, height = read_reduced(dataset.path(picture), detector.size)
        found = detector.detect(pixels, width, height, threshold)
        ids.append(np.full(len(found), picture.id, dtype=np.int64))
        boxes.append(found.boxes)
        scores.append(found.scores)
        labels.append(found.labels)
        if progress is not None:
            progress(done)
    if not ids:
        return Predictions([], [], [], [], detector.names)
    return Predictions(
        np.concatenate(ids), np.concatenate(boxes), np.concatenate(scores), np.concatenate(labels), detector.names
    )
