"""``vitruvian models``: what ships, and the card of one model."""

from __future__ import annotations

from typing import Annotated

import typer

from vitruvian.cli.console import guarded


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("models")(models)


@guarded
def models(
    name: Annotated[str | None, typer.Argument(help="Print the card of this model (a name, path or address).")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print cards as JSON.")] = False,
) -> None:
    """List the models that ship with the package, or print one model's card."""
    from vitruvian.zoo import find_model, list_models
    from vitruvian.zoo.page import card_text

    if name is not None:
        card = find_model(name).card
        typer.echo(card.model_dump_json(indent=2, by_alias=True) if json else card_text(card))
        return
    for card in list_models():
        if json:
            typer.echo(card.model_dump_json(by_alias=True))
        else:
            labels = f"{len(card.labels)} label{'s' if len(card.labels) > 1 else ''}"
            typer.echo(f"{card.name}  {labels}  input {card.preprocessing.size}  {card.summary}")
