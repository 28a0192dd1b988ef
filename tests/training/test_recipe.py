from __future__ import annotations

from pathlib import Path

import pytest

from vitruvian.training.recipe import RecipeError, ScheduleRecipe, load_recipe

MINIMAL = "name: t\ndata: {train: {a: {json: a.json}}}\n"
RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def written(folder: Path, text: str) -> Path:
    path = folder / "r.yaml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda p: p.stem)
def test_recipes_that_ship_are_valid_and_named_after_their_file(path: Path) -> None:
    assert load_recipe(path).name == path.stem


def test_overrides_reach_into_sections(tmp_path: Path) -> None:
    path = written(tmp_path, MINIMAL)
    recipe = load_recipe(path, ["schedule.batch=4", "schedule.pictures=40", "data.train.b={json: b.json, weight: 2}"])
    assert recipe.schedule.steps == 10
    assert recipe.data.train["b"].weight == 2
    assert recipe.data.train["a"].json_file == "a.json"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: t\nshedule: {}\n" + MINIMAL[8:], "unknown key 'shedule'; did you mean 'schedule'?"),
        (MINIMAL + "schedule: {learning_rat: 1}\n", "did you mean 'learning_rate'?"),
        ("name: t\ndata: {train: {a: {json: a.json, weigth: 1}}}\n", "did you mean 'weight'?"),
        (MINIMAL + "schedule: {batch: 0}\n", "schedule.batch"),
        (MINIMAL + "schedule: {sizes: [[0, 100]]}\n", "multiples of 32"),
        (MINIMAL + "schedule: {sizes: [[0.5, 64]]}\n", "begin at 0"),
        (MINIMAL + "model: {in_channels: 10}\n", "1 or 10 values"),
        (MINIMAL + "model: {labels: []}\n", "labels needs at least one"),
        (MINIMAL + "model: {labels: [a, b, a]}\n", "labels has 'a' twice"),
        (MINIMAL + "augment: {zoom: [0, 1]}\n", "augment.zoom.0"),
        (MINIMAL.replace("name: t", "name: ../t"), "name: Value error, it names a folder"),
        (MINIMAL.replace("name: t", "name: '..'"), "has no slash"),
        (MINIMAL.replace("name: t", "name: ''"), "is not empty"),
        (MINIMAL + "best_f1: [whole fcae]\n", "best_f1: the model has no label 'whole fcae'"),
        (MINIMAL.replace("{train:", "{fit: {b: {json: b.json}}, train:"), "data.fit: only what reads another"),
        (
            MINIMAL + "model: {in_channels: 1, mean: [0], std: [1]}\naugment: {turn: 0.5}\n",
            "only pictures of 3 channels",
        ),
        ("- a\n", "mapping"),
        ("a: [\n", "not valid YAML"),
        ("data: {train: {}}\n", "name"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(written(tmp_path, text))
    assert said in str(caught.value)
    assert "r.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("override", ["batch", "=3", "name.x=1", "schedule.batch=[", "schedule.batc=3"])
def test_bad_overrides(tmp_path: Path, override: str) -> None:
    with pytest.raises(RecipeError):
        load_recipe(written(tmp_path, MINIMAL), [override])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.yaml: cannot be read"):
        load_recipe(tmp_path / "none.yaml")


def test_sizes_change_at_their_share_of_the_run() -> None:
    schedule = ScheduleRecipe(pictures=100, batch=1, sizes=[(0.0, 64), (0.5, 96)])
    assert [schedule.size_at(step) for step in (0, 49, 50, 99)] == [64, 64, 96, 96]
