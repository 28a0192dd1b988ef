from __future__ import annotations

from pathlib import Path

import pytest

from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.metrics import MetricError, Predictions
from vitruvian.metrics.second_look import second_look_curve

FACE = "whole face"
HERE, THERE, NOWHERE = (0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0), (50.0, 50.0, 60.0, 60.0)


def truth() -> Dataset:
    """Two faces in the first picture, one in the second; the third's only face is one to ignore."""
    faces = [Annotation(FACE, HERE, 1), Annotation(FACE, THERE, 2)]
    pictures = (
        Picture(1, "a.png", 100, 100, tuple(faces), frozenset({FACE})),
        Picture(2, "b.png", 100, 100, (Annotation(FACE, HERE, 3),), frozenset({FACE})),
        Picture(3, "c.png", 100, 100, (Annotation(FACE, HERE, 4, ignore=True),), frozenset({FACE})),
    )
    return Dataset((FACE,), pictures, Path())


def found(*rows: tuple[int, tuple[float, ...], float]) -> Predictions:
    ids, boxes, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return Predictions(ids, boxes, scores, [0] * len(rows), (FACE,))


FIRST = found((1, HERE, 0.4), (2, NOWHERE, 0.9))
SECOND = found((1, THERE, 0.9), (2, HERE, 0.5), (1, HERE, 0.7), (2, NOWHERE, 0.3), (3, HERE, 0.8))


def test_faces_are_recovered_once_and_only_if_missed() -> None:
    curve = second_look_curve(truth(), FIRST, SECOND, FACE)
    assert (curve.faces, curve.first_true, curve.first_false, curve.missed) == (3, 1, 1, 2)
    # 0.9 recovers, 0.8 is on a face to ignore, 0.7 is the first pass's own face again, 0.5 recovers, 0.3 is nothing.
    assert curve.scores.tolist() == [0.9, 0.7, 0.5, 0.3]
    assert curve.right.tolist() == [True, False, True, False]
    assert [curve.at(t) for t in (0.95, 0.9, 0.6, 0.5, 0.0)] == [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2)]
    assert curve.picture.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(("precision", "threshold"), [(1.0, 0.9), (0.66, 0.5), (0.5, 0.3)])
def test_the_threshold_for_a_precision_is_the_lowest(precision: float, threshold: float) -> None:
    assert second_look_curve(truth(), FIRST, SECOND, FACE).threshold_for(precision) == threshold


def test_equal_scores_stand_or_fall_together() -> None:
    second = found((1, THERE, 0.5), (2, NOWHERE, 0.5))
    curve = second_look_curve(truth(), FIRST, second, FACE)
    assert curve.at(0.5) == (1, 1)
    assert curve.threshold_for(0.9) is None


def test_without_detections_all_is_missed() -> None:
    curve = second_look_curve(truth(), found(), found(), FACE)
    assert (curve.missed, curve.at(0.0), curve.threshold_for(0.5)) == (3, (0, 0), None)


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(MetricError, match="no 'snout'"):
        second_look_curve(truth(), FIRST, SECOND, "snout")
