"""What ``evaluate``, ``calibrate`` and ``compare`` share: reading truth and predictions, one-line errors, output."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vitruvian.data.dataset import DataError, Dataset
from vitruvian.data.merge import rename_labels
from vitruvian.metrics import MetricError, Predictions, Result, pool
from vitruvian.taxonomy import Skeleton, skeleton
from vitruvian.zoo import Card, ModelError

Truth = Annotated[
    list[Path],
    typer.Option(
        "--truth", help="Label file (COCO json), or a folder with a val.json; several are pooled.", show_default=False
    ),
]
Images = Annotated[Path | None, typer.Option(help="Folder of the pictures; by default 'images' beside the label file.")]
Exhaustive = Annotated[
    str,
    typer.Option(
        help="What is fully labelled in pictures that do not say: 'file' (as the file means it), 'all', 'none', "
        "or labels separated by commas."
    ),
]
Rename = Annotated[
    list[str] | None,
    typer.Option(help="OLD=NEW: what the model calls a label of the truth; two labels may become one. Repeatable."),
]
Joints = Annotated[str | None, typer.Option(help="Skeleton: lsp14, aic14, mpii16 or coco17.")]
Report = Annotated[Path | None, typer.Option(help="Folder for a page with plots (index.html and PNG files).")]


class Format(StrEnum):
    """How results are printed."""

    table = "table"
    json = "json"
    markdown = "markdown"


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn what a user can mend into one line on stderr and exit code 2."""
    try:
        yield
    except (MetricError, DataError, ModelError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


def load_truth(path: Path, images: Path | None, exhaustive: str, rename: Sequence[str] | None) -> Dataset:
    """Read one truth; the renaming is applied to labels that it has.

    Raises:
        MetricError: for a renaming that is not OLD=NEW.
        DataError: when the file cannot be read.
    """
    held = exhaustive if exhaustive in ("file", "all", "none") else [v.strip() for v in exhaustive.split(",")]
    file = path / "val.json" if path.is_dir() else path
    truth = Dataset.load(file, images, held)
    names = {old: new for old, new in pairs_of(rename).items() if old in truth.labels}
    # Renaming forgets the file's category ids, by which prediction files speak of the labels.
    return rename_labels(truth, names) if names else truth


def pairs_of(rename: Sequence[str] | None) -> dict[str, str]:
    """``OLD=NEW`` texts as a mapping.

    Raises:
        MetricError: for a text without ``=``.
    """
    names = {}
    for text in rename or ():
        old, sign, new = text.partition("=")
        if not sign or not old or not new:
            raise MetricError(f"--rename {text!r} is not OLD=NEW")
        names[old.strip()] = new.strip()
    return names


def load_pairs(
    truths: Sequence[Path],
    predictions: Sequence[Path] | None,
    model: str | None,
    images: Path | None,
    exhaustive: str,
    rename: Sequence[str] | None,
) -> tuple[Dataset, Predictions]:
    """Truths with their predictions, from files or a model, pooled.

    Raises:
        MetricError: when not exactly one of predictions and model is given, their numbers differ, or a file is wrong.
        DataError: when a truth cannot be read.
    """
    if (model is None) == (not predictions):
        raise MetricError("give either --predictions or --model")
    if predictions and len(predictions) != len(truths):
        raise MetricError(f"{len(truths)} truths need as many predictions, not {len(predictions)}")
    if images is not None and len(truths) > 1:
        raise MetricError("--images goes with one truth only")
    pairs = []
    for i, path in enumerate(truths):
        raw = load_truth(path, images, exhaustive, None)
        truth = load_truth(path, images, exhaustive, rename)
        if model is not None:
            pairs.append((truth, predict(model, truth)))
        elif predictions:
            names = {old: new for old, new in pairs_of(rename).items() if old in raw.labels}
            pairs.append((truth, Predictions.load(predictions[i], raw).renamed(names)))
    return pairs[0] if len(pairs) == 1 else pool(pairs)


def predict(model: str, truth: Dataset) -> Predictions:
    """A model's detections in the pictures of ``truth``, with a progress bar on stderr."""
    from rich.console import Console
    from rich.progress import Progress

    from vitruvian.finders.predict import predict_dataset
    from vitruvian.images import ReadError

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("pictures", total=len(truth))
        try:
            return predict_dataset(model, truth, progress=lambda done: bar.update(task, completed=done))
        except ReadError as error:
            raise MetricError(str(error)) from error


def card_path(model: str) -> Path:
    """Where the card of a model lies: beside its file.

    Raises:
        ModelError: when there is no such model.
    """
    from vitruvian.zoo import find_model

    return find_model(model).path.with_suffix(".json")


def card_of(model: str) -> Card:
    """The card of a model.

    Raises:
        ModelError: when there is no such model.
    """
    from vitruvian.zoo import find_model

    return find_model(model).card


def read_mapping(path: Path, what: str) -> Mapping[str, object]:
    """A json object from a file.

    Raises:
        MetricError: when the file cannot be read or is none.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MetricError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise MetricError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise MetricError(f"{path}: not {what}")
    return value


def skeleton_named(name: str | None) -> Skeleton | None:
    """The skeleton of ``--joints``.

    Raises:
        MetricError: for a name that none has.
    """
    try:
        return None if name is None else skeleton(name)
    except (KeyError, ValueError) as error:
        raise MetricError(str(error)) from None


def show(results: Sequence[Result], form: Format) -> None:
    """Print results to stdout; several as json are a list."""
    if form is Format.json:
        texts = [result.json() for result in results]
        typer.echo(texts[0] if len(texts) == 1 else "[" + ",\n".join(texts) + "]")
    else:
        typer.echo("\n\n".join(r.markdown() if form is Format.markdown else r.text() for r in results))
