"""From a finished run to a model with its card: exported, measured as it will be used, thresholds fitted."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vitruvian import __version__
from vitruvian.data.dataset import Dataset
from vitruvian.finders.detector import Detector as OnnxDetector
from vitruvian.finders.predict import predict_dataset
from vitruvian.images import PAD_VALUE
from vitruvian.metrics import BoxResult, Predictions, evaluate_boxes, fit_thresholds, pool
from vitruvian.metrics.curves import Curve, curves
from vitruvian.metrics.judging import judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.thresholds import fold_of_pictures
from vitruvian.networks.detector import Detector
from vitruvian.training.export import export_onnx
from vitruvian.training.module import NMS_IOU
from vitruvian.training.recipe import Recipe
from vitruvian.training.sources import load_sources
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
_LONE_SHARE = 0.95
_LONE_PRECISION = 0.9


def publish(
    net: Detector, recipe: Recipe, folder: Path, progress: Callable[[str], None] = lambda line: None
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
    """
    path = folder / f"{recipe.name}.onnx"
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
        preprocessing=Preprocessing(size=recipe.input_size, pad_value=PAD_VALUE),
        nms_iou=NMS_IOU,
        thresholds=dict.fromkeys(net.labels, _DEFAULT_THRESHOLD),
        thresholds_from="not fitted: no validation pictures",
        data=_training_sets(recipe),
        commercial_use=recipe.card.commercial_use,
        weaknesses=recipe.card.weaknesses,
        training={
            "recipe": recipe.name,
            "pictures drawn": recipe.schedule.pictures,
            "seed": recipe.seed,
            "vitruvian": __version__,
            "torch": torch.__version__,
        },
    )
    val = load_sources(recipe.data.val, recipe)
    if val:
        detector = OnnxDetector(ModelFile(path, card))
        pairs = []
        for name, dataset in val.items():
            progress(f"measuring on {name}: {len(dataset)} pictures")
            named = dataset.map(lambda p, name=name: replace(p, source=p.source or name))  # type: ignore[misc]
            pairs.append((named, predict_dataset(detector, named)))
        card = _measured(card, *pool(pairs))
    save_card(card, path.with_suffix(".json"))
    return ModelFile(path, card)


def _training_sets(recipe: Recipe) -> list[TrainingSet]:
    rows = []
    for name, dataset in load_sources(recipe.data.train, recipe).items():
        source = recipe.data.train[name]
        seen = {a.label for p in dataset.pictures for a in p.annotations}
        teaches = [label for label in dataset.labels if label in seen]
        rows.append(
            TrainingSet(name=name, source=source.about, terms=source.terms, pictures=len(dataset), teaches=teaches)
        )
    return rows


def _measured(card: Card, truth: Dataset, found: Predictions) -> Card:
    half = fold_of_pictures(truth, 2)
    fitted, reported = (_half(truth, found, half == side) for side in (0, 1))
    found_curves = [c for c in curves(match(judge(*fitted, "partial"), ious=(0.5,))) if c.label in card.labels]
    enough = [c for c in found_curves if c.positives >= _LEAST_SUPPORT and len(c.scores)]
    card = card.with_thresholds(
        {c.label: _highest_near_best(c, 1.0) for c in enough},
        f"highest F0.5 (precision counts double) at IoU 0.5 on {len(fitted[0])} validation pictures, a half chosen by "
        f"hash; {_DEFAULT_THRESHOLD} where a label has too few boxes there; for lone parts the highest threshold that "
        f"keeps {_LONE_SHARE:.0%} of that F0.5, and no lower than precision {_LONE_PRECISION} asks for",
    )
    sure = fit_thresholds(*fitted, goal="precision", wanted=_LONE_PRECISION).thresholds
    lone = {c.label: max(_highest_near_best(c, _LONE_SHARE), sure.get(c.label, 0.0)) for c in enough}
    lone = {label: round(value, 4) for label, value in lone.items()}
    card = card.model_copy(update={"lone_thresholds": lone})
    result = evaluate_boxes(truth, found)
    chosen = evaluate_boxes(reported[0], reported[1].above(card.thresholds), fixed=(0.0,))
    return card.model_copy(update={"measured": _summary(result, chosen)})


def _highest_near_best(curve: Curve, share: float) -> float:
    """The highest threshold that keeps a share of the best F0.5 = 1.25 TP / (1.25 TP + 0.25 FN + FP)."""
    missed = curve.positives - curve.true
    f_half = 1.25 * curve.true / (1.25 * curve.true + 0.25 * missed + curve.false)
    return float(curve.scores[np.flatnonzero(f_half >= share * f_half.max())[0]])


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
