"""Balanced choices: targets are met over unique pictures, nothing needless is taken, filters do what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workshop_builders import make_dataset, make_picture

from vitruvian.data.balance import Filters, balance, oversampling, repeat_factors
from vitruvian.data.dataset import DataError, Dataset
from vitruvian.data.table import LabelTable

BOX = (10.0, 10.0, 60.0, 60.0)
LABELS = ("a", "b", "c")


def pictures_with(counts: list[tuple[int, ...]]) -> Dataset:
    rows = (
        make_picture(i, [(label, BOX) for label, n in zip(LABELS, row, strict=True) for _ in range(n)])
        for i, row in enumerate(counts, start=1)
    )
    return make_dataset(LABELS, rows)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=40), st.integers(1, 20), st.integers(0, 3))
def test_targets_are_met_and_no_picture_is_needless(counts, target, seed) -> None:
    dataset = pictures_with(counts)
    chosen = LabelTable.of(balance(dataset, target, seed=seed).dataset).counts()
    total = np.array(counts).sum(axis=0)
    wanted = np.minimum(total, target)
    assert (chosen.sum(axis=0) >= wanted).all()
    for row in chosen:
        assert not row.any() or ((chosen.sum(axis=0) - row) < wanted).any()


def test_shared_pictures_are_counted_once() -> None:
    dataset = pictures_with([(1, 1, 1)] * 10 + [(1, 0, 0)] * 10 + [(0, 1, 0)] * 10)
    result = balance(dataset, 10)
    assert len(result.dataset) == 10
    assert [c.boxes_after for c in result.classes] == [10, 10, 10]
    assert result.imbalance_before == 2.0
    assert result.imbalance_after == 1.0


def test_pictures_alone_follow_the_boxes_a_picture() -> None:
    """The seed: 2,000 boxes of a class with 2.82 boxes a picture take about 710 pictures (709.2)."""
    dataset = pictures_with([(3, 0, 0)] * 82 + [(2, 0, 0)] * 18)  # 2.82 boxes a picture
    assert balance(dataset, 141).classes[0].pictures_alone == 50


def test_one_seed_one_choice_and_labels_come_through_whole() -> None:
    dataset = pictures_with([(1, 0, 2), (0, 2, 1), (1, 1, 0)] * 10)
    first, again, other = (balance(dataset, 8, seed=s).dataset for s in (1, 1, 2))
    assert [p.id for p in first] == [p.id for p in again]
    assert [p.id for p in first] != [p.id for p in other]
    originals = {p.id: p for p in dataset}
    assert all(p.annotations == originals[p.id].annotations for p in first)


def test_filters() -> None:
    tiny = make_picture(1, [("a", (0, 0, 5, 50)), ("a", BOX)])
    crowded = make_picture(2, [("a", BOX)] * 5)
    dataset = make_dataset(LABELS, [tiny, crowded])
    [kept] = Filters(max_boxes=4, min_side=8).apply(dataset)
    assert [a.ignore for a in kept.annotations] == [True, False]  # there, but not to be learnt from
    assert len(Filters(max_boxes=5).apply(dataset)) == 2
    assert len(Filters(groups=False).apply(Filters(min_side=8).apply(dataset))) == 1
    with pytest.raises(DataError, match="leave no picture of 2"):
        balance(dataset, 5, Filters(max_boxes=1))


def test_repeat_factors_follow_lvis() -> None:
    dataset = pictures_with([(1, 0, 0)] * 99 + [(1, 1, 0)])
    factors = repeat_factors(dataset, threshold=0.04)
    assert factors[:99] == pytest.approx(1.0)
    assert factors[99] == pytest.approx(np.sqrt(0.04 / 0.01))


def test_oversampling_takes_the_largest_factor() -> None:
    dataset = pictures_with([(1, 0, 0), (1, 1, 0), (0, 0, 1), (0, 0, 0)])
    assert oversampling(dataset, {"a": 2, "b": 3}).tolist() == [2, 3, 1, 1]
    with pytest.raises(DataError, match="'z'"):
        oversampling(dataset, {"z": 2})


def test_real_sets_meet_their_target(shared_data) -> None:
    for name in ("parts", "pascal"):
        dataset = Dataset.load(shared_data / name / "train.json")
        result = balance(dataset, 500)
        assert all(c.boxes_after >= c.target == min(c.boxes_before, 500) for c in result.classes)
        assert result.imbalance_after < result.imbalance_before
