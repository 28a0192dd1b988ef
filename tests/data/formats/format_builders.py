"""Small data sets written to the published specification of each layout; every builder returns the path to read."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
from PIL import Image

WIDTH, HEIGHT = 80, 60


def picture(path: Path, width: int = WIDTH, height: int = HEIGHT, **save: Any) -> Path:
    """A picture file of a given size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (120, 90, 60)).save(path, **save)
    return path


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def dump(path: Path, content: Any) -> Path:
    return text(path, json.dumps(content, indent=0))


def table(path: Path, rows: list[list[Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def face(points: int, left: float = 10, top: float = 8, size: float = 40) -> np.ndarray:
    """``(points, 2)`` places on a spiral, all different and within ``size``."""
    t = np.linspace(0, 6, points)
    return np.column_stack([left + size * (0.5 + 0.08 * t * np.cos(t)), top + size * (0.5 + 0.08 * t * np.sin(t))])


def build_coco(root: Path) -> Path:
    picture(root / "images" / "a.png")
    picture(root / "images" / "b.png")
    skeleton = [[1, 2]]
    return dump(
        root / "labels.json",
        {
            "info": {"description": "made up"},
            "licenses": [{"id": 3, "name": "CC BY"}],
            "categories": [
                {"id": 5, "name": "dog", "supercategory": "animal"},
                {"id": 1, "name": "person", "supercategory": "person", "keypoints": ["nose", "tail"],
                 "skeleton": skeleton},
            ],
            "images": [
                {"id": 7, "file_name": "a.png", "width": WIDTH, "height": HEIGHT, "license": 3},
                {"id": 9, "file_name": "b.png", "width": WIDTH, "height": HEIGHT},
            ],
            "annotations": [
                {"id": 11, "image_id": 7, "category_id": 5, "bbox": [1, 2, 30.5, 20], "area": 500.0, "iscrowd": 0,
                 "segmentation": [[1, 2, 30, 2, 30, 20]]},
                {"id": 12, "image_id": 7, "category_id": 1, "bbox": [5, 6, 20, 30], "area": 600, "iscrowd": 1,
                 "keypoints": [6, 7, 2, 0, 0, 0], "num_keypoints": 1, "attributes": {"occluded": True}},
                {"id": 13, "image_id": 9, "category_id": 5, "bbox": [0, 0, 80, 60], "area": 4800.0},
            ],
        },
    )  # fmt: skip


def build_wholebody(root: Path) -> Path:
    person = {
        "id": 4, "image_id": 1, "category_id": 1, "bbox": [5, 5, 50, 50], "area": 2500, "iscrowd": 0,
        "keypoints": [10, 11, 2] * 17, "foot_kpts": [20, 21, 2] * 6, "foot_valid": True,
        "face_kpts": [30, 31, 1.0] * 67 + [30, 31, 0.25], "face_valid": True, "face_box": [25, 26, 10, 12],
        "lefthand_kpts": [0, 0, 0] * 21, "lefthand_valid": False, "lefthand_box": [0.0, 0.0, 0.0, 0.0],
        "righthand_kpts": [0, 0, 0] * 21, "righthand_valid": False, "righthand_box": [40, 40, 5, 5],
    }  # fmt: skip
    return dump(
        root / "coco_wholebody_val_v1.0.json",
        {
            "categories": [{"id": 1, "name": "person", "keypoints": ["k"] * 17}],
            "images": [{"id": 1, "file_name": "a.png", "width": WIDTH, "height": HEIGHT}],
            "annotations": [person],
        },
    )


def build_yolo(root: Path) -> Path:
    for split, name in (("train", "a"), ("train", "empty"), ("val", "b")):
        picture(root / "images" / split / f"{name}.png")
    text(root / "labels" / "train" / "a.txt", "0 0.5 0.5 0.5 0.5\n1 0.25 0.25 0.1 0.2\n")
    text(root / "labels" / "val" / "b.txt", "1 0.5 0.5 1 1\n\n0 0.1 0.1 0.6 0.1 0.6 0.4\n")
    text(root / "data.yaml", "path: .\ntrain: images/train\nval: images/val\nnames:\n  0: head\n  1: hand\n")
    return root


def build_yolo_pose(root: Path) -> Path:
    picture(root / "train" / "images" / "a.png")
    text(
        root / "train" / "labels" / "a.txt",
        "0 0.5 0.5 0.5 0.5 0.3 0.3 2 0 0 0\n0 0.5 0.5 0.4 0.4 0.4 0.4 1 0.5 0.5 2\n",
    )
    text(
        root / "data.yaml",
        "train: ../train/images\nnames: [person]\nkpt_shape: [2, 3]\nkpt_names:\n  0: [nose, tail]\n",
    )
    return root / "data.yaml"


OPEN_IMAGES_HEADER = [
    "ImageID", "Source", "LabelName", "Confidence", "XMin", "XMax", "YMin", "YMax",
    "IsOccluded", "IsTruncated", "IsGroupOf", "IsDepiction", "IsInside",
]  # fmt: skip


def build_open_images(root: Path) -> Path:
    picture(root / "validation" / "0001eeaf4aed83f9.jpg", 100, 50)
    picture(root / "validation" / "00075905539074f2.jpg", 100, 50)
    head, eye, woman, person = "/m/04hgtk", "/m/014sv8", "/m/03bt1vf", "/m/01g317"
    table(
        root / "class-descriptions-boxable.csv",
        [[person, "Person"], [woman, "Woman"], [head, "Human head"], [eye, "Human eye"], ["/m/0k4j", "Car"]],
    )
    table(root / "validation-annotations-bbox.csv", [
        OPEN_IMAGES_HEADER,
        ["0001eeaf4aed83f9", "xclick", head, 1, 0.1, 0.5, 0.2, 0.6, 1, 0, 0, 0, 0],
        ["0001eeaf4aed83f9", "xclick", woman, 1, 0.0, 1.0, 0.0, 1.0, 0, -1, 1, 0, 0],
        ["00075905539074f2", "activemil", eye, 1, 0.5, 0.6, 0.5, 0.7, 0, 0, 0, 1, 0],
        ["ffffffffffffffff", "xclick", eye, 1, 0.5, 0.6, 0.5, 0.7, 0, 0, 0, 0, 0],
    ])  # fmt: skip
    table(root / "validation-annotations-human-imagelabels-boxable.csv", [
        ["ImageID", "Source", "LabelName", "Confidence"],
        ["0001eeaf4aed83f9", "verification", head, 1],
        ["0001eeaf4aed83f9", "verification", eye, 1],  # verified present, yet without a box
        ["00075905539074f2", "verification", eye, 1],
        ["00075905539074f2", "verification", person, 0],
        ["00075905539074f2", "verification", head, 0],
    ])  # fmt: skip
    dump(root / "bbox_labels_600_hierarchy.json", {
        "LabelName": "/m/0bl9f",
        "Subcategory": [{"LabelName": person, "Subcategory": [{"LabelName": woman}], "Part": [{"LabelName": head}]}],
    })  # fmt: skip
    table(root / "validation-images-with-rotation.csv", [
        ["ImageID", "Subset", "OriginalURL", "OriginalLandingURL", "License", "AuthorProfileURL", "Author", "Title",
         "OriginalSize", "OriginalMD5", "Thumbnail300KURL", "Rotation"],
        ["0001eeaf4aed83f9", "validation", "u", "page", "https://creativecommons.org/licenses/by/2.0/", "p", "Ann",
         "T", 1, "m", "t", 0],
    ])  # fmt: skip
    return root


def build_voc(root: Path) -> Path:
    picture(root / "JPEGImages" / "2007_000027.jpg")
    text(root / "ImageSets" / "Main" / "train.txt", "2007_000027\n")
    text(root / "Annotations" / "2007_000027.xml", f"""<annotation>
  <folder>VOC2012</folder>
  <filename>2007_000027.jpg</filename>
  <source><database>The VOC2007 Database</database></source>
  <size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>
  <object>
    <name>person</name><pose>Frontal</pose><truncated>1</truncated><difficult>0</difficult>
    <bndbox><xmin>1</xmin><ymin>1</ymin><xmax>80</xmax><ymax>60</ymax></bndbox>
    <part><name>head</name><bndbox><xmin>10</xmin><ymin>4</ymin><xmax>19</xmax><ymax>13</ymax></bndbox></part>
    <part><name>hand</name><bndbox><xmin>30</xmin><ymin>40</ymin><xmax>35</xmax><ymax>45</ymax></bndbox></part>
  </object>
  <object>
    <name>dog</name><difficult>1</difficult>
    <bndbox><xmin>5.5</xmin><ymin>6</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>
  </object>
</annotation>
""")  # fmt: skip
    return root


def pts(points: np.ndarray) -> str:
    rows = "".join(f"{x} {y}\n" for x, y in points.tolist())
    return f"version: 1\nn_points:  {len(points)}\n{{\n{rows}}}\n"


def build_ibug(root: Path) -> Path:
    for name in ("image_0001", "2908549_1"):
        picture(root / "helen" / "trainset" / f"{name}.jpg")
        text(root / "helen" / "trainset" / f"{name}.pts", pts(face(68)))
    return root


def merl_points() -> np.ndarray:
    points = face(68)
    points[:3] = -1
    points[3:6] *= -1
    return points


def build_merl_rav(root: Path) -> Path:
    labels = root / "merl_rav_labels"
    text(labels / "frontal" / "trainset" / "labels" / "image00019.pts", pts(face(68)))
    text(labels / "lefthalf" / "testset" / "labels" / "image20991_1.pts", pts(merl_points()))
    text(labels / "lefthalf" / "testset" / "labels" / "image20991_2.pts", pts(merl_points()))
    return root


def asf(points: np.ndarray, host: str) -> str:
    rows = "".join(f"0 \t4 \t{x:.8f} \t{y:.8f} \t{i} \t0 \t1\n" for i, (x, y) in enumerate(points.tolist()))
    before = f"# AAM Shape File\n#\n# number of model points\n{len(points)}\n# model points\n"
    return f"{before}{rows}\n# host image\n{host}\n"


def build_imm(root: Path) -> Path:
    for person in (1, 33):
        picture(root / f"{person:02d}-1m.jpg")
        text(root / f"{person:02d}-1m.asf", asf(face(58, 0.1, 0.1, 0.6), "01-1m.bmp"))
    return root


def build_dlib(root: Path) -> Path:
    picture(root / "faces" / "a.jpg")
    parts = "".join(
        f"      <part name='{i:02d}' x='{x:.0f}' y='{y:.0f}'/>\n" for i, (x, y) in enumerate(face(68).tolist())
    )
    return text(root / "labels_ibug_300W.xml", f"""<?xml version='1.0' encoding='ISO-8859-1'?>
<?xml-stylesheet type='text/xsl' href='image_metadata_stylesheet.xsl'?>
<dataset>
<name>iBUG</name>
<images>
  <image file='faces/a.jpg' width='{WIDTH}' height='{HEIGHT}'>
    <box top='8' left='10' width='41' height='42'>
{parts}    </box>
    <box top='1' left='2' width='3' height='4' ignore='1'><label>car</label></box>
  </image>
</images>
</dataset>
""")  # fmt: skip


def wflw_row(points: np.ndarray, name: str) -> str:
    return " ".join(f"{v:.6f}" for v in points.ravel()) + f" 10 8 50 48 1 0 0 0 1 0 {name}\n"


def build_wflw(root: Path) -> Path:
    picture(root / "WFLW_images" / "0--Parade" / "a.jpg")
    picture(root / "WFLW_images" / "1--Rain" / "b.jpg")
    lists = root / "WFLW_annotations" / "list_98pt_rect_attr_train_test"
    rows = wflw_row(face(98), "0--Parade/a.jpg") + wflw_row(face(98, 20), "0--Parade/a.jpg")
    text(lists / "list_98pt_rect_attr_train.txt", rows)
    text(lists / "list_98pt_rect_attr_test.txt", wflw_row(face(98), "1--Rain/b.jpg"))
    return root


def build_cofw(root: Path) -> Path:
    """As MATLAB 7.3 writes it: axes reversed, pictures behind references."""
    root.mkdir(parents=True, exist_ok=True)
    path = root / "COFW_test_color.mat"
    points = face(29)
    occluded = np.zeros(29)
    occluded[3] = 1
    with h5py.File(path, "w", userblock_size=512) as file:
        row = np.concatenate([points[:, 0], points[:, 1], occluded])
        file["phisT"] = np.stack([row, row]).T
        file["bboxesT"] = np.array([[10, 8, 40, 40], [11, 9, 40, 40]], dtype=float).T
        colour = file.create_dataset("#refs#/a", data=np.zeros((3, WIDTH, HEIGHT), np.uint8))
        grey = file.create_dataset("#refs#/b", data=np.full((WIDTH, HEIGHT), 200, np.uint8))
        file["IsT"] = np.array([[colour.ref, grey.ref]], dtype=h5py.ref_dtype)
    with open(path, "r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file")
    return path


def build_cofw68(root: Path) -> Path:
    folder = root / "COFW68_Data" / "test_annotations"
    folder.mkdir(parents=True)
    for number in (1, 2, 10):
        occluded = np.zeros((1, 68), np.uint8)
        occluded[0, number] = 1
        scipy.io.savemat(folder / f"{number}_points.mat", {"Points": face(68) + number, "Occ": occluded})
    scipy.io.savemat(root / "COFW68_Data" / "cofw68_test_bboxes.mat", {"bboxes": np.tile([10, 8, 40, 40], (10, 1))})
    return root


def build_lsp(root: Path, extended: bool = False) -> Path:
    digits = 5 if extended else 4
    people = np.zeros((2, 14, 3))
    for index in range(2):
        picture(root / "images" / f"im{index + 1:0{digits}d}.jpg")
        people[index, :, :2] = face(14)
        people[index, :, 2] = 1 if extended else 0
        people[index, index, 2] = 0 if extended else 1
    people[1, 5] = [-4.5, 3, 0] if extended else people[1, 5]
    scipy.io.savemat(
        root / "joints.mat", {"joints": people.transpose(1, 2, 0) if extended else people.transpose(2, 1, 0)}
    )
    return root


def build_lsp_extended(root: Path) -> Path:
    return build_lsp(root, extended=True)


def _struct(**fields: Any) -> np.ndarray:
    record = np.zeros((1, 1), dtype=[(name, object) for name in fields])
    for name, value in fields.items():
        record[name][0, 0] = value
    return record


def _structs(rows: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([row.ravel() for row in rows])[None, :]


def build_mpii(root: Path) -> Path:
    picture(root / "images" / "015601864.jpg")
    picture(root / "images" / "000000001.jpg")
    points = [_struct(id=i, x=10.0 + i, y=20.0 + i, is_visible=v) for i, v in ((0, 1), (1, "0"), (9, np.zeros((0, 0))))]
    where = {"scale": 0.2, "objpos": _struct(x=21.0, y=31.0)}
    posed = _struct(x1=10.0, y1=5.0, x2=20.0, y2=15.0, annopoints=_struct(point=_structs(points)), **where)
    unposed = _struct(x1=np.zeros((0, 0)), y1=0, x2=0, y2=0, annopoints=np.zeros((0, 0)), **where)
    annolist = _structs([
        _struct(image=_struct(name="015601864.jpg"), annorect=_structs([posed, unposed]), vididx=3),
        _struct(image=_struct(name="000000001.jpg"), annorect=np.zeros((0, 0)), vididx=np.zeros((0, 0))),
    ])  # fmt: skip
    acts = _structs([
        _struct(act_name="curling", cat_name="winter activities", act_id=1),
        _struct(act_name=np.zeros((0, 0)), cat_name=np.zeros((0, 0)), act_id=-1),
    ])  # fmt: skip
    release = _struct(annolist=annolist, img_train=np.array([[1, 0]]), act=acts.T)
    folder = root / "mpii_human_pose_v1_u12_2"
    folder.mkdir(parents=True)
    scipy.io.savemat(folder / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": release})
    return root


def build_mpii_json(root: Path) -> Path:
    joints = [[-1.0, -1.0]] + [[10.0 + i, 20.0 + i] for i in range(15)]
    flags = [0, 0] + [1] * 14
    person = {"joints_vis": flags, "joints": joints, "image": "a.jpg", "scale": 0.2, "center": [21.0, 31.0]}
    unposed = {"image": "a.jpg", "scale": 0.2, "center": [21.0, 31.0]}
    picture(root / "images" / "a.jpg")
    return dump(root / "annot" / "valid.json", [person, unposed])


def build_ai_challenger(root: Path) -> Path:
    picture(root / "keypoint_train_images_20170902" / "abc.jpg")
    keypoints = [30, 31, 1, 32, 33, 2, 0, 0, 3] + [40, 41, 1] * 11
    return dump(
        root / "keypoint_train_annotations_20170909.json",
        [
            {
                "url": "http://www.sinaimg.cn/a.jpg",
                "image_id": "abc",
                "keypoint_annotations": {"human2": keypoints, "human1": keypoints},
                "human_annotations": {"human1": [20, 21, 60, 55], "human2": [0, 0, 10, 10]},
            }
        ],
    )


def build_masks(root: Path) -> Path:
    picture(root / "images" / "a.png")
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:20, 30:50] = 1
    mask[40:50, 30:50] = 1
    mask[0, 0] = 1  # a speck of under 0.01 % would need a larger picture; this is 0.02 %
    mask[25:30, 0:80] = 2
    mask[55:, :] = 255
    (root / "masks").mkdir()
    Image.fromarray(mask).save(root / "masks" / "a.png")
    text(root / "classes.txt", "background\nhead\narm\n")
    return root


def build_part_masks(root: Path) -> Path:
    """CelebAMask-HQ: pictures of twice the masks' size, names padded in one and not in the other."""
    picture(root / "CelebA-HQ-img" / "0.jpg", 2 * WIDTH, 2 * HEIGHT)
    folder = root / "CelebAMask-HQ-mask-anno" / "0"
    folder.mkdir(parents=True)
    for part, rows in (("l_eye", slice(10, 14)), ("skin", slice(5, 50)), ("hat", slice(0, 0))):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        mask[rows, 20:30] = 255
        Image.fromarray(mask).convert("L").save(folder / f"00000_{part}.png")
    return root


def build_class_folders(root: Path) -> Path:
    for split, label, name in (("train", "cat", "1"), ("train", "dog", "2"), ("val", "dog", "3")):
        picture(root / split / label / f"{name}.png")
    return root


def build_class_csv(root: Path) -> Path:
    picture(root / "images" / "1.png")
    picture(root / "images" / "2.png")
    return table(root / "train.csv", [["file", "label"], ["1.png", "running"], ["2.png", "sitting"]])


def build_pictures(root: Path) -> Path:
    picture(root / "video1" / "frame1.png")
    picture(root / "frame2.jpg")
    return root


BUILDERS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    builder.__name__.removeprefix("build_"): (format_name, builder)
    for format_name, builder in (
        ("coco", build_coco), ("coco_wholebody", build_wholebody), ("yolo", build_yolo), ("yolo", build_yolo_pose),
        ("open_images", build_open_images), ("voc", build_voc), ("ibug", build_ibug), ("merl_rav", build_merl_rav),
        ("imm", build_imm), ("dlib_xml", build_dlib), ("wflw", build_wflw), ("cofw", build_cofw),
        ("cofw68", build_cofw68), ("lsp", build_lsp), ("lsp", build_lsp_extended), ("mpii", build_mpii),
        ("mpii_json", build_mpii_json), ("ai_challenger", build_ai_challenger), ("masks", build_masks),
        ("masks", build_part_masks), ("class_folders", build_class_folders), ("class_csv", build_class_csv),
        ("pictures", build_pictures),
    )
}  # fmt: skip
"""For each built set, the format that it is and its builder."""
