"""The partial-label protocol: a class is judged only where it is exhaustively labelled."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_builders import dataset, picture, predictions, random_predictions, random_truth

from vitruvian.data.dataset import Annotation, ExhaustiveRegion
from vitruvian.metrics import MetricError, Predictions, evaluate_boxes, evaluate_boxes_pooled

HEAD, HAND = "head", "hand"
A, B = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 150.0, 150.0)


def test_a_detection_of_a_class_that_is_not_exhaustive_is_neither_right_nor_wrong() -> None:
    """Picture 1 labels heads only, picture 2 hands only; the hand found in picture 1 may well be one.

    Naively the hand at 0.9 in picture 1 is wrong and comes before the right one: AP50 1/2 (precision 1/2 at every
    recall level). Judged where hands are labelled it is 1.
    """
    truth = dataset((HEAD, HAND), picture(1, [(HEAD, A)], [HEAD]), picture(2, [(HAND, A)], [HAND]))
    found = predictions((HEAD, HAND), (1, HEAD, A, 0.8), (1, HAND, B, 0.9), (2, HAND, A, 0.7))
    result = evaluate_boxes(truth, found)
    assert (result[HEAD].ap50, result[HAND].ap50) == pytest.approx((1, 1))
    assert result[HAND].naive_ap50 == pytest.approx(0.5)
    assert result.naive.ap50 == pytest.approx(0.75)
    assert (result[HAND].pictures, result[HAND].instances, result[HAND].detections) == (1, 1, 1)
    assert result.left_out == 1
    assert any("1 detections" in note for note in result.notes)


def test_a_labelled_box_in_a_picture_that_is_not_exhaustive_for_it_is_not_missed() -> None:
    truth = dataset((HEAD,), picture(1, [(HEAD, A)], []), picture(2, [(HEAD, A)], [HEAD]))
    result = evaluate_boxes(truth, predictions((HEAD,), (2, HEAD, A, 0.9)))
    assert (result.summary.ap50, result.instances) == (pytest.approx(1), 1)
    assert result.naive.ap50 == pytest.approx(51 / 101)  # recall 1/2 reaches 51 of the 101 levels


def test_where_everything_is_exhaustive_the_protocols_agree() -> None:
    truth = random_truth(5)
    found = random_predictions(truth, 5)
    assert evaluate_boxes(truth, found, "partial").summary == evaluate_boxes(truth, found, "coco").summary


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_detections_where_nothing_is_judged_change_nothing(seed: int) -> None:
    truth = random_truth(seed, pictures=6)
    generator = np.random.default_rng(seed)
    open_ = truth.map(
        lambda p: replace(p, exhaustive=frozenset(label for label in truth.labels if generator.random() < 0.6))
    )
    found = random_predictions(truth, seed)
    kept = [
        i
        for i in range(len(found))
        if found.names[found.labels[i]] in next(p for p in open_ if p.id == found.image_ids[i]).exhaustive
    ]
    some, every = (evaluate_boxes(open_, p) for p in (found[np.array(kept, dtype=np.int64)], found))
    assert repr(some.summary) == repr(every.summary)  # repr: NaN equals itself
    assert every.left_out == len(found) - len(kept)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_predictions_and_pictures_does_not_matter(seed: int) -> None:
    truth = random_truth(seed, pictures=6)
    found = random_predictions(truth, seed)
    generator = np.random.default_rng(seed)
    scores = (generator.permutation(len(found)) + 1) / (len(found) + 1)  # all different
    found = Predictions(found.image_ids, found.boxes, scores, found.labels, found.names)
    turned = replace(truth, pictures=truth.pictures[::-1])
    one, other = evaluate_boxes(truth, found), evaluate_boxes(turned, found[generator.permutation(len(found))])
    assert repr(one.summary) == repr(other.summary)
    assert repr(one.classes) == repr(other.classes)


def test_ignore_regions_and_ignored_boxes_cost_nothing() -> None:
    crowd = Annotation(HEAD, (100, 0, 200, 100), 7, ignore=True)
    first = picture(1, exhaustive=[HEAD], annotations=(Annotation(HEAD, A, 6), crowd))
    second = picture(2, [(HEAD, A)], [HEAD], ignore_regions=((90.0, 90.0, 200.0, 200.0),))
    truth = dataset((HEAD,), first, second)
    in_crowd, in_region, outside = (110.0, 10.0, 130.0, 30.0), B, (0.0, 150.0, 20.0, 170.0)
    rows = [(1, HEAD, A, 0.5), (2, HEAD, A, 0.5)]
    clean = evaluate_boxes(truth, predictions((HEAD,), *rows, (1, HEAD, in_crowd, 0.9), (2, HEAD, in_region, 0.9)))
    assert clean.summary.ap50 == pytest.approx(1)
    assert clean[HEAD].best.false == 0
    wrong = evaluate_boxes(truth, predictions((HEAD,), *rows, (2, HEAD, outside, 0.9)))
    assert wrong.summary.ap50 == pytest.approx(2 / 3)


def test_within_an_exhaustive_region_only_detections_inside_count() -> None:
    """The region is the left half. Its head is found, a wrong one beside it counts, whatever lies right does not."""
    region = ExhaustiveRegion((0.0, 0.0, 100.0, 200.0), frozenset({HEAD}))
    truth = dataset((HEAD,), picture(1, [(HEAD, A), (HEAD, B)], exhaustive_regions=(region,)))
    names = (HEAD,)
    right_half = (1, HEAD, (120.0, 20.0, 160.0, 60.0), 0.95)
    labelled_outside = (1, HEAD, B, 0.9)
    found = evaluate_boxes(truth, predictions(names, (1, HEAD, A, 0.5), right_half, labelled_outside))
    assert (found.summary.ap50, found.instances, found.ignored) == (pytest.approx(1), 1, 1)
    wrong = evaluate_boxes(truth, predictions(names, (1, HEAD, A, 0.5), (1, HEAD, (20.0, 120.0, 60.0, 160.0), 0.9)))
    assert wrong.summary.ap50 == pytest.approx(0.5)


def test_an_instance_on_the_border_of_a_region_can_be_found_by_a_detection_just_outside() -> None:
    region = ExhaustiveRegion((0.0, 0.0, 100.0, 200.0), frozenset({HEAD}))
    inside = (70.0, 0.0, 120.0, 50.0)  # 60 % inside
    truth = dataset((HEAD,), picture(1, [(HEAD, inside)], exhaustive_regions=(region,)))
    outside = (80.0, 0.0, 130.0, 50.0)  # 40 % inside, IoU 2/3
    assert evaluate_boxes(truth, predictions((HEAD,), (1, HEAD, outside, 0.9))).summary.ap50 == pytest.approx(1)


def test_classes_are_pooled_over_data_sets_that_number_their_pictures_alike() -> None:
    """Heads: set one finds 1 of 1, set two 0 of 1 with a surer wrong box: precision 1/2 up to recall 1/2."""
    one = dataset((HEAD, HAND), picture(1, [(HEAD, A)], [HEAD]))
    two = dataset((HEAD,), picture(1, [(HEAD, A)], [HEAD]))
    pairs = [
        (one, predictions((HEAD, HAND), (1, HEAD, A, 0.8), (1, HAND, B, 0.9))),
        (two, predictions((HEAD,), (1, HEAD, B, 0.9))),
    ]
    result = evaluate_boxes_pooled(pairs)
    assert result[HEAD].ap50 == pytest.approx(0.5 * 51 / 101)
    assert math.isnan(result[HAND].ap50)
    assert (result.pictures, result.left_out) == (2, 1)


def test_each_source_is_measured_by_itself() -> None:
    truth = dataset(
        (HEAD,),
        picture(1, [(HEAD, A)], [HEAD], source="studio"),
        picture(2, [(HEAD, A)], [HEAD], source="street"),
    )
    result = evaluate_boxes(truth, predictions((HEAD,), (1, HEAD, A, 0.8), (2, HEAD, B, 0.9)))
    assert {s.source: s.summary.ap50 for s in result.sources} == {"studio": pytest.approx(1), "street": 0}


def test_no_predictions_is_zero_and_no_boxes_is_not_applicable() -> None:
    truth = dataset((HEAD, HAND), picture(1, [(HEAD, A)], [HEAD, HAND]))
    result = evaluate_boxes(truth, Predictions.empty((HEAD, HAND)))
    assert result[HEAD].ap50 == 0
    assert math.isnan(result[HAND].ap50)
    assert any("no box in the truth" in note and HAND in note for note in result.notes)
    assert any("never detected" in note and HEAD in note for note in result.notes)
    assert "n/a" in result.text()
    assert '"ap50": null' in result.json()


def test_a_class_exhaustive_nowhere_is_named() -> None:
    truth = dataset((HEAD, HAND), picture(1, [(HEAD, A), (HAND, B)], [HEAD]))
    result = evaluate_boxes(truth, predictions((HEAD, HAND), (1, HEAD, A, 0.8)))
    assert any("exhaustively labelled in no picture" in note and HAND in note for note in result.notes)


def test_labels_that_the_truth_lacks_are_counted_in_a_note() -> None:
    truth = dataset((HEAD,), picture(1, [(HEAD, A)], [HEAD]))
    result = evaluate_boxes(truth, predictions((HEAD, "tail"), (1, HEAD, A, 0.8), (1, "tail", B, 0.9)))
    assert result.summary.ap50 == pytest.approx(1)
    assert any("tail" in note for note in result.notes)


def test_an_empty_truth_and_an_unknown_protocol_are_refused() -> None:
    with pytest.raises(MetricError, match="no pictures"):
        evaluate_boxes(dataset((HEAD,)), Predictions.empty((HEAD,)))
    with pytest.raises(MetricError, match="unknown box protocol"):
        evaluate_boxes(dataset((HEAD,), picture(1)), Predictions.empty((HEAD,)), "yolo")
    with pytest.raises(MetricError, match=r"row 0: picture is not in the truth.*9"):
        evaluate_boxes(dataset((HEAD,), picture(1)), predictions((HEAD,), (9, HEAD, A, 0.5)))


def test_fitness_weights_ap50_by_a_tenth() -> None:
    truth = dataset((HEAD,), picture(1, [(HEAD, (0.0, 0.0, 40.0, 40.0))], [HEAD]))
    summary = evaluate_boxes(truth, predictions((HEAD,), (1, HEAD, (0.0, 0.0, 40.0, 36.0), 0.9))).summary
    assert summary.fitness == pytest.approx(0.1 * 1 + 0.9 * 0.9)  # IoU 0.9 passes nine of ten levels
