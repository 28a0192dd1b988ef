"""What a hyperparameter search found: the best recipe, a table of trials, and which values mattered."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna
import yaml
from filelock import FileLock
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from vitruvian.metrics.result import Cell, Result, Table
from vitruvian.training.run import write_whole
from vitruvian.training.search_space import Value, with_values
from vitruvian.training.study import Search

_ENOUGH = 10
"""Completed trials from which on importances are worth a look."""
_STATES = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned", TrialState.FAIL: "failed",
           TrialState.RUNNING: "running"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One trial.

    Attributes:
        number: From 0 on.
        state: ``finished``, ``pruned``, ``failed`` or ``running``.
        fitness: Best measurement, 0.1 AP50 + 0.9 AP50-95; None without one. Of a pruned trial, that until then.
        measurements: How many there were.
        seconds: Wall time; None where it did not end by itself.
        origin: ``sampled``, ``start`` of the search space, the ``recipe`` itself, or ``retry of N``.
        values: The searched values, by recipe key.
        error: Why it failed.
    """

    number: int
    state: str
    fitness: float | None
    measurements: int
    seconds: float | None
    origin: str
    values: Mapping[str, Value]
    error: str


@dataclass(frozen=True)
class TuneResult(Result):
    """A whole search, best trials first."""

    trials: tuple[TrialRow, ...]
    importance: Mapping[str, float]

    @property
    def best(self) -> TrialRow | None:
        """The fittest trial that went to its end."""
        return next((row for row in self.trials if row.state == "finished"), None)

    def headline(self) -> Mapping[str, float]:
        return {} if self.best is None or self.best.fitness is None else {"fitness": self.best.fitness}

    def tables(self) -> tuple[Table, ...]:
        keys = tuple(dict.fromkeys(key for row in self.trials for key in row.values))
        columns = ("trial", "state", "fitness", "measured", "seconds", "from", *keys)
        rows = tuple(
            (row.number, row.state, row.fitness, row.measurements,
             None if row.seconds is None else round(row.seconds), row.origin,
             *(shown_value(row.values[key]) if key in row.values else None for key in keys))
            for row in self.trials
        )  # fmt: skip
        tables = [Table("Trials", columns, rows)]
        if self.importance:
            tables.append(Table("Importance", ("key", "share"), tuple(self.importance.items())))
        return tuple(tables)


def shown_value(value: Value) -> str:
    """A searched value in a few digits.

    >>> shown_value(0.00123456), shown_value("sgd"), shown_value(8)
    ('0.001235', 'sgd', '8')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def study_result(study: optuna.Study) -> TuneResult:
    """The trials as they are now."""
    trials = [t for t in study.trials if t.state in _STATES]
    rows = sorted((_row(t) for t in trials), key=_rank)
    complete = [t for t in trials if t.state == TrialState.COMPLETE]
    importance: Mapping[str, float] = {}
    notes = ["fitness is 0.1 AP50 + 0.9 AP50-95 on the recipe's val, the best of a trial's measurements: chosen on it, "
             "so a little optimistic"]  # fmt: skip
    if len(complete) >= _ENOUGH and len({t.value for t in complete}) > 1:
        importance = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
        notes.append("importance by PED-ANOVA: how differently a value lies in the best trials and in all (Watanabe et "
                     "al., IJCAI 2023)")  # fmt: skip
    return TuneResult("hyperparameter-search", f"optuna {optuna.__version__}", tuple(notes), tuple(rows), importance)


def write_results(search: Search, study: optuna.Study) -> TuneResult:
    """Write ``trials.csv``, ``trials.md`` and, once a trial is finished, ``best.yaml``, which ``train`` takes.

    ``best.yaml`` is the search's recipe at full length with the best trial's values. Workers that end trials at the
    same moment write one after another, the last of them what all have done.
    """
    with FileLock(search.folder / "results.lock"):
        return _write_results(search, study_result(study))


def _write_results(search: Search, result: TuneResult) -> TuneResult:
    write_whole(search.folder / "trials.csv", _csv(result.trials))
    write_whole(search.folder / "trials.md", result.markdown())
    if result.best is not None:
        best = with_values(search.recipe, dict(result.best.values))
        origin = f"# Trial {result.best.number} of a hyperparameter search: fitness {result.best.fitness:.4f}.\n"
        text = yaml.safe_dump(best.model_dump(mode="json", by_alias=True), sort_keys=False)
        write_whole(search.folder / "best.yaml", origin + text)
    return result


def _row(trial: FrozenTrial) -> TrialRow:
    measured = trial.intermediate_values
    attributes = trial.user_attrs
    retried = f"retry of {attributes['retry_of']}" if "retry_of" in attributes else None
    return TrialRow(
        trial.number,
        _STATES[trial.state],
        max(measured.values(), default=None),
        len(measured),
        attributes.get("seconds"),
        retried or str(attributes.get("from", "sampled")),
        dict(trial.params),
        str(attributes.get("error", "")),
    )


def _rank(row: TrialRow) -> tuple[bool, float, int]:
    return row.state != "finished", -1.0 if row.fitness is None else -row.fitness, row.number


def _csv(rows: Sequence[TrialRow]) -> str:
    keys = list(dict.fromkeys(key for row in rows for key in row.values))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "fitness", "measurements", "seconds", "from", *keys, "error"])
    for row in sorted(rows, key=lambda r: r.number):
        values: list[Cell] = [row.values.get(key) for key in keys]
        writer.writerow([row.number, row.state, row.fitness, row.measurements, row.seconds, row.origin, *values,
                         row.error])  # fmt: skip
    return text.getvalue().rstrip("\n")
