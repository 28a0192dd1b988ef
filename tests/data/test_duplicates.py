"""Near-duplicates: recompressed and resized copies are found, other pictures are not."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from workshop_builders import make_dataset, make_picture, write_pictures

from vitruvian.data.duplicates import PictureHash, group_copies, near_duplicates


def scene(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def hashed(image: Image.Image) -> PictureHash:
    return PictureHash.of(np.asarray(image))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def test_copies_are_found_and_other_pictures_are_not() -> None:
    pictures = [scene(i) for i in range(30)]
    copies = [
        jpeg(pictures[0], 30),
        pictures[1].resize((80, 60)),
        ImageEnhance.Brightness(pictures[2]).enhance(0.8),
        pictures[3].convert("L").convert("RGB"),
    ]
    found = near_duplicates([hashed(p) for p in [*pictures, *copies]])
    assert found[:30].tolist() == list(range(30))
    assert found[30:].tolist() == [0, 1, 2, 3]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 25))
def test_bands_find_what_comparing_all_pairs_finds(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    bits = int(rng.integers(2**63))
    hashes = []
    for _ in range(count):
        flips = rng.choice(64, int(rng.integers(0, 9)), replace=False)
        changed = bits
        for f in flips:
            changed ^= 1 << int(f)
        hashes.append(PictureHash(changed, np.arange(256, dtype=np.uint8)))
    parent = list(range(count))
    for i in range(count):
        for j in range(i):
            if (hashes[i].bits ^ hashes[j].bits).bit_count() <= 5:
                a, b = sorted((parent[i], parent[j]))
                parent = [a if p == b else p for p in parent]
    assert near_duplicates(hashes).tolist() == parent


def test_flat_pictures_need_one_brightness_and_nothing_is_one_group() -> None:
    flat = [np.full((20, 20, 3), v, np.uint8) for v in (100, 101, 200)]
    assert near_duplicates([PictureHash.of(p) for p in flat]).tolist() == [0, 0, 2]
    assert near_duplicates([]).tolist() == []


def test_groups_by_copies_leave_damaged_files_alone(tmp_path) -> None:
    dataset = make_dataset(["a"], [make_picture(i) for i in (1, 2, 3, 4)], tmp_path)
    write_pictures(dataset)
    (tmp_path / "0003.png").write_bytes((tmp_path / "0001.png").read_bytes())
    (tmp_path / "0004.png").write_bytes(b"no picture")
    assert group_copies(dataset) == ["0001.png", "0002.png", "0001.png", "0004.png"]
