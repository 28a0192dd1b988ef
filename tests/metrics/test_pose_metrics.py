"""Pose: OKS against pycocotools, AI Challenger's score and PCK on cases worked by hand."""

from __future__ import annotations

import contextlib
import io
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from metric_builders import dataset, person, picture, poses

from vitruvian.data.dataset import Annotation, Dataset
from vitruvian.metrics import MetricError, evaluate_pose, object_keypoint_similarity
from vitruvian.metrics.challenger import evaluate_challenger
from vitruvian.metrics.pck import evaluate_pck, evaluate_pckh
from vitruvian.taxonomy import AIC14, COCO17, LSP14, MPII16, Skeleton


def standing(skeleton: Skeleton, scale: float = 1.0, x: float = 100.0) -> np.ndarray:
    """A frontal person of ``scale`` * 160 pixels; the subject's left is at higher x."""
    height = {
        **{"head_top": 0, "nose": 12, "eye": 10, "ear": 11, "neck": 25, "upper_neck": 25, "thorax": 30},
        **{"shoulder": 30, "elbow": 55, "wrist": 80, "pelvis": 80, "hip": 80, "knee": 120, "ankle": 160},
    }
    aside = {"shoulder": 20, "elbow": 24, "wrist": 26, "hip": 12, "knee": 13, "ankle": 14, "eye": 4, "ear": 8}
    points = []
    for joint in skeleton.joints:
        side, _, name = joint.partition("_")
        name = name if side in ("left", "right") else joint
        sign = {"left": 1, "right": -1}.get(side, 0)
        points.append((x + sign * aside.get(name, 0) * scale, 20 + height[name] * scale, 2))
    return np.array(points, dtype=np.float64)


def people(skeleton: Skeleton, *pictures: list[Annotation]) -> Dataset:
    data = dataset(("person",), *(picture(i, annotations=tuple(a)) for i, a in enumerate(pictures, start=1)))
    return replace(data, keypoint_names={"person": skeleton.joints})


@pytest.mark.parametrize("skeleton", [COCO17, LSP14, MPII16])
def test_oks_average_precision_is_that_of_pycocotools(skeleton: Skeleton) -> None:
    pycocotools_coco = pytest.importorskip("pycocotools.coco")
    from pycocotools.cocoeval import COCOeval

    generator = np.random.default_rng(7)
    pictures, rows = [], []
    for i in range(1, 25):
        annotations = []
        for k in range(generator.integers(1, 4)):
            points = standing(skeleton, generator.uniform(0.3, 1.1), 40 + 60 * k)
            hidden = generator.random(len(skeleton)) < 0.2
            points[hidden, 2] = 0
            if generator.random() < 0.1:
                points[:, 2] = 0
            annotations.append(person(100 * i + k, points, ignore=bool(generator.random() < 0.1)))
            noise = generator.normal(0, generator.uniform(0.5, 8), (len(skeleton), 2))
            rows.append((i, points[:, :2] + noise, generator.random()))
        pictures.append(annotations)
    truth, found = people(skeleton, *pictures), poses(rows)
    result = evaluate_pose(truth, found)

    raw_truth = {
        "images": [{"id": p.id, "width": 200, "height": 200} for p in truth],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {
                "id": a.id, "image_id": p.id, "category_id": 1, "iscrowd": int(a.ignore),
                "bbox": [a.box[0], a.box[1], a.box[2] - a.box[0], a.box[3] - a.box[1]],
                "area": (a.box[2] - a.box[0]) * (a.box[3] - a.box[1]),
                "keypoints": a.keypoints.astype(float).ravel().tolist(),
                "num_keypoints": int((a.keypoints[:, 2] > 0).sum()),
            }
            for p in truth for a in p.annotations
        ],
    }  # fmt: skip
    raw_found = [
        {"image_id": int(i), "category_id": 1, "score": float(s), "keypoints": k.ravel().tolist()}
        for i, s, k in zip(found.image_ids, found.scores, found.keypoints, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        coco = pycocotools_coco.COCO()
        coco.dataset = raw_truth
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(raw_found), "keypoints")
        run.params.kpt_oks_sigmas = np.array(skeleton.sigmas)
        run.evaluate()
        run.accumulate()
        run.summarize()
    names = ("ap", "ap50", "ap75", "ap_medium", "ap_large", "ar", "ar50", "ar75", "ar_medium", "ar_large")
    np.testing.assert_allclose([getattr(result, n) for n in names], run.stats, atol=1e-9)
    assert 0.1 < result.ap < 0.9
    similar = [
        object_keypoint_similarity(
            k[:, :2], a.keypoints[:, :2], a.keypoints[:, 2] > 0,
            (a.box[2] - a.box[0]) * (a.box[3] - a.box[1]), skeleton.sigmas,
        )
        for a, k in zip((a for p in truth for a in p.annotations), found.keypoints, strict=True)
        if (a.keypoints[:, 2] > 0).any()
    ]  # fmt: skip
    by_oracle = [
        float(run.ious[p.id, 1][list(np.argsort(-scores, kind="stable")).index(k), column])
        for p in truth
        for scores in [found.scores[found.image_ids == p.id]]
        for k, a in enumerate(p.annotations)
        if (a.keypoints[:, 2] > 0).any()
        for column in [k]
    ]
    np.testing.assert_allclose(similar, by_oracle, atol=1e-6)


def test_no_person_is_not_applicable_and_wrong_counts_are_refused() -> None:
    empty = people(LSP14, [Annotation("person", (0, 0, 9, 9), 1, keypoints=np.zeros((14, 3), np.float32))])
    result = evaluate_pose(empty, poses([(1, standing(LSP14), 0.9)]))
    assert math.isnan(result.ap)
    assert "no person" in result.notes[0]
    with pytest.raises(MetricError, match="17 predicted keypoints for a skeleton of 14"):
        evaluate_pose(empty, poses([(1, standing(COCO17), 0.9)]))


def test_ai_challenger_worked_case() -> None:
    """Two people in picture 1, one perfect pose and one pose far off; picture 2 has a person and no pose.

    Best similarities 1, about 0, 0; the denominator is max(2, 2) + max(1, 0) = 3: 1/3 at every level.
    """
    one, two = standing(AIC14, x=60), standing(AIC14, x=150)
    truth = people(AIC14, [person(1, one), person(2, two)], [person(3, one)])
    far = two[:, :2] + 400
    result = evaluate_challenger(truth, poses([(1, one[:, :2], 0.2), (1, far, 0.9)]))
    assert (result.score, result.people, result.denominator) == (pytest.approx(1 / 3), 3, 3)
    many = evaluate_challenger(truth, poses([(1, one[:, :2], 0.2)] + [(1, far, 0.9)] * 3))
    assert many.score == pytest.approx(1 / 5)


def test_ai_challenger_looks_at_visible_joints_only_and_adds_a_pixel_to_the_area() -> None:
    points = standing(AIC14)
    points[0, 2] = 1  # hidden: AI Challenger's visibility 2
    truth = people(AIC14, [person(1, points)])
    moved = points[:, :2].copy()
    moved[0] += 500
    assert evaluate_challenger(truth, poses([(1, moved, 0.5)])).score == 1
    moved[1] += (3, 0)
    box = truth.pictures[0].annotations[0].box
    area = (box[2] - box[0]) * (box[3] - box[1]) + 1
    similar = (12 + math.exp(-9 / (2 * area * (2 * AIC14.sigmas[1]) ** 2))) / 13
    expected = sum(similar > level for level in np.linspace(0.5, 0.95, 10)) / 10
    assert evaluate_challenger(truth, poses([(1, moved, 0.5)])).score == pytest.approx(expected)


def test_the_two_pose_scores_differ() -> None:
    """AI Challenger's small sigmas and its ratio give another number than COCO's AP with the same sigmas."""
    generator = np.random.default_rng(0)
    pictures, rows = [], []
    for i in range(1, 21):
        points = standing(AIC14)
        pictures.append([person(i, points)])
        rows.append((i, points[:, :2] + generator.normal(0, 3, (14, 2)), generator.random()))
    truth = people(AIC14, *pictures)
    assert evaluate_challenger(truth, poses(rows)).score != pytest.approx(
        evaluate_pose(truth, poses(rows)).ap, abs=0.01
    )


def test_pck_worked_case() -> None:
    """Torso: left shoulder (120, 50) to right hip (88, 100): 59.36 pixels, limits 11.87 (0.2) and 5.94 (0.1).

    The left wrist is 10 pixels off, the right one 20, the left ankle is unlabelled: 12 of 13 right at 0.2, 11 at 0.1.
    """
    points = standing(LSP14)
    moved = points[:, :2].copy()
    moved[LSP14.index("left_wrist")] += (10, 0)
    moved[LSP14.index("right_wrist")] += (0, 20)
    points[LSP14.index("left_ankle"), 2] = 0
    moved[LSP14.index("left_ankle")] += 300
    result = evaluate_pck(people(LSP14, [person(1, points)]), poses([(1, moved, 1.0)]))
    assert result.overall == pytest.approx((12 / 13, 11 / 13))
    joints = {j.joint: j for j in result.joints}
    assert joints["left_wrist"].correct == (1, 0)
    assert joints["right_wrist"].correct == (0, 0)
    assert math.isnan(joints["left_ankle"].correct[0])
    # Its curve steps from 0 to 1 at 10 / 59.36 = 0.1685 of 0.2.
    assert joints["left_wrist"].auc == pytest.approx(1 - 0.1685 / 0.2, abs=0.011)
    assert joints["head_top"].auc == 1


def test_observer_centric_sides_forgive_a_swap_and_person_centric_ones_do_not() -> None:
    points = standing(LSP14)
    swapped = points[list(LSP14.mirror), :2]
    truth = people(LSP14, [person(1, points)])
    assert evaluate_pck(truth, poses([(1, swapped, 1.0)])).overall[0] < 0.5
    assert evaluate_pck(truth, poses([(1, swapped, 1.0)]), sides="observer").overall == (1, 1)


def test_a_person_without_a_pose_has_every_joint_wrong() -> None:
    points = standing(LSP14)
    truth = people(LSP14, [person(1, points)], [person(2, points)])
    result = evaluate_pck(truth, poses([(1, points[:, :2], 1.0)]))
    assert (result.overall[0], result.people, result.unmatched) == (0.5, 2, 1)


def test_pckh_uses_the_head_box_and_leaves_pelvis_and_thorax_out() -> None:
    """Head box 30 x 40: length 0.6 * 50 = 30, limit 15. Without a box: head top to neck, 25 pixels, limit 12.5."""
    points = standing(MPII16)
    moved = points[:, :2].copy()
    moved[MPII16.index("left_knee")] += (14, 0)
    moved[MPII16.index("pelvis")] += 300
    alone = person(1, points)
    head = Annotation("head", (80.0, 10.0, 110.0, 50.0), 2, attributes={"person": 1})
    found = poses([(1, moved, 1.0)])
    data = replace(people(MPII16, [alone, head]), labels=("person", "head"))
    assert evaluate_pckh(data, found).overall[0] == 1
    assert evaluate_pckh(people(MPII16, [alone]), found).overall[0] == pytest.approx(13 / 14)
    assert "pelvis" not in {j.joint for j in evaluate_pckh(data, found).joints}


def test_people_of_one_picture_get_the_pose_that_overlaps_them() -> None:
    left, right = standing(LSP14, x=50), standing(LSP14, x=150)
    truth = people(LSP14, [person(1, left), person(2, right)])
    rows = [(1, right[:, :2], 0.3), (1, left[:, :2], 0.9)]
    assert evaluate_pck(truth, poses(rows)).overall == evaluate_pck(truth, poses(rows[::-1])).overall == (1, 1)


def test_a_skeleton_that_the_truth_does_not_name_must_be_given() -> None:
    truth = replace(people(LSP14, [person(1, standing(LSP14))]), keypoint_names={})
    found = poses([(1, standing(LSP14), 1.0)])
    with pytest.raises(MetricError, match="give a skeleton"):
        evaluate_pck(truth, found)
    assert evaluate_pck(truth, found, LSP14).overall[0] == 1


def test_real_poses_measured_against_themselves_are_perfect(shared_data: Path) -> None:
    truth = Dataset.load(shared_data / "pose14" / "val.json")
    rows = [(p.id, a.keypoints, 1.0) for p in truth for a in p.annotations]
    assert evaluate_pck(truth, poses(rows), LSP14).overall == (1, 1)
