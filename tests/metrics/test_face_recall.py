"""Recall at a precision: by hand, against scikit-learn and COCO, and intervals that know which pictures are copies."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from metric_builders import dataset, picture, predictions, random_predictions, random_truth
from sklearn.metrics import precision_recall_curve

from vitruvian.data.dataset import Dataset, ExhaustiveRegion
from vitruvian.metrics import MetricError, Options, Predictions, evaluate, evaluate_boxes, evaluate_face_recall, pool
from vitruvian.metrics import compare_at_precision as compare

FACE = "whole face"
BOX, ELSEWHERE = (50.0, 50.0, 100.0, 100.0), (120.0, 120.0, 170.0, 170.0)


def crop(number: int, degree: str | None = None, original: str | None = None, **more):
    about = {} if degree is None else {"occlusion_degree": degree}
    about |= {} if original is None else {"original": original}
    return picture(number, [(FACE, BOX)], [FACE], attributes=about, **more)


def ten_faces() -> tuple[Dataset, Predictions]:
    """Ten crops. By falling score: 5 right, 1 wrong, 3 right, 1 wrong, 1 right; one face is never found."""
    right = [(i, FACE, BOX, s) for i, s in enumerate([0.95, 0.94, 0.93, 0.92, 0.91, 0.80, 0.79, 0.78, 0.60], start=1)]
    wrong = [(1, FACE, ELSEWHERE, 0.85), (2, FACE, ELSEWHERE, 0.70)]
    return dataset((FACE,), *(crop(i) for i in range(1, 11))), predictions((FACE,), *right, *wrong)


@pytest.mark.parametrize(
    ("wanted", "recall", "threshold"),
    [(1.0, 0.5, 0.91), (0.85, 0.8, 0.78), (0.8, 0.9, 0.60), (8 / 9, 0.8, 0.78), (0.9, 0.5, 0.91)],
)
def test_recall_at_a_precision_by_hand(wanted: float, recall: float, threshold: float) -> None:
    """Precisions at the ends of the runs of right ones: 5/5, 8/9, 9/11."""
    result = evaluate_face_recall(*ten_faces(), precision=wanted, threshold=0.75, resamples=20)
    row = result["all"]
    assert row.recall.value == pytest.approx(recall)
    assert row.own.threshold == pytest.approx(threshold)
    assert (row.fixed.true, row.fixed.false, row.fixed.missed) == (8, 1, 2)
    assert row.fixed_precision.value == pytest.approx(8 / 9)
    assert row.fixed_recall.value == pytest.approx(0.8)
    assert (row.pictures, row.originals, row.faces, row.lower_bound) == (10, 10, 10, False)
    assert result.notes == ()


def test_a_precision_out_of_reach_is_recall_0() -> None:
    truth, found = ten_faces()
    result = evaluate_face_recall(truth, found[found.boxes[:, 0] == ELSEWHERE[0]], resamples=20)
    assert result["all"].recall.value == 0
    assert np.isnan(result["all"].own.threshold)
    assert "at no threshold" in result.notes[0]
    nothing = evaluate_face_recall(truth, Predictions.empty((FACE,)), resamples=20)
    assert nothing["all"].recall.value == nothing["all"].fixed_recall.value == nothing["all"].ap50.value == 0
    assert np.isnan(nothing["all"].fixed_precision.value)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("wanted", [0.5, 0.7, 0.9])
def test_recall_is_that_of_scikit_learn(seed: int, wanted: float) -> None:
    """One face and at most one right detection a picture, so that a detection is a sample; many scores are equal."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(1, 61):
        if rng.random() < 0.8:
            rows.append((i, FACE, BOX, float(rng.integers(8, 20)) / 20))
        rows += [(i, FACE, ELSEWHERE, float(rng.integers(0, 16)) / 20) for _ in range(rng.integers(0, 2))]
    truth = dataset((FACE,), *(crop(i) for i in range(1, 61)))
    result = evaluate_face_recall(truth, predictions((FACE,), *rows), precision=wanted, resamples=2)
    right = np.array([box == BOX for _, _, box, _ in rows])
    scores = np.array([score for *_, score in rows])
    precision, recall, thresholds = precision_recall_curve(right, scores)
    reached = (precision[:-1] >= wanted) & (recall[:-1] > 0)
    best = int(np.flatnonzero(reached)[np.argmax(recall[:-1][reached])])
    assert result["all"].recall.value == pytest.approx(recall[best] * right.sum() / 60)
    assert result["all"].own.recall == pytest.approx(recall[best] * right.sum() / 60)
    assert thresholds[reached].min() == pytest.approx(result["all"].own.threshold)


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_cocos(seed: int) -> None:
    truth = random_truth(seed, labels=(FACE,))
    found = random_predictions(truth, seed)
    expected = evaluate_boxes(truth, found).summary.ap50
    assert evaluate_face_recall(truth, found, resamples=2)["all"].ap50.value == pytest.approx(expected, abs=1e-9)


def two_degrees() -> tuple[Dataset, Predictions]:
    """easy: 4 right at 0.9; hard: 1 right at 0.9, then 1 wrong at 0.8 before 2 right at 0.7; one is never found."""
    easy = [crop(i, "easy", f"{i}.png") for i in range(1, 5)]
    hard = [crop(i + 10, "hard", f"{i}.png") for i in range(1, 5)]
    rows = [(i, FACE, BOX, 0.9) for i in (1, 2, 3, 4, 11)]
    rows += [(11, FACE, ELSEWHERE, 0.8), (12, FACE, BOX, 0.7), (13, FACE, BOX, 0.7)]
    return dataset((FACE,), *easy, *hard), predictions((FACE,), *rows)


def test_each_degree_has_its_own_threshold_and_all_share_one() -> None:
    result = evaluate_face_recall(*two_degrees(), precision=0.8, resamples=20)
    assert [row.degree for row in result.degrees] == ["easy", "hard", "all"]
    assert (result["easy"].recall.value, result["hard"].recall.value) == (1.0, 0.25)
    # Together 7 of 8 at 0.7 are right, so the shared threshold is lower than hard's own.
    assert result.shared.threshold == pytest.approx(0.7)
    assert (result["easy"].shared_recall.value, result["hard"].shared_recall.value) == (1.0, 0.75)
    assert result["all"].recall.value == result["all"].shared_recall.value == pytest.approx(7 / 8)
    assert [row.originals for row in result.degrees] == [4, 4, 4]
    assert [curve.label for curve in result.curves] == ["easy", "hard", "all"]
    assert result.curves[1].best_f1().f1 == pytest.approx(2 * 3 / (4 + 4))


def test_copies_of_a_photograph_add_no_certainty() -> None:
    """Every picture five times over: intervals stay. Taken for other photographs, they shrink."""
    truth, found = ten_faces()
    once = evaluate_face_recall(truth, found, precision=0.8, threshold=0.75, resamples=300)["all"]
    copies, five = pool([(truth, found)] * 5)
    again = evaluate_face_recall(copies, five, precision=0.8, threshold=0.75, resamples=300)["all"]
    for name in ("recall", "fixed_recall", "fixed_precision", "ap50"):
        a, b = getattr(once, name), getattr(again, name)
        assert (b.value, b.low, b.high) == pytest.approx((a.value, a.low, a.high))
    assert (again.faces, again.originals) == (50, 10)
    apart = copies.map(lambda p: replace(p, file_name=f"{p.id}.png"))
    naive = evaluate_face_recall(apart, five, precision=0.8, threshold=0.75, resamples=300)["all"]
    assert naive.fixed_recall.high - naive.fixed_recall.low < 0.7 * (once.fixed_recall.high - once.fixed_recall.low)


def test_pictures_of_one_name_in_two_sources_are_two_photographs() -> None:
    truth = dataset((FACE,), crop(1, None, "a.png", source="x"), crop(2, None, "a.png", source="y"))
    assert evaluate_face_recall(truth, Predictions.empty((FACE,)), resamples=2)["all"].originals == 2


def test_the_order_of_pictures_and_detections_does_not_matter() -> None:
    truth, found = two_degrees()
    turned = replace(truth, pictures=(*truth.pictures[3::-1], *truth.pictures[:3:-1]))
    first = evaluate_face_recall(truth, found, resamples=50)
    second = evaluate_face_recall(turned, found[np.arange(len(found))[::-1]], resamples=50)
    assert first.degrees == second.degrees


def test_ignore_regions_are_judged_by_nobody() -> None:
    truth, found = ten_faces()
    hidden = truth.map(lambda p: replace(p, ignore_regions=(ELSEWHERE,)))
    row = evaluate_face_recall(hidden, found, precision=1.0, threshold=0, resamples=2)["all"]
    assert (row.recall.value, row.fixed.false) == (0.9, 0)


def test_unlabelled_faces_make_precision_a_lower_bound() -> None:
    truth, found = ten_faces()
    silent = truth.map(lambda p: replace(p, exhaustive=frozenset()))
    bound = evaluate_face_recall(silent, found, threshold=0.75, resamples=2)
    assert bound["all"].lower_bound
    assert "lower bound" in bound.notes[0]
    assert bound["all"].fixed.false == 1
    around = ExhaustiveRegion((40, 40, 110, 110), frozenset({FACE}))
    region = evaluate_face_recall(
        silent.map(lambda p: replace(p, exhaustive_regions=(around,))), found, threshold=0.75, resamples=2
    )
    assert not region["all"].lower_bound
    assert (region["all"].fixed.true, region["all"].fixed.false) == (8, 0)  # beyond the region nothing is promised


def test_other_labels_count_neither_way() -> None:
    truth, found = ten_faces()
    mixed = replace(truth, labels=("hat", FACE))
    hats = predictions(("hat", FACE), *((i, "hat", BOX, 0.99) for i in range(1, 11)))
    both = Predictions(
        np.concatenate([hats.image_ids, found.image_ids]),
        np.concatenate([hats.boxes, found.boxes]),
        np.concatenate([hats.scores, found.scores]),
        np.concatenate([hats.labels, found.labels + 1]),
        ("hat", FACE),
    )
    assert (
        evaluate_face_recall(mixed, both, resamples=9).degrees
        == evaluate_face_recall(truth, found, resamples=9).degrees
    )


def test_detectors_at_equal_precision() -> None:
    """B is right as often as A, only less sure of it; C finds less and is always wrong about one more."""
    truth, found = two_degrees()
    unsure = Predictions(found.image_ids, found.boxes, found.scores / 10, found.labels, found.names)
    less = found[found.image_ids != 13]
    result = compare(truth, {"A": found, "B": unsure, "C": less}, precision=0.8, resamples=50)
    by = {(row.degree, row.detector): row for row in result.rows}
    assert [row.degree for row in result.rows] == ["easy"] * 3 + ["hard"] * 3 + ["all"] * 3
    for degree in ("easy", "hard", "all"):
        same = by[degree, "B"]
        assert (same.own.gain.value, same.own.gain.low, same.own.gain.high) == (0, 0, 0)
        assert same.shared.gain.value == 0
        assert not same.own.significant
    assert by["hard", "B"].point.threshold == pytest.approx(0.09)
    assert by["hard", "C"].shared.second == 0.5
    assert by["hard", "C"].shared.gain.value == -0.25
    assert by["all", "C"].own.second == pytest.approx(6 / 8)
    expected = evaluate_face_recall(truth, less, precision=0.8, resamples=2)
    assert by["hard", "C"].own.second == expected["hard"].recall.value
    assert "gain over A" in result.text()


def test_a_detector_that_never_has_the_precision_is_named() -> None:
    truth, found = two_degrees()
    wrong = found[found.boxes[:, 0] == ELSEWHERE[0]]
    result = compare(truth, {"A": found, "bad": wrong}, precision=0.8, resamples=5)
    assert "bad (hard)" in result.notes[0]
    assert "A (" not in result.notes[0]
    json.loads(result.json())


@pytest.mark.parametrize("precision", [0.0, -0.1, 1.1, float("nan")])
def test_a_precision_that_cannot_be_is_refused(precision: float) -> None:
    with pytest.raises(MetricError, match="wanted precision"):
        evaluate_face_recall(*ten_faces(), precision=precision)
    with pytest.raises(MetricError, match="wanted precision"):
        compare(ten_faces()[0], {"A": ten_faces()[1]}, precision=precision)


def test_what_cannot_be_compared_is_said() -> None:
    truth, found = ten_faces()
    with pytest.raises(MetricError, match="no 'nose' among the labels: whole face"):
        evaluate_face_recall(truth, found, "nose")
    with pytest.raises(MetricError, match="no detectors"):
        compare(truth, {})


def test_the_protocol_takes_threshold_precision_and_draws() -> None:
    options = Options(threshold=0.9, thresholds={FACE: 0.75}, precision=0.8, resamples=7)
    result = evaluate("faces-recall", *ten_faces(), options)
    assert (result["all"].fixed.true, result.resamples) == (8, 7)  # type: ignore[index, attr-defined]
    assert result.headline() == {"recall at precision 0.8, all": 0.9}
    assert json.loads(result.json())["curves"] == []
