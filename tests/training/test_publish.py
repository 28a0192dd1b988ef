"""What a card says of thresholds: the best F0.5 of most labels, the best F1 of those that the recipe names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.metrics import Predictions
from vitruvian.training.publish import _measured
from vitruvian.zoo import find_model

LABELS = ("whole face", "Human head")


def faces_and_heads(pictures: int) -> tuple[Dataset, Predictions]:
    """The same right and wrong boxes for both labels: the less sure they are, the more of them are wrong."""
    rng = np.random.default_rng(0)
    rows, found = [], []
    for number in range(1, pictures + 1):
        box = (10.0, 10.0, 50.0, 50.0)
        rows.append(Picture(number, f"{number}.png", 100, 100, tuple(Annotation(n, box, number) for n in LABELS),
                            frozenset(LABELS)))  # fmt: skip
        for place, score in ((box, rng.uniform(0.2, 1.0)), ((60, 60, 90, 90), rng.uniform(0.0, 0.8))):
            found += [(number, place, score, label) for label in range(len(LABELS))]
    ids, boxes, scores, labels = zip(*found, strict=True)
    return Dataset(LABELS, tuple(rows), Path()), Predictions(ids, boxes, scores, labels, LABELS)


def test_labels_that_are_named_take_the_best_f1() -> None:
    blank = find_model().card
    sure, both = (_measured(blank, faces_and_heads(200), None, named, "0.4") for named in ([], ["whole face"]))
    assert sure.thresholds["whole face"] == sure.thresholds["Human head"] == both.thresholds["Human head"]
    assert both.thresholds["whole face"] < sure.thresholds["whole face"] - 0.05
    assert "F1" not in sure.thresholds_from
    assert "F1 of whole face" in both.thresholds_from
    few = _measured(blank, faces_and_heads(8), None, [], "that of base")
    assert few.thresholds == blank.thresholds
    assert few.thresholds_from.startswith("not fitted: too few boxes on half of 8 validation pictures; that of base")
    assert sure.measured is not None
    assert both.measured is not None
    assert both.measured.classes["whole face"].recall > sure.measured.classes["whole face"].recall
