"""Crops of faces: the right pixels and labels, every other face ignored, and nothing made twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workshop_builders import ibug_face, make_dataset, make_picture, write_pictures

from vitruvian.data.crop import OtherFaces, _shared, crop_dataset
from vitruvian.data.dataset import Annotation, DataError, Dataset, ExhaustiveRegion, Picture
from vitruvian.data.derive.facial import with_facial_parts
from vitruvian.data.occlusion.occlude import VALIDATION_KINDS
from vitruvian.data.occlusion.protocol import occlude_dataset
from vitruvian.images import read_picture

LEFT, RIGHT = (20.5, 40.0, 60.0, 90.0), (70.0, 50.0, 110.0, 100.0)


def two_faces(folder: Path) -> Dataset:
    """A picture of 200 x 160 with two faces, the left one with an eye and landmarks, and one with a single face."""
    points = ibug_face((40.0, 65.0), 18.0)
    left = Annotation("face", LEFT, 1, keypoints=points, attributes={"name": "left"})
    pictures = [
        replace(
            make_picture(1, name="sub/a.png", source="home", light="day"),
            annotations=(
                left,
                Annotation("face", RIGHT, 2),
                Annotation("eye", (30.0, 50.0, 40.0, 55.0), 3),
                Annotation("eye", (72.0, 60.0, 88.0, 65.0), 4, area=11.0),
            ),
            exhaustive=frozenset({"eye"}),
            exhaustive_regions=(ExhaustiveRegion((0, 0, 100, 100), frozenset({"face"})),),
            ignore_regions=((60.0, 100.0, 90.0, 150.0),),
        ),
        make_picture(2, [("face", (100.0, 20.0, 140.0, 60.0))], name="b.png"),
    ]
    dataset = make_dataset(["face", "eye"], pictures, folder, {"face": tuple(map(str, range(68)))})
    write_pictures(dataset)
    return dataset


class Finder:
    """Says the same boxes of every picture, and counts the pictures."""

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.boxes, self.calls = boxes, 0

    def __call__(self, picture: np.ndarray) -> np.ndarray:
        assert picture.dtype == np.uint8
        self.calls += 1
        return np.asarray(self.boxes, dtype=np.float32).reshape(-1, 4)


def test_a_crop_is_the_scaled_box_and_its_labels_lie_where_they_lay(tmp_path) -> None:
    dataset = two_faces(tmp_path / "in")
    crops = crop_dataset(dataset, "face", tmp_path / "out")
    assert [p.file_name for p in crops] == ["sub/a_1.png", "sub/a_2.png", "b_2000.png"]
    first = crops.pictures[0]
    # 39.5 x 50 about (40.25, 65), doubled: x 0.75 to 79.75, y 15 to 115
    assert first.attributes["crop"] == [0, 15, 80, 100]
    assert (first.width, first.height) == (80, 100)
    assert (first.attributes["original"], first.attributes["face"]) == ("sub/a.png", 1)
    assert (first.attributes["light"], first.source) == ("day", "home")
    original = read_picture(tmp_path / "in" / "sub" / "a.png")
    assert np.array_equal(read_picture(crops.path(first)), original[15:115, 0:80])
    face, eye, cut_off = first.annotations
    assert face.box == (20.5, 25.0, 60.0, 75.0)
    assert face.attributes == {"name": "left"}
    assert np.allclose(face.keypoints[:, :2], ibug_face((40.0, 65.0), 18.0)[:, :2] - (0, 15))
    assert (face.keypoints[:, 2] == 2).all()
    assert (eye.label, eye.box, eye.ignore) == ("eye", (30.0, 35.0, 40.0, 40.0), False)
    assert (cut_off.box, cut_off.ignore, cut_off.area) == ((72.0, 45.0, 80.0, 50.0), False, None)  # half is in view
    assert len({a.id for p in crops for a in p.annotations}) == sum(len(p.annotations) for p in crops)
    saved = Dataset.load(tmp_path / "out" / "labels.json")
    assert saved.images_dir == crops.images_dir
    for one, other in zip(saved, crops, strict=True):
        assert (one.file_name, one.attributes) == (other.file_name, other.attributes)
        assert one.ignore_regions == other.ignore_regions
        assert one.exhaustive_regions == other.exhaustive_regions
        assert np.array_equal(one.boxes(), other.boxes())


def test_every_other_face_is_ignored_and_only_then_is_the_crop_complete(tmp_path) -> None:
    dataset = two_faces(tmp_path / "in")
    nearby = (35.0, 80.0, 75.0, 120.0)  # shares a quarter of the smaller box with neither face
    finder = Finder((22.0, 42.0, 58.0, 88.0), nearby, (150.0, 120.0, 190.0, 150.0))
    plain = crop_dataset(dataset, "face", tmp_path / "plain")
    crops = crop_dataset(dataset, "face", tmp_path / "out", others=[OtherFaces("fake", finder)])
    assert finder.calls == 2  # once a picture, not once a face
    first, second, third = crops.pictures
    moved_region, moved_right = (60.0, 85.0, 80.0, 100.0), (70.0, 35.0, 80.0, 85.0)
    assert plain.pictures[0].ignore_regions == (moved_region, moved_right)
    # The duplicate of the labelled face is none of the others; the far one lies outside the crop.
    assert first.ignore_regions == (moved_region, moved_right, (35.0, 65.0, 75.0, 100.0))
    x, y, *_ = second.attributes["crop"]
    assert (LEFT[0] - x, LEFT[1] - y, LEFT[2] - x, LEFT[3] - y) not in second.ignore_regions  # clipped by the crop
    assert any(b[0] == 0 and b[2] == LEFT[2] - x for b in second.ignore_regions)
    for crop in crops:
        assert "face" in crop.exhaustive
        assert not any("face" in region.labels for region in crop.exhaustive_regions)
    assert plain.pictures[0].exhaustive == frozenset({"eye"})
    assert plain.pictures[0].exhaustive_regions == (ExhaustiveRegion((0, 0, 80, 85), frozenset({"face"})),)
    assert third.exhaustive == frozenset({"face"})


def test_a_face_at_the_edge_is_cut_off_there_and_keeps_its_landmarks(tmp_path) -> None:
    points = ibug_face((10.0, 80.0), 30.0)
    face = Annotation("face", (-20.0, 50.0, 40.0, 110.0), 5, keypoints=points)
    far = Annotation("body", (0.0, 0.0, 200.0, 160.0), 6, keypoints=np.float32([[195, 5, 2], [20, 80, 2]]))
    picture = replace(make_picture(1), annotations=(face, far))
    dataset = make_dataset(["face", "body"], [picture], tmp_path / "in", {"face": (), "body": ("a", "b")})
    write_pictures(dataset)
    [crop] = crop_dataset(dataset, "face", tmp_path / "out")
    assert crop.attributes["crop"] == [0, 20, 70, 120]
    face, body = crop.annotations
    assert face.box == (0.0, 30.0, 40.0, 90.0)
    assert (points[:, 0] < 0).any()
    assert (face.keypoints[:, 2] == 2).all()
    assert body.ignore  # 8,400 of its 32,000 pixels
    assert body.keypoints[:, 2].tolist() == [0, 2]


@settings(deadline=None, max_examples=30)
@given(x=st.floats(-30, 190), y=st.floats(-30, 150), w=st.floats(2, 90), h=st.floats(2, 90), factor=st.floats(1, 4))
def test_the_crop_holds_what_of_the_box_lies_in_the_picture(tmp_path_factory, x, y, w, h, factor) -> None:
    folder = tmp_path_factory.mktemp("crop")
    dataset = make_dataset(["face"], [make_picture(1, [("face", (x, y, x + w, y + h))])], folder / "in")
    write_pictures(dataset)
    crops = crop_dataset(dataset, "face", folder / "out", factor)
    inside = (max(x, 0), max(y, 0), min(x + w, 200), min(y + h, 160))
    if inside[2] - inside[0] < 1 or inside[3] - inside[1] < 1:
        assert len(crops) == 0
        return
    [crop] = crops
    left, top, *_ = crop.attributes["crop"]
    box = crop.annotations[0].box
    assert (box[0] + left, box[1] + top, box[2] + left, box[3] + top) == pytest.approx(inside)
    assert crop.width <= factor * w + 2
    assert crop.height <= factor * h + 2


def test_faces_to_ignore_have_no_crop_and_are_ignored_in_others(tmp_path) -> None:
    dataset = two_faces(tmp_path / "in")
    picture = dataset.pictures[0]
    crowd = replace(picture.annotations[1], ignore=True)
    annotations = (picture.annotations[0], crowd, *picture.annotations[2:])
    changed = replace(dataset, pictures=(replace(picture, annotations=annotations),))
    [crop] = crop_dataset(changed, "face", tmp_path / "out")
    assert crop.attributes["face"] == 1
    assert (70.0, 35.0, 80.0, 85.0) in crop.ignore_regions


def test_finished_crops_are_taken_as_they_are(tmp_path) -> None:
    dataset, out = two_faces(tmp_path / "in"), tmp_path / "out"
    finder = Finder(RIGHT)
    others = [OtherFaces("fake", finder)]

    def calls(**more) -> int:
        before = finder.calls
        crop_dataset(dataset, "face", out, **{"others": others, **more})
        return finder.calls - before

    assert calls() == 2
    first = (out / "labels.json").read_text()
    assert calls() == 0
    assert (out / "labels.json").read_text() == first
    (out / "images" / "b_2000.png").write_bytes(b"cut short")
    assert calls() == 1
    assert (out / "labels.json").read_text() == first
    assert calls(factor=1.5) == 2
    assert calls(factor=1.5, others=[OtherFaces("better", finder)]) == 2
    assert calls(factor=1.5, others=[OtherFaces("better", finder)], overwrite=True) == 2


def test_bad_input_is_named(tmp_path) -> None:
    dataset, out = two_faces(tmp_path / "in"), tmp_path / "out"
    with pytest.raises(DataError, match="no class 'head'; there are face, eye"):
        crop_dataset(dataset, "head", out)
    for factor in (0.9, float("nan"), float("inf")):
        with pytest.raises(DataError, match="factor"):
            crop_dataset(dataset, "face", out, factor)
    grown = replace(dataset, pictures=(replace(dataset.pictures[1], width=999),))
    with pytest.raises(DataError, match=r"b\.png: is 200 x 160 pixels, its labels say 999 x 160"):
        crop_dataset(grown, "face", out)
    gone = replace(dataset, pictures=(replace(dataset.pictures[1], file_name="gone.png"),))
    with pytest.raises(DataError, match=r"gone\.png"):
        crop_dataset(gone, "face", out)
    (tmp_path / "in" / "b.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"b\.png"):
        crop_dataset(dataset, "face", out)
    twins = replace(dataset, pictures=(dataset.pictures[1], replace(dataset.pictures[1], id=9, file_name="b.jpg")))
    with pytest.raises(DataError, match=r"b\.png and b\.jpg would both"):
        crop_dataset(twins, "face", out)


def test_covering_keeps_what_a_crop_says(tmp_path) -> None:
    points = ibug_face((100.0, 80.0), 30.0)
    box = (float(points[:, 0].min()), float(points[:, 1].min()), float(points[:, 0].max()), float(points[:, 1].max()))
    picture = replace(make_picture(1, name="a.png"), annotations=(Annotation("face", box, 7, keypoints=points),))
    dataset = make_dataset(["face"], [picture], tmp_path / "in", {"face": tuple(map(str, range(68)))})
    write_pictures(dataset)
    parts = with_facial_parts(dataset)
    finder = Finder((130.0, 50.0, 180.0, 100.0))
    crops = crop_dataset(parts, "whole face", tmp_path / "crops", others=[OtherFaces("fake", finder)])
    [crop] = crops
    [face_id] = [a.id for p in parts for a in p.annotations if a.label == "whole face"]
    whole = next(a for a in crop.annotations if a.label == "whole face")
    assert np.allclose(whole.keypoints[:, :2], points[:, :2] - crop.attributes["crop"][:2])
    hard = occlude_dataset(crops, "whole face", ["hard"], VALIDATION_KINDS, tmp_path / "seed4", seed=4)["hard"]
    [covered] = Dataset.load(tmp_path / "seed4" / "hard.json")
    for other in (covered, hard.pictures[0]):
        assert other.ignore_regions == crop.ignore_regions != ()
        assert other.exhaustive == frozenset({"whole face"})
        assert {k: other.attributes[k] for k in ("original", "occlusion_degree", "occlusion_seed", "face")} == {
            "original": "a.png", "occlusion_degree": "hard", "occlusion_seed": 4, "face": face_id
        }  # fmt: skip
        face = next(a for a in other.annotations if a.label == "whole face")
        assert np.array_equal(face.keypoints[:, :2], whole.keypoints[:, :2])
        assert set(face.keypoints[:, 2].tolist()) == {1.0, 2.0}
        assert face.box == whole.box
        assert [a.label for a in other.annotations] == [a.label for a in crop.annotations]


def test_two_boxes_share_a_part_of_the_smaller() -> None:
    assert _shared((0, 0, 10, 10), (5, 5, 7, 7)) == 1
    assert _shared((0, 0, 10, 10), (5, 0, 25, 10)) == 0.5
    assert _shared((0, 0, 10, 10), (10, 0, 20, 10)) == 0
    assert _shared((0, 0, 0, 10), (50, 0, 60, 10)) == 1


def test_a_set_without_landmarks_has_no_facial_parts() -> None:
    with pytest.raises(DataError, match="no class has keypoints"):
        with_facial_parts(make_dataset(["face"], [Picture(1, "a.png", 9, 9)]))
