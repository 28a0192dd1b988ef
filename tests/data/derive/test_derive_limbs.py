"""Limb, body and person boxes from joints."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from workshop_builders import make_dataset, make_picture

from vitruvian.data.dataset import Annotation, DataError, Dataset
from vitruvian.data.derive import derive_limbs, derive_persons
from vitruvian.taxonomy import AIC14, LSP14

STANDING = {
    "right_ankle": (80, 180), "right_knee": (80, 140), "right_hip": (85, 100), "left_hip": (115, 100),
    "left_knee": (120, 140), "left_ankle": (120, 180), "right_wrist": (50, 110), "right_elbow": (60, 80),
    "right_shoulder": (80, 50), "left_shoulder": (120, 50), "left_elbow": (140, 80), "left_wrist": (150, 110),
    "neck": (100, 40), "head_top": (100, 10),
}  # fmt: skip


def person(joints: dict[str, tuple[float, float]], order: tuple[str, ...], state: int = 2) -> Dataset:
    points = np.array([(*joints[n], state) if n in joints else (0, 0, 0) for n in order], np.float32)
    annotation = Annotation("person", (40, 0, 160, 190), 3, keypoints=points)
    picture = replace(make_picture(1, size=(200, 200)), annotations=(annotation,))
    return make_dataset(["person"], [picture], keypoint_names={"person": order})


def test_boxes_are_the_joints_padded_by_a_share_of_the_torso() -> None:
    [picture] = derive_limbs(person(STANDING, LSP14.joints))
    found = {(a.label, a.attributes.get("side")): a.box for a in picture.annotations}
    pad = 0.15 * 60  # neck (100, 40) to mid-hip (100, 100)
    assert found["Human arm", "right"] == pytest.approx((50 - pad, 50 - pad, 80 + pad, 110 + pad))
    assert found["Human leg", "left"] == pytest.approx((115 - pad, 100 - pad, 120 + pad, 180 + pad))
    assert found["Human body", None] == pytest.approx((50 - pad, 10 - pad, 150 + pad, 180 + pad))
    assert len(found) == 5
    assert picture.exhaustive == frozenset()
    assert picture.exhaustive_regions == ()
    assert {a.derived_from for a in picture.annotations} == {"joints"}


def test_the_order_of_the_joints_does_not_matter() -> None:
    [first] = derive_limbs(person(STANDING, LSP14.joints))
    [second] = derive_limbs(person(STANDING, AIC14.joints))
    assert [(a.label, a.box) for a in first.annotations] == [(a.label, a.box) for a in second.annotations]


@pytest.mark.parametrize("missing", ["left_shoulder", "left_elbow", "left_wrist"])
def test_an_arm_with_an_unlabelled_joint_is_left_out(missing: str) -> None:
    joints = {n: p for n, p in STANDING.items() if n != missing}
    [picture] = derive_limbs(person(joints, LSP14.joints))
    assert [a.attributes["side"] for a in picture.annotations if a.label == "Human arm"] == ["right"]
    assert sum(a.label == "Human leg" for a in picture.annotations) == 2


def test_hidden_joints_count_and_are_flagged() -> None:
    [picture] = derive_limbs(person(STANDING, LSP14.joints, state=1))
    assert len(picture.annotations) == 5
    assert all(a.attributes["occluded"] for a in picture.annotations)


def test_without_a_torso_the_padding_comes_from_the_whole() -> None:
    joints = {n: STANDING[n] for n in ("right_shoulder", "right_elbow", "right_wrist")}
    [picture] = derive_limbs(person(joints, LSP14.joints))
    [arm] = picture.annotations
    assert arm.box[0] == pytest.approx(50 - 0.15 * 0.3 * 60)


def test_persons_keep_their_joints_and_nothing_leaves_the_picture() -> None:
    joints = {n: (x * 1.2, y * 1.1) for n, (x, y) in STANDING.items()}
    dataset = derive_persons(person(joints, LSP14.joints))
    [annotation] = dataset.pictures[0].annotations
    assert annotation.box[3] == 200  # ankle at 198, padded beyond
    assert dataset.keypoint_names == {"person": LSP14.joints}
    assert annotation.keypoints is not None
    assert len(annotation.keypoints) == 14


def test_a_set_without_joints_is_named() -> None:
    with pytest.raises(DataError, match="right_shoulder"):
        derive_limbs(make_dataset(["Human face"], []))


def test_real_poses_have_boxes_that_overlap_their_person(shared_data) -> None:
    dataset = Dataset.load(shared_data / "pose14" / "val.json")
    derived = derive_limbs(dataset)
    assert sum(len(p.annotations) for p in derived) > 3 * len(dataset)
    for before, after in zip(dataset, derived, strict=True):
        x1, y1, x2, y2 = before.annotations[0].box
        for a in after.annotations:
            assert a.box[0] < x2
            assert a.box[2] > x1
            assert a.box[1] < y2
            assert a.box[3] > y1
            assert 0 <= a.box[0] < a.box[2] <= before.width
            assert 0 <= a.box[1] < a.box[3] <= before.height
