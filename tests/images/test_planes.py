"""Map files: what is written is read back, and nothing else is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vitruvian.images import ReadError, planes, read_planes, write_planes


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 12), st.integers(1, 20), st.integers(1, 20), st.sampled_from((".npz", ".tiff")), st.integers(0, 99)
)
def test_a_map_comes_back_to_the_nearest_of_256_values(
    tmp_path_factory: pytest.TempPathFactory, channels: int, height: int, width: int, suffix: str, seed: int
) -> None:
    path = tmp_path_factory.mktemp("maps") / f"deeper/one{suffix}"
    values = np.random.default_rng(seed).random((height, width, channels), dtype=np.float32)
    write_planes(values, path)
    read = read_planes(path, channels)
    assert read.dtype == np.uint8
    assert read.shape == values.shape
    assert np.abs(read / 255 - values).max() <= 0.5 / 255 + 0.0005  # half a step, and half precision before it


def test_a_tiff_is_one_page_a_channel_for_others_too(tmp_path: Path) -> None:
    values = np.zeros((3, 4, 10), dtype=np.float32)
    values[1, 2, 7] = 1
    write_planes(values, tmp_path / "ten.tiff")
    with Image.open(tmp_path / "ten.tiff") as image:
        assert image.n_frames == 10  # type: ignore[attr-defined]
        image.seek(7)
        assert image.size == (4, 3)
        assert image.getpixel((2, 1)) == 255


def test_float_pages_of_another_program_are_read(tmp_path: Path) -> None:
    pages = [Image.fromarray(np.full((2, 2), value, dtype=np.float32)) for value in (0.0, 0.5, 1.0)]
    pages[0].save(tmp_path / "f.tiff", save_all=True, append_images=pages[1:])
    assert read_planes(tmp_path / "f.tiff")[0, 0].tolist() == [0, 128, 255]


def test_a_file_of_another_channel_count_is_refused(tmp_path: Path) -> None:
    for suffix in (".npz", ".tiff"):
        write_planes(np.zeros((2, 2, 9), dtype=np.float32), tmp_path / f"nine{suffix}")
        with pytest.raises(ReadError, match=rf"nine{suffix}: has 9 channels where 10 are read"):
            read_planes(tmp_path / f"nine{suffix}", 10)


@pytest.mark.parametrize("wrong", [np.nan, -0.1, 1.5])
def test_values_outside_the_range_are_refused(tmp_path: Path, wrong: float) -> None:
    np.savez(tmp_path / "bad.npz", maps=np.full((1, 2, 2), wrong, dtype=np.float32))
    with pytest.raises(ReadError, match=r"bad.npz: values must be finite and within 0\.\.1"):
        read_planes(tmp_path / "bad.npz")


def test_what_is_no_map_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_planes(np.zeros((8, 8, 2), dtype=np.float32), tmp_path / "good.npz")
    write_planes(np.zeros((8, 8, 2), dtype=np.float32), tmp_path / "good.tiff")
    for suffix in (".npz", ".tiff"):
        content = (tmp_path / f"good{suffix}").read_bytes()
        (tmp_path / f"cut{suffix}").write_bytes(content[: len(content) // 2])
    np.savez(tmp_path / "named.npz", other=np.zeros((1, 2, 2)))
    np.savez(tmp_path / "double.npz", maps=np.zeros((1, 2, 2)))
    np.savez(tmp_path / "flat.npz", maps=np.zeros((2, 2), dtype=np.float32))
    np.savez(tmp_path / "object.npz", maps=np.array([[[{}]]], dtype=object))
    Image.new("RGB", (4, 4)).save(tmp_path / "colour.tiff")
    reasons = {
        "none.npz": "no such file",
        "picture.png": "not a map file",
        "cut.npz": "truncated or corrupt",
        "cut.tiff": "truncated or corrupt",
        "named.npz": "does not hold one array 'maps'",
        "double.npz": "dtype float64",
        "flat.npz": "shape",
        "object.npz": "truncated or corrupt",
        "colour.tiff": "mode RGB",
    }
    for name, reason in reasons.items():
        with pytest.raises(ReadError, match=reason) as caught:
            read_planes(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))
        assert "\n" not in str(caught.value)
    monkeypatch.setattr(planes, "MAX_VALUES", 20)
    for suffix in (".npz", ".tiff"):
        with pytest.raises(ReadError, match="too large"):
            read_planes(tmp_path / f"good{suffix}")
