"""A model's predictions on a data set, for the evaluators."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.finders.detector import Detector
from vitruvian.finders.map_dataset import check_reads
from vitruvian.finders.recovery import SecondLook
from vitruvian.finders.witnesses import Heard
from vitruvian.images import read_planes, read_reduced
from vitruvian.metrics import Predictions
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.zoo import find_model

_Row = tuple[int, NDArray[np.float32], NDArray[np.float32]]
"""A picture's id, and the boxes and scores of its faces."""


def predict_dataset(
    model: str | os.PathLike[str] | Detector,
    dataset: Dataset,
    threshold: float = 0.01,
    progress: Callable[[int], None] | None = None,
) -> Predictions:
    """Detections in every picture of a data set, at a threshold low enough for precision-recall curves.

    Args:
        model: Name or path of a model, or a loaded detector.
        dataset: Its labels are not looked at. For a model that reads activation maps it holds such maps.
        threshold: Lowest score kept.
        progress: Called with the number of pictures done.

    Raises:
        ReadError: when a picture cannot be read.
        ModelError: when the data set holds pictures and the model reads maps, or other maps, or the reverse.
    """
    detector = model if isinstance(model, Detector) else Detector(find_model(model))
    check_reads(detector.card.reads, dataset)
    reads = detector.card.reads
    maps = None if reads is None or reads.picture is None else reads.channels
    ids, boxes, scores, labels = [], [], [], []
    for done, picture in enumerate(dataset.pictures, start=1):
        if maps is None:
            pixels, width, height = read_reduced(dataset.path(picture), detector.size)
        else:
            pixels = read_planes(dataset.path(picture), maps)
            height, width = pixels.shape[:2]
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


@dataclass(frozen=True, eq=False)
class FacesFound:
    """Whole faces that a detector and second looks at its maps find in one data set, at a low threshold.

    Attributes:
        first: Of the detector.
        alone: Of each look for itself, by name, as though nothing were found yet.
        after: Of each look, beyond the faces of the detector at its card's threshold.
    """

    first: Predictions
    alone: Mapping[str, Predictions]
    after: Mapping[str, Predictions]


def predict_faces(
    first: Detector, second: Mapping[str, SecondLook], dataset: Dataset, threshold: float = 0.01
) -> FacesFound:
    """Whole faces of a detector, and of second looks at its maps with and without what it is sure of.

    Args:
        first: The detector; each picture goes through it once.
        second: Looks at its maps, by name.
        dataset: Its labels are not looked at.
        threshold: Lowest score kept.

    Raises:
        ReadError: when a picture cannot be read.
    """
    limit = {name: threshold if name == WHOLE_FACE else 2.0 for name in first.names}
    nothing = np.zeros((0, 4), dtype=np.float32)
    rows: list[_Row] = []
    alone: dict[str, list[_Row]] = {name: [] for name in second}
    after: dict[str, list[_Row]] = {name: [] for name in second}
    for picture in dataset.pictures:
        pixels, width, height = read_reduced(dataset.path(picture), first.size)
        output, letterbox = first.dense(pixels, width, height)
        found = first.decoded(output.scores[0], output.boxes[0], letterbox, limit)
        rows.append((picture.id, found.boxes, found.scores))
        sure = letterbox.boxes_to_letterbox(found.above(first.thresholds).boxes)
        for name, look in second.items():
            for known, mine in ((nothing, alone), (sure, after)):
                again = look(output, letterbox, known, threshold)
                mine[name].append((picture.id, letterbox.boxes_to_original(again.boxes), again.scores))
    return FacesFound(_faces(rows), *({name: _faces(mine[name]) for name in second} for mine in (alone, after)))


def predict_witnesses(
    first: Detector, second: SecondLook, dataset: Dataset
) -> tuple[Predictions, NDArray[np.int64], Heard]:
    """What a second look proposes beyond the first pass at its card's threshold, for fitting how witnesses are joined.

    Returns:
        Faces of the first pass; and for N faces that the second look's reader proposes ``(N,)`` ids of their pictures,
        and what witnesses say of them, in pixels of the pictures.

    Raises:
        ReadError: when a picture cannot be read.
    """
    limit = first.thresholds[WHOLE_FACE]
    limits = {name: limit if name == WHOLE_FACE else 2.0 for name in first.names}
    sure: list[_Row] = []
    ids = [np.zeros(0, dtype=np.int64)]
    proposed: list[Heard] = []
    for picture in dataset.pictures:
        pixels, width, height = read_reduced(dataset.path(picture), first.size)
        output, letterbox = first.dense(pixels, width, height, second.methods)
        found = first.decoded(output.scores[0], output.boxes[0], letterbox, limits)
        heard = second.propose(output, letterbox, letterbox.boxes_to_letterbox(found.boxes))
        sure.append((picture.id, found.boxes, found.scores))
        ids.append(np.full(len(heard), picture.id))
        proposed.append(heard.moved(letterbox.boxes_to_original))
    return _faces(sure), np.concatenate(ids), Heard.together(proposed)


def _faces(rows: list[_Row]) -> Predictions:
    if not rows:
        return Predictions.empty((WHOLE_FACE,))
    ids = np.concatenate([np.full(len(scores), picture, dtype=np.int64) for picture, _, scores in rows])
    boxes, scores = (np.concatenate([row[i] for row in rows]) for i in (1, 2))
    return Predictions(ids, boxes, scores, np.zeros(len(ids), dtype=np.int64), (WHOLE_FACE,))
