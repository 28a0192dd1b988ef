"""Data sets of maps: labels move along, nothing is done twice, and a model looks only at maps of its own making."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from map_builders import ToldDetector, as_detector
from PIL import Image

from vitruvian.data.dataset import Annotation, DataError, Dataset, ExhaustiveRegion, Picture
from vitruvian.finders.map_dataset import MapDataset, check_reads, is_empty, maps_of, write_map_datasets
from vitruvian.finders.map_pictures import MapMaker
from vitruvian.images import read_planes
from vitruvian.zoo import ModelError

NAMES = ("nose", "right face", "left face")


def photographs(folder: Path) -> Dataset:
    """A bright, a black and a broken picture of 128 x 96."""
    (folder / "photos").mkdir(parents=True)
    Image.new("RGB", (128, 96), "white").save(folder / "photos" / "bright.png")
    Image.new("RGB", (128, 96), "black").save(folder / "photos" / "black.png")
    (folder / "photos" / "broken.png").write_bytes(b"no picture")
    pictures = []
    for number, name in enumerate(("bright.png", "black.png", "broken.png", "missing.png"), start=1):
        face = Annotation("whole face", (32.0, 24.0, 96.0, 72.0), 2 * number, attributes={"occlusion_mask": {}, "x": 1})
        nose = Annotation("nose", (60.0, 40.0, 70.0, 50.0), 2 * number + 1)
        pictures.append(
            Picture(
                number,
                name,
                128,
                96,
                (face, nose),
                frozenset({"nose"}),
                (ExhaustiveRegion((16.0, 0.0, 128.0, 96.0), frozenset({"nose", "whole face"})),),
                ((0.0, 0.0, 8.0, 8.0),),
                "here",
                {"pose": "frontal"},
            )
        )
    return Dataset(("whole face", "nose"), tuple(pictures), folder / "photos")


def write(dataset: Dataset, out: Path, told: ToldDetector, side: int = 32, suffix: str = ".npz") -> MapDataset:
    maker = MapMaker(as_detector(told), "hirescam", "stacked", NAMES, side)
    return write_map_datasets(dataset, as_detector(told), {out: maker}, suffix=suffix)[out]


def test_labels_move_into_the_map(tmp_path: Path) -> None:
    made = write(photographs(tmp_path), tmp_path / "out", ToldDetector(NAMES, value=16.0))
    loaded = Dataset.load(tmp_path / "out" / "maps.json")
    assert loaded.fingerprint() == made.dataset.fingerprint()
    assert loaded.labels == ("whole face",)
    bright = loaded.pictures[0]
    assert (bright.width, bright.height, bright.source) == (32, 24, "here")
    assert [a.box for a in bright.annotations] == [(8.0, 6.0, 24.0, 18.0)]
    assert bright.annotations[0].attributes == {"x": 1}
    assert bright.exhaustive == frozenset()
    assert bright.exhaustive_regions == (ExhaustiveRegion((4.0, 0.0, 32.0, 24.0), frozenset({"whole face"})),)
    assert bright.ignore_regions == ((0.0, 0.0, 2.0, 2.0),)
    assert bright.attributes["pose"] == "frontal"
    assert bright.attributes["map_of"] == "bright.png"
    planes = read_planes(loaded.path(bright), 3)
    assert planes.shape == (24, 32, 3)
    assert planes.min() == 255  # a white picture, told to give far more than 8 logits


def test_broken_pictures_are_set_aside_and_empty_maps_marked(tmp_path: Path) -> None:
    made = write(photographs(tmp_path), tmp_path / "out", ToldDetector(NAMES))
    assert [is_empty(p) for p in Dataset.load(tmp_path / "out" / "maps.json")] == [False, True]
    assert made.empty == 1
    assert [str(reject).removeprefix(f"{tmp_path}/photos/").split(":")[0] for reject in made.log.rejects] == [
        "broken.png",
        "missing.png",
    ]
    assert all("\n" not in str(reject) for reject in made.log.rejects)


def test_what_is_finished_is_not_done_again_unless_it_would_differ(tmp_path: Path) -> None:
    data, told = photographs(tmp_path), ToldDetector(NAMES)
    first = write(data, tmp_path / "out", told)
    assert told.calls == 2
    assert write(data, tmp_path / "out", told).dataset.fingerprint() == first.dataset.fingerprint()
    assert told.calls == 2
    (tmp_path / "out" / "maps" / "bright.png.npz").write_bytes(b"spoilt")
    write(data, tmp_path / "out", told)
    assert told.calls == 3
    write(data, tmp_path / "out", told, side=40)
    assert told.calls == 5
    write(data, tmp_path / "out", ToldDetector(NAMES, sha256="1" * 64))
    assert read_planes(tmp_path / "out" / "maps" / "bright.png.npz").shape == (24, 32, 3)


def test_several_kinds_take_one_pass(tmp_path: Path) -> None:
    told = ToldDetector(NAMES)
    makers = {
        tmp_path / kind: MapMaker(as_detector(told), "hirescam", kind, NAMES, 32) for kind in ("averaged", "stacked")
    }
    made = write_map_datasets(photographs(tmp_path), as_detector(told), makers, suffix=".tiff")
    assert told.calls == 2
    shapes = [read_planes(m.dataset.path(m.dataset.pictures[0])).shape[2] for m in made.values()]
    assert shapes == [1, 3]


def test_a_set_without_faces_or_with_a_name_that_leads_out_is_refused(tmp_path: Path) -> None:
    data, told = photographs(tmp_path), ToldDetector(NAMES)
    maker = MapMaker(as_detector(told), "hirescam", "stacked", NAMES)
    with pytest.raises(DataError, match="no class 'face'"):
        write_map_datasets(data, as_detector(told), {tmp_path / "o": maker}, label="face")
    outside = Dataset(data.labels, (Picture(1, "../evil.png", 1, 1),), data.images_dir)
    with pytest.raises(DataError, match="must not lead out"):
        write(outside, tmp_path / "o", told)


@pytest.mark.parametrize("suffix", [".npz", ".tiff"])
def test_maps_of_maps_are_refused(tmp_path: Path, suffix: str) -> None:
    told = ToldDetector(NAMES)
    made = write(photographs(tmp_path), tmp_path / "out", told, suffix=suffix).dataset
    with pytest.raises(ModelError, match="holds activation maps, and the model looks at pictures"):
        write(made, tmp_path / "again", told)
    assert not (tmp_path / "again").exists()


def test_a_model_looks_only_at_what_it_was_made_for(tmp_path: Path) -> None:
    photos = photographs(tmp_path)
    made = write(photos, tmp_path / "out", ToldDetector(NAMES)).dataset
    reads = maps_of(made)
    check_reads(reads, made)
    check_reads(None, photos)
    with pytest.raises(ModelError, match="the model looks at activation maps"):
        check_reads(reads, photos)
    with pytest.raises(ModelError, match="the model looks at pictures"):
        check_reads(None, made)
    other = MapMaker(as_detector(ToldDetector(NAMES, sha256="f" * 64)), "gradcam++", "stacked", NAMES, 32).reads
    with pytest.raises(ModelError, match=r"another making.*sha256.*method 'hirescam'"):
        check_reads(other, made)
    damaged = Dataset(made.labels, made.pictures, made.images_dir, attributes={"maps": {"model": 3}})
    with pytest.raises(DataError, match="'maps' is damaged"):
        maps_of(damaged)


def test_values_do_not_depend_on_what_else_is_in_the_picture(tmp_path: Path) -> None:
    """A constant divides, not the picture's maximum: half the evidence is half the value."""
    whole = write(photographs(tmp_path), tmp_path / "a", ToldDetector(NAMES, value=6.0))
    half = write(photographs(tmp_path / "again"), tmp_path / "b", ToldDetector(NAMES, value=3.0))
    values = [read_planes(m.dataset.path(m.dataset.pictures[0])).astype(float) for m in (whole, half)]
    np.testing.assert_allclose(values[0], 2 * values[1], atol=1)
