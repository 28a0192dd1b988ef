"""YOLO detect, pose and segment labels in and out, with stacked channels too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from format_builders import HEIGHT, WIDTH, build_coco, build_yolo, build_yolo_pose, picture, text
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vitruvian.data.dataset import Annotation, DataError, Dataset, Picture
from vitruvian.data.formats import read, write, write_yolo


def test_boxes_polygons_and_empty_pictures(tmp_path: Path) -> None:
    dataset = read(build_yolo(tmp_path)).dataset
    by_name = {p.file_name: p for p in dataset}
    first, second = by_name["images/train/a.png"].annotations
    assert (first.label, first.box) == ("head", (0.25 * WIDTH, 0.25 * HEIGHT, 0.75 * WIDTH, 0.75 * HEIGHT))
    assert second.label == "hand"
    assert by_name["images/train/empty.png"].annotations == ()
    polygon = by_name["images/val/b.png"].annotations[1]
    assert polygon.derived_from == "polygon"
    np.testing.assert_allclose(polygon.box, (8, 6, 48, 24))
    assert {p.attributes["split"] for p in dataset} == {"train", "val"}
    assert len(read(tmp_path, split="val").dataset) == 1
    with pytest.raises(DataError, match="no part 'test'"):
        read(tmp_path, split="test")


def test_pose_rows_and_names_of_points(tmp_path: Path) -> None:
    dataset = read(build_yolo_pose(tmp_path)).dataset
    person = dataset.pictures[0].annotations[0]
    np.testing.assert_allclose(person.keypoints, [[0.3 * WIDTH, 0.3 * HEIGHT, 2], [0, 0, 0]], atol=1e-4)
    assert dataset.keypoint_names == {"person": ("nose", "tail")}


def test_two_valued_points_are_unlabelled_at_the_origin(tmp_path: Path) -> None:
    build_yolo_pose(tmp_path)
    text(tmp_path / "data.yaml", "train: train/images\nnames: [person]\nkpt_shape: [2, 2]\n")
    text(tmp_path / "train" / "labels" / "a.txt", "0 0.5 0.5 0.5 0.5 0.3 0.3 0 0\n")
    keypoints = read(tmp_path).dataset.pictures[0].annotations[0].keypoints
    assert keypoints is not None
    assert keypoints[:, 2].tolist() == [2, 0]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2 0.5 0.5 0.1 0.1", "class 2 is not among the 2"),
        ("head 0.5 0.5 0.1 0.1", "class 'head'"),
        ("0 0.5 0.5 0.1", "has 4 columns, not 5"),
        ("0 40 30 20 20", "beyond the picture"),
        ("0 0.9 0.5 0.4 0.1", "beyond the picture"),
        ("0 0.5 0.5 -0.1 0.1", "negative"),
        ("0 0.5 nan 0.1 0.1", "not finite"),
        ("0 0.5 x 0.1 0.1", "'x' is not a number"),
    ],
)
def test_a_broken_line_is_named_and_the_others_stay(tmp_path: Path, line: str, reason: str) -> None:
    build_yolo(tmp_path)
    file = text(tmp_path / "labels" / "train" / "a.txt", f"0 0.5 0.5 0.5 0.5\n{line}\n")
    result = read(tmp_path)
    assert [(r.file, r.place) for r in result.rejects] == [(str(file), "line 2")]
    assert reason in result.rejects[0].reason
    assert (result.rows, result.accepted) == (4, 3)


def test_labels_without_pictures_and_pictures_listed_twice_are_not_lost_silently(tmp_path: Path) -> None:
    build_yolo(tmp_path)
    text(tmp_path / "labels" / "train" / "gone.txt", "0 0.5 0.5 0.5 0.5\n")
    text(tmp_path / "list.txt", "./images/val/b.png\nimages/train/a.png\n../outside.png\n")
    text(tmp_path / "data.yaml", "train: images/train\nval: list.txt\nnames: [head, hand]\n")
    reasons = [r.reason for r in read(tmp_path).rejects]
    assert any("has no picture" in r for r in reasons)
    assert any("listed a second time" in r for r in reasons)
    assert any("not a path below" in r for r in reasons)
    assert len(reasons) == 3


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("names: [a, a]\ntrain: images", "twice"),
        ("names: {1: a}\ntrain: images", "mapping from 0, 1, 2"),
        ("names: [a]", "no train, val or test"),
        ("names: [a]\ntrain: images\nkpt_shape: [5]", "data.yaml"),
        ("names: [a]\ntrain: images\nkpt_shape: [5, 4]", "points, 2 or 3"),
        ("names: [a]\ntrain: !!python/object/apply:os.system ['true']", "not valid YAML"),
        ("names: [a", "not valid YAML"),
        (f"names: [a]\ntrain: images\npath: {'9' * 300}", "name too long"),
        (f"names: [a]\ntrain: ../{'9' * 300}", "name too long"),
    ],
)
def test_a_broken_data_yaml_is_one_clear_line(tmp_path: Path, config: str, reason: str) -> None:
    build_yolo(tmp_path)
    text(tmp_path / "data.yaml", config)
    with pytest.raises(DataError, match=r"data\.yaml") as caught:
        read(tmp_path, "yolo")
    assert reason in str(caught.value)


def test_coco_to_yolo_to_coco_keeps_what_yolo_holds_and_names_the_rest(tmp_path: Path) -> None:
    dataset = read(build_coco(tmp_path / "coco")).dataset
    result = write(dataset, tmp_path / "yolo", "yolo", pictures="link")
    again = read(result.path).dataset
    assert again.labels == dataset.labels
    assert [len(p.annotations) for p in again] == [1, 1]
    np.testing.assert_allclose(again.pictures[0].annotations[0].box, dataset.pictures[0].annotations[0].box, atol=1e-5)
    told = " ".join(result.losses)
    assert "1 annotations to be ignored are left out" in told
    assert "3 annotations have attributes or an area" in told
    config = yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text())
    assert (config["kpt_shape"], config["names"]) == ([2, 3], {0: "dog", 1: "person"})


boxes = st.tuples(*[st.floats(0, 1)] * 4).map(
    lambda v: (min(v[0], v[2]) * WIDTH, min(v[1], v[3]) * HEIGHT, max(v[0], v[2]) * WIDTH, max(v[1], v[3]) * HEIGHT)
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), boxes), max_size=6))
def test_any_boxes_survive_yolo(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, tuple[float, ...]]]
) -> None:
    folder = tmp_path_factory.mktemp("yolo")
    picture(folder / "p.png")
    annotations = tuple(Annotation(label, box, i) for i, (label, box) in enumerate(drawn))  # type: ignore[arg-type]
    one = Picture(1, "p.png", WIDTH, HEIGHT, annotations, frozenset("ab"))
    result = write(Dataset(("a", "b"), (one,), folder), folder / "out", "yolo", pictures="link")
    found = read(result.path).dataset.pictures[0].annotations
    kept = [a for a in annotations if a.box[2] > a.box[0] and a.box[3] > a.box[1]]
    lost = len(annotations) - len(kept)
    assert result.losses == ((f"{lost} boxes have no area within their picture and are left out",) if lost else ())
    assert [a.label for a in found] == [a.label for a in kept]
    np.testing.assert_allclose(
        np.reshape([a.box for a in found], (-1, 4)), np.reshape([a.box for a in kept], (-1, 4)), atol=1e-5
    )


def test_boxes_beyond_the_picture_are_clipped_with_a_word(tmp_path: Path) -> None:
    picture(tmp_path / "p.png")
    points = np.array([[10, 10, 2], [-5, 10, 2]], np.float32)
    person = Annotation("person", (-10, 0, 40, 30), 1, keypoints=points)
    one = Picture(1, "p.png", WIDTH, HEIGHT, (person,), frozenset(("person",)))
    result = write(Dataset(("person",), (one,), tmp_path), tmp_path / "out", "yolo", pictures="link")
    assert len(result.losses) == 2
    found = read(result.path).dataset.pictures[0].annotations[0]
    np.testing.assert_allclose(found.box, (0, 0, 40, 30), atol=1e-4)
    assert found.keypoints is not None
    assert found.keypoints[:, 2].tolist() == [2, 0]


def test_real_faces_round_trip_with_their_mirror(shared_data: Path, tmp_path: Path) -> None:
    dataset = read(shared_data / "faces68" / "val.json").dataset
    small = Dataset(dataset.labels, dataset.pictures[:8], dataset.images_dir, dataset.keypoint_names)
    result = write(small, tmp_path / "yolo", "yolo", pictures="link")
    config = yaml.safe_load((tmp_path / "yolo" / "data.yaml").read_text())
    assert config["kpt_shape"] == [68, 3]
    assert [config["flip_idx"][i] for i in config["flip_idx"]] == list(range(68))
    assert config["flip_idx"][36] == 45
    for before, after in zip(small, read(result.path).dataset, strict=True):
        for one, two in zip(before.annotations, after.annotations, strict=True):
            assert one.keypoints is not None
            assert two.keypoints is not None
            np.testing.assert_allclose(two.keypoints, one.keypoints, atol=1e-3)


@pytest.mark.parametrize("kind", ["tiff", "npy"])
def test_stacked_channels(tmp_path: Path, kind: str) -> None:
    dataset = read(build_coco(tmp_path / "coco")).dataset
    stacks = {n: np.random.default_rng(i).integers(0, 256, (HEIGHT, WIDTH, 5), np.uint8) for i, n in enumerate("ab")}
    for name, array in stacks.items():
        (tmp_path / "stacks").mkdir(exist_ok=True)
        np.save(tmp_path / "stacks" / f"{name}.npy", array)
    write_yolo(dataset, tmp_path / "out", stack=tmp_path / "stacks", stack_as=kind)  # type: ignore[arg-type]
    assert yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())["channels"] == 5
    again = read(tmp_path / "out").dataset
    assert [(p.width, p.height) for p in again] == [(WIDTH, HEIGHT)] * 2
    for one, expected in zip(again, stacks.values(), strict=True):
        if kind == "npy":
            found = np.load(again.path(one))
        else:
            with Image.open(again.path(one)) as image:
                found = np.stack([np.asarray(image) for _ in _pages(image)], axis=2)
            cv2 = pytest.importorskip("cv2")
            _, pages = cv2.imdecodemulti(np.fromfile(again.path(one), np.uint8), cv2.IMREAD_UNCHANGED)
            np.testing.assert_array_equal(np.stack(pages, axis=2), expected)  # as Ultralytics reads them
        np.testing.assert_array_equal(found, expected)


def _pages(image: Image.Image):  # type: ignore[no-untyped-def]
    for page in range(image.n_frames):
        image.seek(page)
        yield page


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    dataset = read(build_coco(tmp_path)).dataset
    np.save(tmp_path / "a.npy", np.zeros((3, 3, 2), np.uint8))
    with pytest.raises(DataError, match=r"shape \(3, 3, 2\)"):
        write_yolo(dataset, tmp_path / "out", stack=tmp_path)
    same = [Picture(i, n, 8, 8) for i, n in enumerate(("x.jpg", "x.png"))]
    with pytest.raises(DataError, match="share the label file"):
        write_yolo(Dataset((), tuple(same), tmp_path), tmp_path / "out", pictures="none")
    unknown = Picture(1, "x.jpg", 0, 0, (Annotation("a", (0, 0, 1, 1), 1),))
    with pytest.raises(DataError, match="size is unknown"):
        write_yolo(Dataset(("a",), (unknown,), tmp_path), tmp_path / "out", pictures="none")
