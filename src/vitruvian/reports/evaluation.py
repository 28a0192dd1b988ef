"""The page of a measurement: headline numbers with their intervals, curves, tables."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vitruvian.metrics.bootstrap import IntervalResult
from vitruvian.metrics.box_result import BoxResult
from vitruvian.metrics.classification import ActivityResult
from vitruvian.metrics.comparison import ComparisonResult
from vitruvian.metrics.confusion import ConfusionResult
from vitruvian.metrics.curves import Curve
from vitruvian.metrics.landmarks import LandmarkResult
from vitruvian.metrics.paired import PairedResult
from vitruvian.metrics.pck import PckResult
from vitruvian.metrics.reliability import ScoreCalibration
from vitruvian.metrics.result import Result, shown
from vitruvian.metrics.thresholds import ThresholdFit
from vitruvian.metrics.training_log import TrainingComparison
from vitruvian.reports import plots
from vitruvian.reports.page import Figure, Section, result_section, write_page


def write_evaluation(
    folder: str | os.PathLike[str],
    result: Result,
    more: Sequence[Result] = (),
    title: str = "Evaluation",
    data: str = "",
    examples: Sequence[Figure] = (),
) -> Path:
    """Write the page of ``result`` and of the results that go with it (confusion, intervals, slices); gives its path.

    ``data`` says what was measured on, and ``examples`` are what :func:`vitruvian.reports.examples.worst_pictures`
    draws.

    Raises:
        MetricError: when matplotlib is not installed.
        OSError: when the folder cannot be written.
    """
    intervals = {
        name: found for other in more if isinstance(other, IntervalResult) for name, found in other.intervals.items()
    }
    numbers = [(name, str(intervals.get(name, shown(value)))) for name, value in result.headline().items()]
    if isinstance(result, BoxResult) and result.left_out:
        numbers.append(("AP50 if all that is unlabelled were wrong", shown(result.naive.ap50)))
    sections = [result_section(_heading(r), r, figures_of(r)) for r in (result, *more)]
    if examples:
        sections.insert(1, Section("Pictures", figures=tuple(examples)))
    lead = f"Protocol {result.protocol}, evaluator {result.evaluator}" + (f"; {data}" if data else "")
    return write_page(folder, title, lead, numbers, sections)


def write_comparison(
    folder: str | os.PathLike[str],
    result: ComparisonResult,
    training: TrainingComparison | None = None,
    examples: Sequence[Figure] = (),
) -> Path:
    """Write the page of two models side by side; gives its path.

    ``examples`` are what :func:`vitruvian.reports.examples.example_figures` draws.

    Raises:
        MetricError: when matplotlib is not installed.
        OSError: when the folder cannot be written.
    """
    numbers = [(f"{name} gain", str(found.gain)) for name, found in result.overall.items()]
    sections = [result_section("Comparison", result, (plots.arrows(result), plots.gains(result)))]
    if examples:
        sections.append(Section("Pictures", figures=tuple(examples)))
    if training is not None:
        sections.append(_training_section(training))
    title = f"{result.names[1]} against {result.names[0]}"
    return write_page(folder, title, f"Protocol {result.protocol}", numbers, sections)


def write_paired(
    folder: str | os.PathLike[str], result: PairedResult, training: TrainingComparison | None = None
) -> Path:
    """Write the page of two models' poses, landmarks or activities side by side; gives its path.

    Raises:
        MetricError: when matplotlib is not installed.
        OSError: when the folder cannot be written.
    """
    numbers = [(f"{name}, difference", str(found.gain)) for name, found in result.overall.items()]
    sections = [result_section("Comparison", result)]
    for name, mark, alone in zip(result.names, "ab", (result.first, result.second), strict=True):
        # Both models have the same plots; their files need names of their own.
        figures = [replace(figure, name=f"{figure.name}_{mark}") for figure in figures_of(alone)]
        sections.append(result_section(name, alone, figures))
    if training is not None:
        sections.append(_training_section(training))
    title = f"{result.names[1]} against {result.names[0]}"
    return write_page(folder, title, f"Protocol {result.protocol}, evaluator {result.evaluator}", numbers, sections)


def write_training(folder: str | os.PathLike[str], training: TrainingComparison) -> Path:
    """Write the page of training curves alone; gives its path.

    Raises:
        MetricError: when matplotlib is not installed.
        OSError: when the folder cannot be written.
    """
    section = _training_section(training)
    numbers = [(name, shown(value)) for name, value in training.headline().items()]
    return write_page(folder, "Training runs", "From the runs' logs", numbers, [section])


def write_calibration(
    folder: str | os.PathLike[str],
    fit: ThresholdFit,
    curves: Sequence[Curve],
    scores: ScoreCalibration | None = None,
) -> Path:
    """Write the page of fitted thresholds with the score distributions behind them; gives its path.

    Raises:
        MetricError: when matplotlib is not installed.
        OSError: when the folder cannot be written.
    """
    figures = (plots.score_distributions(curves, dict(fit.thresholds)), plots.f1_confidence(curves))
    sections: list[Section] = [result_section("Thresholds", fit, figures)]
    if scores is not None:
        sections.append(
            result_section("Score calibration", scores, (plots.reliability_diagram(scores.before, scores.after),))
        )
    numbers = [(name, shown(value)) for name, value in fit.headline().items()]
    return write_page(folder, "Calibration", f"Protocol {fit.protocol}, goal {fit.goal}", numbers, sections)


def figures_of(result: Result) -> tuple[Figure, ...]:
    """The plots that belong to a result; none for kinds that are only numbers."""
    if isinstance(result, BoxResult):
        ap50 = {c.label: c.ap50 for c in result.classes}
        return (plots.precision_recall(result.curves, ap50), plots.f1_confidence(result.curves))
    if isinstance(result, ConfusionResult):
        return (plots.confusion(result),)
    if isinstance(result, LandmarkResult):
        return (plots.cumulative_error(result),)
    if isinstance(result, PckResult):
        return (plots.pck_curve(result),)
    if isinstance(result, ActivityResult):
        names = tuple(c.label for c in result.classes)
        caption = "What activities are taken for; each column adds up to 1."
        figures = [plots.matrix(result.confusion.T.astype(float), names, ("true", "predicted"), "confusion", caption)]
        if result.reliability is not None:
            figures.append(plots.reliability_diagram(result.reliability))
        return tuple(figures)
    if isinstance(result, ScoreCalibration):
        return (plots.reliability_diagram(result.before, result.after),)
    return ()


def _training_section(training: TrainingComparison) -> Section:
    return result_section("Training", training, (plots.training_curves(training.runs),))


def _heading(result: Result) -> str:
    return result.protocol.replace("-", " ").capitalize()
