"""``vitruvian data inspect``: look at a data set before anything is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitruvian.cli.console import progress
from vitruvian.cli.data_common import Exhaustive, Images, Sets, load_splits, one_line_errors


def register(app: typer.Typer) -> None:
    """Add the verb to ``vitruvian data``."""

    @app.command("inspect")
    def inspect_command(
        sets: Sets,
        out: Annotated[Path, typer.Option(help="Folder of the report.")] = Path("report"),
        images: Images = None,
        exhaustive: Exhaustive = "file",
        pictures: Annotated[bool, typer.Option(help="Also open every picture: sizes, damage, copies, samples.")] = True,
    ) -> None:
        """Report what is labelled, what is missing and what looks wrong, on screen and as one HTML page and JSON."""
        from vitruvian.data.inspection.inspect import inspect_splits
        from vitruvian.reports.data_page import write_inspection
        from vitruvian.reports.data_sheets import class_sheets, source_sheets
        from vitruvian.reports.data_tables import copies_table, split_tables, table_text

        with one_line_errors():
            splits = load_splits(sets, images, exhaustive)
            with progress("reading pictures", sum(map(len, splits.values())) if pictures else 0) as step:
                inspection = inspect_splits(splits, pictures, step)
            for split in inspection.splits:
                for table in split_tables(split):
                    typer.echo(table_text(table) + "\n")
            if inspection.copies is not None:
                typer.echo(table_text(copies_table(inspection)) + "\n")
            first = next(iter(splits.values()))
            sheets = [*source_sheets(first), *class_sheets(first)] if pictures else []
            title = "Data inspection: " + ", ".join(str(path) for path in sets)
            page, numbers = write_inspection(inspection, sheets, out, title)
        typer.echo(f"wrote {page} and {numbers}")
