"""The confusion matrix with background, and the ratio of detections to training boxes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from metric_builders import dataset, picture, predictions, random_predictions, random_truth

from vitruvian.data.dataset import Annotation
from vitruvian.metrics.confusion import confusion_matrix, detection_ratio

A, B, C = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 150.0, 150.0), (0.0, 150.0, 30.0, 190.0)


def test_worked_case() -> None:
    """Nose found, eye taken for a nose, mouth missed, a nose where nothing is, one detection too unsure to count.

    Accuracy with background: 1 right of 4 counted.
    """
    truth = dataset(("eye", "nose", "mouth"), picture(1, [("nose", A), ("eye", B)], ["eye", "nose", "mouth"]),
                    picture(2, [("mouth", A)], ["eye", "nose", "mouth"]))  # fmt: skip
    rows = [(1, "nose", A, 0.9), (1, "nose", B, 0.8), (2, "nose", C, 0.7), (2, "mouth", A, 0.25)]
    result = confusion_matrix(truth, predictions(("eye", "nose", "mouth"), *rows))
    expected = np.array([[0, 0, 0, 0], [1, 1, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]])
    np.testing.assert_array_equal(result.counts, expected)
    assert result.accuracy == 0.25


def test_a_box_keeps_its_best_detection_and_the_other_is_background() -> None:
    truth = dataset(("a",), picture(1, [("a", (0.0, 0.0, 100.0, 100.0))], ["a"]))
    found = predictions(("a",), (1, "a", (0.0, 0.0, 100.0, 60.0), 0.9), (1, "a", (0.0, 0.0, 100.0, 95.0), 0.5))
    np.testing.assert_array_equal(confusion_matrix(truth, found).counts, [[1, 1], [0, 0]])


def test_every_judged_box_is_counted_once_in_its_column() -> None:
    truth = random_truth(3)
    counts = confusion_matrix(truth, random_predictions(truth, 3)).counts
    boxes = [sum(a.label == name and not a.ignore for p in truth for a in p.annotations) for name in truth.labels]
    assert counts[:, :-1].sum(0).tolist() == boxes
    assert counts[-1, -1] == 0


def test_unjudged_classes_and_ignored_boxes_take_no_part() -> None:
    crowd = Annotation("a", (0.0, 0.0, 200.0, 90.0), 5, ignore=True)
    truth = dataset(("a", "b"), picture(1, exhaustive=["a"], annotations=(crowd,)))
    found = predictions(("a", "b"), (1, "a", A, 0.9), (1, "b", B, 0.9))
    assert confusion_matrix(truth, found).counts.sum() == 0
    assert math.isnan(confusion_matrix(truth, found).accuracy)


def test_the_published_ratio_table_comes_out() -> None:
    """The body-part study's baseline: arms are 2,035 of 29,246 training boxes and 203 of 9,432 detections: 0.31."""
    training = {"Human arm": 2035, "Human head": 1837, "others": 25374}
    detected = {"Human arm": 203, "Human head": 0, "others": 9229}
    box = (0.0, 0.0, 1.0, 1.0)
    taught = dataset(tuple(training), picture(1, [(n, box) for n, k in training.items() for _ in range(k)]))
    names = tuple(detected)
    rows = [(1, n, box, 0.6) for n, k in detected.items() for _ in range(k)] + [(1, "Human head", box, 0.4)]
    found = predictions(names, *rows)
    result = detection_ratio(taught, found)
    arm, head, _ = result.classes
    assert (round(arm.ratio, 2), head.ratio, arm.trained) == (0.31, 0, 2035)
    assert round(100 * arm.detected_share, 1) == 2.2
    assert detection_ratio(taught, found[np.zeros(0, dtype=np.int64)]).classes[0].ratio != pytest.approx(0)
