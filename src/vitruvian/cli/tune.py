"""``vitruvian tune``: search a recipe's best values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from vitruvian.cli.console import guarded

_SHOWN = 10
"""Trials that are printed; the files hold all."""


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("tune")(tune)


@guarded
def tune(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML).")],
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change a key: schedule.batch=8. Repeatable.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials in all, those of an earlier start included.")] = 40,
    pictures: Annotated[
        int | None, typer.Option(min=1, help="Training pictures of a trial; by default a tenth of the recipe's.")
    ] = None,
    measurements: Annotated[int, typer.Option(min=1, help="Measurements on val during a trial.")] = 4,
    sampler: Annotated[
        Literal["tpe", "random", "evolution"],
        typer.Option(help="What chooses values; 'evolution' is YOLOv5's genetic algorithm."),
    ] = "tpe",
    pruner: Annotated[
        Literal["median", "halving", "none"], typer.Option(help="What ends bad trials early.")
    ] = "median",
    preset: Annotated[
        Literal["default", "thesis"],
        typer.Option(help="What is searched: common ranges, or those and the start of the occluded-face thesis."),
    ] = "default",
    space: Annotated[Path | None, typer.Option(help="What is searched, from your file (YAML) instead.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Trials trained at a time, each in its own process.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Same seed and one worker, same trials.")] = 0,
    init: Annotated[
        str | None, typer.Option(help="Start every trial from a model: 'shipped', or a name, path or address.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The search's folder is made here, named after the recipe.")] = Path("runs"),
    cache: Annotated[Path | None, typer.Option(help="Folder for decoded pictures; by default OUT/cache.")] = None,
) -> None:
    """Train a recipe many times with other values, and write the best as a recipe.

    Started again, it goes on where it was interrupted.
    """
    from dataclasses import replace

    from vitruvian.training.recipe import load_recipe
    from vitruvian.training.search_space import keys_outside, load_space
    from vitruvian.training.study import Search, Settings
    from vitruvian.training.tune import tune as search_best

    loaded = load_recipe(recipe, set_ or ())
    settings = Settings(
        pictures=pictures or max(1, loaded.schedule.pictures // 10),
        measurements=measurements,
        init=init,
        sampler=sampler,
        pruner=pruner,
        seed=seed,
    )
    folder = out / f"{loaded.name}-tune"
    search = Search(folder, loaded, load_space(space or preset, loaded), settings)
    if (outside := keys_outside(loaded, search.space)) and search.space.start is None:
        keys = ", ".join(outside)
        typer.echo(f"note: no trial repeats the recipe itself, outside the search space at {keys}", err=True)
    result = search_best(search, trials, workers, cache or out / "cache", lambda line: typer.echo(line, err=True))
    typer.echo(replace(result, trials=result.trials[:_SHOWN]).text())
    if result.best is not None:
        typer.echo(f"best recipe: {folder / 'best.yaml'}; all trials: {folder / 'trials.csv'}", err=True)
