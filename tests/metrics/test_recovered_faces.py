from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vitruvian.data.dataset import Annotation, Dataset, ExhaustiveRegion, Picture
from vitruvian.metrics import Predictions
from vitruvian.metrics.recovered_faces import (
    Passes,
    evaluate_recovered,
    fit_second_thresholds,
    one_ranking,
    originals,
)

FACE = "whole face"
HERE, NOWHERE = (0.0, 0.0, 10.0, 10.0), (50.0, 50.0, 60.0, 60.0)


def truth(count: int = 8, copies: int = 2) -> Dataset:
    """One face a picture; every photograph is there ``copies`` times."""
    pictures = tuple(
        Picture(i + 1, f"{i}.png", 100, 100, (Annotation(FACE, HERE, i + 1),), frozenset({FACE}),
                attributes={"original": f"photo{i // copies}.png"})
        for i in range(count)
    )  # fmt: skip
    return Dataset((FACE,), pictures, Path())


def found(*rows: tuple[int, tuple[float, ...], float]) -> Predictions:
    ids, boxes, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return Predictions(ids, boxes, scores, [0] * len(rows), (FACE,))


FIRST = found((1, HERE, 0.9), (2, HERE, 0.9), (3, NOWHERE, 0.8))
SECOND = found((3, HERE, 0.7), (4, HERE, 0.6), (5, NOWHERE, 0.5), (6, HERE, 0.4))
PASSES = Passes(truth(), FIRST, {"look": SECOND})


def test_share_and_precision_of_what_is_recovered() -> None:
    [row] = evaluate_recovered({"all": PASSES}, FACE, {"look": 0.4}, resamples=50).rows
    assert (row.faces, row.missed, row.recovered, row.wrong) == (8, 6, 3, 1)
    assert row.share.value == pytest.approx(3 / 6)
    assert row.precision.value == pytest.approx(3 / 4)
    assert row.share.low <= row.share.value <= row.share.high


def test_faces_that_are_not_judged_are_not_missed() -> None:
    """Where a picture does not promise all faces, or the face lies outside what it promises, neither pass is judged."""
    region = ExhaustiveRegion((40.0, 40.0, 90.0, 90.0), frozenset({FACE}))
    unpromised = {7: {}, 8: {"exhaustive_regions": (region,)}}
    some = truth().map(lambda p: replace(p, exhaustive=frozenset(), **unpromised[p.id]) if p.id in unpromised else p)
    [row] = evaluate_recovered({"all": replace(PASSES, truth=some)}, FACE, {"look": 0.4}, resamples=50).rows
    assert (row.faces, row.missed, row.recovered) == (6, 4, 3)
    assert row.share.value == pytest.approx(3 / 4)


def test_a_look_without_a_threshold_recovers_nothing() -> None:
    [row] = evaluate_recovered({"all": PASSES}, FACE, {"look": None}, resamples=50).rows
    assert (row.recovered, row.wrong, row.share.value) == (0, 0, 0.0)


def test_the_threshold_is_fitted_over_all_sets_together() -> None:
    assert fit_second_thresholds({"a": PASSES}, FACE, 1.0) == {"look": 0.6}
    bad = Passes(truth(), FIRST, {"look": found((7, NOWHERE, 0.65))})
    assert fit_second_thresholds({"a": PASSES, "b": bad}, FACE, 1.0) == {"look": 0.7}


def test_copies_of_a_photograph_stay_together_when_sides_are_taken() -> None:
    even, odd = PASSES.side(odd=False), PASSES.side(odd=True)
    assert not set(originals(even.truth)) & set(originals(odd.truth))
    assert len(even.truth) + len(odd.truth) == 8
    assert len(even.first) + len(odd.first) == len(FIRST)
    assert len(even.second["look"]) + len(odd.second["look"]) == len(SECOND)


def test_in_one_ranking_the_first_pass_comes_first() -> None:
    both = one_ranking(FIRST, SECOND)
    assert both.scores[: len(FIRST)].min() > both.scores[len(FIRST) :].max()
    assert both.scores.min() >= 0
    assert both.scores.max() <= 1
