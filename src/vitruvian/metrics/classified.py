"""Predicted and true classes of pictures, read from tables."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.metrics.errors import MetricError


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """N pictures, each with its true and its predicted class.

    Attributes:
        labels: Class names.
        files: Names of the pictures.
        truth: ``(N,)`` int64 index into ``labels``.
        chosen: ``(N,)`` int64 the predicted class.
        scores: ``(N, C)`` float64 probabilities, or None where only the class was predicted.
    """

    labels: tuple[str, ...]
    files: tuple[str, ...]
    truth: NDArray[np.int64]
    chosen: NDArray[np.int64]
    scores: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.files)


def load_classified(truth: str | os.PathLike[str], predictions: str | os.PathLike[str]) -> Classified:
    """Join a truth (csv ``file,label``) with predictions for the same pictures.

    Predictions are a csv of ``file`` and one column a class with its score (every class of the truth; the highest is
    the prediction), a csv ``file,label``, or a json list of ``{"file": ..., "scores": {label: score}}``.

    Raises:
        MetricError: for a file that is missing or no such table, an unknown picture or class, a picture that occurs
            twice or has no prediction, and a score that is not finite; the message names the file and the row.
    """
    true_of = read_labels(truth)
    path = Path(predictions)
    rows = _scores(path)
    if missing := [name for name in true_of if name not in rows]:
        raise MetricError(f"{path}: no prediction for {len(missing)} pictures of the truth, e.g. {missing[0]!r}")
    if unknown := [name for name in rows if name not in true_of]:
        raise MetricError(f"{path}: {len(unknown)} pictures are not in the truth, e.g. {unknown[0]!r}")
    labels = tuple(sorted(set(true_of.values()) | {label for row in rows.values() for label in row}))
    known = set(true_of.values())
    place = {label: i for i, label in enumerate(labels)}
    hard = all(len(row) == 1 for row in rows.values()) and len(labels) > 1
    if hard and (strange := {label for row in rows.values() for label in row} - known):
        raise MetricError(f"{path}: unknown class {sorted(strange)[0]!r}; the truth has {', '.join(sorted(known))}")
    files = tuple(true_of)
    scores = np.zeros((len(files), len(labels)))
    for i, name in enumerate(files):
        if not hard and (lacking := known - set(rows[name])):
            raise MetricError(f"{path}: {name!r} has no score for {sorted(lacking)[0]!r}")
        for label, value in rows[name].items():
            scores[i, place[label]] = value
    true = np.array([place[true_of[name]] for name in files], dtype=np.int64)
    return Classified(labels, files, true, scores.argmax(1), None if hard else scores)


def read_labels(path: str | os.PathLike[str]) -> dict[str, str]:
    """Picture -> class of a csv ``file,label``.

    Raises:
        MetricError: for a file that is missing, empty or no such table, or a picture that occurs twice.
    """
    rows: dict[str, str] = {}
    for number, row in _csv(Path(path), ("file", "label")):
        name, label = row["file"], row["label"]
        if not name or not label:
            raise MetricError(f"{path}: line {number}: empty file or label")
        if name in rows:
            raise MetricError(f"{path}: line {number}: {name!r} occurs twice")
        rows[name] = label
    if not rows:
        raise MetricError(f"{path}: has no rows")
    return rows


def _scores(path: Path) -> dict[str, dict[str, float]]:
    if path.suffix.lower() == ".json":
        return _json_scores(path)
    rows: dict[str, dict[str, float]] = {}
    for number, row in _csv(path, ("file",)):
        name = row.pop("file")
        if name in rows:
            raise MetricError(f"{path}: line {number}: {name!r} occurs twice")
        if set(row) <= {"label", "score"} and "label" in row:
            rows[name] = {row["label"]: 1.0}
            continue
        rows[name] = {label: _finite(value, f"{path}: line {number}: {label}") for label, value in row.items()}
    return rows


def _json_scores(path: Path) -> dict[str, dict[str, float]]:
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MetricError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise MetricError(f"{path}: not valid JSON: {error}") from error
    rows: dict[str, dict[str, float]] = {}
    if not isinstance(listed, list):
        raise MetricError(f"{path}: not a list of predictions")
    for number, row in enumerate(listed):
        if (
            not isinstance(row, Mapping)
            or not isinstance(row.get("scores"), Mapping)
            or not isinstance(row.get("file"), str)
        ):
            raise MetricError(f'{path}: row {number}: not {{"file": ..., "scores": {{label: score}}}}')
        if row["file"] in rows:
            raise MetricError(f"{path}: row {number}: {row['file']!r} occurs twice")
        rows[row["file"]] = {
            str(label): _finite(value, f"{path}: row {number}: {label}") for label, value in row["scores"].items()
        }
    return rows


def _csv(path: Path, needed: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            if lacking := [name for name in needed if name not in names]:
                raise MetricError(f"{path}: has no column {lacking[0]!r}, but {', '.join(names) or 'nothing'}")
            rows = []
            for number, row in enumerate(reader, start=2):
                if None in row or None in row.values():
                    raise MetricError(f"{path}: line {number}: has not as many fields as the header")
                rows.append((number, row))
            return rows
    except OSError as error:
        raise MetricError(f"{path}: cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise MetricError(f"{path}: not a csv table: {error}") from error


def _finite(value: object, place: str) -> float:
    try:
        number = float(str(value))
    except ValueError:
        raise MetricError(f"{place}: {value!r} is not a number") from None
    if not np.isfinite(number):
        raise MetricError(f"{place}: score is {number}")
    return number
