"""What is planted in labels is found, and clean labels are left in peace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from workshop_builders import ibug_face, make_dataset, make_picture

from vitruvian.data.dataset import Annotation, Dataset
from vitruvian.data.inspection.issues import box_issues, count_issues
from vitruvian.data.inspection.keypoints import keypoint_issues, visibility
from vitruvian.data.table import LabelTable
from vitruvian.taxonomy import IBUG68, LSP14

STANDING = np.array(
    [(80, 180), (80, 140), (85, 100), (115, 100), (120, 140), (120, 180), (50, 110), (60, 80), (80, 50), (120, 50),
     (140, 80), (150, 110), (100, 40), (100, 10)]
)  # fmt: skip


def boxes(*found: tuple[str, tuple[float, float, float, float]]) -> list[tuple[str, int | None]]:
    dataset = make_dataset(["a", "b"], [make_picture(1), make_picture(2, found)])
    return [(i.kind, i.annotation) for i in box_issues(dataset, LabelTable.of(dataset))]


def test_boxes_without_size_outside_or_twice() -> None:
    assert boxes(("a", (10, 10, 50, 50)), ("b", (10, 10, 50, 50)), ("a", (0, 0, 200, 160))) == []
    assert boxes(("a", (10, 10, 10.5, 50))) == [("degenerate box", 2000)]
    assert boxes(("a", (-5, 10, 50, 50)), ("a", (150, 0, 200.9, 20))) == [("box out of bounds", 2000)]
    assert boxes(("a", (10, 10, 50, 50)), ("a", (10, 10, 50, 50))) == [("box labelled twice", 2001)]


def test_specks_to_ignore_are_no_degenerate_boxes() -> None:
    picture = make_picture(1, [("a", (10, 10, 10.5, 10.5))])
    picture = replace(picture, annotations=tuple(replace(a, ignore=True) for a in picture.annotations))
    dataset = make_dataset(["a"], [picture])
    assert box_issues(dataset, LabelTable.of(dataset)) == []


def kinds(points: np.ndarray, label: str, names: tuple[str, ...] = ()) -> set[str]:
    points = np.column_stack([points, np.full(len(points), 2)])[:, :3].astype(np.float32)
    annotation = Annotation(label, (0, 0, 200, 200), 1, keypoints=points)
    picture = replace(make_picture(1, size=(200, 200)), annotations=(annotation,))
    dataset = make_dataset([label], [picture], keypoint_names={label: names} if names else {})
    return {i.kind for i in keypoint_issues(dataset)}


def test_a_good_pose_and_its_mirror_image_pass() -> None:
    assert kinds(STANDING, "person", LSP14.joints) == set()
    mirrored = STANDING[list(LSP14.mirror)] * (-1, 1) + (200, 0)
    assert kinds(mirrored, "person", LSP14.joints) == set()


@pytest.mark.parametrize("pair", [(0, 5), (6, 11), (1, 4)], ids=["ankles", "wrists", "knees"])
def test_swapped_joints_are_suspected(pair: tuple[int, int]) -> None:
    swapped = STANDING.copy()
    swapped[list(pair)] = swapped[list(reversed(pair))]
    wide = (swapped - (100, 0)) * (1.6, 0.7) + (100, 0)  # legs apart, so that crossing them is seen
    assert "left and right swapped?" in kinds(wide, "person", LSP14.joints)


def test_swapped_hips_and_a_joint_on_somebody_else() -> None:
    swapped = STANDING.copy()
    swapped[[0, 1, 2, 3, 4, 5]] = swapped[[5, 4, 3, 2, 1, 0]]
    assert "left and right swapped?" in kinds(swapped, "person", LSP14.joints)
    far = STANDING.copy()
    far[6] = (199, 199)
    assert "impossible skeleton" in kinds(far, "person", LSP14.joints)


def test_faces_swapped_and_out_of_order() -> None:
    face = ibug_face()[:, :2]
    assert kinds(face, "face") == set()
    assert kinds(face[list(IBUG68.mirror)], "face") >= {"left and right swapped?"}
    shuffled = face.copy()
    shuffled[[2, 12]] = shuffled[[12, 2]]
    assert kinds(shuffled, "face") == {"landmarks out of order"}
    assert kinds(np.add(face, (120, 0)), "face") == {"keypoint out of bounds"}


def test_visibility_is_counted_by_keypoint() -> None:
    points = np.zeros((2, 3), np.float32)
    points[1, 2] = 1
    annotation = Annotation("a", (0, 0, 9, 9), 1, keypoints=points)
    picture = replace(make_picture(1), annotations=(annotation, replace(annotation, id=2)))
    [found] = visibility(make_dataset(["a"], [picture], keypoint_names={"a": ("tip", "root")}))
    assert (found.names, found.unlabelled, found.hidden, found.visible) == (("tip", "root"), (2, 0), (0, 2), (0, 0))


def test_real_sets(shared_data) -> None:
    poses = Dataset.load(shared_data / "pose14" / "val.json")
    suspects = {i.annotation for i in keypoint_issues(poses)}
    assert 0 < len(suspects) < 0.1 * len(poses)  # "some joints are wrong or swapped"
    faces = Dataset.load(shared_data / "faces68" / "val.json")
    assert count_issues(keypoint_issues(faces)) == ()
