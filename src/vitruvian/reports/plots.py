"""Plots of results as PNG, through matplotlib."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.metrics.bootstrap import Difference
from vitruvian.metrics.comparison import ComparisonResult
from vitruvian.metrics.confusion import BACKGROUND, ConfusionResult
from vitruvian.metrics.curves import Curve
from vitruvian.metrics.errors import missing_extra
from vitruvian.metrics.landmarks import LandmarkResult
from vitruvian.metrics.pck import PckResult
from vitruvian.metrics.reliability import Reliability
from vitruvian.metrics.result import shown
from vitruvian.metrics.training_log import TrainingLog
from vitruvian.reports.page import Figure

_DPI = 110


def new_axes(width: float = 6.2, height: float = 4.4) -> tuple[Any, Any]:
    """A matplotlib figure with one pair of axes, drawn off screen.

    Raises:
        MetricError: when matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        raise missing_extra("matplotlib") from None
    figure = Canvas(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def to_png(figure: Any) -> bytes:
    """The figure as PNG bytes; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()


def _colours(count: int) -> list[Any]:
    from matplotlib import colormaps

    wheel = colormaps["tab10" if count <= 10 else "tab20"]
    return [wheel(i % wheel.N) for i in range(count)]


def precision_recall(curves: Sequence[Curve], ap50: Mapping[str, float]) -> Figure:
    """Precision over recall at IoU 0.5, one line a class that has boxes; the legend gives each class's AP50."""
    figure, axes = new_axes(7.4)
    known = [c for c in curves if c.positives and len(c.scores)]
    for found, colour in zip(known, _colours(len(known)), strict=True):
        label = f"{found.label} {shown(ap50.get(found.label))}"
        axes.plot(found.recall, found.precision, label=label, color=colour, linewidth=1.4)
    _unit(axes, "recall", "precision")
    _legend(axes, len(known))
    return Figure(
        "precision_recall",
        to_png(figure),
        "Precision over recall at IoU 0.5, as the threshold falls; by class its AP50.",
    )


def f1_confidence(curves: Sequence[Curve]) -> Figure:
    """F1 over confidence at IoU 0.5, one line a class that has boxes; a dot marks the highest."""
    figure, axes = new_axes(7.4)
    known = [c for c in curves if c.positives and len(c.scores)]
    for found, colour in zip(known, _colours(len(known)), strict=True):
        best = found.best_f1()
        label = f"{found.label} {best.f1:.3f} at {best.threshold:.2f}"
        axes.plot(found.scores, found.f1, label=label, color=colour, linewidth=1.4)
        axes.plot([best.threshold], [best.f1], "o", color=colour, markersize=4)
    _unit(axes, "confidence threshold", "F1")
    _legend(axes, len(known))
    return Figure(
        "f1_confidence", to_png(figure), "F1 over the confidence threshold; dots, and the legend, give the highest F1."
    )


def confusion(result: ConfusionResult) -> Figure:
    """The confusion matrix, each column as shares of its true class."""
    return matrix(
        result.counts.astype(np.float64),
        (*result.labels, BACKGROUND),
        ("true", "predicted"),
        "confusion",
        "What boxes are taken for; each column adds up to 1.",
    )


def matrix(
    counts: NDArray[np.float64], names: Sequence[str], axes_names: tuple[str, str], name: str, caption: str
) -> Figure:
    """A square of counts as shares of their column."""
    total = counts.sum(0, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    side = max(4.5, 0.42 * len(names) + 2.2)
    figure, axes = new_axes(side, side * 0.86)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    for row, column in zip(*np.nonzero(shares >= 0.005), strict=True):
        value = shares[row, column]
        # Shares alone hide how few boxes a column may hold; where there is room, the count stands below.
        text = f"{value:.2f}" if len(names) > 6 else f"{value:.2f}\n({counts[row, column]:g})"
        axes.text(
            *(column, row, text),
            **{"ha": "center", "va": "center", "fontsize": 6.5, "color": "white" if value > 0.55 else "#1b1f24"},
        )
    axes.set_xlabel(axes_names[0])
    axes.set_ylabel(axes_names[1])
    return Figure(name, to_png(figure), caption)


def cumulative_error(result: LandmarkResult) -> Figure:
    """The share of faces with at most an error."""
    figure, axes = new_axes()
    limits, shares = result.ced(0.15)
    axes.plot(100 * limits, shares, color="#0969da")
    axes.axvline(10, color="#8c959f", linewidth=0.8, linestyle="--")
    axes.set_xlabel(f"error, % ({result.norm})")
    axes.set_ylabel("share of faces")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    return Figure("cumulative_error", to_png(figure), "Cumulative error; what lies right of 10 % counts as failure.")


def pck_curve(result: PckResult) -> Figure:
    """The share of right joints over the limit."""
    figure, axes = new_axes()
    axes.plot(result.curve[0], result.curve[1], color="#0969da")
    axes.set_xlabel("limit, in units of the reference length")
    axes.set_ylabel("share of joints")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    return Figure("pck", to_png(figure), f"Correct joints over the limit; area {result.auc:.3f}.")


def reliability_diagram(before: Reliability, after: Reliability | None = None) -> Figure:
    """Accuracy over confidence, with the share of outcomes in each bin below."""
    figure, axes = new_axes()
    axes.plot([0, 1], [0, 1], color="#8c959f", linewidth=0.8, linestyle="--")
    for found, name, colour in ((before, "as they are", "#bc4c00"), (after, "calibrated", "#0969da")):
        if found is not None:
            kept = found.counts > 0
            label = f"{name}, error {found.expected_error:.3f}"
            axes.plot(found.confidence[kept], found.accuracy[kept], "o-", label=label, color=colour, markersize=4)
    shares = before.counts / max(int(before.counts.sum()), 1)
    axes.bar(before.edges[:-1], shares, np.diff(before.edges), align="edge", color="#bc4c00", alpha=0.15)
    _unit(axes, "confidence", "share that is right")
    axes.legend(fontsize=8, frameon=False)
    return Figure("reliability", to_png(figure), "Confidence against what is right; bars show how many have it.")


def score_distributions(curves: Sequence[Curve], thresholds: dict[str, float]) -> Figure:
    """Histograms of the scores of right and wrong detections, one panel a class, with the fitted threshold."""
    known = [c for c in curves if c.positives and len(c.scores)]
    columns = 4
    rows = max(1, math.ceil(len(known) / columns))
    figure, single = new_axes(2.7 * columns, 1.9 * rows + 0.3)
    single.remove()
    edges = np.linspace(0, 1, 26)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, found in zip(panels, known, strict=False):
        right, wrong = np.diff(found.true, prepend=0), np.diff(found.false, prepend=0)
        panel.hist(found.scores, edges, weights=wrong, color="#bc4c00", alpha=0.55, label="wrong")
        panel.hist(found.scores, edges, weights=right, color="#1a7f37", alpha=0.65, label="right")
        if found.label in thresholds:
            panel.axvline(thresholds[found.label], color="#1b1f24", linewidth=1)
        panel.set_title(found.label, fontsize=8)
        panel.set_yscale("symlog")
        panel.tick_params(labelsize=7)
        panel.spines[["top", "right"]].set_visible(False)
    for panel in panels[len(known) :]:
        panel.set_visible(False)
    if known:
        panels[0].legend(fontsize=7, frameon=False)
    return Figure("score_distributions", to_png(figure), "Scores of right and wrong detections; lines are thresholds.")


def arrows(result: ComparisonResult) -> Figure:
    """Every class's way through the precision-recall plane, from A to B; the plane is cut to where they are."""
    figure, axes = new_axes(7, 5.4)
    ends = []
    for change in result.classes:
        start = (change.first.recall, change.first.precision)
        end = (change.second.recall, change.second.precision)
        if any(math.isnan(v) for v in (*start, *end)):
            continue
        ends += [start, end]
        colour = "#1a7f37" if change.ap50.gain.value >= 0 else "#cf222e"
        axes.annotate("", xy=end, xytext=start, arrowprops={"arrowstyle": "->", "color": colour, "linewidth": 1.3})
        axes.plot(*start, "o", color="#8c959f", markersize=4)
        axes.text(*end, f" {change.label}", fontsize=7, color=colour)
    _unit(axes, "recall", "precision")
    if ends:
        (left, low), (right, high) = np.min(ends, axis=0) - 0.05, np.max(ends, axis=0) + 0.05
        axes.set_xlim(max(left, 0), min(right + 0.05, 1.05))
        axes.set_ylim(max(low, 0), min(high, 1.02))
    caption = f"From {result.names[0]} (dot) to {result.names[1]} (arrowhead); green gains AP50, red loses it."
    return Figure("arrows", to_png(figure), caption)


def gains(result: ComparisonResult) -> Figure:
    """Gains and losses in AP50 by class, with their intervals."""
    known: list[tuple[str, Difference]] = [
        (c.label, c.ap50) for c in result.classes if not math.isnan(c.ap50.gain.value)
    ]
    figure, axes = new_axes(6.6, 0.3 * len(known) + 1.2)
    for place, (_, found) in enumerate(reversed(known)):
        gain = found.gain
        colour = "#8c959f" if not found.significant else "#1a7f37" if gain.value > 0 else "#cf222e"
        axes.barh(place, gain.value, color=colour, alpha=0.7)
        axes.plot([gain.low, gain.high], [place, place], color="#1b1f24", linewidth=1)
    axes.set_yticks(range(len(known)), [label for label, _ in reversed(known)], fontsize=8)
    axes.axvline(0, color="#1b1f24", linewidth=0.8)
    axes.set_xlabel(f"gain in AP50, {result.names[1]} against {result.names[0]}")
    return Figure("gains", to_png(figure), "Gain in AP50 with its 95 % interval; grey where the interval contains 0.")


def training_curves(runs: Sequence[TrainingLog]) -> Figure:
    """Losses (lines) and the measure that chooses the best step (dashed), one colour a run; a dot marks the best."""
    figure, axes = new_axes(7, 4.4)
    other = axes.twinx()
    for run, colour in zip(runs, _colours(len(runs)), strict=True):
        for series, style in ((run.train_loss, "-"), (run.val_loss, ":")):
            if series is not None:
                label = f"{run.name} {series.name}"
                axes.plot(series.steps, series.values, style, color=colour, label=label, linewidth=1)
        if run.measure is not None:
            steps, values = run.measure.steps, run.measure.values
            other.plot(steps, values, "--", color=colour, label=f"{run.name} {run.measure.name}", linewidth=1.2)
            other.plot([run.best_step], [np.interp(run.best_step, steps, values)], "o", color=colour)
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    other.set_ylabel("measure")
    lines = [*axes.get_lines(), *(line for line in other.get_lines() if not line.get_label().startswith("_"))]
    axes.legend(lines, [line.get_label() for line in lines], fontsize=7, frameon=False)
    return Figure("training", to_png(figure), "Training losses and the measure of the best step (dot).")


def _unit(axes: Any, x: str, y: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)


def _legend(axes: Any, entries: int) -> None:
    if entries:
        axes.legend(
            fontsize=8 if entries <= 14 else 6.5,
            frameon=False,
            loc="center left",
            bbox_to_anchor=(1, 0.5),
            ncols=1 + entries // 24,
        )
