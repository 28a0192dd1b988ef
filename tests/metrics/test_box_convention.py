"""Taking the box convention out of a comparison."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitruvian.metrics.box_convention import BoxAdjustment, fit_box_adjustment
from vitruvian.metrics.errors import MetricError

number = st.floats(-0.5, 0.5)
factor = st.floats(0.3, 3)


def some_boxes(count: int, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    corner = generator.uniform(-50, 300, (count, 2))
    return np.concatenate([corner, corner + generator.uniform(5, 200, (count, 2))], axis=1)


@settings(deadline=None)
@given(number, number, factor, factor)
def test_a_fit_gives_back_the_convention_that_made_the_boxes(dx: float, dy: float, sx: float, sy: float) -> None:
    found = some_boxes(7)
    wanted = BoxAdjustment(dx, dy, sx, sy, 1).apply(found)
    fit = fit_box_adjustment(found, wanted)
    assert (fit.shift_x, fit.shift_y, fit.scale_x, fit.scale_y) == pytest.approx((dx, dy, sx, sy), abs=1e-9)
    assert fit.pairs == 7


def test_a_few_wrong_pairs_change_nothing() -> None:
    found = some_boxes(21)
    wanted = BoxAdjustment(0.1, 0.2, 0.9, 0.8, 1).apply(found)
    wanted[:5] = some_boxes(5, seed=3)
    fit = fit_box_adjustment(found, wanted)
    assert fit.apply(found[5:]) == pytest.approx(wanted[5:])


def test_a_forehead_is_cut_off_by_hand() -> None:
    # Forehead to chin is 100 high, brows to chin its lower 70, cheeks a tenth narrower on each side.
    fit = fit_box_adjustment([[0, 0, 80, 100]], [[8, 30, 72, 100]])
    assert fit.apply([[100, 50, 260, 250]])[0] == pytest.approx([116, 110, 244, 250])


def test_the_fit_does_not_depend_on_place_or_size() -> None:
    found, wanted = some_boxes(9), some_boxes(9) + np.array([3.0, 4.0, 9.0, 2.0])
    first, second = fit_box_adjustment(found, wanted), fit_box_adjustment(found * 3 + 40, wanted * 3 + 40)
    assert first.apply(found) == pytest.approx(second.apply(found))


def test_no_boxes_stay_no_boxes() -> None:
    assert BoxAdjustment(0.1, 0.1, 2, 2, 1).apply(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize(
    ("found", "wanted", "reason"),
    [
        ([], [], "0 found boxes for 0"),
        ([[0, 0, 1, 1]], [], "1 found boxes for 0"),
        ([[0, 0, 0, 1]], [[0, 0, 1, 1]], "no area"),
        ([[0, 0, 1, 1]], [[0, 2, 1, 1]], "no area"),
    ],
)
def test_what_cannot_be_fitted_is_refused(found: list[list[float]], wanted: list[list[float]], reason: str) -> None:
    with pytest.raises(MetricError, match=reason):
        fit_box_adjustment(found, wanted)
