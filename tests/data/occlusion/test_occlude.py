"""Levels are met, the record is exact, train and validation share nothing, and the same seed gives the same picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from workshop_builders import ibug_face, make_dataset, make_picture, write_pictures

from vitruvian.data.dataset import Annotation, DataError, Dataset
from vitruvian.data.occlusion.cutouts import cut_out, load_cut_outs, save_cut_outs
from vitruvian.data.occlusion.occlude import LEVELS, TRAIN_KINDS, VALIDATION_KINDS, occlude
from vitruvian.data.occlusion.protocol import face_roll, known_level, occlude_dataset, run_lengths
from vitruvian.data.occlusion.textures import TRAIN_PATTERNS, VALIDATION_PATTERNS
from vitruvian.images import read_picture

BOX = (70.0, 50.0, 150.0, 140.0)


def scene(width: int = 220, height: int = 200) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(60, 220, (20, 22, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def share(mask: np.ndarray) -> float:
    return float(mask[50:140, 70:150].mean())


@pytest.mark.parametrize("level", ["easy", "medium", "hard"])
@pytest.mark.parametrize("kinds", [TRAIN_KINDS, VALIDATION_KINDS], ids=["train", "validation"])
def test_the_covered_share_is_within_the_level(level, kinds) -> None:
    least, most = LEVELS[level]
    for seed in range(6):
        found = occlude(scene(), BOX, level, kinds, np.random.default_rng(seed), roll=0.2 * seed - 0.5)
        assert least <= share(found.mask) <= most
        assert found.coverage == pytest.approx(share(found.mask))
        assert set(found.kinds) <= {kind.name for kind in kinds}


@pytest.mark.parametrize("kind", [*TRAIN_KINDS, *VALIDATION_KINDS], ids=lambda kind: kind.name)
def test_every_kind_changes_the_picture_where_it_says_and_hardly_elsewhere(kind) -> None:
    picture = scene()
    found = occlude(picture, BOX, "easy", [kind], np.random.default_rng(4))
    assert found.kinds == (kind.name,)
    change = np.abs(found.picture.astype(int) - picture).max(axis=2)
    assert change[found.mask].mean() > 8
    assert change[~found.mask].mean() < 0.25 * change[found.mask].mean()
    assert found.picture.shape == picture.shape
    assert found.picture.dtype == np.uint8


def test_none_leaves_the_picture_alone() -> None:
    found = occlude(scene(), BOX, "none", TRAIN_KINDS, np.random.default_rng(0))
    assert np.array_equal(found.picture, scene())
    assert not found.mask.any()


def test_one_seed_one_picture() -> None:
    first, again, other = (
        occlude(scene(), BOX, "medium", TRAIN_KINDS, np.random.default_rng(s)).picture for s in (5, 5, 6)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_training_and_validation_share_no_kind_and_no_texture() -> None:
    assert not {k.name for k in TRAIN_KINDS} & {k.name for k in VALIDATION_KINDS}
    assert not {k.draw for k in TRAIN_KINDS} & {k.draw for k in VALIDATION_KINDS}
    assert not set(TRAIN_PATTERNS) & set(VALIDATION_PATTERNS)


def test_a_face_at_the_border_is_measured_by_what_is_seen_of_it() -> None:
    found = occlude(scene(), (-40.0, 50.0, 40.0, 140.0), "medium", TRAIN_KINDS, np.random.default_rng(0))
    assert 0.45 <= found.mask[50:140, 0:40].mean() <= 0.55
    with pytest.raises(ValueError, match="outside the picture"):
        occlude(scene(), (-90.0, 50.0, -10.0, 140.0), "easy", TRAIN_KINDS, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no kind"):
        occlude(scene(), BOX, "easy", [], np.random.default_rng(0))


def faces(folder) -> Dataset:
    points = ibug_face(centre=(110, 95), half=45)
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    face = Annotation("face", (*low.tolist(), *high.tolist()), 1, keypoints=points)
    tiny = Annotation("face", (0.0, 0.0, 9.0, 9.0), 2)
    pictures = [
        replace(make_picture(1, size=(220, 200)), annotations=(face, tiny)),
        replace(make_picture(2, size=(220, 200)), annotations=(tiny,)),
    ]
    dataset = make_dataset(["face"], pictures, folder)
    write_pictures(dataset)
    return dataset


def test_a_data_set_at_every_level_records_what_is_hidden(tmp_path) -> None:
    dataset = faces(tmp_path / "in")
    results = occlude_dataset(dataset, "face", ["none", "easy", "hard"], VALIDATION_KINDS, tmp_path / "out", seed=3)
    assert list(results) == ["none", "easy", "hard"]
    assert [len(d) for d in results.values()] == [1, 1, 1]  # the picture with only a tiny face is nowhere
    for level in results:
        saved = Dataset.load(tmp_path / "out" / f"{level}.json")
        [picture] = saved
        face, tiny = picture.annotations
        assert "occlusion" not in tiny.attributes
        record = face.attributes["occlusion"]
        assert (record["level"], record["seed"]) == (level, 3)
        mask = coco_mask.decode(coco_mask.frPyObjects(face.attributes["occlusion_mask"], 200, 220)).astype(bool)
        assert face.keypoints is not None
        x, y = np.floor(face.keypoints[:, :2]).astype(int).T
        assert np.array_equal(face.keypoints[:, 2] == 1, mask[y, x])
        pixels = read_picture(saved.path(picture))
        original = read_picture(dataset.path(dataset.pictures[0]))
        if level == "none":
            assert np.array_equal(pixels, original)
            assert not mask.any()
        else:
            x1, y1, x2, y2 = (round(v) for v in face.box)
            assert LEVELS[level][0] - 0.02 <= mask[y1:y2, x1:x2].mean() <= LEVELS[level][1] + 0.02
            assert LEVELS[level][0] <= record["coverage"] <= LEVELS[level][1]
        assert face.box == dataset.pictures[0].annotations[0].box


def test_a_picture_depends_on_its_name_and_not_on_its_neighbours(tmp_path) -> None:
    dataset = faces(tmp_path / "in")
    alone = replace(dataset, pictures=dataset.pictures[:1])
    both = replace(dataset, pictures=(replace(dataset.pictures[0], id=9, file_name="0002.png"), dataset.pictures[0]))
    for number, chosen in enumerate((alone, both)):
        occlude_dataset(chosen, "face", ["easy"], TRAIN_KINDS, tmp_path / str(number))
    first, second = ((tmp_path / str(i) / "images/easy/0001.png").read_bytes() for i in (0, 1))
    assert first == second


def three_faces(folder) -> Dataset:
    both = faces(folder)
    [picture] = both.pictures[:1]
    pictures = tuple(replace(picture, id=i, file_name=f"000{i}.png") for i in (1, 2, 3))
    dataset = replace(both, pictures=pictures)
    write_pictures(dataset)
    return dataset


class Interrupted(Exception):
    pass


def interrupt_after(pictures: int):
    done = []

    def step() -> None:
        done.append(1)
        if len(done) == pictures:
            raise Interrupted

    return step


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(tmp_path) -> None:
    dataset, whole, out = three_faces(tmp_path / "in"), tmp_path / "whole", tmp_path / "out"
    occlude_dataset(dataset, "face", ["easy", "hard"], TRAIN_KINDS, whole)
    with pytest.raises(Interrupted):
        occlude_dataset(dataset, "face", ["easy", "hard"], TRAIN_KINDS, out, on_picture=interrupt_after(5))
    finished = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert len(finished) == 5
    with (out / "hard.records.jsonl").open("a") as file:
        file.write('{"picture": "hard/0003.png", "requ')  # the power went off
    occlude_dataset(dataset, "face", ["easy", "hard"], TRAIN_KINDS, out)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    for level in ("easy", "hard"):
        assert (out / f"{level}.json").read_text() == (whole / f"{level}.json").read_text()
        for i in (1, 2, 3):
            name = f"images/{level}/000{i}.png"
            assert (out / name).read_bytes() == (whole / name).read_bytes()
    everything = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    occlude_dataset(dataset, "face", ["easy", "hard"], TRAIN_KINDS, out)
    assert {path: path.stat().st_mtime_ns for path in everything} == everything  # the line after the torn one counts


def test_only_what_is_whole_and_was_asked_for_alike_is_taken_as_it_is(tmp_path) -> None:
    dataset, out = three_faces(tmp_path / "in"), tmp_path / "out"
    files = [out / "images" / "easy" / f"000{i}.png" for i in (1, 2, 3)]

    def made(**changed) -> list[bool]:
        """Which pictures another run makes again."""
        before = [file.stat().st_ino if file.exists() else None for file in files]
        held = [file.open("rb") for file in files if file.exists()]  # an open file keeps its inode from being reused
        arguments = {"dataset": dataset, "label": "face", "levels": ["easy"], "kinds": TRAIN_KINDS, "folder": out}
        occlude_dataset(**arguments | changed)
        for file in held:
            file.close()
        return [file.stat().st_ino != old for file, old in zip(files, before, strict=True)]

    assert made() == [True, True, True]
    assert made() == [False, False, False]
    files[0].write_bytes(files[0].read_bytes()[:-20])
    files[1].unlink()
    assert made() == [True, True, False]
    assert made(seed=1) == [True, True, True]
    assert made(seed=1, kinds=VALIDATION_KINDS) == [True, True, True]
    assert made(seed=1, kinds=VALIDATION_KINDS, overwrite=True) == [True, True, True]
    Image.new("RGB", (220, 200), (9, 9, 9)).save(dataset.path(dataset.pictures[2]))
    assert made(seed=1, kinds=VALIDATION_KINDS) == [False, False, True]


def test_pictures_that_would_overwrite_one_another_are_named(tmp_path) -> None:
    dataset = three_faces(tmp_path / "in")
    twins = replace(dataset, pictures=(dataset.pictures[0], replace(dataset.pictures[1], file_name="0001.jpg")))
    with pytest.raises(DataError, match=r"0001\.png and 0001\.jpg would both"):
        occlude_dataset(twins, "face", ["easy"], TRAIN_KINDS, tmp_path / "out")


def test_run_lengths_are_cocos() -> None:
    rng = np.random.default_rng(0)
    for mask in (rng.random((7, 5)) > 0.5, np.ones((3, 4), bool), np.zeros((3, 4), bool)):
        code = run_lengths(mask)
        assert np.array_equal(coco_mask.decode(coco_mask.frPyObjects(code, *mask.shape)), mask)


def test_roll_is_the_angle_of_the_eyes() -> None:
    points = ibug_face(centre=(0, 0), half=1)
    turn = 0.4
    turned = points.copy()
    turned[:, 0] = points[:, 0] * np.cos(turn) - points[:, 1] * np.sin(turn)
    turned[:, 1] = points[:, 0] * np.sin(turn) + points[:, 1] * np.cos(turn)
    assert face_roll(points) == pytest.approx(0, abs=1e-6)
    assert face_roll(turned) == pytest.approx(turn, abs=1e-5)
    assert face_roll(None) == 0


def hand_picture() -> np.ndarray:
    picture = np.full((200, 220, 3), (40, 90, 160), np.uint8)
    y, x = np.mgrid[:200, :220]
    picture[np.hypot(x - 110, (y - 100) * 0.8) < 55] = (210, 160, 130)
    return picture


def test_cut_outs_come_apart_from_a_plain_background(tmp_path) -> None:
    picture = hand_picture()
    piece = cut_out(picture, Annotation("hand", (50.0, 28.0, 170.0, 172.0), 1))
    assert piece is not None
    inside = np.hypot(np.arange(120) - 60, 0) < 50
    assert (piece[72, inside, 3] == 255).all()
    assert piece[2, 2, 3] == 0
    noisy = np.random.default_rng(0).integers(0, 256, picture.shape, dtype=np.uint8)
    assert cut_out(noisy, Annotation("hand", (50.0, 28.0, 170.0, 172.0), 1)) is None
    dataset = make_dataset(["hand"], [make_picture(1, [("hand", (50.0, 28.0, 170.0, 172.0))])], tmp_path / "in")
    (tmp_path / "in").mkdir()
    Image.fromarray(picture).save(dataset.path(dataset.pictures[0]))
    assert save_cut_outs(dataset, "hand", tmp_path / "cut") == 1
    kinds = load_cut_outs(tmp_path / "cut")
    found = occlude(scene(), BOX, "medium", kinds, np.random.default_rng(1))
    assert 0.45 <= share(found.mask) <= 0.55


def test_bad_requests_are_named(tmp_path) -> None:
    with pytest.raises(DataError, match="'extreme' is no level"):
        known_level("extreme")
    with pytest.raises(DataError, match="no class 'head'"):
        occlude_dataset(faces(tmp_path), "head", ["easy"], TRAIN_KINDS, tmp_path / "out")
    with pytest.raises(DataError, match=r"holds no \.png"):
        load_cut_outs(tmp_path / "nothing")
    Image.new("RGB", (5, 5)).save(tmp_path / "solid.png")
    for name in ("0001.png", "0002.png"):
        (tmp_path / name).unlink()
    with pytest.raises(DataError, match="transparent background"):
        load_cut_outs(tmp_path)
