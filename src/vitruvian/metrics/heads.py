"""Faces found in labelled heads: how recall is measured where heads are labelled and faces are not (infants)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.bootstrap import Interval, bootstrap, ratio_statistic
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.face_rates import ALL, originals
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table
from vitruvian.taxonomy import WHOLE_FACE

SMALLEST = 0.1
"""Least area of a face over that of the head that it is found in."""


@dataclass(frozen=True, slots=True)
class SourceHeads:
    """The heads of one source: pictures with heads, heads, heads with a face, and the share with its interval."""

    source: str
    pictures: int
    heads: int
    found: int
    recall: Interval


@dataclass(frozen=True)
class HeadsResult(Result):
    """The outcome of :func:`recall_of_heads`.

    Attributes:
        sources: By source; ``all`` last where there are several.
        missed: ``(file name, annotation id)`` of heads without a face.
        resamples: Bootstrap draws of photographs.
    """

    sources: tuple[SourceHeads, ...]
    missed: tuple[tuple[str, int], ...]
    resamples: int

    def __getitem__(self, source: str) -> SourceHeads:
        for row in self.sources:
            if row.source == source:
                return row
        raise KeyError(source)

    def headline(self) -> Mapping[str, float]:
        return {f"heads found, {row.source}": row.recall.value for row in self.sources}

    def tables(self) -> tuple[Table, ...]:
        rows = tuple(
            (s.source, s.pictures, s.heads, s.found, s.recall.value, s.recall.low, s.recall.high) for s in self.sources
        )
        columns = ("source", "pictures", "heads", "found", "recall", "low", "high")
        return (Table(f"Heads in which a face is found (95 %, {self.resamples} draws)", columns, rows),)


def recall_of_heads(
    truth: Dataset,
    predictions: Predictions,
    threshold: float = 0.5,
    face: str = WHOLE_FACE,
    head: str = "Human head",
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> HeadsResult:
    """Share of labelled heads in which a face is found.

    A head counts as found if the centre of a detected face lies in its box (edges included) and the face has at least a
    tenth of its area. Faces elsewhere count neither way. Heads to ignore do not count.

    Args:
        truth: Pictures with boxes of heads; they are told apart by source.
        predictions: With boxes of faces.
        threshold: Least confidence of a face.
        face: Its label in the predictions.
        head: The heads' label in the truth.
        resamples: Bootstrap draws of photographs.
        seed: Of the draws.

    Raises:
        MetricError: when the truth has no heads that count, or for predictions of unknown pictures.
    """
    rows = [(i, a) for i, p in enumerate(truth.pictures) for a in p.annotations if a.label == head and not a.ignore]
    if not rows:
        raise MetricError(f"the truth has no {head!r} to be found")
    faces = predictions[predictions.scores >= threshold]
    if face in faces.names:
        faces = faces[faces.labels == faces.names.index(face)]
    else:
        faces = Predictions.empty((face,))
    index = faces.picture_index(truth)
    hit = np.array(
        [_found(np.array(a.box, dtype=np.float64), faces.boxes[index == i]) for i, a in rows], dtype=np.float64
    )
    place = np.array([i for i, _ in rows])
    photographs = originals(truth)
    source = np.array([truth.pictures[i].source or "unnamed" for i in place])
    names = sorted(set(source.tolist()))

    def measured(name: str, mine: NDArray[np.bool_]) -> SourceHeads:
        heads, found = (
            np.bincount(photographs[place[mine]], weights, int(photographs.max()) + 1).astype(np.float64)
            for weights in (np.ones(int(mine.sum())), hit[mine])
        )
        drawn = heads > 0
        interval = bootstrap(
            ratio_statistic(found[drawn], heads[drawn]), int(drawn.sum()), resamples=resamples, seed=seed
        )
        return SourceHeads(name, len(set(place[mine].tolist())), int(mine.sum()), int(hit[mine].sum()), interval)

    sources = [measured(name, source == name) for name in names]
    if len(names) > 1:
        sources.append(measured(ALL, np.ones(len(rows), dtype=bool)))
    missed = tuple((truth.pictures[i].file_name, a.id) for (i, a), got in zip(rows, hit, strict=True) if not got)
    return HeadsResult(
        protocol="faces-in-heads",
        evaluator="vitruvian",
        notes=(f"faces of at least {threshold:g}; centre in the head, at least {SMALLEST:g} of its area",),
        sources=tuple(sources),
        missed=missed,
        resamples=resamples,
    )


def _found(head: NDArray[np.float64], faces: NDArray[np.float64]) -> bool:
    centres = (faces[:, :2] + faces[:, 2:]) / 2
    inside = ((centres >= head[:2]) & (centres <= head[2:])).all(1)
    large = np.prod(faces[:, 2:] - faces[:, :2], axis=1) >= SMALLEST * np.prod(head[2:] - head[:2])
    return bool((inside & large).any())
