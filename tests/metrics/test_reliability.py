"""Calibration error and score calibration."""

from __future__ import annotations

import numpy as np
import pytest
from metric_builders import dataset, picture, predictions

from vitruvian.data.dataset import Dataset
from vitruvian.metrics import MetricError, Predictions, calibrate_scores
from vitruvian.metrics.reliability import reliability

A, B = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 150.0, 150.0)


def overconfident(count: int = 400, temperature: float = 3.0) -> tuple[Dataset, Predictions]:
    """One detection a picture, right with a chance whose logit is that of its score divided by ``temperature``."""
    generator = np.random.default_rng(0)
    logits = generator.normal(1, 3, count)
    right = generator.random(count) < 1 / (1 + np.exp(-logits / temperature))
    scores = 1 / (1 + np.exp(-logits))
    truth = dataset(("a",), *(picture(i, [("a", A)], ["a"]) for i in range(1, count + 1)))
    rows = [(i + 1, "a", A if right[i] else B, float(scores[i])) for i in range(count)]
    return truth, predictions(("a",), *rows)


def test_error_is_the_mean_gap_by_count() -> None:
    generator = np.random.default_rng(1)
    confidence = generator.random(500)
    right = generator.random(500) < confidence**2
    found = reliability(confidence, right, bins=10)
    expected = sum(
        abs(confidence[inside].mean() - right[inside].mean()) * inside.sum()
        for low in np.arange(10) / 10
        if (inside := (confidence > low) & (confidence <= low + 0.1)).any()
    )
    assert found.expected_error == pytest.approx(expected / 500, abs=1e-9)
    assert found.counts.sum() == 500
    assert reliability(np.array([0.0, 1.0]), np.array([False, True])).expected_error == 0


def test_temperature_recovers_what_made_the_scores() -> None:
    truth, found = overconfident(1500)
    result = calibrate_scores(truth, found)
    assert result.temperature == pytest.approx(3, rel=0.2)
    assert result.after.expected_error < 0.5 * result.before.expected_error
    assert result.apply(np.array([0.5]))[0] == pytest.approx(0.5)


@pytest.mark.parametrize("method", ["temperature", "isotonic"])
def test_calibration_keeps_the_order_of_scores(method: str) -> None:
    truth, found = overconfident()
    calibrated = calibrate_scores(truth, found, method).apply(np.linspace(0, 1, 101))
    assert (np.diff(calibrated) >= 0).all()
    assert calibrated.min() >= 0
    assert calibrated.max() <= 1


def test_detections_where_nothing_is_judged_do_not_teach() -> None:
    truth, found = overconfident()
    more = dataset(("a",), *truth.pictures, picture(9999))
    extra = Predictions(
        [*found.image_ids, 9999], [*found.boxes, B], [*found.scores, 0.99], [*found.labels, 0], found.names
    )
    assert calibrate_scores(more, extra).temperature == calibrate_scores(truth, found).temperature


def test_what_cannot_be_calibrated_is_refused() -> None:
    truth, found = overconfident(20)
    with pytest.raises(MetricError, match="unknown calibration"):
        calibrate_scores(truth, found, "platt")
    with pytest.raises(MetricError, match="right and wrong"):
        calibrate_scores(truth, found[np.zeros(0, dtype=np.int64)])
    loud = Predictions(found.image_ids, found.boxes, found.scores + 1, found.labels, found.names)
    with pytest.raises(MetricError, match="outside"):
        calibrate_scores(truth, loud)
