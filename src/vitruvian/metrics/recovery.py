"""Faces that a second pass recovers where the first found none: coverage and precision, with and without labels."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.face_rates import face_rates
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table


@dataclass(frozen=True)
class RecoveryResult(Result):
    """The outcome of :func:`evaluate_recovery`; what needs labels is NaN or None without them.

    Attributes:
        pictures: All pictures.
        found_first: Pictures in which the first pass has a detection.
        remaining: Pictures in which it has none; only these are the second pass's.
        examined: Remaining pictures with something to look at (a non-empty activation map).
        recovered: Examined pictures in which the second pass has a detection.
        detections: Its detections there; with labels, those that are judged.
        right: Those that found a labelled face at IoU 0.5.
        faces, faces_first, faces_both: Labelled faces, those found by the first pass, and by both passes together.
        review: File names of recovered pictures to look at, and of those in which still nothing is found.
    """

    pictures: int
    found_first: int
    remaining: int
    examined: int
    recovered: int
    detections: int
    right: int | None
    faces: int | None
    faces_first: int | None
    faces_both: int | None
    review: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def coverage(self) -> float:
        """Share of the examined pictures in which the second pass detects anything (thesis, table 8)."""
        return self.recovered / self.examined if self.examined else math.nan

    @property
    def precision(self) -> float:
        """Share of the second pass's detections that are right; NaN without detections or labels."""
        return self.right / self.detections if self.detections and self.right is not None else math.nan

    def headline(self) -> Mapping[str, float]:
        return {"coverage": self.coverage, "precision of recovered faces": self.precision}

    def tables(self) -> tuple[Table, ...]:
        columns = ("pictures", "found at once", "remaining", "examined", "recovered", "detections", "right")
        counts = (self.pictures, self.found_first, self.remaining, self.examined, self.recovered, self.detections)
        row = (*counts, self.right, self.coverage, self.precision)
        tables = [Table("Recovered faces", (*columns, "coverage", "precision"), (row,))]
        if self.faces is not None and self.faces_first is not None and self.faces_both is not None:
            recall = [n / self.faces if self.faces else None for n in (self.faces_first, self.faces_both)]
            names = ("labelled faces", "found at first", "found by both", "recall at first", "recall of both")
            tables.append(Table("Recall", names, ((self.faces, self.faces_first, self.faces_both, *recall),)))
        rows = [("recovered", name) for name in self.review[0]] + [("nothing found", name) for name in self.review[1]]
        tables.append(Table("To review", ("sample of", "picture"), tuple(rows)))
        return tuple(tables)


def evaluate_recovery(
    truth: Dataset,
    first: Predictions,
    second: Predictions,
    label: str,
    *,
    first_threshold: float = 0.5,
    second_threshold: float = 0.5,
    examined: Collection[int] | None = None,
    sample: int = 10,
) -> RecoveryResult:
    """Score a second pass that looks again at the pictures in which the first found no face.

    After the occluded-face thesis, tables 8, 9, 11 and 13: coverage is the share of examined pictures with a detection,
    precision the share of right ones among those detections. What lies in an ignore region or on a face to ignore is
    neither right nor wrong; what is not labelled is wrong, also where a picture makes no promise.

    Unlabelled pictures serve too: then found and remaining are counted, and a sample (the same every time) is named for
    review.

    Args:
        truth: The pictures, with or without annotations of ``label``.
        first: Detections of the first pass; only those of ``label`` are used.
        second: Detections of the second pass, likewise.
        label: The face class.
        first_threshold: Confidence from which a detection of the first pass counts.
        second_threshold: The same for the second pass.
        examined: Ids of the pictures that gave the second pass something to look at; None for all that remain.
        sample: Pictures a list to name for review.

    Raises:
        MetricError: for predictions of unknown pictures, or when neither the predictions nor the truth know ``label``.
    """
    if label not in {*truth.labels, *first.names, *second.names}:
        raise MetricError(f"no {label!r} among the labels: {', '.join(truth.labels)}")
    first, second = _of(first, label).above(first_threshold), _of(second, label).above(second_threshold)
    at_first = np.zeros(len(truth.pictures), dtype=bool)
    at_first[first.picture_index(truth)] = True
    allowed = np.array([examined is None or p.id in examined for p in truth.pictures], dtype=bool) & ~at_first
    second = second[allowed[second.picture_index(truth)]]
    at_second = np.zeros(len(truth.pictures), dtype=bool)
    at_second[second.picture_index(truth)] = True
    labelled = any(a.label == label for p in truth.pictures for a in p.annotations)
    rates = face_rates(truth, second, label) if labelled else None
    right = None if rates is None else int(rates.true.sum())
    right_first = int(face_rates(truth, first, label).true.sum()) if labelled else None
    return RecoveryResult(
        protocol="faces-recovered",
        evaluator="vitruvian",
        notes=(f"at thresholds {first_threshold:g} and {second_threshold:g}, IoU 0.5",),
        pictures=len(truth.pictures),
        found_first=int(at_first.sum()),
        remaining=int((~at_first).sum()),
        examined=int(allowed.sum()),
        recovered=int(at_second.sum()),
        detections=len(second) if rates is None else len(rates.true),
        right=right,
        faces=None if rates is None else int(rates.faces.sum()),
        faces_first=right_first,
        faces_both=None if right is None or right_first is None else right_first + right,
        review=(_sample(truth, at_second, sample), _sample(truth, ~at_first & ~at_second, sample)),
    )


def _of(predictions: Predictions, label: str) -> Predictions:
    if label not in predictions.names:
        return Predictions.empty((label,))
    return predictions[predictions.labels == predictions.names.index(label)]


def _sample(truth: Dataset, chosen: NDArray[np.bool_], count: int) -> tuple[str, ...]:
    names = [truth.pictures[i].file_name for i in np.flatnonzero(chosen)]
    return tuple(sorted(sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[:count]))
