"""Maps as values and as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vitruvian.explain import ActivationMaps, ExplainError, load_maps, save_maps

MAPS = ActivationMaps(
    np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32), ("Human face", "nose", "whole face")
)


@pytest.mark.parametrize("suffix", [".npz", ".tiff", ".tif"])
def test_a_file_gives_back_what_was_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"maps{suffix}"
    save_maps(MAPS, path)
    found = load_maps(path, channels=3)
    assert found.names == MAPS.names
    np.testing.assert_array_equal(found.maps, MAPS.maps)
    assert found.maps.dtype == np.float32
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".npz", ".tiff"])
def test_names_of_any_script_are_kept(tmp_path: Path, suffix: str) -> None:
    maps = ActivationMaps(MAPS.maps, ("größe", "顔", "耳"))
    save_maps(maps, tmp_path / f"maps{suffix}")
    assert load_maps(tmp_path / f"maps{suffix}").names == maps.names
    if suffix == ".tiff":
        with tifffile.TiffFile(tmp_path / "maps.tiff") as file:
            assert tuple(page.description for page in file.pages) == maps.names


def test_pages_of_another_program_are_numbered(tmp_path: Path) -> None:
    # tifffile describes the first page by default: '{"shape": [3, 4, 5]}'
    tifffile.imwrite(tmp_path / "first.tiff", MAPS.maps, photometric="minisblack")
    tifffile.imwrite(tmp_path / "none.tiff", MAPS.maps, photometric="minisblack", metadata=None)
    with tifffile.TiffWriter(tmp_path / "alike.tiff") as file:
        for plane in MAPS.maps:
            file.write(plane, description="activations", contiguous=False)
    for name in ("first", "none", "alike"):
        found = load_maps(tmp_path / f"{name}.tiff")
        assert found.names == ("1", "2", "3")
        np.testing.assert_array_equal(found.maps, MAPS.maps)


def test_another_program_reads_the_tiff(tmp_path: Path) -> None:
    save_maps(MAPS, tmp_path / "maps.tiff")
    with tifffile.TiffFile(tmp_path / "maps.tiff") as file:
        assert [page.description for page in file.pages] == list(MAPS.names)
        np.testing.assert_array_equal(np.stack([page.asarray() for page in file.pages]), MAPS.maps)


def test_the_npz_has_names_and_maps_and_no_pickle(tmp_path: Path) -> None:
    save_maps(MAPS, tmp_path / "maps.npz")
    with np.load(tmp_path / "maps.npz", allow_pickle=False) as file:
        assert sorted(file) == ["maps", "names"]
        assert file["names"].tolist() == list(MAPS.names)


@pytest.mark.parametrize("suffix", [".npz", ".tiff"])
def test_a_wrong_number_of_channels_is_named(tmp_path: Path, suffix: str) -> None:
    save_maps(MAPS, tmp_path / f"maps{suffix}")
    with pytest.raises(ExplainError, match="has 3 channels where 10 are needed"):
        load_maps(tmp_path / f"maps{suffix}", channels=10)


def test_a_tiff_of_colour_pages_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rgb.tiff", np.zeros((4, 5, 3), dtype=np.uint8), photometric="rgb")
    with pytest.raises(ExplainError, match="page 1 has pixels of mode RGB, not one float channel"):
        load_maps(tmp_path / "rgb.tiff")


def test_files_that_are_no_maps(tmp_path: Path) -> None:
    with pytest.raises(ExplainError, match="no such file"):
        load_maps(tmp_path / "none.npz")
    for name in ("bad.npz", "bad.tiff"):
        (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(ExplainError, match=f"{name}: truncated or corrupt"):
            load_maps(tmp_path / name)
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    with pytest.raises(ExplainError, match="two arrays"):
        load_maps(tmp_path / "other.npz")
    np.savez(tmp_path / "objects.npz", names=np.asarray(["a"], dtype=object), maps=np.zeros((1, 2, 2), np.float32))
    with pytest.raises(ExplainError, match="corrupt"):
        load_maps(tmp_path / "objects.npz")
    with pytest.raises(ExplainError, match=r"\.tiff or \.npz"):
        save_maps(MAPS, tmp_path / "maps.png")


@given(arrays(np.float32, (2, 3, 4), elements=st.floats(-100, 100, width=32)))
def test_heat_is_a_share_of_each_channels_maximum(values: np.ndarray) -> None:
    maps = ActivationMaps(values, ("a", "b"))
    heat = maps.heat()
    assert heat.min() >= 0
    for plane, shown in zip(values, heat, strict=True):
        assert shown.max() == (1 if plane.max() > 0 else 0)
        assert not shown[plane <= 0].any()
    assert maps.is_empty == (not heat.any())


def test_empty_maps_stay_well_formed() -> None:
    empty = ActivationMaps(np.full((2, 3, 4), -1, dtype=np.float32), ("a", "b"))
    assert empty.is_empty
    assert empty.averaged().is_empty
    assert empty.averaged().maps.shape == (1, 3, 4)
    assert not empty.heat().any()
    assert not MAPS.is_empty


def test_the_average_counts_only_what_speaks_for_a_class() -> None:
    maps = ActivationMaps(np.asarray([[[4.0, -9.0]], [[2.0, 6.0]]], dtype=np.float32), ("a", "b"))
    np.testing.assert_array_equal(maps.averaged().maps, [[[3.0, 3.0]]])


def test_selecting_classes() -> None:
    chosen = MAPS.select(["whole face", "Human face"])
    np.testing.assert_array_equal(chosen.maps, MAPS.maps[[2, 0]])
    with pytest.raises(ExplainError, match="no class 'noes'; did you mean 'nose'"):
        MAPS.select(["noes"])
    with pytest.raises(ExplainError, match="no class is asked for"):
        MAPS.select([])


def test_maps_that_contradict_themselves() -> None:
    with pytest.raises(ExplainError, match=r"not \(C, H, W\) float32"):
        ActivationMaps(np.zeros((2, 3), np.float32), ("a", "b"))
    with pytest.raises(ExplainError, match="2 maps have 1 names"):
        ActivationMaps(np.zeros((2, 3, 3), np.float32), ("a",))
    with pytest.raises(ExplainError, match="not finite"):
        ActivationMaps(np.full((1, 1, 1), np.nan, np.float32), ("a",))
