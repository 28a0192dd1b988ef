"""Boxes of joined mask parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitruvian.data.dataset import DataError
from vitruvian.data.derive import derive_mask_parts, mask_parts
from vitruvian.data.rejects import RowLog


def test_touching_halves_are_one_part_and_apart_they_are_two() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[10:20, 10:30], mask[20:40, 25:30] = 3, 4  # upper and lower arm that touch
    mask[70:90, 60:80] = 4
    parts = mask_parts(mask, {"Human arm": (3, 4), "Human leg": (5,)})
    assert [(a.label, a.box, a.area) for a in parts] == [
        ("Human arm", (10, 10, 30, 40), 300),
        ("Human arm", (60, 70, 80, 90), 400),
    ]
    assert {a.derived_from for a in parts} == {"part mask"}


def test_persons_are_kept_apart_and_specks_are_ignored() -> None:
    mask = np.full((100, 100), 3, np.uint8)
    mask[:, 98:] = 0
    mask[0, 99] = 3
    people = np.ones((100, 100), np.uint8)
    people[:, 50:] = 2
    parts = mask_parts(mask, {"Human arm": (3,)}, people)
    assert [(a.box, a.attributes["person"], a.ignore) for a in parts] == [
        ((0, 0, 50, 100), 1, False),
        ((50, 0, 98, 100), 2, False),
        ((99, 0, 100, 1), 2, False),
    ]
    mask = np.zeros((200, 200), np.uint8)
    mask[5, 5], mask[100:150, 100:150] = 3, 3
    assert [a.ignore for a in mask_parts(mask, {"Human arm": (3,)})] == [True, False]


def write_masks(folder: Path) -> Path:
    """Two pictures of 40 x 20: an arm of two touching halves, on the second one a mask at half the size."""
    arm = np.zeros((20, 40), np.uint8)
    arm[4:8, 2:12], arm[8:16, 8:12] = 1, 2
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for name, mask in (("a", arm), ("b", arm[::2, ::2])):
        Image.new("RGB", (40, 20)).save(folder / "images" / f"{name}.jpg")
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
    (folder / "classes.txt").write_text("background\nupper arm\nlower arm\nfoot\n")
    return folder


def test_a_folder_of_masks_becomes_boxes_of_joined_parts(tmp_path: Path) -> None:
    log = RowLog()
    parts = {"Human arm": ["upper arm", "2"], "Human foot": ["foot"]}
    dataset = derive_mask_parts(write_masks(tmp_path), parts, log)
    assert dataset.labels == ("Human arm", "Human foot")
    assert (log.accepted, log.rejects) == (2, [])
    for picture in dataset:
        [arm] = picture.annotations
        assert (arm.label, arm.box, arm.area, arm.derived_from) == ("Human arm", (2, 4, 12, 16), 72, "part mask")
        assert picture.exhaustive == {"Human arm", "Human foot"}
    assert [a.id for p in dataset for a in p.annotations] == [1, 2]


def test_masks_of_the_persons_part_what_touches(tmp_path: Path) -> None:
    folder, people = write_masks(tmp_path), tmp_path / "people"
    people.mkdir()
    persons = np.where(np.arange(20) < 8, 1, 2).astype(np.uint8)[:, None].repeat(40, axis=1)
    np.save(people / "a.npy", persons)
    np.save(people / "b.npy", persons)
    log = RowLog()
    [picture] = derive_mask_parts(folder, {"Human arm": ["1", "2"]}, log, people=people).map(
        lambda p: p if p.annotations else None
    )
    boxes = [(a.box, a.attributes["person"]) for a in picture.annotations]
    assert boxes == [((2, 4, 12, 8), 1), ((8, 8, 12, 16), 2)]
    assert [str(reject.reason) for reject in log.rejects] == [
        "has shape (10, 20) where its mask of the persons has (20, 40)"
    ]
    (people / "a.npy").unlink()
    with pytest.raises(DataError, match=r"a\.png: no mask 'a' of the persons"):
        derive_mask_parts(folder, {"Human arm": ["1"]}, RowLog(strict=True), people=people)


def test_unknown_classes_and_broken_masks_are_named(tmp_path: Path) -> None:
    folder = write_masks(tmp_path)
    with pytest.raises(DataError, match="'wing', which is no class of the masks; there are background, upper arm"):
        derive_mask_parts(folder, {"Human arm": ["wing"]}, RowLog())
    (folder / "masks" / "a.png").write_bytes(b"nothing")
    Image.new("L", (40, 20)).save(folder / "masks" / "c.png")
    log = RowLog()
    dataset = derive_mask_parts(folder, {"Human arm": ["1"]}, log)
    assert [Path(r.file).name for r in log.rejects] == ["a.png", "c.png"]
    # A picture whose mask is broken is known to lie there, but promises nothing.
    assert [p.exhaustive for p in dataset] == [frozenset(), {"Human arm"}]
    with pytest.raises(DataError, match="no folder of pictures"):
        derive_mask_parts(tmp_path / "masks", {"Human arm": ["1"]}, RowLog())
