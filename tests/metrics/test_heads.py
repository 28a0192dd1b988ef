"""Faces found in heads: the rule by hand, its edges, and its intervals."""

from __future__ import annotations

from dataclasses import replace

import pytest
from metric_builders import dataset, picture, predictions

from vitruvian.data.dataset import Box
from vitruvian.metrics import MetricError, Options, Predictions, evaluate, recall_of_heads

HEAD, FACE = "Human head", "whole face"
BOX = (100.0, 50.0, 200.0, 150.0)
"""100 x 100 pixels: a face needs 1000 of them."""


def one(face: Box, score: float = 0.9, **options: float) -> float:
    truth = dataset((HEAD,), picture(1, [(HEAD, BOX)], source="baby"))
    return recall_of_heads(truth, predictions((FACE,), (1, FACE, face, score)), resamples=5, **options)[
        "baby"
    ].recall.value


@pytest.mark.parametrize(
    ("face", "found"),
    [
        ((120, 70, 180, 140), 1),
        ((120, 70, 130, 170), 1),  # exactly a tenth, and longer than the head
        ((120, 70, 129.9, 170), 0),
        ((60, 60, 140, 140), 1),  # the centre on the edge
        ((59, 60, 140, 140), 0),
        ((0, 0, 300, 200), 1),  # larger than the head
        ((0, 0, 90, 200), 0),
        ((120, 160, 180, 200), 0),
    ],
)
def test_the_rule(face: Box, found: int) -> None:
    assert one(face) == found


def test_only_sure_faces_count() -> None:
    assert one((120, 70, 180, 140), 0.3, threshold=0.3) == 1
    assert one((120, 70, 180, 140), 0.3, threshold=0.31) == 0


def test_heads_are_counted_by_source_and_the_missed_are_named() -> None:
    other = (0.0, 0.0, 60.0, 60.0)
    pictures = [
        picture(1, [(HEAD, BOX), (HEAD, other)], source="baby"),
        picture(2, [(HEAD, BOX), ("nose", other)], source="baby"),
        picture(3, [(HEAD, BOX)], source="ccp"),
        picture(4, source="hands"),
    ]
    ignored = replace(pictures[1].annotations[0], ignore=True, id=77)
    pictures[2] = replace(pictures[2], annotations=(*pictures[2].annotations, ignored))
    truth = dataset((HEAD, "nose"), *pictures)
    found = predictions(
        ("eyes", FACE), (1, FACE, BOX, 0.9), (2, "eyes", BOX, 0.9), (3, FACE, BOX, 0.9), (4, FACE, BOX, 1)
    )
    result = recall_of_heads(truth, found, resamples=50)
    counts = {row.source: (row.pictures, row.heads, row.found) for row in result.sources}
    assert counts == {"baby": (2, 3, 1), "ccp": (1, 1, 1), "all": (3, 4, 2)}
    assert result.missed == (("1.png", 1001), ("2.png", 2000))
    assert result["baby"].recall.value == pytest.approx(1 / 3)
    assert result["baby"].recall.low == 0
    assert result["baby"].recall.high == pytest.approx(0.5)  # two draws of the first picture
    assert (result["ccp"].recall.low, result["ccp"].recall.high) == (1, 1)
    assert "ccp" in result.text()


def test_detections_without_faces_find_nothing() -> None:
    truth = dataset((HEAD,), picture(1, [(HEAD, BOX)]))
    assert recall_of_heads(truth, Predictions.empty((FACE,)), resamples=5)["unnamed"].found == 0
    assert recall_of_heads(truth, predictions(("eyes",), (1, "eyes", BOX, 1)), resamples=5)["unnamed"].found == 0


def test_a_truth_without_heads_is_refused() -> None:
    with pytest.raises(MetricError, match="no 'Human head'"):
        recall_of_heads(dataset((HEAD,), picture(1)), Predictions.empty((FACE,)))


def test_the_protocol_takes_the_threshold_and_the_label_of_faces() -> None:
    truth = dataset((HEAD,), picture(1, [(HEAD, BOX)], source="baby"))
    found = predictions(("Human face",), (1, "Human face", BOX, 0.4))
    for threshold, expected in ((0.4, 1.0), (0.5, 0.0)):
        result = evaluate("faces-in-heads", truth, found, Options(threshold=threshold, label="Human face", resamples=3))
        assert result.headline() == {"heads found, baby": expected}
