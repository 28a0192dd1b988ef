"""The command ``vitruvian``; one module a verb."""

from __future__ import annotations

from typing import Annotated

import typer

from vitruvian import __version__
from vitruvian.cli import (
    adapt,
    analyze,
    benchmark,
    calibrate,
    compare,
    data,
    evaluate,
    explain,
    maps,
    models,
    train,
    tune,
)

app = typer.Typer(
    name="vitruvian",
    help="Find people's parts in pictures; train, measure and explain the models that do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vitruvian {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None: ...


for _verb in (analyze, models, maps, explain, evaluate, calibrate, compare, benchmark, train, tune, adapt, data):
    _verb.register(app)
