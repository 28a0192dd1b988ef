"""How well a map points, on maps drawn by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vitruvian.explain import pointing

BOX = np.asarray([[16, 16, 48, 32]], dtype=np.float32)  # two cells of a 4 x 6 map with stride 16


def plane(**cells: float) -> np.ndarray:
    values = np.zeros((4, 6), dtype=np.float32)
    for name, value in cells.items():
        values[int(name[1]), int(name[2])] = value
    return values


def test_all_energy_in_the_box() -> None:
    found = pointing(plane(c11=2, c12=1), BOX, 96, 64, None)
    assert (found.energy, found.hit, found.area) == (1, True, pytest.approx(2 / 24))


def test_energy_outside_counts_and_what_is_below_zero_does_not() -> None:
    found = pointing(plane(c11=3, c35=1, c00=-50), BOX, 96, 64, None)
    assert found.energy == pytest.approx(0.75)
    assert found.hit


def test_a_cell_half_in_the_box_counts_half() -> None:
    half = np.asarray([[16, 16, 24, 32]], dtype=np.float32)
    assert pointing(plane(c11=4), half, 96, 64, None).energy == pytest.approx(0.5)


def test_a_map_that_knows_nothing_reaches_the_share_of_the_area() -> None:
    found = pointing(np.ones((4, 6), dtype=np.float32), BOX, 96, 64, None)
    assert found.energy == pytest.approx(found.area)


def test_the_maximum_may_lie_fifteen_pixels_beside_the_box() -> None:
    assert pointing(plane(c13=1), BOX, 96, 64, None).hit  # centre at x = 56, 8 beside the box
    assert not pointing(plane(c14=1), BOX, 96, 64, None).hit


def test_what_is_not_judged_does_not_count() -> None:
    judged = np.ones((64, 96), dtype=bool)
    judged[48:, 80:] = False
    found = pointing(plane(c11=1, c35=9), BOX, 96, 64, judged)
    assert (found.energy, found.hit) == (1, True)


def test_an_empty_map_points_nowhere() -> None:
    found = pointing(plane(c11=-1), BOX, 96, 64, None)
    assert (found.energy, found.hit) == (0, False)
