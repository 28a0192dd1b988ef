"""Converters: each format holds what it can hold, in the convention its own readers expect."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from vitruvian.scene import Face, Part, Person, Scene, SceneError
from vitruvian.scene.converters import (
    CSV_COLUMNS,
    detections,
    faces_to_keypoints,
    from_yolo,
    people_to_coco,
    people_to_keypoints,
    to_coco,
    to_csv_rows,
    to_detections,
    to_yolo,
)
from vitruvian.taxonomy import COCO17, IBUG68, PARTS

EMPTY = Scene("empty.jpg", 10, 10)


@pytest.fixture
def scene() -> Scene:
    eye = Part("eyes", (12, 22, 20, 26), 0.6, "right", 1)
    face = Face((10, 20, 40, 60), 0.7, person=1, parts=(eye,), landmarks=[(i, 2 * i) for i in range(68)], track=3)
    return Scene(
        "pictures/a, b.jpg",
        200,
        100,
        parts=(Part("Human body", (0, 0, 100, 100), 0.9, None, 0), Part("Human hand", (5, 50, 15, 60), 0.8, "left")),
        faces=(face, Face((50, 20, 80, 60), 0.5)),
        people=(Person((0, 0, 100, 100), 0.9, {"nose": (30, 10, 0.5)}, 4), Person((10, 20, 40, 60), 0.7)),
        time=0.5,
    )


def test_flat_list_holds_every_box_once(scene: Scene) -> None:
    assert [part.label for part in detections(scene)] == [
        "Human body",
        "Human hand",
        "whole face",
        "eyes",
        "whole face",
    ]
    assert detections(EMPTY) == ()


def test_coco_results_are_xywh_with_ids_from_one(scene: Scene) -> None:
    results = to_coco(scene, image_id=7)
    assert results[1] == {"image_id": 7, "category_id": 2, "bbox": [5, 50, 10, 10], "score": 0.8}
    assert [r["category_id"] for r in results] == [PARTS.names.index(p.label) + 1 for p in detections(scene)]
    assert to_coco(EMPTY, 1) == []


def test_coco_results_are_read_by_pycocotools(scene: Scene, tmp_path: Path) -> None:
    """Truth made of the same boxes: AP 1 only if ids and boxes mean to pycocotools what they mean here."""
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    boxes = [(p.label, p.box) for p in detections(scene)]
    truth = {
        "images": [{"id": 7, "width": 200, "height": 100}],
        "categories": [{"id": i, "name": name} for i, name in enumerate(PARTS.names, start=1)],
        "annotations": [
            {"id": i, "image_id": 7, "category_id": PARTS.names.index(label) + 1, "iscrowd": 0,
             "bbox": [b[0], b[1], b[2] - b[0], b[3] - b[1]], "area": (b[2] - b[0]) * (b[3] - b[1])}
            for i, (label, b) in enumerate(boxes, start=1)
        ],
    }  # fmt: skip
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    dataset = coco.COCO(str(tmp_path / "truth.json"))
    evaluation = cocoeval.COCOeval(dataset, dataset.loadRes(to_coco(scene, 7)), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


def test_coco_poses_follow_the_skeleton(scene: Scene) -> None:
    (result,) = people_to_coco(scene, 7, COCO17)
    assert result["keypoints"] == [30, 10, 0.5] + [0] * 48
    assert (result["bbox"], result["score"], result["category_id"]) == ([0, 0, 100, 100], 0.9, 1)


def test_yolo_is_relative_to_the_picture(scene: Scene) -> None:
    lines = to_yolo(scene).splitlines()
    assert lines[1] == "1 0.05 0.55 0.05 0.1 0.8"
    assert to_yolo(scene, confidence=False).splitlines()[1] == "1 0.05 0.55 0.05 0.1"
    assert to_yolo(EMPTY) == ""


def test_yolo_round_trip_keeps_every_box(scene: Scene) -> None:
    back = from_yolo(to_yolo(scene), scene.width, scene.height, image=scene.image)
    assert (back.image, back.width, back.height) == (scene.image, scene.width, scene.height)
    assert [face.score for face in back.faces] == [0.7, 0.5]
    assert [part.label for part in back.parts] == ["Human body", "Human hand", "eyes"]
    original = sorted((p.label, p.score, p.box) for p in detections(scene))
    for (label, score, box), (label2, score2, box2) in zip(
        original, sorted((p.label, p.score, p.box) for p in detections(back)), strict=True
    ):
        assert (label, score) == (label2, score2)
        assert box == pytest.approx(box2, abs=1e-6)
    assert from_yolo(to_yolo(back), 200, 100, image=scene.image) == back
    assert from_yolo("\n  \n", 10, 10) == Scene(None, 10, 10)


def test_yolo_labels_without_confidence_are_certain() -> None:
    assert from_yolo("1 0.5 0.5 0.1 0.1", 10, 10).parts[0].score == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 0.5 0.5 0.1", "line 2: must have 5 or 6 columns, not 4"),
        ("x 0.5 0.5 0.1 0.1", "line 2: is not a class number followed by numbers: 'x 0.5 0.5 0.1 0.1'"),
        ("22 0.5 0.5 0.1 0.1", "line 2: there is no class 22 among 22"),
        ("-1 0.5 0.5 0.1 0.1", "line 2: there is no class -1 among 22"),
        ("1 0.5 nan 0.1 0.1", r"line 2: box\[1\]: must be a finite number"),
        ("1 0.5 0.5 -0.1 0.1", "line 2: box: the second corner lies before the first"),
        ("10 0.5 0.5 0.1 0.1 3", "line 2: score: must lie between 0 and 1"),
    ],
)
def test_a_broken_yolo_line_is_named(line: str, message: str) -> None:
    with pytest.raises(SceneError, match=message):
        from_yolo("0 0.5 0.5 0.1 0.1\n" + line, 10, 10)


def test_csv_rows_survive_the_csv_module(scene: Scene) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    writer.writerow(CSV_COLUMNS)
    writer.writerows(to_csv_rows(scene))
    rows = list(csv.DictReader(io.StringIO(stream.getvalue(), newline="")))
    assert [row["kind"] for row in rows] == ["part", "part", "face", "face part", "face", "person", "person"]
    assert {row["image"] for row in rows} == {"pictures/a, b.jpg"}
    assert (rows[1]["label"], rows[1]["side"], rows[1]["person"]) == ("Human hand", "left", "")
    assert (rows[2]["track"], rows[2]["found_by"], rows[2]["face"]) == ("3", "first_pass", "0")
    assert (rows[3]["label"], rows[3]["face"], rows[3]["person"]) == ("eyes", "0", "1")
    assert (rows[5]["person"], rows[5]["track"]) == ("0", "4")
    assert tuple(float(rows[3][c]) for c in ("x1", "y1", "x2", "y2")) == (12, 22, 20, 26)
    assert to_csv_rows(EMPTY) == []


@pytest.mark.parametrize("convert", [lambda s: to_coco(s, 1), to_yolo, to_detections])
def test_a_label_that_the_format_has_no_class_for_is_refused(convert) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(SceneError, match="label 'helmet' is not among the 22 classes"):
        convert(Scene(None, 9, 9, (Part("helmet", (0, 0, 1, 1), 0.5),)))


def test_supervision_detections(scene: Scene) -> None:
    sv = pytest.importorskip("supervision")
    found = to_detections(scene)
    assert isinstance(found, sv.Detections)
    assert len(found) == 5
    np.testing.assert_array_equal(found.xyxy[1], [5, 50, 15, 60])
    np.testing.assert_allclose(found.confidence, [0.9, 0.8, 0.7, 0.6, 0.5])
    assert [PARTS.names[i] for i in found.class_id] == list(found["class_name"])
    hands = found[found["class_name"] == "Human hand"]
    assert (hands["side"][0], hands["person"][0]) == ("left", -1)
    assert len(found.with_nms(0.5)) == 5
    merged = sv.Detections.merge([found, to_detections(EMPTY)])
    assert len(merged) == 5
    assert len(to_detections(EMPTY)) == 0


def test_supervision_keypoints(scene: Scene) -> None:
    sv = pytest.importorskip("supervision")
    poses = people_to_keypoints(scene, COCO17)
    assert isinstance(poses, sv.KeyPoints)
    assert poses.xy.shape == (1, 17, 2)
    np.testing.assert_array_equal(poses.xy[0, 0], [30, 10])
    np.testing.assert_array_equal(poses.keypoint_confidence[0], [0.5] + [0] * 16)
    landmarks = faces_to_keypoints(scene, IBUG68)
    np.testing.assert_array_equal(landmarks.xy[0], [(i, 2 * i) for i in range(68)])
    assert landmarks.keypoint_confidence.min() == 1
    assert faces_to_keypoints(EMPTY, IBUG68).xy.shape == (0, 68, 2)
