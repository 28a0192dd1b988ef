from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from training_builders import drawn_recipe, drawn_set

from vitruvian.data.dataset import DataError
from vitruvian.training.cache import PictureCache
from vitruvian.training.loader import Samples, build_caches, collate, training_loader
from vitruvian.training.recipe import Recipe, RecipeError, SourceRecipe, load_recipe
from vitruvian.training.sources import load_source, load_sources, model_labels, val_sources


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    return make(load_recipe(drawn_recipe(tmp_path)), tmp_path)


def make(recipe: Recipe, folder: Path) -> Samples:
    sources = load_sources(recipe.data.train, recipe)
    return Samples(recipe, model_labels(recipe.model), sources, build_caches(recipe, sources, folder / "cache"))


def test_a_sample_depends_on_seed_and_number_alone(samples: Samples, tmp_path: Path) -> None:
    again = make(samples.recipe, tmp_path)
    for number in (0, 7, 40):
        one, other = samples[number], again[number]
        np.testing.assert_array_equal(one.image, other.image)
        np.testing.assert_array_equal(one.boxes, other.boxes)
    assert (samples[0].image != samples[1].image).any()
    seeded = make(samples.recipe.model_copy(update={"seed": 4}), tmp_path)
    assert (samples[0].image != seeded[0].image).any()


def test_realistic_occluders_are_drawn_where_the_recipe_says_so(tmp_path: Path) -> None:
    faces = [
        "model.labels=[Human head, disc]",
        "data.train.drawn.rename={square: Human head}",
        "schedule.sizes=[[0, 96]]",
    ]
    always = [*faces, "augment.occlude=1", "augment.mosaic=0"]
    plain = load_recipe(drawn_recipe(tmp_path), [*faces, "augment.occlude=0", "augment.mosaic=0"])
    never, patches, realistic = (
        make(recipe, tmp_path)
        for recipe in (
            plain,
            load_recipe(tmp_path / "tiny.yaml", always),
            load_recipe(tmp_path / "tiny.yaml", [*always, "augment.occluders=realistic"]),
        )
    )
    again = make(realistic.recipe, tmp_path)
    differ = []
    for number in range(6):
        one = realistic[number]
        np.testing.assert_array_equal(one.image, again[number].image)
        differ.append((one.image != patches[number].image).any() and (one.image != never[number].image).any())
    assert any(differ)


def test_a_recipe_that_turns_turns_and_leaves_the_rest_of_the_sample_alone(tmp_path: Path) -> None:
    options = ["augment.mosaic=0", "augment.flip=0", "augment.brightness=0", "augment.contrast=0",
               "augment.saturation=0", "augment.grey=0"]  # fmt: skip
    plain = make(load_recipe(drawn_recipe(tmp_path), options), tmp_path)
    turned = make(load_recipe(tmp_path / "tiny.yaml", [*options, "augment.turn=1"]), tmp_path)
    quarters = 0
    for number in range(12):
        one, other = plain[number].image, turned[number].image
        assert (one != other).any()
        quarters += any((np.rot90(one, k) == other).all() for k in (1, 2, 3))
    assert 0 < quarters < 12


def test_a_resumed_loader_goes_on_where_it_stopped(samples: Samples) -> None:
    whole = list(training_loader(samples))
    rest = list(training_loader(samples, start_step=9))
    assert len(whole) == samples.recipe.schedule.steps == 12
    assert len(rest) == 3
    for (images, targets), (again, same) in zip(whole[9:], rest, strict=True):
        assert torch.equal(images, again)
        assert torch.equal(targets.boxes, same.boxes)


def test_a_batch_keeps_pictures_and_boxes_together(samples: Samples) -> None:
    drawn = [samples[i] for i in range(6)]
    for sample in drawn[::2]:
        sample.approximate[:] = True
    images, targets = collate(drawn)
    assert images.shape == (6, 3, 64, 64)
    assert targets.background.shape == (6, 2, 8, 8)
    for i, sample in enumerate(drawn):
        np.testing.assert_array_equal(targets.boxes[targets.image == i].numpy(), sample.boxes)
        np.testing.assert_array_equal(targets.approximate[targets.image == i].numpy(), sample.approximate)
        np.testing.assert_array_equal(images[i].permute(1, 2, 0).numpy(), sample.image)


def test_sources_are_drawn_in_their_proportions(tmp_path: Path) -> None:
    other = f"data.train.other={{json: {tmp_path}/drawn.json, weight: 3}}"
    recipe = load_recipe(drawn_recipe(tmp_path), [other])
    samples = make(recipe, tmp_path)
    theirs = {id(p) for p in samples.sources[1].pictures}
    rng = np.random.default_rng(0)
    share = np.mean([id(samples._draw(rng).picture) in theirs for _ in range(600)])
    assert share == pytest.approx(0.75, abs=0.06)


def test_the_cache_shrinks_and_is_reused(tmp_path: Path) -> None:
    drawn_recipe(tmp_path)
    paths = [tmp_path / "images" / "1.png", tmp_path / "images" / "2.png"]
    done: list[int] = []
    cache = PictureCache(paths, 40, tmp_path / "c", done.append)
    assert cache[0].shape == (32, 40, 3)
    assert done == [1, 2]
    again = PictureCache(paths, 40, tmp_path / "c", done.append)
    np.testing.assert_array_equal(again[1], cache[1])
    assert done == [1, 2]
    assert PictureCache(paths, 96, tmp_path / "c")[0].shape == (64, 80, 3)


def test_renamed_labels_are_exhaustive_only_where_all_of_them_are(tmp_path: Path) -> None:
    drawn_recipe(tmp_path)
    source = SourceRecipe(json="drawn.json", rename={"disc": "thing", "square": "thing"})
    dataset = load_source(source, tmp_path)
    assert dataset.labels == ("thing",)
    assert [bool(p.exhaustive) for p in dataset.pictures] == [False, True] * 4
    with pytest.raises(DataError, match="cannot rename"):
        load_source(SourceRecipe(json="drawn.json", rename={"circle": "thing"}), tmp_path)
    with pytest.raises(DataError, match="no class has keypoints"):
        load_source(SourceRecipe(json="drawn.json", derive="facial_parts"), tmp_path)


def test_pictures_are_chosen_by_source_and_attribute(tmp_path: Path) -> None:
    path = drawn_set(tmp_path)
    raw = json.loads(path.read_text())
    for row in raw["images"]:
        row["camera"] = row["id"] % 3
    path.write_text(json.dumps(raw))

    def ids(where: dict[str, list[str]]) -> list[int]:
        return [p.id for p in load_source(SourceRecipe(json="drawn.json", where=where), tmp_path).pictures]

    assert ids({}) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert ids({"source": ["even"]}) == [2, 4, 6, 8]
    assert ids({"source": ["odd", "even"]}) == ids({})
    assert ids({"source": ["even"], "camera": ["0", "1"]}) == [4, 6]
    with pytest.raises(DataError, match="no picture's source is 'eve'; there is even, odd"):
        ids({"source": ["eve"]})
    with pytest.raises(DataError, match="no picture's lens is '1'; there is nothing"):
        ids({"lens": ["1"]})


def test_pictures_are_chosen_by_what_is_labelled_in_them(tmp_path: Path) -> None:
    path = drawn_set(tmp_path)

    def ids(**chosen: list[str]) -> list[int]:
        recipe = SourceRecipe.model_validate({"json": path.name, **chosen})
        return [p.id for p in load_source(recipe, tmp_path).pictures]

    seen = {p.id: {a.label for a in p.annotations} for p in load_source(SourceRecipe(json=path.name), tmp_path)}
    bare, both = ids(without=["disc"]), ids(**{"with": ["disc", "square"]})
    assert bare == [number for number, labels in seen.items() if "disc" not in labels]
    assert both == [number for number, labels in seen.items() if labels >= {"disc", "square"}]
    assert 0 < len(bare) < len(seen)
    assert 0 < len(both) < len(seen)
    for key in ("with", "without"):
        with pytest.raises(DataError, match=f"{key}: no class 'cloud'; there are"):
            ids(**{key: ["cloud"]})


def test_a_model_is_measured_on_the_labels_that_it_knows(tmp_path: Path) -> None:
    recipe = load_recipe(drawn_recipe(tmp_path))
    both = val_sources(recipe)["drawn"]
    assert both.labels == ("square", "disc")
    only = val_sources(load_recipe(tmp_path / "tiny.yaml", ["model.labels=[square]"]))["drawn"]
    assert only.labels == ("square",)
    assert len(only) == len(both)
    assert {a.label for p in only for a in p.annotations} == {"square"}
    assert {p.exhaustive for p in only} == {frozenset({"square"})}
    with pytest.raises(DataError, match=r"data\.val: no source has a label of the model \(triangle\)"):
        val_sources(load_recipe(tmp_path / "tiny.yaml", ["model.labels=[triangle]"]))


def test_pictures_may_lie_elsewhere(tmp_path: Path) -> None:
    path = drawn_set(tmp_path)
    (tmp_path / "labels").mkdir()
    path.rename(tmp_path / "labels" / "drawn.json")
    dataset = load_source(SourceRecipe(json="labels/drawn.json", images="images"), tmp_path)
    assert dataset.path(dataset.pictures[0]).is_file()


def test_labels_without_an_example_learn_nothing(tmp_path: Path) -> None:
    """The border around a picture shows no star, and would be all that stars are taught by."""
    taught = ["model.labels=[square, disc, star]", "augment.zoom=[0.5, 0.6]", "augment.mosaic=0"]
    samples = make(load_recipe(drawn_recipe(tmp_path), taught), tmp_path)
    for number in range(4):
        square, _, star = samples[number].background
        assert square.all()
        assert not star.any()


def test_a_label_is_taught_by_its_mirror_image(tmp_path: Path) -> None:
    options = ["model.labels=[left eye face, right eye face]", "data.train.drawn.rename={square: left eye face}"]
    samples = make(load_recipe(drawn_recipe(tmp_path), options), tmp_path)
    assert not samples.untaught.any()


def test_nothing_to_draw_from_is_said(tmp_path: Path) -> None:
    path = drawn_recipe(tmp_path)
    for option in ("data.train={}", "data.train.drawn.weight=0"):
        with pytest.raises(RecipeError, match="no source to draw pictures from"):
            make(load_recipe(path, [option]), tmp_path)
    labels = json.loads((tmp_path / "drawn.json").read_text())
    (tmp_path / "none.json").write_text(json.dumps({**labels, "images": [], "annotations": []}))
    with pytest.raises(DataError, match="source 'none' holds no pictures"):
        make(load_recipe(path, [f"data.train.none={{json: {tmp_path}/none.json}}"]), tmp_path)
