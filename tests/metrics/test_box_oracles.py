"""COCO's numbers against pycocotools, on made-up boxes and on the published 100-picture fixture."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from metric_builders import dataset, picture, predictions, random_predictions, random_truth

from vitruvian.data.dataset import Dataset, to_coco
from vitruvian.metrics import Predictions, evaluate_boxes
from vitruvian.metrics.judging import judge
from vitruvian.metrics.matching import average_precision, match
from vitruvian.metrics.results_file import to_results

pycocotools = pytest.importorskip("pycocotools")


def oracle(truth: dict, rows: list[dict], image_ids: list[int] | None = None) -> list[float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        run = COCOeval(coco, coco.loadRes(rows), "bbox")
        if image_ids is not None:
            run.params.imgIds = image_ids
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [np.nan if v < 0 else float(v) for v in run.stats]


def twelve(truth: Dataset, found: Predictions, protocol: str = "coco") -> list[float]:
    summary = evaluate_boxes(truth, found, protocol).summary
    return [getattr(summary, name) for name in summary.__slots__]


@pytest.mark.parametrize("seed", range(6))
def test_the_twelve_numbers_are_those_of_pycocotools(seed: int) -> None:
    truth = random_truth(seed)
    found = random_predictions(truth, seed)
    expected = oracle(to_coco(truth), to_results(found, truth))
    np.testing.assert_allclose(twelve(truth, found), expected, atol=1e-9)
    assert 0.05 < expected[0] < 0.95  # the case is no trivial one


@pytest.mark.parametrize("seed", range(6))
def test_own_matching_gives_the_evaluators_averages_for_every_class_and_overlap(seed: int) -> None:
    truth = random_truth(seed, pictures=20)
    found = random_predictions(truth, seed)
    result = evaluate_boxes(truth, found)
    matches = match(judge(truth, found))
    for i, row in enumerate(result.classes):
        rows = matches.of_label(i)
        own = average_precision(matches.true[rows], matches.ignored[rows], matches.positives(i))
        np.testing.assert_allclose([own.mean(), own[0], own[5]], [row.ap, row.ap50, row.ap75], atol=1e-12)


def test_more_than_a_hundred_detections_of_a_class_in_a_picture_are_cut_as_coco_does() -> None:
    truth = random_truth(3, pictures=2, labels=("a",), crowds=False)
    found = random_predictions(truth, 3, spurious=400)
    assert np.bincount(found.image_ids).max() > 100
    np.testing.assert_allclose(twelve(truth, found), oracle(to_coco(truth), to_results(found, truth)), atol=1e-9)
    matches = match(judge(truth, found))
    own = average_precision(matches.true, matches.ignored, matches.positives(0))
    assert own.mean() == pytest.approx(twelve(truth, found)[0], abs=1e-12)


@pytest.fixture(scope="module")
def published(shared_data: Path) -> tuple[Path, Path]:
    fixtures = shared_data / "fixtures"
    return (
        fixtures / "coco_val2014_100" / "instances_val2014_100.json",
        fixtures / "cocoapi_results" / "instances_val2014_fakebbox100_results.json",
    )


def test_published_results_give_the_published_numbers(published: tuple[Path, Path]) -> None:
    truth = Dataset.load(published[0])
    numbers = twelve(truth, Predictions.load(published[1], truth), "partial")
    assert [round(v, 3) for v in numbers] == [
        *(0.505, 0.697, 0.573, 0.586, 0.519, 0.501),
        *(0.387, 0.594, 0.595, 0.640, 0.566, 0.564),
    ]
    expected = oracle(json.loads(published[0].read_text()), json.loads(published[1].read_text()))
    np.testing.assert_allclose(numbers, expected, atol=1e-9)


def test_pictures_without_detections_count(published: tuple[Path, Path]) -> None:
    """Leaving out the picture without detections gives 0.507 in place of 0.505."""
    truth = Dataset.load(published[0])
    found = Predictions.load(published[1], truth)
    detected = set(found.image_ids.tolist())
    assert len(detected) == 99
    assert round(evaluate_boxes(truth, found).summary.ap, 3) == 0.505
    restricted = truth.map(lambda p: p if p.id in detected else None)
    assert round(evaluate_boxes(restricted, found).summary.ap, 3) == 0.507


def test_of_two_boxes_that_overlap_alike_the_last_is_taken() -> None:
    """The surer detection lies half-way between both boxes, the other reaches the first only: both are right."""
    first, last = (100.0, 0.0, 140.0, 10.0), (110.0, 0.0, 150.0, 10.0)
    truth = dataset(("a",), picture(1, [("a", first), ("a", last)], ["a"]))
    found = predictions(("a",), (1, "a", (105.0, 0.0, 145.0, 10.0), 0.9), (1, "a", (90.0, 0.0, 130.0, 10.0), 0.8))
    matches = match(judge(truth, found), ious=(0.5,))
    assert matches.gt.tolist() == [[1], [0]]
    assert oracle(to_coco(truth), to_results(found, truth))[1] == pytest.approx(1)
