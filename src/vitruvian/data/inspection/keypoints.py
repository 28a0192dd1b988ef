"""Visibility of joints and landmarks, and poses and faces that cannot be.

The checks find what annotators get wrong most: left and right swapped, a joint on another person, landmarks shuffled.
They are suspicions to look at, not verdicts: crossed legs and extreme perspective look alike to geometry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, Dataset
from vitruvian.data.inspection.issues import Issue
from vitruvian.taxonomy.landmarks import LANDMARK_PROTOCOLS, LandmarkProtocol

LONGEST_LIMB = 2.0
"""Times the longest other length of the body: a limb beyond it ends on somebody else. On 6,705 LSP-Extended training
poses the 99.5th percentile is 1.69."""

SWAP_GAIN = 0.6
"""Exchanging the left and right end of two limbs must shorten them to this share to count as a suspected swap."""

CROSSING = 0.15
"""Of the distance between the eyes: how much shorter an outline must get when untangled to count as out of order."""

_CHAINS = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))


@dataclass(frozen=True, slots=True)
class Visibility:
    """How often each keypoint of a class is unlabelled, hidden and visible; tuples in keypoint order."""

    label: str
    names: tuple[str, ...]
    unlabelled: tuple[int, ...]
    hidden: tuple[int, ...]
    visible: tuple[int, ...]


def visibility(dataset: Dataset) -> tuple[Visibility, ...]:
    """Count keypoint states of every class that has keypoints."""
    counts: dict[str, NDArray[np.int64]] = {}
    for picture in dataset:
        for annotation in picture.annotations:
            if annotation.keypoints is None:
                continue
            state = np.clip(annotation.keypoints[:, 2].astype(np.int64), 0, 2)
            row = counts.setdefault(annotation.label, np.zeros((len(state), 3), np.int64))
            if len(row) == len(state):
                row[np.arange(len(state)), state] += 1
    found = []
    for label, table in counts.items():
        names = dataset.keypoint_names.get(label, tuple(str(i) for i in range(len(table))))
        columns = (tuple(int(v) for v in column) for column in table.T)
        found.append(Visibility(label, names, *columns))
    return tuple(found)


def keypoint_issues(dataset: Dataset) -> list[Issue]:
    """Suspected swaps, impossible skeletons, landmarks out of order, and keypoints out of the picture."""
    protocols = {p.points: p for p in LANDMARK_PROTOCOLS}
    issues: list[Issue] = []
    for picture in dataset:
        for annotation in picture.annotations:
            points = annotation.keypoints
            if points is None:
                continue
            names = dataset.keypoint_names.get(annotation.label, ())
            outside = (points[:, :2] < -1).any(axis=1) | (points[:, :2] > (picture.width + 1, picture.height + 1)).any(
                1
            )
            outside &= points[:, 2] > 0
            found = []
            if outside.any():
                found.append(("keypoint out of bounds", f"{annotation.label}: {int(outside.sum())} points"))
            if "right_shoulder" in names and len(names) == len(points):
                found += _skeleton(dict(zip(names, points, strict=True)))
            elif len(points) in protocols and _is_face(annotation, names):
                found += _face(points, protocols[len(points)])
            issues += [Issue(kind, picture.file_name, annotation.id, detail) for kind, detail in found]
    return issues


def _is_face(annotation: Annotation, names: Sequence[str]) -> bool:
    return "face" in annotation.label.lower() or any("eye" in name for name in names)


def _skeleton(joints: dict[str, NDArray[np.float32]]) -> list[tuple[str, str]]:
    at = {name: point[:2].astype(np.float64) for name, point in joints.items() if point[2] > 0}

    def length(a: str, b: str) -> float | None:
        return float(np.linalg.norm(at[a] - at[b])) if a in at and b in at else None

    found: list[tuple[str, str]] = []
    limbs = {
        f"{side} {a} to {b}": d
        for side in ("left", "right")
        for a, b in _CHAINS
        if (d := length(f"{side}_{a}", f"{side}_{b}")) is not None
    }
    torso = [d for side in ("left", "right") if (d := length(f"{side}_shoulder", f"{side}_hip")) is not None]
    lengths = sorted([*limbs.values(), *torso])
    if len(lengths) >= 4:
        for name, d in limbs.items():
            others = lengths[-2] if d == lengths[-1] else lengths[-1]
            if d > LONGEST_LIMB * max(others, 1.0):
                found.append(("impossible skeleton", f"{name} is {d / max(others, 1.0):.1f} times the next longest"))
    for a, b in _CHAINS:
        straight = [length(f"left_{a}", f"left_{b}"), length(f"right_{a}", f"right_{b}")]
        crossed = [length(f"left_{a}", f"right_{b}"), length(f"right_{a}", f"left_{b}")]
        if None in straight or None in crossed:
            continue
        now, swapped = sum(d for d in straight if d), sum(d for d in crossed if d)
        if swapped < SWAP_GAIN * now:
            found.append(("left and right swapped?", f"exchanging the {b}s shortens the limbs to {swapped / now:.0%}"))
    facing = [_facing(at, joint) for joint in ("shoulder", "hip")]
    if facing[0] * facing[1] < 0 and min(abs(f) for f in facing) > 0.25:
        found.append(("left and right swapped?", "shoulders and hips face opposite ways"))
    return found


def _facing(at: dict[str, NDArray[np.float64]], joint: str) -> float:
    """Width of the shoulders or hips across the torso, over the torso's length; its sign says which side is which."""
    needed = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    if any(name not in at for name in needed):
        return 0.0
    up = (at["left_shoulder"] + at["right_shoulder"] - at["left_hip"] - at["right_hip"]) / 2
    across = at[f"left_{joint}"] - at[f"right_{joint}"]
    squared = float(up @ up)
    return float(across[0] * up[1] - across[1] * up[0]) / squared if squared > 0 else 0.0


def _face(points: NDArray[np.float32], protocol: LandmarkProtocol) -> list[tuple[str, str]]:
    xy, seen = points[:, :2].astype(np.float64), points[:, 2] > 0
    right, left = (list(group) for group in (protocol.parts["right_eye"], protocol.parts["left_eye"]))
    mouth = list(protocol.parts["outer_lip"])
    if not (seen[right].any() and seen[left].any() and seen[mouth].any()):
        return []
    right_eye, left_eye = (xy[group][seen[group]].mean(axis=0) for group in (right, left))
    down = xy[mouth][seen[mouth]].mean(axis=0) - (right_eye + left_eye) / 2
    across = left_eye - right_eye
    scale = max(float(np.linalg.norm(across)), float(np.linalg.norm(down)), 1.0)
    found: list[tuple[str, str]] = []
    turn = float(across[0] * down[1] - across[1] * down[0]) / scale**2
    if turn < -0.1:
        found.append(("left and right swapped?", "the left eye lies on the right of the face"))
    for outline in protocol.outlines:
        if seen[list(outline.points)].all():
            gain = _tangle(xy[list(outline.points)], outline.closed) / scale
            if gain > CROSSING:
                first, last = outline.points[0], outline.points[-1]
                found.append(
                    ("landmarks out of order", f"{protocol.name} {first} to {last}: untangling saves {gain:.2f}")
                )
    return found


def _tangle(line: NDArray[np.float64], closed: bool) -> float:
    """Pixels by which the best single untangling (2-opt) shortens a line through points."""
    path = np.vstack([line, line[:1]]) if closed else line
    steps = list(pairwise(range(len(path))))
    distance = np.linalg.norm(path[:, None] - path[None], axis=-1)
    best = 0.0
    for k, (a, b) in enumerate(steps):
        for c, d in steps[k + 2 :]:
            best = max(best, float(distance[a, b] + distance[c, d] - distance[a, c] - distance[b, d]))
    return best
