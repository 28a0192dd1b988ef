"""Skeletons, checked on real poses and against the tables of the evaluators that use them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from vitruvian.taxonomy import AIC14, COCO17, LSP14, MPII16, SKELETONS, Skeleton, joint_map, skeleton

each_skeleton = pytest.mark.parametrize("bones", SKELETONS, ids=lambda s: s.name)


@each_skeleton
def test_mirror_swaps_the_names_sides_and_keeps_the_limbs(bones: Skeleton) -> None:
    for joint, partner in zip(bones.joints, bones.mirror, strict=True):
        swapped = joint.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
        assert bones.joints[partner] == swapped
    limbs = {frozenset(limb) for limb in bones.limbs}
    assert {frozenset((bones.mirror[a], bones.mirror[b])) for a, b in bones.limbs} == limbs
    assert len(bones.sigmas) == len(bones) == len(set(bones.joints)) == int(bones.name[-2:])
    assert skeleton(bones.name) is bones


@each_skeleton
def test_limbs_join_every_joint_to_every_other(bones: Skeleton) -> None:
    reached = {0}
    for _ in bones.joints:
        reached |= {b for limb in bones.limbs for b in limb if set(limb) & reached}
    assert reached == set(range(len(bones)))


def test_coco_order_sigmas_and_limbs_are_the_official_ones() -> None:
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    np.testing.assert_allclose(COCO17.sigmas, cocoeval.Params(iouType="keypoints").kpt_oks_sigmas)
    official = [
        (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11),
        (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
    ]  # fmt: skip
    assert {frozenset(limb) for limb in COCO17.limbs} == {frozenset((a - 1, b - 1)) for a, b in official}


def test_joint_orders_are_those_of_the_data(shared_data: Path) -> None:
    def joints(path: str) -> tuple[str, ...]:
        categories = json.loads((shared_data / path).read_text(encoding="utf-8"))["categories"]
        return tuple(name.lower().replace(" ", "_") for name in categories[0]["keypoints"])

    assert joints("pose14/val.json") == LSP14.joints
    assert joints("coco_mini/train.json") == COCO17.joints
    assert joints("fixtures/format_samples/aic/test_aic.json") == AIC14.joints


def test_mpii_order_gives_plausible_bodies(shared_data: Path) -> None:
    """Along each leg the knee lies between hip and ankle, and the head's top beyond the neck, more often than not."""
    path = shared_data / "fixtures" / "format_samples" / "mpii" / "test_mpii.json"
    poses = [np.array(row["joints"]) for row in json.loads(path.read_text(encoding="utf-8"))]
    lengths = {
        name: np.median([np.linalg.norm(p[MPII16.index(a)] - p[MPII16.index(b)]) for p in poses])
        for name, (a, b) in {
            "thigh": ("left_hip", "left_knee"),
            "hip to ankle": ("left_hip", "left_ankle"),
            "hips": ("left_hip", "right_hip"),
            "head": ("upper_neck", "head_top"),
            "neck": ("upper_neck", "thorax"),
            "pelvis": ("pelvis", "left_hip"),
            "pelvis to head": ("pelvis", "head_top"),
        }.items()
    }
    assert lengths["neck"] < lengths["head"] < lengths["hip to ankle"]
    assert lengths["pelvis"] < lengths["hips"] < lengths["hip to ankle"]
    assert lengths["thigh"] < lengths["hip to ankle"]
    assert lengths["head"] < lengths["pelvis to head"]


def test_ai_challenger_sigmas_are_half_its_official_deltas() -> None:
    # keypoint_eval.py of AI_Challenger_2017: delta = 2 * these, in the order of the data.
    assert AIC14.sigmas == (
        *(0.01388152, 0.01515228, 0.01057665, 0.01417709, 0.01497891, 0.01402144, 0.03909642),
        *(0.03686941, 0.01981803, 0.03843971, 0.03412318, 0.02415081, 0.01291456, 0.01236173),
    )


@pytest.mark.parametrize("source", SKELETONS, ids=lambda s: s.name)
@pytest.mark.parametrize("target", SKELETONS, ids=lambda s: s.name)
def test_joint_map_goes_by_name_and_commutes_with_mirroring(source: Skeleton, target: Skeleton) -> None:
    mapping = joint_map(source, target)
    assert len(mapping) == len(target)
    for index, found in enumerate(mapping):
        assert mapping[target.mirror[index]] == (None if found is None else source.mirror[found])
        if found is not None and source.joints[found] != target.joints[index]:
            assert {source.joints[found], target.joints[index]} == {"upper_neck", "neck"}
    if source is target:
        assert mapping == tuple(range(len(source)))


def test_joint_map_finds_everything_that_two_skeletons_share() -> None:
    assert joint_map(AIC14, LSP14) == (8, 7, 6, 9, 10, 11, 2, 1, 0, 3, 4, 5, 13, 12)
    assert None not in joint_map(MPII16, AIC14)
    assert joint_map(LSP14, COCO17)[:5] == (None,) * 5
    assert None not in joint_map(LSP14, COCO17)[5:]


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match="no skeleton is called 'coco'; known are lsp14, aic14, mpii16, coco17"):
        skeleton("coco")
    with pytest.raises(ValueError, match="lsp14 has no joint 'nose'"):
        LSP14.index("nose")
