"""What the ``vitruvian data`` verbs share: reading sets, one-line errors, broken rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vitruvian.data.dataset import DataError, Dataset
from vitruvian.data.rejects import Reject, write_rejects

Sets = Annotated[list[Path], typer.Argument(help="Label files (COCO json), or folders that hold some.")]
OneSet = Annotated[Path, typer.Argument(help="Label file (COCO json).")]
Images = Annotated[Path | None, typer.Option(help="Folder of the pictures; by default 'images' beside the label file.")]
Exhaustive = Annotated[
    str,
    typer.Option(
        help="What is fully labelled in pictures that do not say: 'file' (as the file means it), 'all', 'none', "
        "or labels separated by commas."
    ),
]
Out = Annotated[Path, typer.Option(help="Where to write.")]
Seed = Annotated[int, typer.Option(help="Same seed, same result.")]

_SHOWN = 5
"""Broken rows that are printed; the file holds all."""


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what a user can mend into one line on stderr and exit code 2."""
    try:
        yield
    except (DataError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


def load(path: Path, images: Path | None = None, exhaustive: str = "file") -> Dataset:
    """Read one label file."""
    held = exhaustive if exhaustive in ("file", "all", "none") else [v.strip() for v in exhaustive.split(",")]
    return Dataset.load(path, images, held)


def load_splits(paths: list[Path], images: Path | None = None, exhaustive: str = "file") -> dict[str, Dataset]:
    """Read label files, and those of folders, by name: the file's stem, with its folder's where stems repeat.

    Raises:
        DataError: if a folder holds no label file.
    """
    files: list[Path] = []
    for path in paths:
        found = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not found:
            raise DataError(f"{path}: holds no .json label file")
        files += found
    stems = [f.stem for f in files]
    names = [f.stem if stems.count(f.stem) == 1 else f"{f.resolve().parent.name}/{f.stem}" for f in files]
    if len(set(names)) < len(names):
        names = [str(f) for f in files]
    return {name: load(file, images, exhaustive) for name, file in zip(names, files, strict=True)}


def pairs(texts: Iterable[str]) -> list[tuple[str, str]]:
    """``name=value`` texts taken apart at the first ``=``.

    Raises:
        DataError: for a text without one.
    """
    found = []
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise DataError(f"{text!r} is not NAME=VALUE")
        found.append((name.strip(), value.strip()))
    return found


def factors(texts: Iterable[str]) -> dict[str, int]:
    """``label=3`` texts as numbers.

    Raises:
        DataError: for one that is no whole number.
    """
    found = {}
    for name, value in pairs(texts):
        if not value.isdecimal():
            raise DataError(f"{name}={value} is not a whole number of times")
        found[name] = int(value)
    return found


def report_rejects(rejects: Sequence[Reject], file: Path) -> None:
    """Write broken rows, if there are any, to a file of JSON lines, and tell of them on stderr.

    A file that an earlier run left there goes where there are none: its rows have been mended.
    """
    if not rejects:
        file.unlink(missing_ok=True)
        return
    write_rejects(file, rejects)
    for reject in rejects[:_SHOWN]:
        typer.echo(f"rejected: {reject}", err=True)
    typer.echo(f"rejected {len(rejects):,} rows, all in {file}", err=True)
