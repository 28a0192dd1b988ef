"""The curves of a training run, read from the ``metrics.csv`` of its folder."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.result import Result, Table

_TRAIN_LOSS = ("train_loss", "train/loss", "loss", "train_loss_epoch")
_VAL_LOSS = ("val_loss", "val/loss")
_MEASURES = ("fitness", "AP", "AP50", "top-1", "NME %")


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One logged number: ``(N,)`` steps, rising, and its values there."""

    name: str
    steps: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TrainingLog:
    """What a run logged.

    Attributes:
        name: Of the run folder.
        train_loss, val_loss: None where not logged.
        measure: What the best step is chosen by (the first of fitness, AP, ...); None where nothing was measured.
    """

    name: str
    train_loss: Series | None
    val_loss: Series | None
    measure: Series | None

    @property
    def best_step(self) -> float:
        """Step of the highest measure (the lowest, of an error or of the validation loss); NaN where neither is."""
        if self.measure is not None:
            sign = -1.0 if "NME" in self.measure.name else 1.0
            return float(self.measure.steps[int(np.argmax(sign * self.measure.values))])
        if self.val_loss is not None:
            return float(self.val_loss.steps[int(np.argmin(self.val_loss.values))])
        return math.nan

    @property
    def generalisation_gap(self) -> float:
        """Validation loss minus training loss at the best step; NaN where either was not logged."""
        if self.train_loss is None or self.val_loss is None:
            return math.nan
        at = [float(np.interp(self.best_step, s.steps, s.values)) for s in (self.val_loss, self.train_loss)]
        return at[0] - at[1]


@dataclass(frozen=True)
class TrainingComparison(Result):
    """Two runs side by side."""

    runs: tuple[TrainingLog, ...]

    def headline(self) -> Mapping[str, float]:
        return {f"generalisation gap {run.name}": run.generalisation_gap for run in self.runs}

    def tables(self) -> tuple[Table, ...]:
        rows = []
        for run in self.runs:
            best = math.nan if run.measure is None else float(np.interp(run.best_step, *_points(run.measure)))
            name = "n/a" if run.measure is None else run.measure.name
            last = math.nan if run.train_loss is None else float(run.train_loss.values[-1])
            rows.append((run.name, run.best_step, name, best, last, run.generalisation_gap))
        columns = ("run", "best step", "chosen by", "its value", "last training loss", "generalisation gap")
        return (Table("Training", columns, tuple(rows)),)


def _points(series: Series) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return series.steps, series.values


def compare_training(folders: Sequence[str | os.PathLike[str]]) -> TrainingComparison:
    """Read the logs of several runs.

    Raises:
        MetricError: as :func:`read_training_log` does.
    """
    runs = tuple(read_training_log(folder) for folder in folders)
    without = [run.name for run in runs if run.val_loss is None]
    notes = (f"no validation loss was logged, so no generalisation gap: {', '.join(without)}",) if without else ()
    return TrainingComparison("training-comparison", "vitruvian", notes, runs)


def read_training_log(folder: str | os.PathLike[str]) -> TrainingLog:
    """Read ``metrics.csv`` of a run folder, as Lightning's CSV logger writes it.

    A resumed run leaves what it had logged before in ``metrics.until-step-N.csv``, N being the step of the checkpoint
    that it went on from. What such a file says of steps after N was undone, and is left out.

    Raises:
        MetricError: when the folder has no such file, or the file no ``step`` or ``epoch`` column.
    """
    path = Path(folder) / "metrics.csv"
    rows: list[dict[str, str]] = []
    names: list[str] = []
    for part, last in (*_earlier(path.parent), (path, math.inf)):
        try:
            with part.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                rows += (row for row in reader if not _beyond(row, last))
                names += reader.fieldnames or []
        except OSError as error:
            raise MetricError(f"{part}: cannot be read: {error.strerror}") from error
    axis = next((name for name in ("step", "epoch") if name in names), None)
    if axis is None:
        raise MetricError(f"{path}: has neither a 'step' nor an 'epoch' column")

    def first(candidates: tuple[str, ...]) -> Series | None:
        for name in candidates:
            if name in names and (series := _series(rows, axis, name, path)) is not None:
                return series
        return None

    return TrainingLog(Path(folder).name, first(_TRAIN_LOSS), first(_VAL_LOSS), first(_MEASURES))


def _earlier(folder: Path) -> list[tuple[Path, float]]:
    """The logs from before each resumption with the step that it went on from, in the order of time."""
    found = [(path, path.stem.rpartition("-")[2]) for path in folder.glob("metrics.until-step-*.csv")]
    return sorted(((path, float(step)) for path, step in found if step.isdigit()), key=lambda part: part[1])


def _beyond(row: Mapping[str, str], last: float) -> bool:
    try:
        return float(row.get("step") or "-inf") > last
    except ValueError:
        return False  # named, with its column, where the values are read


def _series(rows: list[dict[str, str]], axis: str, name: str, path: Path) -> Series | None:
    try:
        # Of a step that was logged twice, before and after a resumption, the later value stands.
        points = {float(row[axis]): float(row[name]) for row in rows if row.get(name) and row.get(axis)}
    except ValueError as error:
        raise MetricError(f"{path}: column {name!r}: {error}") from error
    if not points:
        return None
    steps, values = np.array(sorted(points.items()), dtype=np.float64).T
    return Series(name, steps, values)
