"""``vitruvian calibrate``: fit per-class confidence thresholds and store them in the model's card."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vitruvian.cli.measure_common import (
    Exhaustive,
    Format,
    Images,
    Rename,
    Report,
    Truth,
    card_of,
    card_path,
    load_pairs,
    one_line_errors,
    show,
)
from vitruvian.metrics import Result, calibrate_scores, fit_thresholds
from vitruvian.metrics.curves import curves
from vitruvian.metrics.judging import judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.reliability import ScoreCalibration


class GoalName(StrEnum):
    """What a threshold is fitted for."""

    f1 = "f1"
    precision = "precision"
    recall = "recall"


class MethodName(StrEnum):
    """How scores are calibrated."""

    temperature = "temperature"
    isotonic = "isotonic"


def register(app: typer.Typer) -> None:
    """Add ``calibrate``."""
    app.command("calibrate")(_calibrate)


def _calibrate(
    truth: Truth,
    model: Annotated[str | None, typer.Option(help="Name or path of the model whose card gets the thresholds.")] = None,
    predictions: Annotated[list[Path] | None, typer.Option(help="COCO results json, one a truth.")] = None,
    goal: Annotated[GoalName, typer.Option(help="Highest F1, or a precision or recall to hold.")] = GoalName.f1,
    wanted: Annotated[float | None, typer.Option(min=0, max=1, help="The precision or recall to hold.")] = None,
    minimum_support: Annotated[int, typer.Option(min=1, help="A class with fewer boxes is not fitted.")] = 10,
    scores: Annotated[
        MethodName | None,
        typer.Option(
            help="Show, too, how far scores are from the share that is right, before and after this map. A diagnosis: "
            "the map is printed, not stored; scores and thresholds stay on the model's own scale."
        ),
    ] = None,
    write: Annotated[bool, typer.Option(help="Store the thresholds in the model's card.")] = True,
    images: Images = None,
    exhaustive: Exhaustive = "file",
    rename: Rename = None,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
    report: Report = None,
) -> None:
    """Fit per-class thresholds on pictures that label the class exhaustively; the gain is stated cross-fitted."""
    with one_line_errors():
        data, found = load_pairs(truth, predictions, model, images, exhaustive, rename)
        fit = fit_thresholds(
            data, found, goal.value, math.nan if wanted is None else wanted, minimum_support=minimum_support
        )
        calibrated: ScoreCalibration | None = None
        if scores is not None:
            calibrated = calibrate_scores(data, found, scores.value)
        results: list[Result] = [fit] if calibrated is None else [fit, calibrated]
        show(results, form)
        if report is not None:
            from vitruvian.reports.evaluation import write_calibration

            page = write_calibration(report, fit, curves(match(judge(data, found), ious=(0.5,))), calibrated)
            typer.echo(f"page: {page}", err=True)
        if model is not None and write:
            from vitruvian.zoo import save_card

            path, card = card_path(model), card_of(model)
            kept = {label: value for label, value in fit.thresholds.items() if label in card.labels}
            how = "highest F1" if wanted is None else f"{goal.value} of {wanted:g}"
            names = ", ".join(str(p) if p.is_file() else p.name for p in map(Path, truth))
            save_card(
                card.with_thresholds(kept, f"{how} at IoU 0.5, on pictures exhaustive for the class: {names}"), path
            )
            typer.echo(f"card: {path} ({len(kept)} thresholds)", err=True)
