"""COCO, LVIS, FiftyOne and COCO-WholeBody in; COCO, CVAT and Label Studio out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from format_builders import build_coco, build_wholebody, dump
from hypothesis import given, settings
from hypothesis import strategies as st

from vitruvian.data.dataset import DataError, to_coco
from vitruvian.data.formats import read, write
from vitruvian.data.formats.wholebody import KEYPOINT_NAMES


def plain(raw: dict[str, Any]) -> dict[int, dict[str, Any]]:
    """What every reader of COCO takes from an annotation, by id."""
    keys = ("image_id", "category_id", "bbox", "area", "iscrowd", "keypoints", "segmentation", "num_keypoints")
    return {a["id"]: {"iscrowd": 0} | {k: a[k] for k in keys if k in a} for a in raw["annotations"]}


def assert_same_coco(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert {c["id"]: c["name"] for c in one["categories"]} == {c["id"]: c["name"] for c in two["categories"]}
    assert {i["id"]: (i["file_name"], i["width"]) for i in one["images"]} == {
        i["id"]: (i["file_name"], i["width"]) for i in two["images"]
    }
    first, second = plain(one), plain(two)
    assert first.keys() == second.keys()
    for number, annotation in first.items():
        other = second[number]
        np.testing.assert_allclose(annotation.pop("bbox"), other.pop("bbox"), atol=1e-6)
        np.testing.assert_allclose(annotation.pop("keypoints", []), other.pop("keypoints", []), atol=1e-3)
        assert annotation == {key: other[key] for key in annotation}


def test_coco_comes_back_as_it_was(tmp_path: Path) -> None:
    path = build_coco(tmp_path)
    result = write(read(path).dataset, tmp_path / "out.json", "coco")
    assert result.losses == ()
    raw, again = json.loads(path.read_text()), json.loads(result.path.read_text())
    assert_same_coco(raw, again)
    assert again["categories"] == raw["categories"]
    assert (again["info"], again["licenses"]) == (raw["info"], raw["licenses"])
    assert again["images"][0]["license"] == 3
    assert again["annotations"][1]["attributes"] == {"occluded": True}
    once = read(path).dataset
    assert to_coco(read(result.path, images_dir=once.images_dir).dataset) == to_coco(once)


def test_real_instances_round_trip_and_pycocotools_reads_them(shared_data: Path, tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    path = shared_data / "fixtures" / "coco_val2014_100" / "instances_val2014_100.json"
    result = read(path)
    assert (result.rejects, len(result.dataset), result.rows) == ((), 100, 1019)
    assert sum(a.ignore for p in result.dataset for a in p.annotations) == 9
    written = write(result.dataset, tmp_path / "out.json", "coco").path
    assert_same_coco(json.loads(path.read_text()), json.loads(written.read_text()))
    truth, ours = coco.COCO(str(path)), coco.COCO(str(written))
    assert truth.getCatIds() == ours.getCatIds()
    for number in truth.getAnnIds()[:50]:
        assert (truth.annToMask(truth.anns[number]) == ours.annToMask(ours.anns[number])).all()


@pytest.mark.parametrize("name", ["300w", "aflw", "aic", "cofw", "crowdpose", "lapa", "ochuman", "onehand10k", "wflw"])
def test_real_pictures_with_labels_in_coco_style(shared_data: Path, name: str) -> None:
    path = shared_data / "fixtures" / "format_samples" / name / f"test_{name}.json"
    raw = json.loads(path.read_text())
    result = read(path, "coco")
    assert result.rejects == ()
    by_id = {a.id: a for p in result.dataset for a in p.annotations}
    assert len(by_id) == len(raw["annotations"])
    for row in raw["annotations"]:
        expected = np.reshape(row["keypoints"], (-1, 3))
        np.testing.assert_allclose(by_id[row["id"]].keypoints, expected, atol=1e-3)
        x, y, w, h = row["bbox"]
        np.testing.assert_allclose(by_id[row["id"]].box, (x, y, x + w, y + h))
    for p in result.dataset:
        assert result.dataset.path(p).is_file()


def test_missing_boxes_come_from_keypoints(shared_data: Path) -> None:
    result = read(shared_data / "fixtures" / "format_samples" / "mpii" / "test_mpii_trb.json")
    assert result.rejects == ()
    for annotation in (a for p in result.dataset for a in p.annotations):
        assert annotation.derived_from == "keypoints"
        assert annotation.keypoints is not None
        seen = annotation.keypoints[annotation.keypoints[:, 2] > 0, :2]
        np.testing.assert_allclose(annotation.box, [*seen.min(axis=0), *seen.max(axis=0)], atol=1e-3)


BROKEN = {
    "no image": ({"image_id": 99}, "image_id 99"),
    "no category": ({"category_id": 99}, "category_id 99"),
    "no number": ({"bbox": [0, 0, float("nan"), 1]}, "not finite"),
    "negative": ({"bbox": [0, 0, -1, 5]}, "negative width"),
    "three numbers": ({"bbox": [0, 0, 1]}, "3 numbers, not 4"),
    "text": ({"bbox": "0,0,1,1"}, "not a list"),
    "truth as number": ({"bbox": [True, 0, 1, 1]}, "not a number"),
    "visibility": ({"keypoints": [1, 1, 3], "category_id": 5}, "visibility 3"),
    "too few keypoints": ({"keypoints": [1, 1, 2]}, "1 keypoints where its category names 2"),
    "not triples": ({"keypoints": [1, 1, 2, 3]}, "not triples"),
    "crowd": ({"iscrowd": "no"}, "iscrowd"),
    "area": ({"area": [1]}, "area"),
    "attributes": ({"attributes": [1]}, "attributes"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_annotation_is_set_aside_by_name_and_the_rest_stays(name: str, tmp_path: Path) -> None:
    change, reason = BROKEN[name]
    path = build_coco(tmp_path)
    raw = json.loads(path.read_text())
    raw["annotations"][1] |= change
    result = read(dump(path, raw))
    assert [(r.file, r.place) for r in result.rejects] == [(str(path), "annotation 12")]
    assert reason in result.rejects[0].reason
    assert [a.id for p in result.dataset for a in p.annotations] == [11, 13]
    assert (result.rows, result.accepted) == (7, 6)
    with pytest.raises(DataError, match="annotation 12"):
        read(path, strict=True)


def test_doubled_ids_and_escaping_file_names_are_set_aside(tmp_path: Path) -> None:
    path = build_coco(tmp_path)
    raw = json.loads(path.read_text())
    raw["annotations"].append(raw["annotations"][0])
    raw["images"][1]["file_name"] = "../../etc/passwd"
    result = read(dump(path, raw))
    reasons = {r.place: r.reason for r in result.rejects}
    assert reasons["annotation 11"] == "occurs twice"
    assert "not a path below" in reasons["image 9"]
    assert "not among the accepted images" in reasons["annotation 13"]
    assert result.rows == 8


def test_lvis_says_what_is_exhaustive_and_names_pictures_by_url(tmp_path: Path) -> None:
    raw = json.loads(build_coco(tmp_path).read_text())
    raw["images"] = [
        {
            "id": 7, "coco_url": "http://images.cocodataset.org/train2017/000000391895.jpg", "width": 80, "height": 60,
            "neg_category_ids": [1], "not_exhaustive_category_ids": [5],
        },
        {
            "id": 9, "file_name": "b.png", "width": 80, "height": 60,
            "neg_category_ids": [], "not_exhaustive_category_ids": [],
        },
    ]  # fmt: skip
    one, two = read(dump(tmp_path / "lvis.json", raw)).dataset.pictures
    assert one.file_name == "train2017/000000391895.jpg"
    assert one.exhaustive == {"person"}  # verified absent in the file, whatever is drawn; of dog some are missing
    assert two.exhaustive == {"dog"}


def test_fiftyone_export_folder(tmp_path: Path) -> None:
    build_coco(tmp_path)
    (tmp_path / "images").rename(tmp_path / "data")
    result = read(tmp_path)
    assert result.dataset.path(result.dataset.pictures[0]).is_file()


def test_a_missing_size_is_read_from_the_picture(tmp_path: Path) -> None:
    path = build_coco(tmp_path)
    raw = json.loads(path.read_text())
    del raw["images"][0]["width"]
    assert read(dump(path, raw)).dataset.pictures[0].width == 80
    raw["images"][0]["file_name"] = "gone.png"
    assert "gone.png is not in" in read(dump(path, raw)).rejects[0].reason


def test_wholebody_joins_keypoints_and_gives_boxes_of_parts(tmp_path: Path) -> None:
    dataset = read(build_wholebody(tmp_path)).dataset
    person, face, hand = dataset.pictures[0].annotations
    assert person.keypoints is not None
    assert len(person.keypoints) == len(KEYPOINT_NAMES) == 133
    assert person.keypoints[[0, 17, 23, 90, 91, 132], 2].tolist() == [2, 2, 1, 1, 0, 0]
    assert person.attributes["face_kpts_visibility"][-1] == 0.25
    assert (face.label, face.box, face.attributes) == ("face", (25, 26, 35, 38), {"person": 4, "valid": True})
    assert (hand.label, hand.attributes["valid"]) == ("right hand", False)
    assert dataset.pictures[0].exhaustive == {"person"}


def test_real_wholebody(shared_data: Path) -> None:
    path = shared_data / "fixtures" / "format_samples" / "coco" / "test_coco_wholebody.json"
    result = read(path)
    raw = json.loads(path.read_text())
    drawn = sum(row[f"{part}_box"][2] > 0 for row in raw["annotations"] for part in ("face", "lefthand", "righthand"))
    assert (result.format, result.rejects) == ("coco_wholebody", ())
    assert sum(len(p.annotations) for p in result.dataset) == len(raw["annotations"]) + drawn


def test_cvat_and_label_studio_get_plain_coco(tmp_path: Path) -> None:
    dataset = read(build_coco(tmp_path)).dataset
    result = write(dataset, tmp_path / "cvat", "cvat", pictures="link")
    assert (tmp_path / "cvat" / "images" / "default" / "a.png").is_file()
    boxes = json.loads((tmp_path / "cvat" / "annotations" / "instances_default.json").read_text())
    points = json.loads((tmp_path / "cvat" / "annotations" / "person_keypoints_default.json").read_text())
    assert {key for row in boxes["annotations"] for key in row}.isdisjoint({"keypoints"})
    assert [row["id"] for row in points["annotations"]] == [12]
    assert points["categories"][0]["skeleton"] == [[1, 2]]
    crowd = boxes["annotations"][1]
    assert (crowd["iscrowd"], crowd["segmentation"], crowd["attributes"]) == (0, [], {"occluded": True, "ignore": True})
    assert any("1 annotations to be ignored" in loss for loss in result.losses)
    assert read(write(dataset, tmp_path / "ls.json", "label_studio").path).rejects == ()


any_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)
fields = ("id", "image_id", "category_id", "bbox", "keypoints", "area", "iscrowd", "attributes", "derived_from")


@settings(max_examples=60, deadline=None)
@given(any_json, st.sampled_from(fields))
def test_any_json_in_any_field_is_accepted_or_set_aside(
    tmp_path_factory: pytest.TempPathFactory, value: Any, key: str
) -> None:
    folder = tmp_path_factory.mktemp("coco")
    path = build_coco(folder)
    raw = json.loads(path.read_text())
    raw["annotations"][1][key] = value
    result = read(dump(path, raw))
    assert result.rows == 7
    assert len(result.rejects) + sum(len(p.annotations) for p in result.dataset) == 3


def test_a_folder_with_several_label_files_asks_which(tmp_path: Path) -> None:
    raw = json.loads(build_coco(tmp_path / "set").read_text())
    dump(tmp_path / "set" / "annotations" / "train.json", raw)
    dump(tmp_path / "set" / "annotations" / "val.json", raw)
    (tmp_path / "set" / "labels.json").unlink()
    with pytest.raises(DataError, match=r"train\.json, val\.json; name one"):
        read(tmp_path / "set")
    assert read(tmp_path / "set" / "annotations" / "val.json").dataset.images_dir == tmp_path / "set" / "images"


def test_writing_names_what_it_cannot(tmp_path: Path) -> None:
    dataset = read(build_coco(tmp_path)).dataset
    with pytest.raises(DataError, match="cannot write 'cocoa', only canonical"):
        write(dataset, tmp_path / "x", "cocoa")
    with pytest.raises(DataError, match="one file and places no pictures"):
        write(dataset, tmp_path / "x.json", "coco", pictures="link")
