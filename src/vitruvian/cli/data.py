"""``vitruvian data``: the verbs of the data workshop."""

from __future__ import annotations

import typer

from vitruvian.cli import (
    data_balance,
    data_convert,
    data_crop,
    data_derive,
    data_inspect,
    data_merge,
    data_more,
    data_occlude,
    data_split,
)


def register(app: typer.Typer) -> None:
    """Add ``data`` with all its verbs."""
    data_app = typer.Typer(no_args_is_help=True, help="Read, look at, balance, split, derive, merge and occlude data.")
    for verb in (
        data_convert,
        data_inspect,
        data_balance,
        data_split,
        data_derive,
        data_crop,
        data_merge,
        data_occlude,
        data_more,
    ):
        verb.register(data_app)
    app.add_typer(data_app, name="data")
