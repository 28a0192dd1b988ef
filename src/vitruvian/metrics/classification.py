"""Activity: one class a picture, scored through scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.metrics.classified import Classified
from vitruvian.metrics.errors import missing_extra
from vitruvian.metrics.reliability import Reliability, reliability
from vitruvian.metrics.result import Result, Table


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Precision, recall and F1 of one class; NaN where n/a.

    Attributes:
        label: Its name.
        support: Pictures of the class.
        predicted: Pictures that were taken for it.
        precision: NaN where it was never predicted; scikit-learn and the means count that as 0.
        recall, f1: NaN where the truth has no such picture.
    """

    label: str
    support: int
    predicted: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Averages:
    """Means over classes: ``macro`` of all alike, ``weighted`` by support, ``micro`` over all pictures."""

    name: str
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ActivityResult(Result):
    """The outcome of :func:`evaluate_activity`.

    Attributes:
        pictures: Pictures that were judged.
        classes: By class, in the order of the labels.
        averages: Macro, weighted and micro.
        top1, top5: Share whose true class is the surest, or among the five surest; top5 is NaN without scores.
        balanced_accuracy: Mean recall of the classes that occur.
        reliability: Confidence against accuracy; None without scores.
        confusion: ``(C, C)`` int64, true class by predicted class.
    """

    pictures: int
    classes: tuple[ClassScores, ...]
    averages: tuple[Averages, ...]
    top1: float
    top5: float
    balanced_accuracy: float
    reliability: Reliability | None
    confusion: NDArray[np.int64]

    def headline(self) -> Mapping[str, float]:
        macro = self.averages[0]
        return {"top-1": self.top1, "balanced accuracy": self.balanced_accuracy, "macro F1": macro.f1}

    def tables(self) -> tuple[Table, ...]:
        error = self.reliability.expected_error if self.reliability else None
        overall = (self.pictures, self.top1, self.top5, self.balanced_accuracy, self.averages[0].f1, error)
        columns = ("pictures", "top-1", "top-5", "balanced accuracy", "macro F1", "calibration error")
        rows = tuple((c.label, c.support, c.predicted, c.precision, c.recall, c.f1) for c in self.classes)
        means = tuple((a.name, self.pictures, self.pictures, a.precision, a.recall, a.f1) for a in self.averages)
        names = tuple(c.label for c in self.classes)
        matrix = tuple((name, *row) for name, row in zip(names, self.confusion.tolist(), strict=True))
        return (
            Table("Activity", columns, (overall,)),
            Table("By class", ("class", "pictures", "predicted", "precision", "recall", "F1"), (*rows, *means)),
            Table("Confusion (rows true, columns predicted)", ("", *names), matrix),
        )


def evaluate_activity(outcome: Classified) -> ActivityResult:
    """Precision, recall and F1 per class and on average, top-1 and top-5, balanced accuracy and calibration error.

    A class that is never predicted is named in a note: accuracy can hide that a model only knows the large class.

    Raises:
        MetricError: when scikit-learn is not installed.
    """
    try:
        import sklearn
        from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
    except ImportError:
        raise missing_extra("scikit-learn") from None
    labels, truth, chosen = outcome.labels, outcome.truth, outcome.chosen
    ids = np.arange(len(labels))
    precision, recall, f1, support = precision_recall_fscore_support(truth, chosen, labels=ids, zero_division=0)
    predicted = np.bincount(chosen, minlength=len(labels))
    classes = tuple(
        ClassScores(
            label=name,
            support=int(support[i]),
            predicted=int(predicted[i]),
            precision=float(precision[i]) if predicted[i] else math.nan,
            recall=float(recall[i]) if support[i] else math.nan,
            f1=float(f1[i]) if support[i] else math.nan,
        )
        for i, name in enumerate(labels)
    )
    present = ids[support > 0]
    averages = tuple(
        Averages(
            kind,
            *map(
                float,
                precision_recall_fscore_support(truth, chosen, labels=present, average=kind, zero_division=0)[:3],
            ),
        )
        for kind in ("macro", "weighted")
    )
    accuracy = float((truth == chosen).mean())
    scores = outcome.scores
    return ActivityResult(
        protocol="activity",
        evaluator=f"scikit-learn {sklearn.__version__}",
        notes=_notes(classes),
        pictures=len(truth),
        classes=classes,
        averages=(*averages, Averages("micro", accuracy, accuracy, accuracy)),
        top1=accuracy,
        top5=math.nan if scores is None else top_k(scores, truth, 5),
        balanced_accuracy=float(recall[present].mean()),
        reliability=None if scores is None else reliability(scores.max(1), truth == chosen),
        confusion=np.asarray(confusion_matrix(truth, chosen, labels=ids), dtype=np.int64),
    )


def top_k(scores: NDArray[np.float64], truth: NDArray[np.int64], k: int) -> float:
    """Share of rows whose true class is among the ``k`` highest scores; of equal scores the lower index comes first.

    >>> top_k(np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]), np.array([2, 2]), 2)
    0.5
    """
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((best == truth[:, None]).any(1).mean())


def _notes(classes: Sequence[ClassScores]) -> tuple[str, ...]:
    notes = []
    if silent := [c.label for c in classes if c.support and not c.predicted]:
        notes.append(f"WARNING: never predicted, though the truth has them: {', '.join(silent)}")
    if absent := [c.label for c in classes if not c.support]:
        notes.append(f"no picture in the truth, so n/a and left out of the means: {', '.join(absent)}")
    return tuple(notes)
