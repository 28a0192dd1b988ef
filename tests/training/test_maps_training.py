"""Training on activation maps: any number of channels goes through the same engine, from files to a measured model."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from map_set_builders import LABELS, map_input, map_recipe, map_set
from training_builders import drawn_recipe

from vitruvian.data.dataset import DataError
from vitruvian.finders import Detector as OnnxDetector
from vitruvian.finders import predict_dataset
from vitruvian.images import ReadError, read_planes, write_planes
from vitruvian.metrics import evaluate_boxes
from vitruvian.training.augment import empty_sample, mirror, mirror_indices
from vitruvian.training.loader import Samples, build_caches, collate
from vitruvian.training.map_input import maps_read, training_sources
from vitruvian.training.module import ValPictures, build_detector, normalise
from vitruvian.training.publish import publish
from vitruvian.training.recipe import Recipe, RecipeError, load_recipe
from vitruvian.training.run import best_network, train
from vitruvian.training.sources import load_sources, model_labels
from vitruvian.zoo import ModelError

SHIPPED = sorted((Path(__file__).resolve().parents[2] / "recipes").glob("second_pass_*.yaml"))


def samples_of(recipe: Recipe, folder: Path) -> Samples:
    sources, _ = training_sources(recipe)
    return Samples(recipe, model_labels(recipe.model), sources, build_caches(recipe, sources, folder / "cache"))


def test_from_map_files_to_a_measured_model(tmp_path: Path) -> None:
    reads = map_input()
    truth = map_set(tmp_path, reads, suffix=".tiff", empty=1)
    recipe = load_recipe(map_recipe(tmp_path, 4))
    run = tmp_path / "runs" / "tiny_maps"
    train(recipe, run)
    assert json.loads((run / "run.json").read_text())["empty maps left out"] == {"drawn": 1}
    rows = [row for row in csv.DictReader((run / "metrics.csv").open()) if row.get("loss")]
    losses = [float(row["loss"]) for row in rows]
    assert np.mean(losses[-2:]) < 0.75 * losses[0]
    net = best_network(run)[1].eval()
    model = publish(net, recipe, run)
    assert model.card.reads == reads
    assert model.card.task == "second look"
    assert model.card.preprocessing.pad_value == 0
    assert "stacked hirescam maps of told" in model.card.preprocessing.channels
    assert model.card.architecture.in_channels == 4
    assert model.card.data[0].pictures == 11

    item = ValPictures({"drawn": truth}, ("whole face",), 64, 4)[3]
    with torch.no_grad():
        expected = net(normalise(item.image[None], recipe.model)).logits.sigmoid().numpy()
    scores, _ = OnnxDetector(model, threads=1).run(OnnxDetector.prepare(item.image.permute(1, 2, 0).numpy()))
    np.testing.assert_allclose(scores, expected, atol=1e-3)
    found = predict_dataset(OnnxDetector(model, threads=1), truth, threshold=0.0)
    assert evaluate_boxes(truth, found)["whole face"].ap50 > 0.5
    with pytest.raises(ModelError, match=r"reads 4 channels \(stacked hirescam.*the picture has 3"):
        OnnxDetector(model, threads=1).detect(np.zeros((40, 48, 3), dtype=np.uint8))
    with pytest.raises(ModelError, match="another making"):
        predict_dataset(OnnxDetector(model, threads=1), map_set(tmp_path / "other", map_input(method="gradcam++")))
    photographs = load_sources(load_recipe(drawn_recipe(tmp_path / "rgb")).data.train, recipe)["drawn"]
    with pytest.raises(ModelError, match="holds pictures"):
        predict_dataset(OnnxDetector(model, threads=1), photographs)


def test_what_the_network_is_given_is_what_the_file_holds(tmp_path: Path) -> None:
    """Unmoved and unmirrored, a sample is the letterboxed file; the border and what nothing is pasted on are 0."""
    truth = map_set(tmp_path, map_input(), pictures=1)
    plain = ["augment.flip=0", "augment.zoom=[1, 1]", "schedule.sizes=[[0, 64]]"]
    sample = samples_of(load_recipe(map_recipe(tmp_path, 4), plain), tmp_path)[0]
    item = ValPictures({"drawn": truth}, ("whole face",), 64, 4)[0]
    assert sample.image.shape == (64, 64, 4)
    assert item.image.shape == (4, 64, 64)
    rows = np.flatnonzero(sample.image.any(axis=(1, 2)))
    assert rows[-1] - rows[0] < 54
    shown = [image[np.ix_(np.flatnonzero(image.any(axis=(1, 2))))] for image in
             (sample.image, item.image.permute(1, 2, 0).numpy())]  # fmt: skip
    np.testing.assert_allclose(shown[0].astype(int), shown[1].astype(int), atol=3)
    images, _ = collate([sample, sample])
    assert images.shape == (2, 4, 64, 64)
    assert item.image[:, 0].max() == 0


def test_mirroring_swaps_the_channels_of_left_and_right() -> None:
    rng = np.random.default_rng(0)
    sample = empty_sample(64, 1, 4, 0)
    sample.image = rng.integers(0, 255, sample.image.shape, dtype=np.uint8)
    before = sample.image.copy()
    planes = mirror_indices(LABELS)
    mirror(sample, mirror_indices(("whole face",)), planes)
    np.testing.assert_array_equal(sample.image[:, :, 0], before[:, ::-1, LABELS.index("left face")])
    np.testing.assert_array_equal(sample.image[:, :, 2], before[:, ::-1, LABELS.index("nose")])
    mirror(sample, mirror_indices(("whole face",)), planes)
    np.testing.assert_array_equal(sample.image, before)


def test_mirrored_samples_look_like_maps_of_mirrored_pictures(tmp_path: Path) -> None:
    """In every map made here the right face lies to the left of the left face; so it must in every sample."""
    map_set(tmp_path, map_input())
    samples = samples_of(load_recipe(map_recipe(tmp_path, 4), ["augment.flip=1", "augment.zoom=[1, 1]"]), tmp_path)
    columns = np.arange(64) + 0.5
    for number in range(6):
        image = samples[number].image.astype(float)
        right, left = (float((image[:, :, c].sum(axis=0) / image[:, :, c].sum()) @ columns) for c in (0, 1))
        assert right < left


def test_averaged_maps_have_one_channel_that_is_not_swapped(tmp_path: Path) -> None:
    map_set(tmp_path, map_input(kind="averaged"))
    samples = samples_of(load_recipe(map_recipe(tmp_path, 1)), tmp_path)
    assert samples.mirrored_planes is None
    assert samples[0].image.shape == (64, 64, 1)


def test_colours_are_varied_in_pictures_only(tmp_path: Path) -> None:
    map_set(tmp_path, map_input(), pictures=2)
    plain = ["augment.brightness=0", "augment.contrast=0", "augment.saturation=0", "augment.grey=0"]
    path = map_recipe(tmp_path, 4)
    varied, same = (samples_of(load_recipe(path, more), tmp_path) for more in ([], plain))
    for number in range(4):
        np.testing.assert_array_equal(varied[number].image, same[number].image)


def test_a_model_of_another_channel_count_is_refused_before_anything_runs(tmp_path: Path) -> None:
    map_set(tmp_path, map_input())
    with pytest.raises(
        DataError, match=r"source 'drawn' holds stacked hirescam maps.*4 channels, model.in_channels is 10"
    ):
        train(load_recipe(map_recipe(tmp_path, 10)), tmp_path / "runs" / "ten")
    (tmp_path / "rgb").mkdir()
    photographs = drawn_recipe(tmp_path / "rgb")
    ten = load_recipe(photographs, ["model.in_channels=10", "model.mean=[0]", "model.std=[1]"])
    with pytest.raises(DataError, match=r"pictures of 3 channels, model\.in_channels is 10"):
        train(ten, tmp_path / "runs" / "rgb")
    assert not (tmp_path / "runs").exists()


def test_a_file_of_another_channel_count_is_named(tmp_path: Path) -> None:
    map_set(tmp_path, map_input())
    write_planes(np.zeros((40, 48, 9), dtype=np.float32), tmp_path / "maps" / "7.npz")
    recipe = load_recipe(map_recipe(tmp_path, 4))
    with pytest.raises(ReadError, match=r"maps/7\.npz: has 9 channels where 4 are read"):
        samples_of(recipe, tmp_path)


def test_sources_of_different_making_do_not_mix(tmp_path: Path) -> None:
    sources = {
        "a": map_set(tmp_path / "a", map_input(), pictures=1),
        "b": map_set(tmp_path / "b", map_input(method="gradcam++"), pictures=1),
    }
    with pytest.raises(DataError, match="'a' and 'b' are of different making"):
        maps_read(sources, 4)


def test_a_source_of_empty_maps_is_refused(tmp_path: Path) -> None:
    map_set(tmp_path, map_input(), pictures=2, empty=2)
    with pytest.raises(DataError, match="source 'drawn' holds empty activation maps only"):
        training_sources(load_recipe(map_recipe(tmp_path, 4)))


def test_occluders_that_need_colours_are_refused(tmp_path: Path) -> None:
    map_set(tmp_path, map_input())
    wrong = ["augment.occlude=0.5", "augment.occluders=realistic"]
    with pytest.raises(RecipeError, match="set occlude to 0"):
        load_recipe(map_recipe(tmp_path, 4), wrong)


def test_the_cache_holds_any_number_of_channels(tmp_path: Path) -> None:
    truth = map_set(tmp_path, map_input(), pictures=3)
    sources = {"drawn": truth}
    recipe = load_recipe(map_recipe(tmp_path, 4))
    cache = build_caches(recipe, sources, tmp_path / "cache")["drawn"]
    for index, picture in enumerate(truth.pictures):
        np.testing.assert_array_equal(cache[index], read_planes(truth.path(picture)))
    smaller = load_recipe(tmp_path / "tiny_maps.yaml", ["data.cache_side=32"])
    assert build_caches(smaller, sources, tmp_path / "cache")["drawn"][2].shape == (27, 32, 4)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_fits_the_maps_that_its_name_says(path: Path) -> None:
    recipe = load_recipe(path)
    method, kind = path.stem.removeprefix("second_pass_").split("_")
    assert recipe.name == path.stem
    assert recipe.model.in_channels == {"averaged": 1, "stacked": 10}[kind]
    assert not recipe.model.pretrained
    assert model_labels(recipe.model) == ("whole face",)
    for source in (*recipe.data.train.values(), *recipe.data.val.values()):
        assert f"/{method}_{kind}/" in source.json_file
    assert recipe.schedule.patience > 0


def test_all_four_variants_ship() -> None:
    assert len(SHIPPED) == 4
    networks = {load_recipe(path).model.model_copy(update={"in_channels": 1}).model_dump_json() for path in SHIPPED}
    assert len(networks) == 1  # they differ in what they read only


def test_one_mean_and_one_deviation_serve_all_channels(tmp_path: Path) -> None:
    map_set(tmp_path, map_input(), pictures=1)
    recipe = load_recipe(map_recipe(tmp_path, 4)).model
    picture = torch.full((1, 4, 64, 64), 51, dtype=torch.uint8)
    assert torch.allclose(normalise(picture, recipe), torch.tensor(0.8))
    assert build_detector(recipe, False)(normalise(picture, recipe)).logits.shape[-1] == 1
