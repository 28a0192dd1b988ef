"""Boxes against boxes: COCO averages under the partial-label protocol, beside the naive ones, by class and source."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.box_result import BoxResult, ClassBoxes, SourceBoxes
from vitruvian.metrics.coco_eval import CocoAverages, coco_averages, evaluator_name
from vitruvian.metrics.curves import Curve, curves
from vitruvian.metrics.judging import BoxProtocol, Judged, judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.predictions import Predictions, pool


def evaluate_boxes(
    truth: Dataset,
    predictions: Predictions,
    protocol: BoxProtocol = "partial",
    *,
    fixed: Sequence[float] = (0.25, 0.5),
    name: str | None = None,
) -> BoxResult:
    """Measure detections against a truth with partial or complete labels.

    Args:
        truth: Pictures with boxes; each says of which classes all are labelled (``Picture.exhaustive``).
        predictions: Of pictures of ``truth``. Labels that the truth lacks are left out and counted in a note.
        protocol: ``"partial"`` judges a class only where it is exhaustively labelled; ``"coco"`` everywhere.
        fixed: Confidence thresholds at which precision, recall and F1 are stated besides the best one.
        name: How the result calls its protocol; by default ``protocol`` with the prefix ``boxes-``.

    Raises:
        MetricError: for predictions of unknown pictures, an empty truth, or a missing evaluator.

    >>> from pathlib import Path
    >>> from vitruvian.data.dataset import Annotation, Dataset, Picture
    >>> picture = Picture(1, "a.png", 90, 90, (Annotation("head", (0, 0, 40, 40), 1),), frozenset({"head"}))
    >>> truth = Dataset(("head",), (picture,), Path("."))
    >>> result = evaluate_boxes(truth, Predictions([1], [[0, 0, 40, 36]], [0.8], [0], ("head",)))
    >>> round(result.summary.ap50, 3), round(result.summary.ap, 3)
    (1.0, 0.9)
    """
    judged = judge(truth, predictions, protocol)
    averages = coco_averages(judged)
    naive = averages if _judges_everything(judged) else coco_averages(judge(truth, predictions, "coco"))
    found = curves(match(judged, ious=(0.5,)))
    return BoxResult(
        protocol=name or f"boxes-{protocol}",
        evaluator=evaluator_name(),
        notes=_notes(judged, predictions),
        summary=averages.summary,
        naive=naive.summary,
        classes=_classes(judged, averages, naive, found, fixed),
        sources=_sources(truth, judged),
        pictures=judged.pictures,
        instances=int((~judged.gt_ignore).sum()),
        ignored=int(judged.gt_ignore.sum()),
        detections=len(judged.det_scores),
        left_out=judged.left_out,
        curves=found,
    )


def evaluate_boxes_pooled(
    pairs: Sequence[tuple[Dataset, Predictions]],
    protocol: BoxProtocol = "partial",
    *,
    fixed: Sequence[float] = (0.25, 0.5),
) -> BoxResult:
    """Measure over several data sets as one: a class is pooled over all pictures in which it is judged.

    See :func:`evaluate_boxes` for the arguments and errors, :func:`vitruvian.metrics.pool` for how they are joined.
    """
    return evaluate_boxes(*pool(pairs), protocol, fixed=fixed)


def _judges_everything(judged: Judged) -> bool:
    return bool(judged.judged.all()) and judged.left_out == 0


def _classes(
    judged: Judged, averages: CocoAverages, naive: CocoAverages, found: Sequence[Curve], fixed: Sequence[float]
) -> tuple[ClassBoxes, ...]:
    count = len(judged.labels)
    instances = np.bincount(judged.gt_label[~judged.gt_ignore], minlength=count)
    detections = np.bincount(judged.det_label, minlength=count)
    return tuple(
        ClassBoxes(
            label=name,
            pictures=int(judged.judged[:, i].sum()),
            instances=int(instances[i]),
            detections=int(detections[i]),
            ap=averages.classes[i].ap,
            ap50=averages.classes[i].ap50,
            ap75=averages.classes[i].ap75,
            ar=averages.classes[i].ar,
            naive_ap50=naive.classes[i].ap50,
            best=found[i].best_f1(),
            fixed=tuple(found[i].at(threshold) for threshold in fixed),
        )
        for i, name in enumerate(judged.labels)
    )


def _sources(truth: Dataset, judged: Judged) -> tuple[SourceBoxes, ...]:
    names = [picture.source or "unnamed" for picture in truth.pictures]
    distinct = sorted(set(names))
    if len(distinct) < 2:
        return ()
    rows = []
    for source in distinct:
        keep = np.array([name == source for name in names])
        part = judged.of_pictures(keep)
        averages = coco_averages(part)
        ap50 = {row.label: row.ap50 for row in averages.classes}
        rows.append(SourceBoxes(source, int(keep.sum()), int((~part.gt_ignore).sum()), averages.summary, ap50))
    return tuple(rows)


def _notes(judged: Judged, predictions: Predictions) -> tuple[str, ...]:
    notes = []
    instances = np.bincount(judged.gt_label[~judged.gt_ignore], minlength=len(judged.labels))
    detections = np.bincount(judged.det_label, minlength=len(judged.labels))
    nowhere = [name for i, name in enumerate(judged.labels) if not judged.judged[:, i].any()]
    absent = [name for i, name in enumerate(judged.labels) if judged.judged[:, i].any() and not instances[i]]
    silent = [name for i, name in enumerate(judged.labels) if instances[i] and not detections[i]]
    if nowhere:
        notes.append(f"exhaustively labelled in no picture, so n/a: {', '.join(nowhere)}")
    if absent:
        notes.append(f"no box in the truth, so n/a: {', '.join(absent)}")
    if silent:
        notes.append(f"never detected where judged, so 0: {', '.join(silent)}")
    if judged.left_out:
        notes.append(f"{judged.left_out} detections lie where their class is not judged and count neither way")
    if judged.unknown:
        lacking = sorted(set(predictions.names) - set(judged.labels))
        notes.append(f"{judged.unknown} detections have labels that the truth lacks: {', '.join(lacking)}")
    return tuple(notes)
