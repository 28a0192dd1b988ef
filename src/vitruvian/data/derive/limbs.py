"""Boxes of arms, legs, bodies and persons from body joints.

The boxes are approximate: joints lie inside a limb and its outline around them, so a box is padded by a share of the
person's torso. They teach where a limb is, not its outline to the pixel, which ``derived_from`` lets training weigh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, Box, DataError, Dataset, Picture
from vitruvian.data.derive.geometry import clip, extent

LIMB_LABELS = ("Human arm", "Human leg", "Human body")
PADDING = 0.15
"""Share of the torso by which a box is padded beyond its joints."""

_CHAINS = {"Human arm": ("shoulder", "elbow", "wrist"), "Human leg": ("hip", "knee", "ankle")}
_LEAST_TORSO = 0.15
"""Of the extent of all joints: a torso seen end-on, or with wrong joints, still pads a little."""
_TYPICAL_TORSO = 0.3
"""Of the longer side of all joints where no torso can be measured; that of a person standing upright."""

_Joints = Mapping[str, NDArray[np.float32]]
"""Labelled joints by name, each float32 x, y, visibility."""

_Person = Callable[[Annotation, _Joints, Picture, Iterator[int]], list[Annotation]]


def derive_limbs(dataset: Dataset) -> Dataset:
    """Replace persons with joints by boxes of their arms, legs and bodies.

    An arm is shoulder, elbow and wrist, a leg hip, knee and ankle, a body all labelled joints; each box spans its
    joints, padded by 0.15 of the torso (neck to the middle of the hips) and clipped to the picture. A limb of which a
    joint is unlabelled is left out, and so is a body without a shoulder and a hip. Boxes carry
    ``derived_from="joints"`` and the attributes ``person`` (id of the annotation they come from), ``side`` of a limb,
    ``occluded`` where a joint is hidden.
    No label is exhaustive in the result: other persons may be in view, and hands and feet reach beyond the joints.

    Raises:
        DataError: if no class of the data set has joints named ``right_shoulder`` and so on.
    """
    return _derive(dataset, LIMB_LABELS, _limbs)


def derive_persons(dataset: Dataset, label: str = "person") -> Dataset:
    """Replace persons with joints by one box each, padded like :func:`derive_limbs`, that keeps the joints.

    Raises:
        DataError: if no class of the data set has joints named ``right_shoulder`` and so on.
    """

    def person(source: Annotation, joints: _Joints, picture: Picture, ids: Iterator[int]) -> list[Annotation]:
        box = clip(extent(np.stack(list(joints.values())), _padding(joints)), picture.width, picture.height)
        if box is None:
            return []
        return [replace(source, label=label, box=box, id=next(ids), derived_from="joints", area=None)]

    derived = _derive(dataset, (label,), person)
    names = [n for n in dataset.keypoint_names.values() if "right_shoulder" in n]
    return replace(derived, keypoint_names={label: names[0]})


def _derive(dataset: Dataset, labels: tuple[str, ...], person: _Person) -> Dataset:
    names = {label: joints for label, joints in dataset.keypoint_names.items() if "right_shoulder" in joints}
    if not names:
        raise DataError(f"{dataset.images_dir}: no class has joints with names such as 'right_shoulder'")
    ids = count(1)

    def change(picture: Picture) -> Picture:
        found: list[Annotation] = []
        for source in picture.annotations:
            if source.label in names and source.keypoints is not None:
                joints = {n: p for n, p in zip(names[source.label], source.keypoints, strict=True) if p[2] > 0}
                if joints:
                    found += person(source, joints, picture, ids)
        return replace(picture, annotations=tuple(found), exhaustive=frozenset(), exhaustive_regions=())

    return replace(dataset.map(change, labels=labels), keypoint_names={}, category_ids={}, label_attributes={})


def _limbs(source: Annotation, joints: _Joints, picture: Picture, ids: Iterator[int]) -> list[Annotation]:
    padding = _padding(joints)
    found: list[Annotation] = []

    def add(label: str, names: tuple[str, ...], attributes: dict[str, object]) -> None:
        points = np.stack([joints[name] for name in names])
        box: Box | None = clip(extent(points, padding), picture.width, picture.height)
        if box is None:
            return
        if (points[:, 2] == 1).any():
            attributes["occluded"] = True
        attributes["person"] = source.id
        found.append(Annotation(label, box, next(ids), source.ignore, derived_from="joints", attributes=attributes))

    for label, chain in _CHAINS.items():
        for side in ("right", "left"):
            names = tuple(f"{side}_{joint}" for joint in chain)
            if all(name in joints for name in names):
                add(label, names, {"side": side})
    if _middle(joints, "shoulder") is not None and _middle(joints, "hip") is not None:
        add("Human body", tuple(joints), {})
    return found


def _middle(joints: _Joints, joint: str) -> NDArray[np.float32] | None:
    """Mean position of the labelled ones of a left and a right joint."""
    sides = [joints[f"{side}_{joint}"] for side in ("right", "left") if f"{side}_{joint}" in joints]
    return np.mean(sides, axis=0)[:2] if sides else None


def _padding(joints: _Joints) -> float:
    """0.15 of the torso, neck to mid-hip; shoulders stand in for the neck, and a share of the whole extent for both."""
    everything = np.stack(list(joints.values()))[:, :2]
    longer = float((everything.max(axis=0) - everything.min(axis=0)).max())
    top = joints["neck"][:2] if "neck" in joints else _middle(joints, "shoulder")
    hips = _middle(joints, "hip")
    if top is None or hips is None:
        return PADDING * _TYPICAL_TORSO * longer
    return PADDING * max(float(np.linalg.norm(top - hips)), _LEAST_TORSO * longer)
