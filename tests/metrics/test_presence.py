"""False boxes where nobody is, and recall where labels are incomplete."""

from __future__ import annotations

import math

import pytest
from metric_builders import dataset, picture, predictions

from vitruvian.metrics import MetricError, Predictions, count_false_boxes, recall_of_labelled

A, B = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 150.0, 150.0)


def test_false_boxes_are_counted_on_pictures_without_people_only() -> None:
    """Pictures 1 and 2 show nobody, 3 a person, 4 was never looked at: 3 boxes of 0.5 or more on 2 pictures."""
    truth = dataset(
        ("person",), picture(1, exhaustive=["person"]), picture(2, exhaustive=["person"]),
        picture(3, [("person", A)], ["person"]), picture(4),
    )  # fmt: skip
    rows = [(1, "head", A, 0.9), (1, "hand", A, 0.5), (1, "hand", B, 0.49), (2, "head", B, 0.7), (3, "head", A, 1.0)]
    found = predictions(("head", "hand"), *rows, (4, "head", A, 1.0))
    result = count_false_boxes(truth, found, 0.5)
    assert (result.pictures, result.boxes, result.pictures_with_any) == (2, 3, 2)
    assert result.per_picture == 1.5
    assert result.by_label == {"head": 2, "hand": 1}
    assert result.worst == (("1.png", 2), ("2.png", 1))
    assert count_false_boxes(truth, found, {"head": 0.8, "hand": 0.95}).boxes == 1


def test_without_such_pictures_there_is_no_number() -> None:
    with pytest.raises(MetricError, match="without people"):
        count_false_boxes(dataset(("person",), picture(1)), Predictions.empty(("head",)))


def test_recall_needs_no_exhaustive_labels() -> None:
    """Two labelled faces, one found; a third detection hits an unlabelled one and does not matter."""
    truth = dataset(("face",), picture(1, [("face", A)]), picture(2, [("face", A)]))
    found = predictions(("face",), (1, "face", A, 0.6), (1, "face", B, 0.9), (2, "face", A, 0.3))
    result = recall_of_labelled(truth, found, 0.5)
    assert (result.instances, result.found, result.recall) == (2, 1, 0.5)
    assert result.missed == (("2.png", 2000),)
    assert recall_of_labelled(truth, found, {"face": 0.2}).recall == 1
    assert recall_of_labelled(truth, found, 0.2, iou=0.5).by_label == {"face": (2, 2)}


def test_recall_of_a_class_without_instances_is_not_applicable() -> None:
    truth = dataset(("face", "tail"), picture(1, [("face", A)]))
    result = recall_of_labelled(truth, predictions(("face",), (1, "face", A, 0.9)), labels=["tail"])
    assert math.isnan(result.recall)
    with pytest.raises(MetricError, match="wing"):
        recall_of_labelled(truth, Predictions.empty(("face",)), labels=["wing"])
