"""The matching, against scipy and brute force."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vitruvian.finders.matching import match, match_owners


@st.composite
def weights(draw: st.DrawFn, most: int = 7) -> NDArray[np.float64]:
    shape = draw(st.tuples(st.integers(0, most), st.integers(0, most)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.integers(0, 4, shape) / 4 if draw(st.booleans()) else rng.random(shape)
    return values * (rng.random(shape) < draw(st.sampled_from([0.3, 0.7, 1.0])))


def _total(values: NDArray[np.float64], found: list[int | None]) -> float:
    return sum(values[row, column] for row, column in enumerate(found) if column is not None)


@settings(max_examples=150, deadline=None)
@given(weights())
def test_the_sum_is_the_greatest_possible(values: NDArray[np.float64]) -> None:
    optimize = pytest.importorskip("scipy.optimize")
    found = match(values)
    taken = [column for column in found if column is not None]
    assert len(set(taken)) == len(taken)
    assert all(values[row, column] > 0 for row, column in enumerate(found) if column is not None)
    assert _total(values, found) == pytest.approx(values[optimize.linear_sum_assignment(-values)].sum())


@settings(max_examples=60, deadline=None)
@given(weights(most=3), st.lists(st.integers(0, 2), min_size=3, max_size=3))
def test_capacities_are_kept_and_the_sum_is_still_the_greatest(
    values: NDArray[np.float64], capacity: list[int]
) -> None:
    things, owners = values.shape
    found = match_owners(values, capacity[:owners], margin=0.0)
    assert all(found.count(owner) <= capacity[owner] for owner in range(owners))
    best = max(
        _total(values, list(choice))
        for choice in product([None, *range(owners)], repeat=things)
        if all(choice.count(owner) <= capacity[owner] for owner in range(owners))
    )
    assert _total(values, found) == pytest.approx(best)


def test_what_could_as_well_be_anothers_belongs_to_nobody() -> None:
    assert match_owners(np.array([[0.80, 0.78]]), [1, 1]) == [None]
    assert match_owners(np.array([[0.80, 0.60]]), [1, 1]) == [0]
    # Two things that could be exchanged at no cost: neither can be told ...
    assert match_owners(np.array([[0.8, 0.8], [0.8, 0.8]]), [1, 1]) == [None, None]
    # ... but two of the same owner's are no riddle, nor is a thing whose rival owner is taken by a sure thing.
    assert match_owners(np.array([[0.8, 0.0], [0.8, 0.0]]), [2, 2]) == [0, 0]
    assert match_owners(np.array([[0.8, 0.78], [0.0, 0.9]]), [1, 1]) == [0, 1]
