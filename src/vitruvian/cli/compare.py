"""``vitruvian compare``: two models, prediction files or training runs on the same pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitruvian.cli.measure_common import (
    Exhaustive,
    Format,
    Images,
    Rename,
    Report,
    card_of,
    load_pairs,
    one_line_errors,
    show,
)
from vitruvian.data.dataset import Dataset
from vitruvian.metrics import MetricError, Predictions, Result, compare_boxes
from vitruvian.metrics.comparison import ComparisonResult
from vitruvian.metrics.training_log import TrainingComparison, compare_training

Sides = tuple[Dataset, tuple[Predictions, Predictions]]
_RUN = "A prediction file (COCO results json), a model (name or .onnx), or a run folder."


def register(app: typer.Typer) -> None:
    """Add ``compare``."""
    app.command("compare")(_compare)


def _compare(
    first: Annotated[str, typer.Argument(metavar="RUN_A", help=_RUN)],
    second: Annotated[str, typer.Argument(metavar="RUN_B", help=_RUN)],
    truth: Annotated[
        Path | None, typer.Option(help="Label file of the pictures; run folders alone do without.")
    ] = None,
    images: Images = None,
    exhaustive: Exhaustive = "file",
    rename: Rename = None,
    draws: Annotated[int, typer.Option(min=2, help="Paired bootstrap draws.")] = 500,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    report: Report = None,
) -> None:
    """Compare two models class by class and picture by picture, and the training curves of two run folders."""
    with one_line_errors():
        runs = [Path(text) for text in (first, second) if (Path(text) / "metrics.csv").is_file()]
        training = compare_training(runs) if runs else None
        if truth is None and len(runs) < 2:
            raise MetricError("give --truth to compare predictions; only two run folders do without")
        sides = None if truth is None else _sides((first, second), truth, images, exhaustive, rename)
        result = None if sides is None else _boxes((first, second), sides, draws)
        results: list[Result] = [r for r in (result, training) if r is not None]
        show(results, form)
        if report is not None:
            typer.echo(f"page: {_write(report, sides, result, training)}", err=True)


def _sides(runs: tuple[str, str], truth: Path, images: Path | None, exhaustive: str, rename: list[str] | None) -> Sides:
    data, first = _predictions(runs[0], truth, images, exhaustive, rename)
    _, second = _predictions(runs[1], truth, images, exhaustive, rename)
    return data, (first, second)


def _boxes(runs: tuple[str, str], sides: Sides, draws: int) -> ComparisonResult:
    data, (first, second) = sides
    a, b = (Path(run).stem for run in runs)
    names = (a, b) if a != b else runs
    thresholds = (_thresholds(runs[0]), _thresholds(runs[1]))
    return compare_boxes(data, first, second, names, thresholds=thresholds, resamples=draws)


def _model(run: str) -> str | None:
    """The model that a run stands for; None for a prediction file."""
    path = Path(run)
    if path.is_dir():
        models = sorted(path.glob("*.onnx"))
        if len(models) != 1:
            raise MetricError(f"{path}: holds {len(models)} .onnx models, one is needed to predict with")
        return str(models[0])
    return None if path.suffix == ".json" else run


def _predictions(
    run: str, truth: Path, images: Path | None, exhaustive: str, rename: list[str] | None
) -> tuple[Dataset, Predictions]:
    model = _model(run)
    files = None if model is not None else [Path(run)]
    return load_pairs([truth], files, model, images, exhaustive, rename)


def _thresholds(run: str) -> dict[str, float]:
    model = _model(run)
    return {} if model is None else dict(card_of(model).thresholds)


def _write(
    report: Path, sides: Sides | None, result: ComparisonResult | None, training: TrainingComparison | None
) -> Path:
    from vitruvian.reports.evaluation import write_comparison, write_training
    from vitruvian.reports.examples import example_figures

    if result is not None and sides is not None:
        return write_comparison(report, result, training, example_figures(*sides, result))
    assert training is not None
    return write_training(report, training)
