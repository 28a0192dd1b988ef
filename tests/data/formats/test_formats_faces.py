"""Faces: iBUG .pts, dlib XML, IMM .asf, WFLW, MERL-RAV, COFW and COFW68."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from format_builders import (
    HEIGHT,
    WIDTH,
    asf,
    build_cofw,
    build_cofw68,
    build_dlib,
    build_ibug,
    build_imm,
    build_merl_rav,
    build_wflw,
    face,
    merl_points,
    picture,
    pts,
    text,
    wflw_row,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vitruvian.data.dataset import Annotation, DataError
from vitruvian.data.formats import read
from vitruvian.data.formats.merl_rav import visibility
from vitruvian.taxonomy import IBUG68


def points(annotation: Annotation) -> np.ndarray:
    assert annotation.keypoints is not None
    return annotation.keypoints


def test_pts_count_from_one(tmp_path: Path) -> None:
    dataset = read(build_ibug(tmp_path)).dataset
    one = dataset.pictures[1].annotations[0]
    np.testing.assert_allclose(points(one)[:, :2], face(68) - 1, atol=1e-4)
    assert set(points(one)[:, 2]) == {2}
    assert one.derived_from == "landmarks"
    np.testing.assert_allclose(one.box, [*(face(68) - 1).min(axis=0), *(face(68) - 1).max(axis=0)], atol=1e-4)
    names = dataset.keypoint_names["face"]
    assert [i for i, name in enumerate(names) if name.startswith("right_eye")] == list(IBUG68.parts["right_eye"])
    assert dataset.pictures[0].exhaustive == frozenset()


def test_pts_of_several_faces_share_the_picture(tmp_path: Path) -> None:
    picture(tmp_path / "134212.jpg")
    for number in (1, 2):
        text(tmp_path / f"134212_{number}.pts", pts(face(68)))
    dataset = read(tmp_path).dataset
    assert [(p.file_name, len(p.annotations)) for p in dataset] == [("134212.jpg", 2)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("version: 1\nn_points: 3\n{\n1 2\n3 4\n}\n", "has 2 points, but n_points says 3"),
        ("version: 1\n{\n1 2\n3 x\n}\n", "line 4: point 'x' is not a number"),
        ("1 2\n3 4\n", "no points between"),
        ("{\n1 2 3\n}", "line 2: point has 3 numbers, not 2"),
        ("{\n}", "has 0 points"),
        ("{\n1 2\n}", "1 points where the other files have 68"),
    ],
)
def test_a_broken_pts_is_named_and_the_others_stay(tmp_path: Path, content: str, reason: str) -> None:
    build_ibug(tmp_path)
    file = text(tmp_path / "helen" / "trainset" / "zz.pts", content)
    result = read(tmp_path)
    assert [r.file for r in result.rejects] == [str(file)]
    assert reason in result.rejects[0].reason
    assert (result.rows, len(result.dataset)) == (3, 2)


def test_dlib_boxes_parts_and_ignore(tmp_path: Path) -> None:
    only = read(build_dlib(tmp_path)).dataset.pictures[0]
    one, car = only.annotations
    assert one.box == (10, 8, 51, 50)
    np.testing.assert_array_equal(points(one)[:, :2], np.array([[f"{v:.0f}" for v in p] for p in face(68)], float))
    assert (car.label, car.ignore) == ("car", True)
    assert only.exhaustive == {"car"}  # faces with landmarks are boxed for these, not to find them all


def test_dlib_orders_parts_by_name(tmp_path: Path) -> None:
    path = build_dlib(tmp_path)
    lines = path.read_text().split("\n")
    first = next(i for i, line in enumerate(lines) if "<part" in line)
    shuffled = [*lines[:first], *reversed(lines[first : first + 68]), *lines[first + 68 :]]
    before = points(read(path).dataset.pictures[0].annotations[0])
    text(path, "\n".join(shuffled))
    np.testing.assert_array_equal(points(read(path).dataset.pictures[0].annotations[0]), before)


def test_xml_with_entities_is_refused(tmp_path: Path) -> None:
    path = build_dlib(tmp_path)
    bomb = '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    text(path, path.read_text().replace("<dataset>", bomb + "<dataset>"))
    with pytest.raises(DataError, match="document type or entities"):
        read(path, "dlib_xml")


def test_asf_coordinates_are_shares_and_the_picture_is_the_one_beside(tmp_path: Path) -> None:
    dataset = read(build_imm(tmp_path)).dataset
    assert [p.file_name for p in dataset] == ["01-1m.jpg", "33-1m.jpg"]
    assert [p.attributes["subject"] for p in dataset] == [1, 33]
    expected = face(58, 0.1, 0.1, 0.6) * [WIDTH, HEIGHT]
    np.testing.assert_allclose(points(dataset.pictures[1].annotations[0])[:, :2], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("\n58\n", "\n59\n", "says 59"),
        (" \t3 \t0", " \t4 \t0", "occurs twice"),
        ("0 \t4 \t0.", "0 \t4 \tx", "not a number"),
    ],
)
def test_a_broken_asf_is_named(tmp_path: Path, old: str, new: str, reason: str) -> None:
    build_imm(tmp_path)
    content = asf(face(58, 0.1, 0.1, 0.6), "x.bmp")
    assert old in content
    text(tmp_path / "33-1m.asf", content.replace(old, new, 1))
    result = read(tmp_path)
    assert len(result.rejects) == 1
    assert reason in result.rejects[0].reason
    assert len(result.dataset) == 1


@pytest.mark.parametrize(("folder", "faces", "count"), [("frontal37_58pt", 37, 58), ("frontal120_73pt", 120, 73)])
def test_imm_as_published(shared_data: Path, folder: str, faces: int, count: int) -> None:
    result = read(shared_data / "imm" / folder)
    assert (result.rejects, len(result.dataset)) == ((), faces)
    for one in result.dataset:
        keypoints = points(one.annotations[0])
        assert len(keypoints) == count
        assert one.width > 0
        assert (keypoints[:, :2] >= 0).all()
        assert (keypoints[:, :2] <= [one.width, one.height]).all()
    stale = [p for p in result.dataset if p.attributes["host_image"].split(".")[0] != p.file_name.split(".")[0]]
    assert [p.file_name for p in stale] == (["04-1m.jpg"] if count == 58 else [])


def test_wflw_boxes_attributes_and_splits(tmp_path: Path) -> None:
    dataset = read(build_wflw(tmp_path)).dataset
    by_name = {p.file_name: p for p in dataset}
    shared, single = by_name["0--Parade/a.jpg"], by_name["1--Rain/b.jpg"]
    assert [len(shared.annotations), len(single.annotations)] == [2, 1]
    assert (shared.attributes["split"], single.attributes["split"]) == ("train", "test")
    one = shared.annotations[0]
    assert one.box == (10, 8, 50, 48)
    np.testing.assert_allclose(points(one)[:, :2], face(98), atol=1e-4)
    assert {name for name, flag in one.attributes.items() if flag} == {"pose", "occlusion"}
    assert len(read(tmp_path, split="test").dataset) == 1


def test_wflw_without_boxes_and_broken_lines(tmp_path: Path) -> None:
    build_wflw(tmp_path)
    row = wflw_row(face(98), "0--Parade/a.jpg").split()
    file = text(tmp_path / "list_98pt_test.txt", f"{' '.join(row[:196])} {row[-1]}\n{' '.join(row[:-1])}\n")
    result = read(file)
    assert [r.place for r in result.rejects] == ["line 2"]
    only = result.dataset.pictures[0].annotations[0]
    assert only.derived_from == "landmarks"
    assert result.dataset.pictures[0].width == WIDTH


def test_merl_rav_signs_become_visibility(tmp_path: Path) -> None:
    dataset = read(build_merl_rav(tmp_path)).dataset
    hidden = next(p for p in dataset if p.attributes["pose"] == "lefthalf").annotations[0]
    assert points(hidden)[:7, 2].tolist() == [0, 0, 0, 1, 1, 1, 2]
    np.testing.assert_allclose(points(hidden)[3:, :2], face(68)[3:], atol=1e-4)
    assert (points(hidden)[:3, :2] == 0).all()
    assert hidden.attributes["self_occluded"] == [0, 1, 2]
    assert {p.attributes["split"] for p in dataset} == {"train", "test"}


def test_merl_rav_copies_of_a_picture(tmp_path: Path) -> None:
    build_merl_rav(tmp_path)
    assert {p.attributes.get("copy_of") for p in read(tmp_path).dataset} == {None, "image20991"}
    picture(tmp_path / "aflw" / "flickr" / "0" / "image20991.jpg")
    merged = [p for p in read(tmp_path).dataset if p.file_name == "flickr/0/image20991.jpg"]
    assert [len(p.annotations) for p in merged] == [2]
    assert "copy_of" not in merged[0].attributes


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(1.5, 2000), st.floats(1.5, 2000), st.integers(0, 2)), min_size=68, max_size=68))
def test_merl_rav_signs_are_undone_exactly(marked: list[tuple[float, float, int]]) -> None:
    place = {0: lambda x, y: (-1, -1), 1: lambda x, y: (-x, -y), 2: lambda x, y: (x, y)}
    found = visibility(np.array([place[v](x, y) for x, y, v in marked], dtype=float))
    assert found[:, 2].tolist() == [v for _, _, v in marked]
    expected = [(x, y) if v else (0, 0) for x, y, v in marked]
    np.testing.assert_allclose(found[:, :2], expected, rtol=1e-6)


def test_merl_rav_mixed_signs_and_stray_files_are_rejected(tmp_path: Path) -> None:
    build_merl_rav(tmp_path)
    mixed = merl_points()
    mixed[10, 0] *= -1
    text(tmp_path / "merl_rav_labels" / "frontal" / "trainset" / "labels" / "mixed.pts", pts(mixed))
    text(tmp_path / "merl_rav_labels" / "stray.pts", pts(face(68)))
    reasons = sorted(r.reason for r in read(tmp_path).rejects)
    assert reasons[0] == "lies in no folder of a pose and a split"
    assert reasons[1].startswith("point 10 has one negative coordinate")


def test_cofw_and_its_embedded_pictures(tmp_path: Path) -> None:
    path = build_cofw(tmp_path / "set")
    result = read(path, images_dir=tmp_path / "pictures")
    one, two = result.dataset.pictures
    assert (one.width, one.height, one.file_name) == (WIDTH, HEIGHT, "cofw_test_0001.png")
    np.testing.assert_allclose(points(one.annotations[0])[:, :2], face(29) - 1, atol=1e-4)
    assert np.flatnonzero(points(one.annotations[0])[:, 2] == 1).tolist() == [3]
    assert two.annotations[0].box == (10, 8, 50, 48)
    with Image.open(result.dataset.path(two)) as image:
        assert (image.size, image.getpixel((0, 0))) == ((WIDTH, HEIGHT), 200)


def test_a_damaged_hdf5_file_is_one_line_whatever_the_library_does(tmp_path: Path) -> None:
    path = build_cofw(tmp_path)
    raw = bytearray(path.read_bytes())
    for at in range(600, len(raw), 7):
        raw[at] ^= 0x5A
    path.write_bytes(bytes(raw))
    with pytest.raises(DataError, match=r"COFW_test_color\.mat: not a sound MATLAB 7\.3 file"):
        read(path)


def test_cofw68_points_boxes_and_occlusion(tmp_path: Path) -> None:
    dataset = read(build_cofw68(tmp_path)).dataset
    assert [p.attributes["number"] for p in dataset] == [1, 2, 10]
    for one in dataset:
        number = one.attributes["number"]
        np.testing.assert_allclose(points(one.annotations[0])[:, :2], face(68) + number - 1, atol=1e-4)
        assert np.flatnonzero(points(one.annotations[0])[:, 2] == 1).tolist() == [number]
        assert one.annotations[0].box == (9, 7, 49, 47)


def test_cofw68_as_published_agrees_with_scipy(shared_data: Path) -> None:
    root = shared_data / "fixtures" / "cofw68"
    result = read(root)
    assert (result.rejects, len(result.dataset)) == ((), 507)
    assert any("507 pictures are not in" in note for note in result.notes)
    occluded = total = 0
    for one in result.dataset:
        keypoints = points(one.annotations[0])
        if one.attributes["number"] % 50 == 1:
            file = root / "COFW68_Data" / "test_annotations" / f"{one.attributes['number']}_points.mat"
            published = scipy.io.loadmat(file)
            np.testing.assert_allclose(keypoints[:, :2], published["Points"] - 1, atol=1e-3)
            assert (keypoints[:, 2] == 2 - published["Occ"].ravel()).all()
        occluded += int((keypoints[:, 2] == 1).sum())
        total += len(keypoints)
        centre = keypoints[:, :2].mean(axis=0)
        x1, y1, x2, y2 = one.annotations[0].box
        assert x1 < centre[0] < x2
        assert y1 < centre[1] < y2
    assert 0.15 < occluded / total < 0.35  # the paper speaks of 23 % for COFW's test pictures
