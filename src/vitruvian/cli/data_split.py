"""``vitruvian data split``: train, val, test or any other parts, stable when data is added."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitruvian.cli.console import progress
from vitruvian.cli.data_common import Exhaustive, Images, OneSet, Seed, load, one_line_errors, pairs

if TYPE_CHECKING:
    from vitruvian.data.dataset import Dataset


def register(app: typer.Typer) -> None:
    """Add the verb to ``vitruvian data``."""

    @app.command("split")
    def split_command(
        data: OneSet,
        out: Annotated[Path, typer.Option(help="Folder of the label files, one a split.")],
        into: Annotated[str, typer.Option(help="Splits and shares.")] = "train=80,val=20",
        by: Annotated[
            str,
            typer.Option(
                help="hash: by name alone, stable when data is added. classes: the same share of every class, for one "
                "class a picture. boxes: the same share of every class's boxes."
            ),
        ] = "hash",
        group: Annotated[
            list[str] | None,
            typer.Option(
                help="Keep together: 'attribute:NAME', 'pattern:REGEX' on the file name, or 'copies' (near-duplicates, "
                "reads the pictures). Several hold at once."
            ),
        ] = None,
        put: Annotated[
            list[str] | None, typer.Option(help="Groups with a fixed split: 'val=33-40' or 'test=anna,ben'.")
        ] = None,
        keep: Annotated[
            Path | None, typer.Option(help="Folder of an earlier split: its pictures stay where they are.")
        ] = None,
        class_attribute: Annotated[str, typer.Option(help="Picture attribute that holds the class.")] = "label",
        images: Images = None,
        exhaustive: Exhaustive = "file",
        seed: Seed = 0,
    ) -> None:
        """Split a data set; groups are never torn apart."""
        from vitruvian.data.dataset import DataError
        from vitruvian.data.split import expand_groups, keep_earlier, split_dataset
        from vitruvian.reports.data_tables import table_text
        from vitruvian.reports.data_workshop import split_table

        with one_line_errors():
            dataset = load(data, images, exhaustive)
            shares = {name: _share(value) for name, value in pairs(into.split(","))}
            groups = _groups(dataset, group or [])
            fixed = {name: split for split, names in pairs(put or []) for name in expand_groups(names)}
            if unknown := sorted(set(fixed) - set(groups)):
                raise DataError(f"--put names {unknown[0]!r}, which is no group; the first is {min(groups)!r}")
            if keep is not None:
                earlier = {name: load(keep / f"{name}.json") for name in shares}
                fixed = keep_earlier(dataset, groups, earlier) | fixed
            result = split_dataset(dataset, shares, groups, by, fixed, seed, class_attribute)
            for name, part in result.parts.items():
                part.save(out / f"{name}.json")
        typer.echo(table_text(split_table(dataset, result, class_attribute if by == "classes" else None)))
        typer.echo("wrote " + ", ".join(str(out / f"{name}.json") for name in result.parts))


def _share(value: str) -> float:
    from vitruvian.data.dataset import DataError

    try:
        return float(value)
    except ValueError:
        raise DataError(f"share {value!r} is not a number") from None


def _groups(dataset: Dataset, rules: list[str]) -> list[str]:
    from vitruvian.data.dataset import DataError
    from vitruvian.data.split import group_by_attribute, group_by_pattern, join_groups

    groups: list[str] | None = None
    for rule in rules:
        kind, _, value = rule.partition(":")
        if kind == "attribute":
            found = group_by_attribute(dataset, value)
        elif kind == "pattern":
            found = group_by_pattern(dataset, value)
        elif rule == "copies":
            found = _copies(dataset)
        else:
            raise DataError(f"--group {rule!r} is none of attribute:NAME, pattern:REGEX, copies")
        groups = found if groups is None else join_groups(groups, found)
    return groups if groups is not None else [p.file_name for p in dataset]


def _copies(dataset: Dataset) -> list[str]:
    from vitruvian.data.duplicates import group_copies

    with progress("reading pictures", len(dataset)) as step:
        return group_copies(dataset, step)
