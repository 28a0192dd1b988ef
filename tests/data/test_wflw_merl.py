"""The thesis's recipe: poses, copies, unlabelled faces, sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from workshop_builders import ibug_face, make_dataset, make_picture

from vitruvian.data.dataset import Annotation, DataError, Dataset
from vitruvian.data.wflw_merl import wflw_merl
from vitruvian.taxonomy import FACIAL_PARTS


def face(points: np.ndarray, number: int) -> Annotation:
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    return Annotation("face", (*low.tolist(), *high.tolist()), number, keypoints=points)


def wflw(tmp_path) -> Dataset:
    rng = np.random.default_rng(0)
    pictures = []
    for i in range(1, 61):
        points = np.column_stack([rng.uniform(20, 140, (98, 2)), np.full(98, 2)]).astype(np.float32)
        made = make_picture(i, split="train" if i <= 30 else "test", exhaustive=["face"] if i % 2 else [])
        pictures.append(replace(made, annotations=(face(points, i),)))
    return make_dataset(["face"], pictures, tmp_path / "wflw")


def merl(tmp_path) -> Dataset:
    poses = ["frontal", "frontal", "lefthalf", "left", "right", "righthalf"]
    pictures = []
    for i, pose in enumerate(poses * 5, start=1):
        name, about = f"{pose}/{i}.jpg", {"pose": pose, "split": "train" if i <= 15 else "test"}
        if i in (1, 2):
            about["copy_of"] = "image1"
        made = make_picture(i, name=name, exhaustive=["face"], **about)
        points = ibug_face(centre=(60 if i == 1 else 140, 80))
        pictures.append(replace(made, annotations=(face(points, i),)))
    return make_dataset(["face"], pictures, tmp_path / "merl")


def test_poses_copies_and_unlabelled_faces(tmp_path) -> None:
    made = wflw_merl(wflw(tmp_path), merl(tmp_path))
    assert made.other_poses == 10
    assert made.dropped == 15  # even test pictures of WFLW promise nothing about faces
    names = {split: {p.file_name for p in d} for split, d in made.splits.items()}
    assert not any("/left/" in n or "/right/" in n for found in names.values() for n in found)
    assert sum("wflw" in n for n in names["train"]) == 30  # in training they stay
    joined = [p for p in made.splits["train"] if p.attributes.get("copy_of") == "image1"]
    assert len(joined) == 1
    assert sum(a.label == "whole face" for a in joined[0].annotations) == 2
    held_out = [*made.splits["val"], *made.splits["test"]]
    assert len(held_out) == 15 + 9  # odd ones of WFLW; nine of the fifteen test faces of MERL-RAV have the right pose
    assert all(p.exhaustive == frozenset(FACIAL_PARTS.names) for p in held_out)
    assert all(not p.exhaustive and p.exhaustive_regions for p in made.splits["train"])
    assert not names["val"] & names["test"]


def test_sizes_are_checked_against_the_thesis(tmp_path) -> None:
    made = wflw_merl(wflw(tmp_path), merl(tmp_path))
    thesis = {(c.source, c.split): c.thesis for c in made.checks}
    assert thesis["wflw", "train"] == 6000
    assert thesis["wflw", "val"] == 125
    assert thesis["wflw", "test"] == 794
    assert thesis["merl_rav", "train"] == 8601
    assert thesis["merl_rav", "val"] == 1656
    assert thesis["merl_rav", "test"] == 804
    assert not any(c.agrees for c in made.checks)
    assert sum(c.found for c in made.checks) == sum(map(len, made.splits.values()))


def test_sets_that_are_not_from_there_are_named(tmp_path) -> None:
    with pytest.raises(DataError, match="not from MERL-RAV"):
        wflw_merl(wflw(tmp_path), wflw(tmp_path))
    stray = make_dataset(["face"], [make_picture(1)], tmp_path)
    with pytest.raises(DataError, match="no attribute 'split'"):
        wflw_merl(stray, merl(tmp_path))
