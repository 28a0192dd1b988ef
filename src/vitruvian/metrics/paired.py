"""Two models on the same people, faces or pictures: the headline of any protocol with a paired interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.bootstrap import Difference, Statistic, bootstrap_difference
from vitruvian.metrics.classification import evaluate_activity
from vitruvian.metrics.classified import Classified
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.intervals import Measured, activity_statistics, pose_statistic, result_statistics
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.protocols import Options, evaluate, protocol
from vitruvian.metrics.result import Cell, Result, Table

_LOWER_IS_BETTER = ("NME %", "failures at 10 %")


@dataclass(frozen=True)
class PairedResult(Result):
    """The outcome of :func:`compare_measured` and :func:`compare_activity`.

    Attributes:
        names: What A and B are called.
        overall: Headline number -> difference, B minus A. Of errors and failures the lower is the better.
        pictures: Pictures that were drawn from.
        resamples: Bootstrap draws.
        first, second: What each measures on its own.
    """

    names: tuple[str, str]
    overall: Mapping[str, Difference]
    pictures: int
    resamples: int
    first: Result
    second: Result

    def headline(self) -> Mapping[str, float]:
        return {f"{name}, difference": found.gain.value for name, found in self.overall.items()}

    def tables(self) -> tuple[Table, ...]:
        a, b = self.names
        rows: list[tuple[Cell, ...]] = [
            (name, d.first, d.second, d.gain.value, d.gain.low, d.gain.high, d.p_value, self._better(name, d))
            for name, d in self.overall.items()
        ]
        title = f"{b} minus {a} ({self.resamples} paired bootstrap draws of {self.pictures} pictures, 95 %)"
        return (Table(title, ("number", a, b, "difference", "low", "high", "p", "better"), tuple(rows)),)

    def _better(self, name: str, found: Difference) -> str:
        if math.isnan(found.gain.value):
            return "n/a"
        if not found.significant:
            return "not told apart"
        return self.names[(found.gain.value > 0) != (name in _LOWER_IS_BETTER)]


def compare_measured(
    name: str,
    truth: Dataset,
    first: Predictions,
    second: Predictions,
    names: tuple[str, str] = ("A", "B"),
    options: Options = Options(),
    *,
    resamples: int = 500,
    seed: int = 0,
) -> PairedResult:
    """Compare two models' poses or landmarks under a protocol of :func:`vitruvian.metrics.list_protocols`.

    Draws are over pictures in the order of their ids, so that the order of the truth does not matter. NME is over the
    faces that each model found, as in the protocol: read it beside the failures, which count the others.

    Args:
        name: A pose or landmark protocol. Every draw of ``pose-oks`` is two whole evaluations, so it takes long.
        truth: The pictures.
        first: Keypoints of A.
        second: Keypoints of B.
        names: What to call them.
        options: As in :func:`vitruvian.metrics.evaluate`.
        resamples: Paired bootstrap draws over pictures.
        seed: Of the draws.

    Raises:
        MetricError: for a protocol of another subject, or as the protocol does.
    """
    if protocol(name).subject not in ("pose", "landmarks"):
        raise MetricError(
            f"{name} has no paired comparison; boxes-partial, boxes-coco, activity, pose and landmark protocols have"
        )
    ordered = replace(truth, pictures=tuple(sorted(truth.pictures, key=lambda picture: picture.id)))
    results: list[Result] = []
    statistics: list[Mapping[str, Statistic]] = []
    count = len(ordered)
    for found in (first, second):
        result = evaluate(name, ordered, found, options)
        results.append(result)
        if isinstance(result, Measured):
            made, count = result_statistics(result)
            statistics.append(made)
        else:
            statistics.append({"OKS AP": pose_statistic(ordered, found, options.skeleton)})
    return _paired((results[0], results[1]), (statistics[0], statistics[1]), names, count, resamples, seed)


def compare_activity(
    first: Classified,
    second: Classified,
    names: tuple[str, str] = ("A", "B"),
    *,
    resamples: int = 500,
    seed: int = 0,
) -> PairedResult:
    """Compare two models' classes of the same pictures.

    Raises:
        MetricError: when the two are about different pictures or classes of pictures.
    """
    both = (_by_file(first), _by_file(second))
    truths = [[(name, case.labels[label]) for name, label in zip(case.files, case.truth, strict=True)] for case in both]
    if truths[0] != truths[1]:
        raise MetricError("the two models were judged on different pictures, or their truths differ")
    results = (evaluate_activity(both[0]), evaluate_activity(both[1]))
    statistics = (activity_statistics(both[0]), activity_statistics(both[1]))
    return _paired(results, statistics, names, len(first), resamples, seed)


def _by_file(case: Classified) -> Classified:
    order = np.array(sorted(range(len(case)), key=case.files.__getitem__), dtype=np.int64)
    scores = None if case.scores is None else case.scores[order]
    files = tuple(case.files[i] for i in order)
    return Classified(case.labels, files, case.truth[order], case.chosen[order], scores)


def _paired(
    results: tuple[Result, Result],
    statistics: tuple[Mapping[str, Statistic], Mapping[str, Statistic]],
    names: tuple[str, str],
    count: int,
    resamples: int,
    seed: int,
) -> PairedResult:
    overall = {
        number: bootstrap_difference(statistic, statistics[1][number], count, resamples=resamples, seed=seed)
        for number, statistic in statistics[0].items()
    }
    return PairedResult(
        protocol=f"{results[0].protocol}-comparison",
        evaluator=results[0].evaluator,
        notes=_notes(results, names),
        names=names,
        overall=overall,
        pictures=count,
        resamples=resamples,
        first=results[0],
        second=results[1],
    )


def _notes(results: tuple[Result, Result], names: tuple[str, str]) -> tuple[str, ...]:
    """What both results note is about the truth or the protocol and is said once; the rest with the model's name."""
    common = [note for note in results[0].notes if note in results[1].notes]
    own = (f"{name}: {n}" for name, r in zip(names, results, strict=True) for n in r.notes if n not in common)
    return (*common, *own)
