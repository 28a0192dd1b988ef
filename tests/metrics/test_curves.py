"""Precision, recall and F1 over the threshold, and fitted thresholds."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from metric_builders import dataset, picture, predictions, random_predictions, random_truth

from vitruvian.data.dataset import Annotation, Dataset
from vitruvian.metrics import MetricError, Predictions, evaluate_boxes, fit_thresholds
from vitruvian.metrics.curves import curve, curves
from vitruvian.metrics.judging import judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.thresholds import bagged_threshold, fold_of_pictures

A, B, C = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 150.0, 150.0), (0.0, 150.0, 30.0, 190.0)


def test_worked_case() -> None:
    """Two boxes; by falling score: right, wrong, right, and a fourth, wrong, tied with the third.

    At 0.9: 1 right, 0 wrong, F1 2/3. At 0.8: 1, 1, F1 1/2. At 0.5: 2, 2, F1 4/6.
    """
    truth = dataset(("a",), picture(1, [("a", A), ("a", B)], ["a"]))
    found = predictions(("a",), (1, "a", A, 0.9), (1, "a", C, 0.8), (1, "a", B, 0.5), (1, "a", C, 0.5))
    result = evaluate_boxes(truth, found, fixed=(0.85, 0.1, 1.0))
    line = result.curves[0]
    assert line.scores.tolist() == [0.9, 0.8, 0.5]
    np.testing.assert_allclose(line.f1, [2 / 3, 1 / 2, 2 / 3])
    row = result["a"]
    assert row.best.threshold == 0.9  # of equal ones the surest
    high, low, none = row.fixed
    assert (high.true, high.false, high.missed) == (1, 0, 1)
    assert (low.precision, low.recall, low.f1) == (0.5, 1, pytest.approx(2 / 3))
    assert math.isnan(none.precision)
    assert (none.recall, none.f1) == (0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_every_point_is_what_filtering_first_gives(seed: int) -> None:
    """Greedy matching goes by score, so cutting detections off afterwards or before is the same."""
    truth = random_truth(seed)
    found = random_predictions(truth, seed)
    whole = match(judge(truth, found), ious=(0.5,))
    for threshold in (0.2, 0.5, 0.75):
        cut = match(judge(truth, found.above(threshold)), ious=(0.5,))
        for i in range(len(truth.labels)):
            assert curve(whole, i).at(threshold) == curve(cut, i).at(threshold)


def test_goals_hold_what_is_wanted_and_give_up_least() -> None:
    truth = random_truth(2, pictures=40, labels=("a", "b"))
    found = random_predictions(truth, 2, spurious=3)
    for line in curves(match(judge(truth, found), ious=(0.5,))):
        precise, complete = line.for_precision(0.5), line.for_recall(0.4)
        assert precise is not None
        assert complete is not None
        points = [line.at(float(score)) for score in line.scores]
        assert precise.recall == max(p.recall for p in points if p.precision >= 0.5)
        assert complete.threshold == max(p.threshold for p in points if p.recall >= 0.4)
        assert line.best_f1().f1 == max(p.f1 for p in points)
        assert line.for_precision(1.1) is None


def _half_labelled() -> tuple[Dataset, Predictions]:
    """Thirty pictures of a head each, found with scores 0.6 to 0.9; only the first fifteen label it.

    In all pictures there is a wrong box at 0.55.
    """
    box = {i: (10.0, 10.0, 50.0 + i, 60.0) for i in range(1, 31)}
    pictures = [picture(i, [("head", box[i])] if i <= 15 else [], ["head"] if i <= 15 else []) for i in range(1, 31)]
    rows = [(i, "head", box[i], 0.6 + 0.01 * (i % 30)) for i in range(1, 31)]
    rows += [(i, "head", C, 0.55) for i in range(1, 31)]
    return dataset(("head",), *pictures), predictions(("head",), *rows)


def test_only_exhaustive_pictures_teach_a_threshold() -> None:
    truth, found = _half_labelled()
    fit = fit_thresholds(truth, found)
    row = fit.classes[0]
    assert row.threshold == pytest.approx(0.61)
    assert (row.pictures, row.support) == (15, 15)
    assert (row.fitted.precision, row.fitted.recall) == (1, 1)
    assert row.uniform.precision == pytest.approx(0.5)
    complete = truth.map(lambda p: p if p.exhaustive else None)
    of_complete = found[np.isin(found.image_ids, [p.id for p in complete])]
    assert fit_thresholds(complete, of_complete).thresholds == fit.thresholds


def test_the_cross_fitted_gain_is_judged_on_pictures_that_did_not_teach() -> None:
    """Boxes of noise: what is best on the pictures themselves is no better elsewhere."""
    generator = np.random.default_rng(4)
    truth = dataset(("a",), *(picture(i, [("a", A)], ["a"]) for i in range(1, 41)))
    rows = [(i, "a", A if generator.random() < 0.4 else B, float(generator.random())) for i in range(1, 41)]
    row = fit_thresholds(truth, predictions(("a",), *rows)).classes[0]
    assert row.crossed.f1 < row.fitted.f1
    assert row.crossed.true + row.crossed.missed == row.support


def test_copies_of_one_photograph_are_in_one_fold() -> None:
    """Else what is judged was taught by another crop or covering of the same face."""
    copies = [picture(i, attributes={"original": f"{i // 4}.jpg"}) for i in range(40)]
    folds = fold_of_pictures(dataset(("a",), *copies), 5).reshape(10, 4)
    assert (folds == folds[:, :1]).all()
    assert len(set(folds[:, 0].tolist())) > 1
    plain = [replace(picture(i), file_name=f"{i}.jpg") for i in range(10)]
    assert fold_of_pictures(dataset(("a",), *plain), 5).tolist() == folds[:, 0].tolist()


def test_too_few_boxes_give_no_threshold_and_a_note() -> None:
    truth = dataset(("a", "b"), picture(1, [("a", A)], ["a", "b"]))
    fit = fit_thresholds(truth, predictions(("a", "b"), (1, "a", A, 0.9)), minimum_support=2)
    assert fit.thresholds == {}
    assert len(fit.notes) == 2
    assert "a: 1 boxes where it is judged, fewer than 2" in fit.notes[0]
    assert "n/a" in fit.text()


def test_goals_need_a_value() -> None:
    truth, found = _half_labelled()
    assert fit_thresholds(truth, found, "precision", 0.9).thresholds["head"] == pytest.approx(0.61)
    with pytest.raises(MetricError, match="needs the value"):
        fit_thresholds(truth, found, "precision")
    with pytest.raises(MetricError, match="'f1' holds no value"):
        fit_thresholds(truth, found, "f1", 0.9)
    with pytest.raises(MetricError, match="unknown goal"):
        fit_thresholds(truth, found, "accuracy")
    with pytest.raises(MetricError, match="2 folds"):
        fit_thresholds(truth, found, folds=1)


@pytest.mark.parametrize("seed", range(4))
def test_a_draw_of_a_bagged_threshold_is_the_best_of_the_drawn_pictures(seed: int) -> None:
    """Pictures that are drawn twice are there twice; scores are rounded, so that some are equal."""
    truth = random_truth(seed, pictures=12, labels=("a",))
    found = random_predictions(truth, seed, spurious=3)
    found = replace(found, scores=found.scores.round(1))
    drawn = np.random.default_rng(seed).integers(0, 12, 12)
    ids = [truth.pictures[i].id for i in drawn]
    again = replace(truth, pictures=tuple(replace(truth.pictures[i], id=n) for n, i in enumerate(drawn, 1)))
    rows = [np.flatnonzero(found.image_ids == i) for i in ids]
    copies = replace(found[np.concatenate(rows)], image_ids=np.repeat(np.arange(1, 13), [len(r) for r in rows]))
    line = curve(match(judge(again, copies), ious=(0.5,)), 0)
    f_half = 1.25 * line.true / (1.25 * line.true + 0.25 * (line.positives - line.true) + line.false)
    expected = line.scores[np.argmax(f_half)]
    assert bagged_threshold(match(judge(truth, found), ious=(0.5,)), 0, resamples=1, seed=seed) == expected


def test_a_bagged_threshold_moves_less_from_sample_to_sample() -> None:
    """Scores of right boxes rise, those of wrong ones fall, and sixty of them leave the best point to chance."""
    bagged, best = [], []
    for seed in range(12):
        generator = np.random.default_rng(seed)
        right = generator.beta(4, 2, 40)
        wrong = generator.beta(2, 4, 20)
        truth = dataset(("a",), *(picture(i, [("a", A)], ["a"]) for i in range(1, 41)))
        rows = [(i, "a", A, float(s)) for i, s in enumerate(right, 1)]
        rows += [(i, "a", B, float(s)) for i, s in enumerate(wrong, 1)]
        matches = match(judge(truth, predictions(("a",), *rows)), ious=(0.5,))
        bagged.append(bagged_threshold(matches, 0, beta=1.0))
        best.append(curve(matches, 0).best_f1().threshold)
    assert np.std(bagged) < 0.8 * np.std(best)
    assert np.mean(bagged) == pytest.approx(np.mean(best), abs=0.05)


def test_nothing_to_fit_gives_no_bagged_threshold() -> None:
    truth = dataset(("a", "b"), picture(1, [("a", A)], ["a", "b"]))
    matches = match(judge(truth, predictions(("a", "b"), (1, "a", B, 0.9), (1, "b", B, 0.9))), ious=(0.5,))
    assert math.isnan(bagged_threshold(matches, 0))  # nothing right
    assert math.isnan(bagged_threshold(matches, 1))  # no boxes
    nothing = match(judge(truth, predictions(("a", "b"))), ious=(0.5,))
    assert math.isnan(bagged_threshold(nothing, 0))


def test_what_lies_on_a_box_to_ignore_moves_no_bagged_threshold() -> None:
    """Were it wrong, the lower of the two right ones would not be worth what stands before it."""
    boxes = (Annotation("a", A, 1), Annotation("a", B, 2), Annotation("a", C, 3, ignore=True))
    truth = dataset(("a",), picture(1, exhaustive=["a"], annotations=boxes))
    on_ignored = [(1, "a", C, 0.80 - 0.01 * i) for i in range(9)]
    found = predictions(("a",), (1, "a", A, 0.9), *on_ignored, (1, "a", B, 0.5))
    assert bagged_threshold(match(judge(truth, found), ious=(0.5,)), 0) == 0.5
