"""People: LSP, LSP-Extended, MPII and its json, AI Challenger, Pascal VOC with person layout."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from format_builders import (
    build_ai_challenger,
    build_lsp,
    build_lsp_extended,
    build_mpii,
    build_mpii_json,
    build_voc,
    dump,
    face,
    text,
)

from vitruvian.data.dataset import Annotation, DataError
from vitruvian.data.formats import read
from vitruvian.taxonomy import AIC14, LSP14, MPII16


def points(annotation: Annotation) -> np.ndarray:
    assert annotation.keypoints is not None
    return annotation.keypoints


def test_lsp_flags_what_is_occluded(tmp_path: Path) -> None:
    dataset = read(build_lsp(tmp_path)).dataset
    assert dataset.keypoint_names == {"person": LSP14.joints}
    for index, one in enumerate(dataset):
        joints = points(one.annotations[0])
        np.testing.assert_allclose(joints[:, :2], face(14) - 1, atol=1e-4)
        assert np.flatnonzero(joints[:, 2] == 1).tolist() == [index]
        assert (one.file_name, one.attributes["split"]) == (f"im{index + 1:04d}.jpg", "train")


def test_lsp_extended_flags_what_is_visible(tmp_path: Path) -> None:
    one, two = read(build_lsp_extended(tmp_path)).dataset.pictures
    assert one.file_name == "im00001.jpg"
    assert points(one.annotations[0])[:, 2].tolist() == [0] + [2] * 13
    np.testing.assert_allclose(one.annotations[0].attributes["unseen"]["right_ankle"], face(14)[0] - 1)
    assert points(two.annotations[0])[[1, 5]].tolist() == [[0, 0, 0]] * 2
    assert set(two.annotations[0].attributes["unseen"]) == {"right_knee"}  # the other one lies beyond the picture


def test_lsp_split_is_by_position(tmp_path: Path) -> None:
    joints = np.zeros((3, 14, 1002))
    joints[:2] = 5
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": joints}, do_compression=True)
    assert [p.file_name for p in read(tmp_path, split="test").dataset] == ["im1001.jpg", "im1002.jpg"]


def test_lsp_broken_people_and_shapes(tmp_path: Path) -> None:
    joints = np.ones((3, 14, 3))
    joints[0, 0, 1] = np.nan
    joints[2, 0, 2] = 7
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": joints})
    result = read(tmp_path)
    assert [(r.place, r.reason[:20]) for r in result.rejects] == [
        ("person 2", "joints nan is not fi"),
        ("person 3", "its third value is n"),
    ]
    scipy.io.savemat(tmp_path / "joints.mat", {"joints": np.ones((4, 14, 3))})
    with pytest.raises(DataError, match=r"shape \(4, 14, 3\)"):
        read(tmp_path)


def test_mpii_joints_heads_and_activities(tmp_path: Path) -> None:
    dataset = read(build_mpii(tmp_path)).dataset
    one, two = dataset.pictures
    person, head, unposed = one.annotations
    assert dataset.keypoint_names == {"person": MPII16.joints}
    joints = points(person)
    assert joints[[0, 1, 9]].tolist() == [[9, 19, 2], [10, 20, 1], [18, 28, 2]]
    assert joints[:, 2].sum() == 5
    assert person.attributes["visibility_unknown"] == ["head_top"]
    assert (head.label, head.box, head.attributes) == ("head", (9, 4, 19, 14), {"person": person.id})
    assert person.box == (9, 4, 19, 28)  # joints and head
    assert (unposed.ignore, unposed.derived_from, unposed.box) == (True, "scale", (0, 10, 40, 50))
    assert one.attributes == {"split": "train", "activity": "curling", "category": "winter activities", "video": 3}
    assert two.attributes == {"split": "test"}
    assert [p.file_name for p in read(tmp_path, split="test").dataset] == ["000000001.jpg"]


def test_mpii_json_counts_from_one(tmp_path: Path) -> None:
    person, unposed = read(build_mpii_json(tmp_path)).dataset.pictures[0].annotations
    joints = points(person)
    assert joints[:3].tolist() == [[0, 0, 0], [9, 19, 1], [10, 20, 2]]
    assert (unposed.box, unposed.ignore) == ((0, 10, 40, 50), True)


def test_mpii_json_real_sample(shared_data: Path) -> None:
    path = shared_data / "fixtures" / "format_samples" / "mpii" / "test_mpii.json"
    result = read(path)
    assert (result.format, result.rejects) == ("mpii_json", ())
    people = {p.file_name: p.annotations[0] for p in result.dataset}
    for row in json.loads(path.read_text()):
        joints = points(people[row["image"]])
        placed = np.array(row["joints_vis"]) == 1
        assert ((joints[:, 2] == 2) == placed).all()
        np.testing.assert_allclose(joints[placed, :2], np.array(row["joints"])[placed] - 1)


def test_ai_challenger_visibility_and_boxes(tmp_path: Path) -> None:
    dataset = read(build_ai_challenger(tmp_path)).dataset
    assert dataset.keypoint_names == {"person": AIC14.joints}
    first, second = dataset.pictures[0].annotations
    assert points(first)[:4].tolist() == [[30, 31, 2], [32, 33, 1], [0, 0, 0], [40, 41, 2]]
    assert (first.attributes["name"], first.box) == ("human1", (20, 21, 60, 55))
    assert second.attributes["name"] == "human2"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"keypoint_annotations": {"human1": [1] * 42}}, "has no 'human2'"),
        ({"keypoint_annotations": {"human1": [1] * 41, "human2": [1] * 42}}, "41 numbers, not 42"),
        ({"keypoint_annotations": {"human1": [0] * 42, "human2": [1] * 42}}, "visibility is not 1, 2 or 3"),
        ({"human_annotations": {"human1": [5, 5, 1, 1], "human2": [0, 0, 1, 1]}}, "negative width"),
    ],
)
def test_ai_challenger_broken_people(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    path = build_ai_challenger(tmp_path)
    raw = json.loads(path.read_text())
    raw[0] |= change
    result = read(dump(path, raw))
    assert [reason in r.reason for r in result.rejects] == [True]
    assert (result.rows, result.accepted) == (2, 1)


def test_voc_pixels_parts_and_difficult(tmp_path: Path) -> None:
    only = read(build_voc(tmp_path)).dataset.pictures[0]
    person, head, hand, dog = only.annotations
    assert person.box == (0, 0, 80, 60)  # 1..80 and 1..60 inclusive: the whole picture
    assert (head.label, head.box, head.attributes) == ("head", (9, 3, 19, 13), {"person": person.id})
    assert hand.label == "hand"
    assert (dog.ignore, dog.box) == (True, (4.5, 5, 9, 9))
    assert person.attributes == {"truncated": True, "pose": "Frontal"}
    assert only.exhaustive == {"person", "dog"}  # parts are there for some people only
    assert only.attributes["split"] == "train"


def test_voc_broken_objects_and_files(tmp_path: Path) -> None:
    build_voc(tmp_path)
    file = tmp_path / "Annotations" / "2007_000027.xml"
    good = file.read_text()
    text(file, good.replace("<xmax>9</xmax>", "<xmax>1</xmax>"))
    result = read(tmp_path)
    assert [(r.place, r.reason) for r in result.rejects] == [("line 12", "bndbox has a negative width or height")]
    text(tmp_path / "Annotations" / "a.xml", good[:200])
    text(tmp_path / "Annotations" / "b.xml", good.replace("<annotation>", "<!DOCTYPE a><annotation>"))
    text(tmp_path / "Annotations" / "c.xml", "<kml/>")
    reasons = [r.reason for r in read(tmp_path, "voc").rejects if r.place == ""]
    assert [reason.split(":")[0][:22] for reason in reasons] == [
        "not valid XML",
        "has a document type or",
        "its root is <kml>, not",
    ]
    with pytest.raises(DataError, match="'val'"):
        read(tmp_path, "voc", split="val")
