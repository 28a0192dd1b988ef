"""Bootstrap intervals against scipy, paired differences, slices and the comparison of two models."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from metric_builders import dataset, picture, predictions, random_predictions, random_truth

from vitruvian.data.dataset import Dataset
from vitruvian.metrics import (
    MetricError,
    Predictions,
    bootstrap,
    bootstrap_activity,
    bootstrap_boxes,
    bootstrap_difference,
    bootstrap_pose,
    bootstrap_result,
    compare_boxes,
    evaluate_boxes,
    evaluate_landmarks,
    evaluate_pose,
    evaluate_slices,
)
from vitruvian.metrics.bootstrap import ap_statistic, ratio_statistic
from vitruvian.metrics.challenger import evaluate_challenger
from vitruvian.metrics.judging import judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.pck import evaluate_pck

A, B = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 150.0, 150.0)


def test_the_interval_is_scipys() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(3).exponential(2, 80)
    own = bootstrap(lambda times: float(values @ times / times.sum()), 80, resamples=4000)
    oracle = scipy_stats.bootstrap(
        (values,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(5)
    ).confidence_interval
    spread = oracle.high - oracle.low
    assert own.value == pytest.approx(values.mean())
    assert abs(own.low - oracle.low) < 0.06 * spread
    assert abs(own.high - oracle.high) < 0.06 * spread


def test_same_seed_same_interval() -> None:
    values = np.arange(20.0)
    runs = [bootstrap(lambda t: float(values @ t / t.sum()), 20, resamples=50, seed=s) for s in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_pairing_cancels_what_the_pictures_share() -> None:
    """B is always 0.1 better, whatever the picture: the gain is certain, though both means are very unsure."""
    first = np.random.default_rng(0).uniform(0, 1, 30)
    ones = np.ones(30)
    found = bootstrap_difference(ratio_statistic(first, ones), ratio_statistic(first + 0.1, ones), 30, resamples=200)
    assert (found.gain.low, found.gain.high) == pytest.approx((0.1, 0.1))
    assert found.significant
    assert found.p_value == 0
    alone = bootstrap(ratio_statistic(first, ones), 30, resamples=200)
    assert alone.high - alone.low > 0.1


def test_a_model_against_itself_gains_nothing() -> None:
    statistic = ratio_statistic(np.arange(9.0), np.ones(9))
    found = bootstrap_difference(statistic, statistic, 9, resamples=20)
    assert (found.gain.value, found.gain.low, found.gain.high, found.p_value) == (0, 0, 0, 1)
    assert not found.significant


def test_bad_draws_are_refused() -> None:
    statistic = ratio_statistic(np.ones(1), np.ones(1))
    for arguments in ({"count": 0}, {"count": 1, "resamples": 1}, {"count": 1, "level": 1.0}):
        with pytest.raises(MetricError):
            bootstrap(statistic, **arguments)


@pytest.mark.parametrize("seed", range(3))
def test_drawing_a_picture_twice_is_like_having_it_twice(seed: int) -> None:
    truth = random_truth(seed, pictures=8)
    found = random_predictions(truth, seed)
    scores = found.scores + 1e-6 * np.random.default_rng(seed).permutation(len(found))  # no ties
    found = Predictions(found.image_ids, found.boxes, scores, found.labels, found.names)
    times = np.random.default_rng(seed).integers(0, 3, 8)
    copies, rows = [], []
    for p, count in zip(truth, times, strict=True):
        for k in range(count):
            number = p.id + 100 * k
            copies.append(
                replace(p, id=number, annotations=tuple(replace(a, id=a.id + 1000 * k) for a in p.annotations))
            )
            rows.append(replace_id(found[found.image_ids == p.id], number))
    doubled = dataset(truth.labels, *copies)
    joined = Predictions(
        *(np.concatenate([getattr(r, name) for r in rows]) for name in ("image_ids", "boxes", "scores", "labels")),
        truth.labels,
    )
    matches = match(judge(truth, found))
    summary = evaluate_boxes(doubled, joined).summary
    assert ap_statistic(matches)(times.astype(float)) == pytest.approx(summary.ap, abs=1e-9)
    assert ap_statistic(matches, 0.5)(times.astype(float)) == pytest.approx(summary.ap50, abs=1e-9)


def replace_id(found: Predictions, number: int) -> Predictions:
    return Predictions(np.full(len(found), number), found.boxes, found.scores, found.labels, found.names)


def test_box_intervals_hold_the_evaluators_numbers() -> None:
    truth = random_truth(1, pictures=20)
    found = random_predictions(truth, 1)
    summary = evaluate_boxes(truth, found).summary
    intervals = bootstrap_boxes(truth, found, resamples=60).intervals
    assert intervals["AP"].value == pytest.approx(summary.ap)
    assert intervals["AP50"].value == pytest.approx(summary.ap50)
    assert intervals["AP50"].low < intervals["AP50"].high


def test_intervals_of_other_results_hold_their_headline() -> None:
    from metric_builders import person, poses
    from test_activity_metrics import outcome
    from test_landmark_metrics import face, faces, moved
    from test_pose_metrics import people, standing

    from vitruvian.metrics import evaluate_activity
    from vitruvian.taxonomy import AIC14, LSP14

    labelled = [face(i, i) for i in range(1, 7)]
    rows = [(i, moved(a, 2 * i), 1.0) for i, a in enumerate(labelled[:5], start=1)]
    landmarks = evaluate_landmarks(faces(*labelled), poses(rows))
    found = bootstrap_result(landmarks, resamples=50).intervals
    assert found["NME %"].value == pytest.approx(100 * landmarks.overall.nme)
    assert found["failures at 10 %"].value == pytest.approx(landmarks.overall.failure10)

    generator = np.random.default_rng(0)
    for skeleton, measure in ((LSP14, evaluate_pck), (AIC14, evaluate_challenger)):
        points = standing(skeleton)
        truth = people(skeleton, *([person(i, points)] for i in range(1, 9)))
        pose = measure(truth, poses([(i, points[:, :2] + generator.normal(0, 6, (14, 2)), 1.0) for i in range(1, 8)]))
        name, value = next(iter(pose.headline().items()))
        assert bootstrap_result(pose, resamples=50).intervals[name].value == pytest.approx(value)

    noisy = [(i, points[:, :2] + generator.normal(0, 0.3 * i, (14, 2)), generator.random()) for i in range(1, 9)]
    found = bootstrap_pose(truth, poses(noisy), resamples=20).intervals
    assert found["OKS AP"].value == pytest.approx(evaluate_pose(truth, poses(noisy)).ap)
    assert found["OKS AP"].low < found["OKS AP"].value < found["OKS AP"].high

    activity = evaluate_activity(outcome())
    for name, interval in bootstrap_activity(outcome(), resamples=50).intervals.items():
        assert interval.value == pytest.approx(activity.headline()[name])
        assert interval.low < interval.value < interval.high


def test_copies_of_a_photograph_are_drawn_together() -> None:
    """Four copies of each photograph say no more than one, in intervals, in comparisons and in slices."""
    truth = random_truth(1, pictures=20).map(lambda p: replace(p, attributes={"level": "hard"}))
    models = [random_predictions(truth, seed) for seed in (1, 2)]
    copies = tuple(
        replace(
            p, id=p.id + 100 * k, file_name=f"{k}/{p.file_name}", attributes={**p.attributes, "original": p.file_name}
        )
        for p in truth
        for k in range(4)
    )
    many = replace(truth, pictures=copies)
    found = [
        Predictions(
            np.concatenate([m.image_ids + 100 * k for k in range(4)]),
            *(np.concatenate([values] * 4) for values in (m.boxes, m.scores, m.labels)),
            m.names,
        )
        for m in models
    ]

    def widths(truth: Dataset, found: list[Predictions]) -> tuple[float, ...]:
        alone = bootstrap_boxes(truth, found[0], resamples=200).intervals["AP50"]
        sliced = evaluate_slices(truth, found[0], "level", resamples=200).slices[0].ap50
        paired = compare_boxes(truth, *found, resamples=200).overall["AP50"].gain
        return tuple(i.high - i.low for i in (alone, sliced, paired))

    assert widths(many, found) == pytest.approx(widths(truth, models), rel=0.1)


def test_slices_name_the_gap() -> None:
    """Day: the head is found; night: it is not. The gap is 1."""
    truth = dataset(
        ("head",),
        *(picture(i, [("head", A)], ["head"], attributes={"light": "day" if i < 4 else "night"}) for i in range(1, 7)),
        picture(7, [("head", A)], ["head"]),
    )
    found = predictions(("head",), *((i, "head", A if i < 4 else B, 0.9) for i in range(1, 8)))
    result = evaluate_slices(truth, found, "light", resamples=20)
    assert [(s.value, s.pictures, s.ap50.value) for s in result.slices] == [
        *(("night", 3, 0), ("unstated", 1, 0)),
        ("day", 3, pytest.approx(1)),
    ]
    assert result.gap == pytest.approx(1)
    with pytest.raises(MetricError, match="weather"):
        evaluate_slices(truth, found, "weather")


def test_many_numbers_are_cut_at_quartiles() -> None:
    truth = dataset(
        ("head",), *(picture(i, [("head", A)], ["head"], attributes={"age": 1.5 * i}) for i in range(1, 21))
    )
    found = predictions(("head",), *((i, "head", A, 0.9) for i in range(1, 21)))
    result = evaluate_slices(truth, found, "age", resamples=5)
    assert [s.pictures for s in result.slices] == [5, 5, 5, 5]
    assert result.gap == 0


def test_a_slice_is_what_its_pictures_alone_give() -> None:
    truth = random_truth(6, pictures=20).map(lambda p: replace(p, source="odd" if p.id % 2 else "even"))
    found = random_predictions(truth, 6)
    for s in evaluate_slices(truth, found, "source", resamples=5).slices:
        part = truth.map(lambda p, s=s: p if p.source == s.value else None)
        ids = [p.id for p in part]
        summary = evaluate_boxes(part, found[np.isin(found.image_ids, ids)]).summary
        assert (s.ap, s.ap50.value) == pytest.approx((summary.ap, summary.ap50))


def test_comparison_worked_case() -> None:
    """B finds what A finds, and the hands too; A alone finds the head of picture 3."""
    truth = dataset(("head", "hand"), *(picture(i, [("head", A), ("hand", B)], ["head", "hand"]) for i in range(1, 9)))
    both = [(i, "head", A, 0.9) for i in range(1, 9)]
    first = predictions(("head", "hand"), *both)
    second = predictions(("head", "hand"), *(r for r in both if r[0] != 3), *((i, "hand", B, 0.8) for i in range(1, 9)))
    result = compare_boxes(truth, first, second, ("old", "new"), resamples=100)
    assert [c.label for c in result.classes] == ["hand", "head"]  # gains first
    hand, head = result.classes
    assert (hand.ap50.first, hand.ap50.second) == (0, pytest.approx(1))
    assert hand.ap50.significant
    assert hand.detections == (0, 8)
    assert (head.first.recall, head.second.recall) == (1, 7 / 8)
    assert not head.ap50.significant
    assert result.overall["AP50"].first == pytest.approx(0.5)
    changes = {p.file_name: p for p in result.pictures}
    assert changes["1.png"].second == 1
    assert changes["1.png"].first == pytest.approx(2 / 3)
    assert changes["3.png"].second == pytest.approx(2 / 3)
    assert result.picture_lists()["Worst pictures of new"][0].file_name == "3.png"
    assert "old" in result.text()
    turned = compare_boxes(truth, second, first, ("new", "old"), resamples=100)
    assert turned.overall["AP50"].gain.value == pytest.approx(-result.overall["AP50"].gain.value)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_pictures_and_of_predictions_leaves_a_comparison_as_it_is(seed: int) -> None:
    truth = random_truth(seed, pictures=20)
    models = [random_predictions(truth, seed + i) for i in (0, 1)]
    generator = np.random.default_rng(seed)
    distinct = [replace_scores(m, m.scores + 1e-6 * generator.permutation(len(m))) for m in models]  # no ties
    shuffled = replace(truth, pictures=tuple(truth.pictures[i] for i in generator.permutation(20)))
    mixed = [m[generator.permutation(len(m))] for m in distinct]
    result, again = compare_boxes(truth, *distinct, resamples=20), compare_boxes(shuffled, *mixed, resamples=20)
    assert again.overall == result.overall
    assert again.json() == result.json()


def replace_scores(found: Predictions, scores: np.ndarray) -> Predictions:
    return Predictions(found.image_ids, found.boxes, scores, found.labels, found.names)


def test_a_class_without_boxes_compares_as_not_applicable_and_comes_last() -> None:
    truth = dataset(("tail", "head"), picture(1, [("head", A)], ["head", "tail"]))
    found = predictions(("tail", "head"), (1, "head", A, 0.9))
    result = compare_boxes(truth, found, found, resamples=5)
    assert [c.label for c in result.classes] == ["head", "tail"]
    assert math.isnan(result.classes[1].ap50.gain.value)
    assert "n/a" in result.text()
