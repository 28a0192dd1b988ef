"""Masks, classification sets, unlabelled folders and video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from format_builders import (
    HEIGHT,
    WIDTH,
    build_class_csv,
    build_class_folders,
    build_masks,
    build_part_masks,
    picture,
    table,
)
from PIL import Image

from vitruvian.data.dataset import DataError
from vitruvian.data.formats import read


def found(path: Path) -> dict[str, list[tuple[float, ...]]]:
    boxes: dict[str, list[tuple[float, ...]]] = {}
    for annotation in (a for p in read(path).dataset for a in p.annotations):
        boxes.setdefault(annotation.label, []).append(annotation.box)
    return boxes


def test_masks_become_boxes_of_components(tmp_path: Path) -> None:
    dataset = read(build_masks(tmp_path)).dataset
    only = dataset.pictures[0]
    assert found(tmp_path) == {"head": [(0, 0, 1, 1), (30, 10, 50, 20), (30, 40, 50, 50)], "arm": [(0, 25, 80, 30)]}
    assert [a.area for a in only.annotations] == [1, 200, 200, 400]
    assert {a.derived_from for a in only.annotations} == {"mask"}
    assert (dataset.labels, only.exhaustive) == (("head", "arm"), {"head", "arm"})


@pytest.mark.parametrize("kind", ["npy", "mat", "palette"])
def test_one_mask_in_any_file_gives_the_same_boxes(tmp_path: Path, kind: str) -> None:
    expected = found(build_masks(tmp_path))
    file = tmp_path / "masks" / "a.png"
    mask = np.asarray(Image.open(file)).copy()
    if kind == "palette":
        indexed = Image.fromarray(mask, mode="P")
        indexed.putpalette([(7 * i) % 256 for i in range(768)])
        indexed.save(file)
    else:
        file.unlink()
        if kind == "npy":
            np.save(file.with_suffix(".npy"), mask)
        else:
            scipy.io.savemat(file.with_suffix(".mat"), {"groundtruth": mask, "other": mask}, do_compression=True)
    assert found(tmp_path) == expected


def test_specks_are_ignored(tmp_path: Path) -> None:
    build_masks(tmp_path)
    picture(tmp_path / "images" / "b.png", 200, 100)
    mask = np.zeros((100, 200), np.uint8)
    mask[0, 0] = mask[50:60, 50:60] = 1
    Image.fromarray(mask).save(tmp_path / "masks" / "b.png")
    assert [a.ignore for a in read(tmp_path).dataset.pictures[1].annotations] == [True, False]


def test_part_masks_are_scaled_to_their_picture(tmp_path: Path) -> None:
    dataset = read(build_part_masks(tmp_path)).dataset
    assert found(tmp_path) == {"l_eye": [(40, 20, 60, 28)], "skin": [(40, 10, 60, 100)]}
    assert dataset.pictures[0].exhaustive == {"l_eye", "skin", "hat"}  # an empty mask says: none
    assert dataset.pictures[0].annotations[0].area == 160


def test_class_names_of_clothing_co_parsing(tmp_path: Path) -> None:
    build_masks(tmp_path)
    names = np.array(["null", "hair", "skin"], dtype=object)[None, :]
    scipy.io.savemat(tmp_path / "label_list.mat", {"label_list": names})
    assert set(found(tmp_path)) == {"hair", "skin"}


@pytest.mark.parametrize(
    ("mask", "reason"),
    [
        (np.zeros((9, 9), np.uint8), "is 9 x 9 where its picture is 80 x 60"),
        (np.zeros((HEIGHT, WIDTH), np.float32), "no mask of whole numbers"),
        (np.zeros((HEIGHT, WIDTH, 3), np.uint8), "no mask of whole numbers"),
        (np.full((HEIGHT, WIDTH), -3), "has values from -3 to -3"),
    ],
)
def test_a_broken_mask_is_set_aside(tmp_path: Path, mask: np.ndarray, reason: str) -> None:
    build_masks(tmp_path)
    picture(tmp_path / "images" / "b.png")
    np.save(tmp_path / "masks" / "b.npy", mask)
    result = read(tmp_path)
    assert [reason in r.reason for r in result.rejects] == [True]
    assert (result.rows, result.accepted) == (2, 1)


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    build_masks(tmp_path)
    np.save(tmp_path / "masks" / "a.npy", np.array([print], dtype=object), allow_pickle=True)
    assert "not a plain numpy array" in read(tmp_path).rejects[0].reason


def test_class_folders(tmp_path: Path) -> None:
    dataset = read(build_class_folders(tmp_path)).dataset
    assert {(p.file_name, p.attributes["label"], p.attributes["split"]) for p in dataset} == {
        ("train/cat/1.png", "cat", "train"),
        ("train/dog/2.png", "dog", "train"),
        ("val/dog/3.png", "dog", "val"),
    }
    assert dataset.labels == ("cat", "dog")
    picture(tmp_path / "train" / "cat" / "deep" / "4.png")
    (tmp_path / "val" / "dog" / "5.png").write_bytes(b"no picture")
    reasons = [r.reason for r in read(tmp_path).rejects]
    assert [reason.split(":")[0] for reason in reasons] == [
        "lies in no folder of a class, or in one within another",
        "picture 5.png",
    ]


def test_class_csv(tmp_path: Path) -> None:
    path = build_class_csv(tmp_path)
    assert [p.attributes["label"] for p in read(path).dataset] == ["running", "sitting"]
    table(
        path, [["file", "label"], ["1.png", "running"], ["1.png", "sitting"], ["3.png", "x"], ["2.png", ""], ["2.png"]]
    )
    result = read(path)
    assert [r.place for r in result.rejects] == ["line 3", "line 4", "line 5", "line 6"]
    assert (result.rows, len(result.dataset)) == (5, 1)


def test_real_activities(shared_data: Path) -> None:
    result = read(shared_data / "activity" / "val.csv")
    assert (result.rejects, len(result.dataset), len(result.dataset.labels)) == ((), 600, 15)


def test_video_frames(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    path = tmp_path / "hands.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (WIDTH, HEIGHT))
    for shade in range(7):
        writer.write(np.full((HEIGHT, WIDTH, 3), 30 * shade, np.uint8))
    writer.release()
    with pytest.raises(DataError, match="name a folder"):
        read(path)
    dataset = read(path, images_dir=tmp_path / "frames", every=3).dataset
    assert [p.attributes for p in dataset] == [{"video": "hands", "frame": i, "time": i / 10} for i in (0, 3, 6)]
    shades = [np.asarray(Image.open(dataset.path(p))).mean() for p in dataset]
    np.testing.assert_allclose(shades, [0, 90, 180], atol=3)
    (tmp_path / "short.avi").write_bytes(path.read_bytes()[:-600])  # without the index and the last frame
    result = read(tmp_path / "short.avi", images_dir=tmp_path / "frames")
    [reject] = result.rejects
    assert reject.place == f"frame {len(result.dataset)}"
    assert reject.reason == "breaks off here of 7 frames: cut short or damaged"
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(DataError, match="not a video"):
        read(tmp_path / "broken.mp4", images_dir=tmp_path / "frames")
