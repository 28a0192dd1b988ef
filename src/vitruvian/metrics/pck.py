"""Percentage of correct keypoints: PCKh (MPII) and PCK of the torso (LSP), by joint, with the area under the curve."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.pairing import KeypointPairs, pair_keypoints, skeleton_of
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Cell, Result, Table
from vitruvian.taxonomy import Skeleton

Sides = Literal["person", "observer"]
_NOT_SCORED = ("pelvis", "thorax")
_CHAINS = (("shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))


@dataclass(frozen=True, slots=True)
class JointScore:
    """One joint: how often it is labelled, the share found within each limit, and the area under the curve."""

    joint: str
    labelled: int
    correct: tuple[float, ...]
    auc: float


@dataclass(frozen=True)
class PckResult(Result):
    """The outcome of :func:`evaluate_pck` or :func:`evaluate_pckh`.

    Attributes:
        skeleton: Name of the skeleton.
        limits: Distances, in units of the reference length, up to which a joint is right; the first is the headline.
        people, unmatched: Labelled people with a reference length, and those for whom nothing was predicted.
        joints: By joint.
        overall: Share of all scored joints that are right, one a limit.
        auc: Area under the curve of ``overall`` from 0 to ``auc_to``, over ``auc_to``.
        auc_to: Upper end of that curve.
        curve: ``(2, L)``: limits from 0 to ``auc_to`` and the share that is right.
        pictures: ``(P,)`` int64 picture of each person.
        right: ``(P, 2)`` int64 joints within the first limit, and joints that are labelled.
    """

    skeleton: str
    limits: tuple[float, ...]
    people: int
    unmatched: int
    joints: tuple[JointScore, ...]
    overall: tuple[float, ...]
    auc: float
    auc_to: float
    curve: NDArray[np.float64]
    pictures: NDArray[np.int64]
    right: NDArray[np.int64]

    def headline(self) -> Mapping[str, float]:
        name = "PCKh" if self.protocol.startswith("pose-pckh") else "PCK"
        return {**{f"{name}@{at:g}": v for at, v in zip(self.limits, self.overall, strict=True)}, "AUC": self.auc}

    def tables(self) -> tuple[Table, ...]:
        rows: list[tuple[Cell, ...]] = [(j.joint, j.labelled, *j.correct, j.auc) for j in self.joints]
        total: tuple[Cell, ...] = ("all", sum(j.labelled for j in self.joints), *self.overall, self.auc)
        columns = ("joint", "labelled", *(f"@{limit:g}" for limit in self.limits), f"AUC to {self.auc_to:g}")
        title = f"Correct joints ({self.skeleton}): {self.people} people, {self.unmatched} without a pose"
        return (Table(title, columns, (*rows, total)),)


def evaluate_pckh(truth: Dataset, predictions: Predictions, skeleton: Skeleton | None = None) -> PckResult:
    """PCKh at 0.5 and 0.1 of the head, MPII's way (Andriluka et al. 2014), with AUC from 0 to 0.5.

    The head's length is 0.6 of the diagonal of its box where the picture has an annotation ``head`` whose attribute
    ``person`` is the person's id, as MPII's evaluation takes it; else the distance of head top and neck. Pelvis and
    thorax are not scored.
    A labelled person without a prediction gets every joint wrong.

    Raises:
        MetricError: as :func:`vitruvian.metrics.pairing.pair_keypoints` does, and for a skeleton without a head.
    """
    chosen = skeleton or skeleton_of(truth)
    pairs = pair_keypoints(truth, predictions)
    neck = "upper_neck" if "upper_neck" in chosen.joints else "neck"
    top, bottom = _indices(chosen, "head_top", neck)
    segment = np.linalg.norm(pairs.truth[:, top] - pairs.truth[:, bottom], axis=1)
    segment[(pairs.visibility[:, [top, bottom]] == 0).any(1)] = math.nan
    heads = {
        a.attributes["person"]: math.dist(a.box[:2], a.box[2:])
        for picture in truth.pictures
        for a in picture.annotations
        if a.label == "head" and "person" in a.attributes
    }
    boxed = 0
    for i, a in enumerate(pairs.annotations):
        if a.id in heads:
            segment[i] = 0.6 * heads[a.id]
            boxed += 1
    note = f"head length from the head box for {boxed}, from head top to neck for {len(segment) - boxed} people"
    return _score(pairs, chosen, segment, (0.5, 0.1), "pose-pckh", (note,), _NOT_SCORED)


def evaluate_pck(
    truth: Dataset, predictions: Predictions, skeleton: Skeleton | None = None, sides: Sides = "person"
) -> PckResult:
    """PCK at 0.2 of the torso, LSP's way (left shoulder to right hip), with AUC from 0 to 0.2.

    Args:
        truth: People with keypoints.
        predictions: With keypoints.
        skeleton: By default the one whose joints the truth names.
        sides: ``"person"`` takes left and right for the subject's own. ``"observer"`` takes them for the observer's:
            in truth and prediction alike, an arm (a leg) whose shoulder (hip) lies further left in the picture is the
            left one, so that a swap of sides costs nothing (Eichner and Ferrari's observer-centric labels of LSP).

    Raises:
        MetricError: as :func:`vitruvian.metrics.pairing.pair_keypoints` does, and for a skeleton without a torso.
    """
    chosen = skeleton or skeleton_of(truth)
    pairs = pair_keypoints(truth, predictions)
    shoulder, hip = _indices(chosen, "left_shoulder", "right_hip")
    torso = np.linalg.norm(pairs.truth[:, shoulder] - pairs.truth[:, hip], axis=1)
    torso[(pairs.visibility[:, [shoulder, hip]] == 0).any(1)] = math.nan
    if sides == "observer":
        pairs = _observer_centric(pairs, chosen)
    return _score(pairs, chosen, torso, (0.2, 0.1), f"pose-pck-{sides}", (), ())


def _indices(skeleton: Skeleton, *joints: str) -> list[int]:
    try:
        return [skeleton.index(joint) for joint in joints]
    except ValueError as error:
        raise MetricError(str(error)) from None


def _observer_centric(pairs: KeypointPairs, skeleton: Skeleton) -> KeypointPairs:
    truth, visibility, predicted = pairs.truth.copy(), pairs.visibility.copy(), pairs.predicted.copy()
    for chain in _CHAINS:
        left = _indices(skeleton, *(f"left_{joint}" for joint in chain))
        right = _indices(skeleton, *(f"right_{joint}" for joint in chain))
        both, swapped = np.array(left + right), np.array(right + left)
        turned = np.flatnonzero(truth[:, left[0], 0] > truth[:, right[0], 0])[:, None]
        truth[turned, both] = truth[turned, swapped]
        visibility[turned, both] = visibility[turned, swapped]
        turned = np.flatnonzero(predicted[:, left[0], 0] > predicted[:, right[0], 0])[:, None]
        predicted[turned, both] = predicted[turned, swapped]
    return KeypointPairs(pairs.picture, pairs.annotations, truth, visibility, predicted, pairs.spare)


def _score(
    pairs: KeypointPairs,
    skeleton: Skeleton,
    reference: NDArray[np.float64],
    limits: tuple[float, ...],
    protocol: str,
    notes: tuple[str, ...],
    left_out: tuple[str, ...],
) -> PckResult:
    if pairs.truth.shape[1] != len(skeleton):
        raise MetricError(f"{pairs.truth.shape[1]} keypoints in the truth, {len(skeleton)} in {skeleton.name}")
    measured = np.isfinite(reference) & (reference > 0)
    if not measured.all():
        notes = (*notes, f"{int((~measured).sum())} people have no reference length and are left out")
    scored = [i for i, joint in enumerate(skeleton.joints) if joint not in left_out]
    labelled = (pairs.visibility > 0)[measured][:, scored]
    distance = np.nan_to_num(pairs.distances()[measured][:, scored], nan=np.inf) / reference[measured][:, None]
    far = limits[0]
    steps = np.linspace(0, far, 51)
    joints = tuple(
        JointScore(
            joint=skeleton.joints[joint],
            labelled=int(labelled[:, column].sum()),
            correct=tuple(_share(distance[:, column], labelled[:, column], limit) for limit in limits),
            auc=_area(np.array([_share(distance[:, column], labelled[:, column], step) for step in steps])),
        )
        for column, joint in enumerate(scored)
    )
    whole = np.array([_share(distance, labelled, step) for step in steps])
    return PckResult(
        protocol=protocol,
        evaluator="vitruvian",
        notes=notes,
        skeleton=skeleton.name,
        limits=limits,
        people=int(measured.sum()),
        unmatched=int((~pairs.found[measured]).sum()),
        joints=joints,
        overall=tuple(_share(distance, labelled, limit) for limit in limits),
        auc=_area(whole),
        auc_to=far,
        curve=np.stack([steps, whole]),
        pictures=pairs.picture[measured],
        right=np.stack([((distance <= far) & labelled).sum(1), labelled.sum(1)], axis=1),
    )


def _share(distance: NDArray[np.float64], labelled: NDArray[np.bool_], limit: float) -> float:
    return float((distance[labelled] <= limit).mean()) if labelled.any() else math.nan


def _area(shares: NDArray[np.float64]) -> float:
    """Mean height of a curve of equal steps by the trapezoid rule."""
    return float((shares[1:] + shares[:-1]).mean() / 2)
