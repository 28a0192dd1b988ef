"""From a finished run to a model with its card: exported, measured as it will be used, thresholds fitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vitruvian import __version__
from vitruvian.data.dataset import Dataset
from vitruvian.finders.detector import Detector as OnnxDetector
from vitruvian.finders.predict import predict_dataset
from vitruvian.metrics import BoxResult, Predictions, evaluate_boxes, pool
from vitruvian.metrics.judging import judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.thresholds import bagged_threshold, fold_of_pictures
from vitruvian.networks.detector import Detector
from vitruvian.training.export import export_onnx
from vitruvian.training.map_input import border, channels_named, maps_read, training_sources
from vitruvian.training.module import NMS_IOU
from vitruvian.training.recipe import Recipe
from vitruvian.training.sources import val_sources
from vitruvian.zoo import Card, ModelFile, save_card
from vitruvian.zoo.cards import (
    CARD_SCHEMA,
    Architecture,
    ClassMetrics,
    Measured,
    Preprocessing,
    SourceMetrics,
    TrainingSet,
    file_sha256,
)

_DEFAULT_THRESHOLD = 0.4
"""For labels that no validation picture can judge."""
_LEAST_SUPPORT = 10
"""Boxes of a label, below which a threshold fitted on them would be chance."""


def publish(
    net: Detector,
    recipe: Recipe,
    folder: Path,
    progress: Callable[[str], None] = lambda line: None,
    base: Card | None = None,
    record: Mapping[str, str] | None = None,
) -> ModelFile:
    """Write ``<name>.onnx`` and its card ``<name>.json``.

    The exported file is measured, not the torch module. Thresholds are fitted on one half of the validation pictures
    (by a hash of their names); precision and recall in the card are those on the other half, average precision, which
    needs no threshold, is that on all.

    Args:
        net: Trained network.
        recipe: What it was trained by; its validation sources are measured on.
        folder: Where both files go.
        progress: Told what is being done.
        base: Model that this one was adapted from: its thresholds stay where none can be fitted, and what taught it
            taught this one.
        record: What else the card's training record says.
    """
    path = folder / f"{recipe.name}.onnx"
    sources, _ = training_sources(recipe)
    reads = maps_read(sources, recipe.model.in_channels)
    progress("exporting")
    export_onnx(net, recipe.model, path)
    card = Card(
        schema=CARD_SCHEMA,
        name=recipe.name,
        summary=recipe.card.summary,
        file=path.name,
        sha256=file_sha256(path),
        labels=list(net.labels),
        architecture=Architecture(**recipe.model.model_dump(include=set(Architecture.model_fields))),
        preprocessing=Preprocessing(size=recipe.input_size, pad_value=border(reads), channels=channels_named(reads)),
        task="detection" if reads is None else "second look",
        reads=reads,
        nms_iou=NMS_IOU if base is None else base.nms_iou,
        thresholds=dict.fromkeys(net.labels, _DEFAULT_THRESHOLD) | _of_base(base, net.labels),
        thresholds_from="not fitted: no validation pictures with boxes" + (f"; those of {base.name}" if base else ""),
        data=[*(base.data if base else ()), *training_sets(recipe, sources)],
        commercial_use=recipe.card.commercial_use,
        weaknesses=recipe.card.weaknesses,
        training=training_record(recipe)
        | ({"based on": f"{base.name}, sha256 {base.sha256}"} if base else {})
        | dict(record or {}),
    )
    val = val_sources(recipe)
    if val:
        detector = OnnxDetector(ModelFile(path, card))
        labelled: list[tuple[Dataset, Predictions]] = []
        nobody: list[tuple[Dataset, Predictions]] = []
        for name, dataset in val.items():
            progress(f"measuring on {name}: {len(dataset)} pictures")
            named = dataset.map(lambda p, name=name: replace(p, source=p.source or name))  # type: ignore[misc]
            kind = labelled if any(picture.annotations for picture in dataset.pictures) else nobody
            kind.append((named, predict_dataset(detector, named)))
        otherwise = f"that of {base.name}" if base else f"{_DEFAULT_THRESHOLD}"
        if labelled:
            card = _measured(card, pool(labelled), pool(nobody) if nobody else None, recipe.best_f1, otherwise)
    save_card(card, path.with_suffix(".json"))
    return ModelFile(path, card)


def _of_base(base: Card | None, labels: Sequence[str]) -> dict[str, float]:
    return {} if base is None else {k: v for k, v in base.thresholds.items() if k in labels}


def training_record(recipe: Recipe) -> dict[str, str | int]:
    """What a card says of the run."""
    return {
        "recipe": recipe.name,
        "pictures drawn": recipe.schedule.pictures,
        "seed": recipe.seed,
        "vitruvian": __version__,
        "torch": torch.__version__,
    }


def training_sets(recipe: Recipe, sources: Mapping[str, Dataset]) -> list[TrainingSet]:
    rows = []
    for name, dataset in sources.items():
        source = recipe.data.train[name]
        seen = {a.label for p in dataset.pictures for a in p.annotations}
        teaches = [label for label in dataset.labels if label in seen]
        rows.append(
            TrainingSet(name=name, source=source.about, terms=source.terms, pictures=len(dataset), teaches=teaches)
        )
    return rows


def _measured(
    card: Card,
    found: tuple[Dataset, Predictions],
    nobody: tuple[Dataset, Predictions] | None,
    best_f1: Sequence[str],
    otherwise: str,
) -> Card:
    """The card with thresholds and measurements.

    Args:
        card: Without both.
        found: Labelled pictures with what was found there.
        nobody: Pictures that show nobody, likewise: everything found there is wrong. They help to fit the thresholds.
        best_f1: Labels that take the threshold of the best F1.
        otherwise: The threshold of labels with too few boxes, for the record.
    """
    fitted, reported = _halves(*found)
    empty = None if nobody is None else _halves(*nobody)
    everything = fitted if empty is None else pool([fitted, empty[0]])
    matches = match(judge(*everything, "partial"), ious=(0.5,))
    best = {
        label: bagged_threshold(matches, i, beta=1.0 if label in best_f1 else 0.5)
        for i, label in enumerate(matches.judged.labels)
        if label in card.labels and matches.positives(i) >= _LEAST_SUPPORT
    }
    best = {label: threshold for label, threshold in best.items() if not math.isnan(threshold)}
    alike = f", F1 of {', '.join(best_f1)}," if best_f1 else ""
    card = card.with_thresholds(
        best,
        f"highest F0.5 (precision counts double){alike} at IoU 0.5, averaged over bootstrap draws of "
        f"{len(everything[0])} validation pictures, a half chosen by hash"
        f"{'' if empty is None else f', {len(empty[0][0])} of them showing nobody'}; {otherwise} where a label has too "
        "few boxes there"
        if best
        else f"not fitted: too few boxes on half of {len(found[0])} validation pictures; {otherwise} for all labels",
    )
    result = evaluate_boxes(*found)
    chosen = evaluate_boxes(reported[0], reported[1].above(card.thresholds), fixed=(0.0,))
    summary = _summary(result, chosen)
    if empty is not None:
        pictures, wrong = empty[1]
        share = len(wrong.above(card.thresholds)) / len(pictures)
        name = f"false boxes a picture on {len(pictures)} pictures without people"
        summary = summary.model_copy(update={"headline": {**summary.headline, name: round(share, 4)}})
    return card.model_copy(update={"measured": summary})


def _halves(truth: Dataset, found: Predictions) -> tuple[tuple[Dataset, Predictions], tuple[Dataset, Predictions]]:
    """The half that thresholds are fitted on, and the other."""
    half = fold_of_pictures(truth, 2)
    if half.min() == half.max():  # as may happen to a handful of pictures
        half = np.arange(len(truth)) % 2
    return _half(truth, found, half == 0), _half(truth, found, half == 1)


def _half(truth: Dataset, found: Predictions, keep: NDArray[np.bool_]) -> tuple[Dataset, Predictions]:
    pictures = tuple(p for p, kept in zip(truth.pictures, keep, strict=True) if kept)
    return replace(truth, pictures=pictures), found[keep[found.picture_index(truth)]]


def _summary(result: BoxResult, chosen: BoxResult) -> Measured:
    at = {c.label: c.fixed[0] for c in chosen.classes}
    return Measured(
        protocol=f"{result.protocol}, {result.evaluator}; precision and recall at the card's thresholds on the half of "
        "the pictures that they were not fitted on",
        data=f"{result.pictures} validation pictures",
        headline=_numbers(result.headline()),
        classes={
            c.label: ClassMetrics(
                pictures=c.pictures,
                instances=c.instances,
                ap=_number(c.ap),
                ap50=_number(c.ap50),
                ar=_number(c.ar),
                precision=_number(at[c.label].precision),
                recall=_number(at[c.label].recall),
            )
            for c in result.classes
            if c.instances
        },
        sources={
            s.source: SourceMetrics(
                pictures=s.pictures,
                ap=_number(s.summary.ap),
                ap50=_number(s.summary.ap50),
                ar=_number(s.summary.ar100),
                ap50_by_class=_numbers({k: v for k, v in s.ap50.items() if not math.isnan(v)}),
            )
            for s in result.sources
        },
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _numbers(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: _number(value) for name, value in values.items()}
