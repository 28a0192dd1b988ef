"""Five points out of 68 landmarks."""

import numpy as np
import pytest

from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.five_points import five_point_error, five_points
from vitruvian.taxonomy import IBUG68

MIRRORED = [1, 0, 2, 4, 3]
"""The five points of a mirrored face, in the order of the face itself."""


def a_face(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 200, (68, 3)).astype(np.float32)


def found_at(points: np.ndarray) -> np.ndarray:
    return np.concatenate([points, np.ones((5, 1))], axis=1)


def test_the_points_are_those_of_the_published_numbering() -> None:
    # 300-W numbers from 1: eyes 37-42 and 43-48, nose tip 31, mouth corners 49 and 55.
    face = a_face()
    expected = [face[36:42, :2].mean(0), face[42:48, :2].mean(0), face[30, :2], face[48, :2], face[54, :2]]
    assert five_points(face) == pytest.approx(np.array(expected), rel=1e-6)
    assert five_points(face[:, :2]) == pytest.approx(five_points(face))


def test_a_mirrored_face_has_mirrored_points() -> None:
    face = a_face()
    mirrored = face[list(IBUG68.mirror)] * [-1, 1, 1] + [300, 0, 0]
    expected = five_points(face)[MIRRORED] * [-1, 1] + [300, 0]
    assert five_points(mirrored) == pytest.approx(expected, rel=1e-5)


def test_the_error_is_the_distance_over_that_of_the_outer_eye_corners() -> None:
    face = a_face()
    face[36], face[45] = (10, 20, 2), (40, 60, 2)  # 50 apart
    exact = found_at(five_points(face))
    assert five_point_error(exact, face) == 0
    assert five_point_error(exact + np.array([3, 4, 0]), face) == pytest.approx(0.1)
    one = exact.copy()
    one[2, 0] += 25
    assert five_point_error(one, face) == pytest.approx(0.1)


def test_unknown_points_do_not_count() -> None:
    face = a_face()
    found = found_at(five_points(face))
    found[3:] = 0
    assert five_point_error(found, face) == 0
    found[:, 2] = 0
    assert np.isnan(five_point_error(found, face))


def test_eyes_in_one_place_give_no_error() -> None:
    face = a_face()
    face[45] = face[36]
    assert np.isnan(five_point_error(found_at(five_points(face)), face))


def test_other_numbers_of_points_are_refused() -> None:
    with pytest.raises(MetricError, match="68 landmarks"):
        five_points(np.zeros((58, 3), np.float32))
    with pytest.raises(MetricError, match=r"\(5, 3\)"):
        five_point_error(np.zeros((5, 2)), a_face())
