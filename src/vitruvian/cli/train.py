"""``vitruvian train`` and ``vitruvian export``: from a recipe to a model with its card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitruvian.cli.console import guarded


def register(app: typer.Typer) -> None:
    """Add the verbs to the command."""
    app.command("train")(train)
    app.command("export")(export)


@guarded
def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe (YAML).")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change a key: schedule.pictures=50000. Repeatable.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of runs; the run folder is named after the recipe.")] = Path("runs"),
    init: Annotated[
        str | None,
        typer.Option(help="Start from a model: 'shipped', or a name, path or address. Labels may differ."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last checkpoint.")] = False,
    cache: Annotated[Path | None, typer.Option(help="Folder for decoded pictures; by default OUT/cache.")] = None,
) -> None:
    """Train a detector, measure it, and write it with its card into the run folder."""
    from vitruvian.training.initial import starting_weights
    from vitruvian.training.recipe import load_recipe
    from vitruvian.training.run import train as run

    loaded = load_recipe(recipe, set_ or ())
    folder = out / loaded.name
    run(loaded, folder, None if init is None else starting_weights(init, loaded.model), resume, cache or out / "cache")
    _publish(folder, folder)


@guarded
def export(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    out: Annotated[Path | None, typer.Option(help="Where the model goes; by default into the run folder.")] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="Take the card's words and the data to measure on from this recipe.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Change a key of the recipe. Repeatable.")] = None,
    average: Annotated[
        str | None,
        typer.Option(help="Average its weights with this model's, which it was fine-tuned from: forgets less."),
    ] = None,
    share: Annotated[float, typer.Option(min=0, max=1, help="Share of that model in the average.")] = 0.5,
) -> None:
    """Write the best network of a run as ONNX with a freshly measured card."""
    _publish(run, out or run, recipe, set_ or (), None if average is None else (average, share))


def _publish(
    run: Path,
    out: Path,
    recipe: Path | None = None,
    overrides: list[str] | tuple[str, ...] = (),
    average: tuple[str, float] | None = None,
) -> None:
    from vitruvian.training.initial import average_with
    from vitruvian.training.publish import publish
    from vitruvian.training.publish_second_look import publish_second_look
    from vitruvian.training.recipe import load_recipe
    from vitruvian.training.run import best_network
    from vitruvian.zoo.page import card_text

    recorded, net = best_network(run)
    said = load_recipe(recipe or run / "recipe.yaml", overrides)
    if said.model != recorded.model:
        raise typer.BadParameter(f"{recipe} describes another network than the run's")
    record = average_with(net, *average, recorded.model) if average else {}

    def tell(line: str) -> None:
        typer.echo(line, err=True)

    if said.model.maps is None:
        model = publish(net, said, out, tell, record=record)
    else:
        model = publish_second_look(net, said, out, run / "covered", tell)
    typer.echo(card_text(model.card))
    typer.echo(f"model: {model.path}", err=True)
