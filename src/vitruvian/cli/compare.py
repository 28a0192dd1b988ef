"""``vitruvian compare``: two models, prediction files or training runs on the same pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitruvian.cli.measure_common import (
    Exhaustive,
    Format,
    Images,
    Joints,
    Rename,
    Report,
    card_of,
    load_pairs,
    one_line_errors,
    show,
    skeleton_named,
)
from vitruvian.data.dataset import Dataset
from vitruvian.metrics import (
    MetricError,
    Options,
    PairedResult,
    Predictions,
    compare_activity,
    compare_boxes,
    compare_measured,
    load_classified,
)
from vitruvian.metrics.comparison import ComparisonResult
from vitruvian.metrics.judging import BoxProtocol
from vitruvian.metrics.training_log import TrainingComparison, compare_training

_BOXES: dict[str, BoxProtocol] = {"boxes-partial": "partial", "boxes-coco": "coco"}
Sides = tuple[Dataset, tuple[Predictions, Predictions]]
_RUN = "A prediction file (COCO results json), a model (name or .onnx), or a run folder."


def register(app: typer.Typer) -> None:
    """Add ``compare``."""
    app.command("compare")(_compare)


def _compare(
    first: Annotated[str, typer.Argument(metavar="RUN_A", help=_RUN)],
    second: Annotated[str, typer.Argument(metavar="RUN_B", help=_RUN)],
    truth: Annotated[
        Path | None,
        typer.Option(help="Label file of the pictures (for activity a csv); run folders alone do without."),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(
            help="boxes-partial, boxes-coco, activity, or a pose or landmark protocol of 'evaluate --protocols'. "
            "pose-oks evaluates anew in every draw: ask for fewer."
        ),
    ] = "boxes-partial",
    images: Images = None,
    exhaustive: Exhaustive = "file",
    rename: Rename = None,
    joints: Joints = None,
    draws: Annotated[int, typer.Option(min=2, help="Paired bootstrap draws.")] = 500,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    report: Report = None,
) -> None:
    """Compare two models on the same pictures under one protocol, and the training curves of two run folders."""
    with one_line_errors():
        runs = [Path(text) for text in (first, second) if (Path(text) / "metrics.csv").is_file()]
        training = compare_training(runs) if runs else None
        if truth is None and len(runs) < 2:
            raise MetricError("give --truth to compare predictions; only two run folders do without")
        pair = (first, second)
        sides: Sides | None = None
        result: ComparisonResult | PairedResult | None = None
        if truth is not None and protocol == "activity":
            result = _activity(pair, truth, draws)
        elif truth is not None:
            sides = _sides(pair, truth, images, exhaustive, rename)
            result = (
                _boxes(pair, sides, _BOXES[protocol], draws)
                if protocol in _BOXES
                else _measured(pair, sides, protocol, joints, draws)
            )
        show([r for r in (result, training) if r is not None], form)
        if report is not None:
            typer.echo(f"page: {_write(report, sides, result, training)}", err=True)


def _sides(runs: tuple[str, str], truth: Path, images: Path | None, exhaustive: str, rename: list[str] | None) -> Sides:
    data, first = _predictions(runs[0], truth, images, exhaustive, rename)
    _, second = _predictions(runs[1], truth, images, exhaustive, rename)
    return data, (first, second)


def _names(runs: tuple[str, str]) -> tuple[str, str]:
    a, b = (Path(run).stem for run in runs)
    return (a, b) if a != b else runs


def _boxes(runs: tuple[str, str], sides: Sides, protocol: BoxProtocol, draws: int) -> ComparisonResult:
    data, (first, second) = sides
    thresholds = (_thresholds(runs[0]), _thresholds(runs[1]))
    return compare_boxes(data, first, second, _names(runs), protocol, thresholds=thresholds, resamples=draws)


def _measured(runs: tuple[str, str], sides: Sides, protocol: str, joints: str | None, draws: int) -> PairedResult:
    data, (first, second) = sides
    options = Options(skeleton=skeleton_named(joints))
    return compare_measured(protocol, data, first, second, _names(runs), options, resamples=draws)


def _activity(runs: tuple[str, str], truth: Path, draws: int) -> PairedResult:
    first, second = (load_classified(truth, run) for run in runs)
    return compare_activity(first, second, _names(runs), resamples=draws)


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
    report: Path,
    sides: Sides | None,
    result: ComparisonResult | PairedResult | None,
    training: TrainingComparison | None,
) -> Path:
    from vitruvian.reports.evaluation import write_comparison, write_paired, write_training
    from vitruvian.reports.examples import example_figures

    if isinstance(result, PairedResult):
        return write_paired(report, result, training)
    if result is not None and sides is not None:
        return write_comparison(report, result, training, example_figures(*sides, result))
    assert training is not None
    return write_training(report, training)
