from __future__ import annotations

from pathlib import Path

import pytest

from vitruvian.training.recipe import Recipe, RecipeError, load_recipe
from vitruvian.training.search_space import (
    PRESETS,
    Choice,
    SpaceError,
    keys_outside,
    load_space,
    values_of,
    with_values,
)

MINIMAL = "name: t\ndata: {train: {a: {json: a.json}}}\n"


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    path = tmp_path / "r.yaml"
    path.write_text(MINIMAL)
    return load_recipe(path)


def written(folder: Path, text: str) -> Path:
    path = folder / "s.yaml"
    path.write_text(text)
    return path


def test_the_thesis_preset_starts_at_its_table_3(recipe: Recipe) -> None:
    space = load_space("thesis", recipe)
    assert space.start is not None
    started = with_values(recipe, space.start)
    assert started.schedule.learning_rate == 0.0072
    assert started.schedule.optimizer == "sgd"
    assert started.augment.hue == 0.0107
    assert started.augment.brightness == 0.42373
    assert started.augment.saturation == 0.52782
    assert started.augment.zoom == pytest.approx((1 - 0.48072, 1 + 0.48072), abs=1e-12)
    assert space.space["schedule.optimizer"] == Choice(type="choice", values=["sgd"])


def test_what_a_preset_does_not_name_stays_the_recipes(recipe: Recipe) -> None:
    space = load_space("thesis", recipe)
    assert space.start is not None
    started = with_values(recipe, space.start)
    assert started.augment.mosaic == recipe.augment.mosaic
    assert started.data == recipe.data


def test_the_default_space_holds_the_defaults_of_a_recipe(recipe: Recipe) -> None:
    own = values_of(recipe, load_space("default", recipe))
    assert own is not None
    assert own["augment.zoom.1"] == 1.6
    assert with_values(recipe, own) == recipe


def test_what_lies_outside_is_named(recipe: Recipe) -> None:
    space = load_space("default", recipe)
    far = with_values(recipe, {"augment.occlude": 0.85, "schedule.learning_rate": 1.0})
    assert keys_outside(recipe, space) == []
    assert keys_outside(far, space) == ["schedule.learning_rate", "augment.occlude"]
    assert values_of(far, space) is None


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_leave_colour_alone_where_no_colours_are_read(recipe: Recipe, preset: str) -> None:
    model = recipe.model.model_copy(update={"in_channels": 10, "mean": [0.0], "std": [1.0]})
    space = load_space(preset, recipe.model_copy(update={"model": model}))
    assert "schedule.learning_rate" in space.space
    assert not {"augment.hue", "augment.brightness", "augment.saturation"} & set(space.space)
    assert any("hue" in key for key in load_space(preset, recipe).space)


def test_all_kinds_of_ranges_reach_the_recipe(recipe: Recipe, tmp_path: Path) -> None:
    text = """space:
  data.train.a.weight: {type: float, low: 0.1, high: 2}
  schedule.sizes.1.1: {type: choice, values: [256, 320]}
  schedule.batch: {type: int, low: 4, high: 16}
  model.pretrained: {type: choice, values: [true, false]}
  schedule.learning_rate: {type: log, low: 1e-4, high: 1e-2}
"""
    space = load_space(written(tmp_path, text), recipe)
    made = with_values(recipe, {"data.train.a.weight": 0.7, "schedule.sizes.1.1": 256, "model.pretrained": False})
    assert made.data.train["a"].weight == 0.7
    assert made.schedule.sizes == [(0.0, 256), (0.45, 256)]
    assert made.model.pretrained is False
    assert space.distributions()["schedule.learning_rate"].log
    assert not space.distributions()["data.train.a.weight"].log
    assert space.contains("schedule.batch", 16)
    assert not space.contains("schedule.batch", 16.5)
    assert not space.contains("model.pretrained", 1)


RATE = "schedule.learning_rate"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("space: {shedule.learning_rate: {type: log, low: 1, high: 2}}", f"did you mean '{RATE}'?"),
        (f"space: {{{RATE}: {{type: log, lo: 1, low: 1, high: 2}}}}", "unknown key 'lo'; did you mean 'low'?"),
        (f"spce: {{}}\nspace: {{{RATE}: {{type: log, low: 1, high: 2}}}}", "unknown key 'spce'; did you mean 'space'?"),
        (f"space: {{{RATE}: {{type: logg, low: 1, high: 2}}}}", "unknown type 'logg'; did you mean 'log'?"),
        (f"space: {{{RATE}: {{low: 1, high: 2}}}}", "needs a type: float, log, int, choice"),
        (f"space: {{{RATE}: {{type: log, low: 0, high: 2}}}}", "above 0"),
        (f"space: {{{RATE}: {{type: float, low: 3, high: 2}}}}", "low is above high"),
        (f"space: {{{RATE}: {{type: float, low: 1, high: .nan}}}}", RATE),
        (f"space: {{{RATE}: {{type: float, low: -1, high: 1}}}}", f"{RATE} = -1.0"),
        ("space: {schedule.batch: {type: float, low: 4, high: 8}}", "schedule.batch = 5.5"),
        ("space: {augment.mosaic: {type: float, low: 0, high: 1.5}}", "augment.mosaic = 1.5"),
        ("space: {schedule.optimizer: {type: choice, values: [adam]}}", "schedule.optimizer = adam"),
        ("space: {schedule.optimizer: {type: choice, values: []}}", "schedule.optimizer"),
        ("space: {schedule.optimizer: {type: choice, values: [sgd, sgd]}}", "values occur twice"),
        ("space: {schedule.pictures: {type: int, low: 4, high: 8}}", "--pictures sets it"),
        ("space: {seed: {type: int, low: 4, high: 8}}", "cannot be searched"),
        ("space: {}", "space"),
        (f"space: {{{RATE}: {{type: float, low: 1, high: 2}}}}\nstart: {{}}", f"start has no value for {RATE}"),
        (f"space: {{{RATE}: {{type: float, low: 1, high: 2}}}}\nstart: {{{RATE}: 3}}", "outside its range"),
        (f"space: {{{RATE}: {{type: float, low: 1, high: 2}}}}\nstart: {{{RATE}: 1e0}}", "is no number"),
        (f"space: {{{RATE}: {{type: float, low: 1, high: 2}}}}\nstart: {{{RATE}: 1, x: 2}}", "start has x"),
        ("- a", "a search space is a mapping"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(recipe: Recipe, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_space(written(tmp_path, text), recipe)
    assert said in str(caught.value)
    assert "s.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_values_outside_the_recipe_are_refused(recipe: Recipe) -> None:
    with pytest.raises(SpaceError, match=r"no key 'augment\.mosaik'; did you mean 'augment\.mosaic'"):
        with_values(recipe, {"augment.mosaik": 1})
