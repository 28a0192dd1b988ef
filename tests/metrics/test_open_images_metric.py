"""Open Images' metric on cases worked by hand."""

from __future__ import annotations

import math

import pytest
from metric_builders import dataset, picture, predictions

from vitruvian.data.dataset import Annotation
from vitruvian.metrics import MetricError
from vitruvian.metrics.open_images import evaluate_open_images

A, B, C = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 150.0, 150.0), (0.0, 150.0, 30.0, 190.0)
GROUP = (60.0, 0.0, 200.0, 80.0)
PERSON = ("Person",)


def group(number: int) -> Annotation:
    return Annotation("Person", GROUP, number, ignore=True, attributes={"group": True})


def test_a_group_is_one_right_detection_however_many_lie_in_it() -> None:
    """One single person found at 0.5; two detections in the group at 0.9 and 0.8; a wrong one at 0.7.

    Ranked: right (group), ignored, wrong, right: AP over 2 = 1/2 * 1 + 1/2 * 2/3 = 5/6.
    """
    truth = dataset(PERSON, picture(1, exhaustive=PERSON, annotations=(Annotation("Person", A, 1), group(2))))
    rows = [((70.0, 10.0, 90.0, 40.0), 0.9), ((120.0, 5.0, 150.0, 70.0), 0.8), (C, 0.7), (A, 0.5)]
    result = evaluate_open_images(truth, predictions(PERSON, *((1, "Person", box, s) for box, s in rows)))
    row = result.classes[0]
    assert (row.boxes, row.groups, row.groups_found) == (1, 1, 1)
    assert row.ap == pytest.approx(5 / 6)


def test_a_group_in_which_nothing_is_found_is_missed() -> None:
    truth = dataset(PERSON, picture(1, exhaustive=PERSON, annotations=(Annotation("Person", A, 1), group(2))))
    assert evaluate_open_images(truth, predictions(PERSON, (1, "Person", A, 0.5))).mean_ap == pytest.approx(0.5)


def test_unverified_classes_are_left_out() -> None:
    truth = dataset(PERSON, picture(1, [("Person", A)], PERSON), picture(2))
    found = predictions(PERSON, (1, "Person", A, 0.5), (2, "Person", A, 0.9))
    assert evaluate_open_images(truth, found).mean_ap == pytest.approx(1)


def test_a_hierarchy_makes_a_woman_a_person_on_both_sides() -> None:
    """Person: the labelled woman counts, found by the detection of a woman. Without the hierarchy Person is n/a."""
    labels = ("Person", "Woman")
    truth = dataset(labels, picture(1, [("Woman", A)], ["Woman"]))
    found = predictions(labels, (1, "Woman", A, 0.9), (1, "Person", B, 0.95))
    plain = {c.label: c.ap for c in evaluate_open_images(truth, found).classes}
    assert math.isnan(plain["Person"])
    assert plain["Woman"] == 1
    wide = {c.label: c.ap for c in evaluate_open_images(truth, found, {"Woman": "Person"}).classes}
    assert wide == pytest.approx({"Person": 0.5, "Woman": 1})
    with pytest.raises(MetricError, match="circle"):
        evaluate_open_images(truth, found, {"Woman": "Person", "Person": "Woman"})
