"""Facial landmarks: normalised mean error, failure rate, the cumulative error curve, and occlusion the COFW way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.pairing import KeypointPairs, landmarks_of, pair_keypoints
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table
from vitruvian.taxonomy import LandmarkProtocol

Norm = Literal["corners", "pupils", "diagonal"]


@dataclass(frozen=True, slots=True)
class LandmarkScore:
    """Errors of some faces, as fractions of the normalising length.

    Attributes:
        name: ``"all"``, or the subset.
        faces: Labelled faces.
        nme: Mean error of the faces for which landmarks were predicted; NaN without any.
        failure8, failure10: Share of all faces with an error above 8 and 10 %; a face without prediction is one.
        auc8, auc10: Area under the cumulative error curve up to 8 and 10 %, over that limit.
    """

    name: str
    faces: int
    nme: float
    failure8: float
    failure10: float
    auc8: float
    auc10: float


@dataclass(frozen=True, slots=True)
class OcclusionScore:
    """How well hidden landmarks are told from visible ones, over all landmarks of all faces; NaN where n/a."""

    hidden: int
    said_hidden: int
    precision: float
    recall: float


@dataclass(frozen=True)
class LandmarkResult(Result):
    """The outcome of :func:`evaluate_landmarks`.

    Attributes:
        norm: What errors are divided by.
        overall: Over all faces.
        subsets: By attribute, as WFLW's; empty where the truth has none.
        features: Mean error by facial feature (``jaw``, ``nose`` ...).
        occlusion: None where the truth marks no landmark as hidden.
        errors: ``(P,)`` error of each labelled face; infinite where nothing was predicted.
        pictures: ``(P,)`` int64 picture of each.
        unmatched: Labelled faces without a prediction.
    """

    norm: Norm
    overall: LandmarkScore
    subsets: tuple[LandmarkScore, ...]
    features: Mapping[str, float]
    occlusion: OcclusionScore | None
    errors: NDArray[np.float64]
    pictures: NDArray[np.int64]
    unmatched: int

    def headline(self) -> Mapping[str, float]:
        return {
            "NME %": 100 * self.overall.nme,
            "failures at 10 %": self.overall.failure10,
            "AUC10": self.overall.auc10,
        }

    def ced(self, upto: float = 0.1, steps: int = 101) -> NDArray[np.float64]:
        """``(2, steps)`` the cumulative error curve: errors from 0 to ``upto``, and the share of faces at most that."""
        limits = np.linspace(0, upto, steps)
        return np.stack([limits, (self.errors[:, None] <= limits).mean(0)])

    def tables(self) -> tuple[Table, ...]:
        rows = tuple(
            (s.name, s.faces, 100 * s.nme, 100 * s.failure8, 100 * s.failure10, s.auc8, s.auc10)
            for s in (self.overall, *self.subsets)
        )
        columns = ("faces", "count", "NME %", "failures at 8 %, %", "failures at 10 %, %", "AUC8", "AUC10")
        tables = [Table(f"Landmarks, error over {_NORM_NAMES[self.norm]}", columns, rows)]
        tables.append(Table("By feature", ("feature", "NME %"), tuple((k, 100 * v) for k, v in self.features.items())))
        if self.occlusion is not None:
            o = self.occlusion
            row = (o.hidden, o.said_hidden, 100 * o.precision, 100 * o.recall)
            names = ("hidden", "said hidden", "precision %", "recall %")
            tables.append(Table("Occlusion of landmarks", names, (row,)))
        return tuple(tables)


_NORM_NAMES = {
    "corners": "the distance of the outer eye corners",
    "pupils": "the distance of the pupils",
    "diagonal": "the diagonal of the face box",
}


def evaluate_landmarks(
    truth: Dataset, predictions: Predictions, norm: Norm = "corners", protocol: LandmarkProtocol | None = None
) -> LandmarkResult:
    """Landmark errors of every labelled face, each paired with the prediction that overlaps it most.

    The error of a face is the mean distance over its labelled landmarks, divided by ``norm``: the outer eye corners
    (300-W, WFLW), the pupils (of 68 points, the means of the eye outlines), or the diagonal of the face box (for
    profile faces, whose eyes are close together in the picture).

    Subsets are the truth's attributes of the face that are 0/1 or true/false and are set (WFLW: ``pose``,
    ``expression``, ``illumination``, ``makeup``, ``occlusion``, ``blur``). The third value of a predicted landmark is
    how visible it is held for: hidden below 0.5 (COFW's occlusion flag is one minus that).

    Raises:
        MetricError: as :func:`vitruvian.metrics.pairing.pair_keypoints` does, for an unknown number of landmarks, or
            when no face has the normalising length.
    """
    if norm not in _NORM_NAMES:
        raise MetricError(f"unknown norm {norm!r}; there are {', '.join(_NORM_NAMES)}")
    pairs = pair_keypoints(truth, predictions)
    chosen = protocol or landmarks_of(pairs)
    length = _lengths(pairs, chosen, norm)
    measured = np.isfinite(length) & (length > 0)
    if not measured.any():
        raise MetricError(f"no face has {_NORM_NAMES[norm]}")
    distances = pairs.distances()[measured] / length[measured][:, None]
    labelled = pairs.visibility[measured] > 0
    total = np.where(labelled, distances, 0.0).sum(1) / labelled.sum(1)
    errors = np.nan_to_num(total, nan=np.inf)
    notes = []
    if not measured.all():
        notes.append(f"{int((~measured).sum())} faces lack {_NORM_NAMES[norm]} and are left out")
    occlusion = _occlusion(pairs)
    if occlusion is not None and not occlusion.said_hidden:
        notes.append("no landmark is said to be hidden: the model may not predict occlusion at all")
    missing = int((~np.isfinite(errors)).sum())
    if missing:
        notes.append(f"{missing} faces have no predicted landmarks: failures, but not part of the NME")
    kept = [a for a, use in zip(pairs.annotations, measured, strict=True) if use]
    return LandmarkResult(
        protocol=f"landmarks-{norm}",
        evaluator="vitruvian",
        notes=tuple(notes),
        norm=norm,
        overall=score_errors("all", errors),
        subsets=_subsets([a.attributes for a in kept], errors),
        features=_features(chosen, distances, labelled),
        occlusion=occlusion,
        errors=errors,
        pictures=pairs.picture[measured],
        unmatched=missing,
    )


def score_errors(name: str, errors: NDArray[np.float64]) -> LandmarkScore:
    """Mean, failure rates and areas of ``(P,)`` errors; infinite ones are faces that were not found.

    The area under the curve is exact: the mean over faces of ``max(0, 1 - error / limit)``.

    >>> score = score_errors("all", np.array([0.04, 0.09, np.inf]))
    >>> round(score.nme, 3), round(score.failure8, 3), round(score.auc8, 4)
    (0.065, 0.667, 0.1667)
    """
    found = errors[np.isfinite(errors)]

    def failures(limit: float) -> float:
        return float((errors > limit).mean()) if len(errors) else math.nan

    def area(limit: float) -> float:
        return float((1 - errors / limit).clip(min=0).mean()) if len(errors) else math.nan

    nme = float(found.mean()) if len(found) else math.nan
    return LandmarkScore(name, len(errors), nme, failures(0.08), failures(0.1), area(0.08), area(0.1))


def _lengths(pairs: KeypointPairs, protocol: LandmarkProtocol, norm: Norm) -> NDArray[np.float64]:
    if norm == "diagonal":
        boxes = np.array([a.box for a in pairs.annotations], dtype=np.float64)
        return np.hypot(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    right, left = protocol.pupils if norm == "pupils" else [(corner,) for corner in protocol.outer_eye_corners]
    marked = (pairs.visibility[:, list(right + left)] > 0).all(1)
    gap = pairs.truth[:, list(right)].mean(1) - pairs.truth[:, list(left)].mean(1)
    return np.where(marked, np.linalg.norm(gap, axis=1), np.nan)


def _subsets(attributes: list[Mapping[str, object]], errors: NDArray[np.float64]) -> tuple[LandmarkScore, ...]:
    names = sorted({k for row in attributes for k, v in row.items() if v in (0, 1)})
    picked = ((name, np.array([row.get(name) in (1, True) for row in attributes])) for name in names)
    return tuple(score_errors(name, errors[chosen]) for name, chosen in picked if chosen.any())


def _features(
    protocol: LandmarkProtocol, distances: NDArray[np.float64], labelled: NDArray[np.bool_]
) -> dict[str, float]:
    means = {}
    for name, points in protocol.parts.items():
        columns = list(points)
        values = distances[:, columns][labelled[:, columns] & np.isfinite(distances[:, columns])]
        if len(values):
            means[name] = float(values.mean())
    return means


def _occlusion(pairs: KeypointPairs) -> OcclusionScore | None:
    found = pairs.found
    labelled = pairs.visibility[found] > 0
    hidden = (pairs.visibility[found] == 1) & labelled
    if not hidden.any():
        return None
    said = (pairs.predicted[found][..., 2] < 0.5) & labelled
    right = int((hidden & said).sum())
    precision = right / int(said.sum()) if said.any() else math.nan
    return OcclusionScore(int(hidden.sum()), int(said.sum()), precision, right / int(hidden.sum()))
