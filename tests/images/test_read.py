"""Reading: every kind of picture comes out upright as RGB; everything else is one clear ReadError."""

from __future__ import annotations

import contextlib
import io
import os
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vitruvian.images import Limits, ReadError, read_picture, read_reduced, sample_picture

LOSSLESS = {"1": "PNG", "L": "PNG", "LA": "PNG", "P": "PNG", "RGB": "PNG", "RGBA": "PNG", "I;16": "PNG",
            "I": "TIFF", "F": "TIFF", "CMYK": "TIFF"}  # fmt: skip
ORIENTATION = 0x0112


def encoded(image: Image.Image, suffix: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, suffix, **options)
    return buffer.getvalue()


def photo(width: int = 96, height: int = 64) -> Image.Image:
    with Image.open(sample_picture()) as sample:
        return sample.resize((width, height))


def png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    header = (13).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + header + (64).to_bytes(4, "big") + b"IDAT" + bytes(64)


GIF, JPEG, PNG = encoded(photo(), "GIF"), encoded(photo(), "JPEG"), encoded(photo())
BAD_FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "text": (b"hello, I am a picture", "not a picture"),
    "zeros": (bytes(4096), "not a picture"),
    "half a jpeg": (JPEG[: len(JPEG) // 2], "truncated"),
    "half a png": (PNG[: len(PNG) // 2], "truncated"),
    "half a gif": (GIF[: len(GIF) // 2], "truncated"),
    "header of a jpeg": (JPEG[:20], "truncated or corrupt|not a picture"),
    "damaged png": (PNG[:60] + bytes(40) + PNG[100:], "truncated or corrupt"),
    "bomb": (png_header(60_000, 60_000), "too large"),
    "large, allowed, and damaged": (png_header(10_000, 10_000), "truncated or corrupt"),
    "no width": (png_header(0, 10), "no pixels|not a picture|corrupt"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n", "not a picture"),
    "icon": (encoded(photo(16, 16), "ICO"), "not a picture"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused_in_one_line_that_names_them(name: str, tmp_path: Path) -> None:
    content, reason = BAD_FILES[name]
    path = tmp_path / f"{name}.jpg"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ReadError, match=reason) as caught:
            read_picture(path)
        with pytest.raises(ReadError, match=reason):
            read_reduced(content, 16)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message


def test_bad_paths(tmp_path: Path) -> None:
    locked = tmp_path / "locked.png"
    locked.write_bytes(PNG)
    locked.chmod(0)
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "nowhere.png")
    cases = {
        tmp_path: "is a folder",
        tmp_path / "missing.png": "no such file",
        tmp_path / "dangling.png": "no such file",
        tmp_path / "pipe.png": "not a regular file",
        tmp_path / ("x" * 300): "cannot be read",
    }
    if os.geteuid() != 0:  # root reads everything
        cases[locked] = "permission denied"
    for path, reason in cases.items():
        with pytest.raises(ReadError, match=reason):
            read_picture(path)
    with pytest.raises(ReadError, match="not a path"):
        read_picture("a\0b")
    with pytest.raises(ReadError, match=r"^NoneType: not a path"):
        read_picture(None)  # type: ignore[arg-type]


def test_no_permission_is_said_to_be_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locked.png"
    path.write_bytes(PNG)

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(ReadError, match=r"locked\.png: permission denied"):
        read_picture(path)


def test_a_newline_in_a_name_does_not_break_the_message(tmp_path: Path) -> None:
    with pytest.raises(ReadError) as caught:
        read_picture(tmp_path / "a\nb.png")
    assert "\n" not in str(caught.value)


def test_limits_hold_for_every_source(tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(PNG)
    few_pixels, few_bytes = Limits(max_pixels=96 * 64 - 1), Limits(max_bytes=len(PNG) - 1)
    for source in (path, PNG, photo(), np.asarray(photo())):
        with pytest.raises(ReadError, match="too large: 96 x 64 pixels"):
            read_picture(source, few_pixels)
    for source in (path, PNG):
        with pytest.raises(ReadError, match=r"too large: .* bytes"):
            read_picture(source, few_bytes)
    assert read_picture(path, Limits(max_pixels=96 * 64, max_bytes=len(PNG))).shape == (64, 96, 3)


@pytest.mark.parametrize("suffix", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_come_back_exactly(suffix: str) -> None:
    np.testing.assert_array_equal(read_picture(encoded(photo(), suffix)), np.asarray(photo()))


@pytest.mark.parametrize("suffix", ["JPEG", "WEBP", "AVIF", "GIF"])
def test_lossy_formats_come_back_nearly(suffix: str) -> None:
    difference = read_picture(encoded(photo(), suffix)).astype(int) - np.asarray(photo()).astype(int)
    assert abs(difference).mean() < 12


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int, suffix: str) -> None:
    upright = np.zeros((48, 32, 3), np.uint8)  # four flat quarters survive JPEG
    upright[:24, :16], upright[:24, 16:], upright[24:, :16] = (200, 0, 0), (0, 200, 0), (0, 0, 200)
    # EXIF 2.32, tag 0x0112: where row 0 and column 0 of the stored picture lie in the upright one.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    options = {"quality": 95} if suffix in ("JPEG", "WEBP") else {}
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), suffix, exif=exif, **options)
    got = read_picture(data)
    assert got.shape == (48, 32, 3)
    for y, x in ((12, 8), (12, 24), (36, 8), (36, 24)):
        np.testing.assert_allclose(got[y, x].astype(int), upright[y, x], atol=24)
    reduced, width, height = read_reduced(data, 16)
    assert (width, height) == (32, 48)
    assert reduced.shape[0] * 2 == reduced.shape[1] * 3


def test_damaged_exif_leaves_the_picture_readable() -> None:
    data = encoded(photo(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert read_picture(data).shape == (64, 96, 3)


def test_transparency_is_laid_on_white() -> None:
    clear = np.zeros((2, 2, 4), np.uint8)
    clear[0, 0] = (10, 20, 30, 255)
    clear[0, 1] = (0, 0, 0, 128)
    expected = np.array([[[10, 20, 30], [127, 127, 127]], [[255] * 3, [255] * 3]])
    for source in (clear, encoded(Image.fromarray(clear))):
        np.testing.assert_array_equal(read_picture(source), expected)
    palette = Image.new("P", (1, 1), 0)
    palette.putpalette([10, 20, 30])
    np.testing.assert_array_equal(read_picture(encoded(palette, transparency=0)), [[[255, 255, 255]]])
    np.testing.assert_array_equal(read_picture(encoded(Image.new("L", (1, 1), 7), transparency=7)), [[[255] * 3]])


def test_sixteen_bit_is_scaled_not_clipped() -> None:
    grey = np.array([[0, 257, 32768, 65535]], np.uint16)
    expected = np.array([[0, 1, 128, 255]])
    for source in (grey, encoded(Image.fromarray(grey)), encoded(Image.fromarray(grey), "TIFF")):
        np.testing.assert_array_equal(read_picture(source)[:, :, 0], expected)
    wide_pgm = b"P5 4 1 65535\n" + grey.astype(">u2").tobytes()
    np.testing.assert_array_equal(read_picture(wide_pgm)[:, :, 2], expected)


def test_float_and_wide_files() -> None:
    unit = np.array([[0, 0.5, 1]], np.float32)
    np.testing.assert_array_equal(read_picture(encoded(Image.fromarray(unit), "TIFF"))[:, :, 0], [[0, 128, 255]])
    wild = np.array([[-5, np.nan, 5]], np.float32)
    np.testing.assert_array_equal(read_picture(encoded(Image.fromarray(wild), "TIFF"))[:, :, 0], [[0, 128, 255]])
    flat = np.full((2, 2), 1e6, np.float32)
    assert read_picture(encoded(Image.fromarray(flat), "TIFF")).shape == (2, 2, 3)
    long = np.array([[-70_000, 70_000]], np.int32)
    np.testing.assert_array_equal(read_picture(encoded(Image.fromarray(long), "TIFF"))[:, :, 1], [[0, 255]])


def test_cmyk_of_adobe_is_not_inverted() -> None:
    red = photo().convert("CMYK")
    got = read_picture(encoded(red, "JPEG", quality=95))  # Pillow writes the Adobe marker, so inverted
    assert abs(got.astype(int) - np.asarray(photo()).astype(int)).mean() < 6


def test_an_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue", "green")]
    for suffix in ("GIF", "PNG", "WEBP", "TIFF"):
        options = {"lossless": True} if suffix == "WEBP" else {}
        data = encoded(frames[0], suffix, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(read_picture(data), np.full((6, 8, 3), (255, 0, 0)))


def test_arrays() -> None:
    rgb = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert np.shares_memory(read_picture(rgb), rgb)
    np.testing.assert_array_equal(read_picture(rgb[:, ::-1]), rgb[:, ::-1])
    np.testing.assert_array_equal(read_picture(rgb / 255.0), rgb)
    np.testing.assert_array_equal(read_picture(rgb.astype(np.uint16) * 257), rgb)
    np.testing.assert_array_equal(read_picture(np.array([[True, False]]))[0], [[255] * 3, [0] * 3])
    np.testing.assert_array_equal(read_picture(rgb[:, :, :1]), read_picture(rgb[:, :, 0]))


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
        (np.zeros((0,), np.uint8), "shape"),
        (np.zeros((2, 2, 2), np.uint8), "shape"),
        (np.zeros((2, 2, 3, 1), np.uint8), "shape"),
        (np.zeros((2, 2, 0), np.uint8), "shape"),
        (np.full((2, 2), 1.5), "within 0..1"),
        (np.full((2, 2), np.nan), "within 0..1"),
        (np.zeros((2, 2), np.int64), "dtype int64"),
        (np.array([["a"]]), "dtype"),
    ],
)
def test_arrays_that_are_no_pictures(array: Any, reason: str) -> None:
    with pytest.raises(ReadError, match=f"^array: .*{reason}"):
        read_picture(array)


def test_reduced_reading_keeps_enough_and_tells_the_size() -> None:
    data = encoded(photo(1001, 763), "JPEG", quality=95)
    whole = Image.open(io.BytesIO(data))
    for min_side in (100, 126, 300, 600, 2000):
        reduced, width, height = read_reduced(data, min_side)
        assert (width, height) == (1001, 763)
        assert min(min_side, 1001) <= max(reduced.shape) <= max(1001, 2 * min_side)
        oracle = np.asarray(whole.resize(reduced.shape[1::-1], Image.Resampling.BILINEAR))
        assert abs(reduced.astype(int) - oracle.astype(int)).mean() < 3
    assert read_reduced(data, 100)[0].shape == (96, 126, 3)
    assert read_reduced(PNG, 10)[0].shape == (64, 96, 3)


def test_warnings_filters_are_left_as_they_were_by_overlapping_threads() -> None:
    before = list(warnings.filters)
    threads = [threading.Thread(target=lambda: [read_picture(JPEG) for _ in range(20)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


@st.composite
def images(draw: st.DrawFn) -> Image.Image:
    mode = draw(st.sampled_from(sorted(LOSSLESS)))
    size = draw(st.tuples(st.integers(1, 64), st.integers(1, 64)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    noise = rng.integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    if mode == "I;16":
        return Image.fromarray(rng.integers(0, 65536, (size[1], size[0]), dtype=np.uint16))
    return Image.fromarray(noise).convert("RGB").convert(mode) if mode != "RGBA" else Image.fromarray(noise)


@settings(max_examples=120, deadline=None)
@given(images(), st.integers(1, 8))
def test_every_mode_and_size_comes_out_upright(image: Image.Image, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encoded(image, LOSSLESS[image.mode], exif=exif)
    got, width, height = read_reduced(data, 1)
    size = image.size[::-1] if orientation >= 5 else image.size
    assert got.dtype == np.uint8
    assert got.shape == (size[1], size[0], 3)
    assert (width, height) == size
    np.testing.assert_array_equal(read_picture(data), got)
    if image.mode == "RGB" and orientation == 3:
        np.testing.assert_array_equal(got, np.asarray(image)[::-1, ::-1])


VALID = [encoded(photo(40, 30), suffix) for suffix in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")]
VALID.append(encoded(photo(40, 30), "TIFF", compression="tiff_lzw"))
VALID.append(encoded(photo(40, 30), "JPEG", progressive=True))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_nothing_but_read_errors_on_damaged_files(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(VALID)))
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, min(len(damaged) - 1, 400)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    source = bytes(damaged[:cut])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            picture, width, height = read_reduced(source, 16, Limits(max_pixels=4_000_000))
        except ReadError as caught:
            message = str(caught)
        else:
            assert picture.dtype == np.uint8
            assert picture.ndim == 3
            assert picture.shape[2] == 3
            assert min(width, height) >= 1
            return
    assert message.startswith("bytes: ")
    assert "\n" not in message


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([data[:8] for data in VALID] + [b""]))
def test_random_bytes_are_refused_or_read(tail: bytes, head: bytes) -> None:
    with contextlib.suppress(ReadError):
        assert read_picture(head + tail, Limits(max_pixels=4_000_000)).shape[2] == 3


@pytest.mark.parametrize("index", range(len(VALID)))
def test_every_truncation_is_refused_or_whole(index: int) -> None:
    """A cut file never comes out as a picture with a part missing."""
    whole = read_picture(VALID[index])
    for cut in range(0, len(VALID[index]), max(1, len(VALID[index]) // 60)):
        try:
            picture = read_picture(VALID[index][:cut])
        except ReadError:
            continue
        np.testing.assert_array_equal(picture, whole)


def test_the_sample_is_a_picture() -> None:
    assert read_picture(sample_picture()).shape == (512, 512, 3)
    assert sample_picture().stat().st_size < 120_000
