"""Splits: nothing lost, groups whole, proportions kept, stable when data is added."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workshop_builders import make_dataset, make_picture

from vitruvian.data.dataset import DataError, Dataset
from vitruvian.data.split import (
    expand_groups,
    group_by_attribute,
    group_by_pattern,
    join_groups,
    keep_earlier,
    split_dataset,
)
from vitruvian.data.table import LabelTable

SHARES = {"train": 70, "val": 10, "test": 10, "calibration": 10}


def numbered(count: int, **attributes) -> Dataset:
    return make_dataset(["a"], [make_picture(i, [("a", (0, 0, 9, 9))], **attributes) for i in range(1, count + 1)])


def where(split) -> dict[str, str]:
    return {p.file_name: name for name, part in split.parts.items() for p in part}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=60), st.sampled_from(["hash", "boxes", "classes"]))
def test_every_picture_is_in_one_split_and_groups_stay_whole(groups, by) -> None:
    dataset = make_dataset(["a"], [make_picture(i, label=g % 3) for i, g in enumerate(groups, start=1)])
    names = [str(g) for g in groups]
    result = split_dataset(dataset, SHARES, names, by)
    assert Counter(p.id for part in result.parts.values() for p in part) == Counter(p.id for p in dataset)
    places = where(result)
    for group in set(names):
        assert len({places[p.file_name] for p, g in zip(dataset, names, strict=True) if g == group}) == 1


def test_by_hash_nothing_moves_when_pictures_are_added() -> None:
    small, large = numbered(300), numbered(1000)
    before, after = where(split_dataset(small, SHARES)), where(split_dataset(large, SHARES))
    assert all(after[name] == split for name, split in before.items())
    counts = Counter(after.values())
    assert 650 < counts["train"] < 750
    assert 70 < counts["val"] < 130
    assert where(split_dataset(small, SHARES, seed=1)) != before


def test_by_classes_each_class_has_its_share_and_rare_ones_are_reported() -> None:
    sizes = {"common": 100, "middle": 10, "pair": 2, "single": 1}
    pictures = [make_picture(0, label=name) for name, n in sizes.items() for _ in range(n)]
    dataset = make_dataset(["a"], [replace(p, id=i, file_name=f"{i}.png") for i, p in enumerate(pictures, start=1)])
    result = split_dataset(dataset, {"train": 80, "val": 20}, by="classes")
    count = {name: Counter(p.attributes["label"] for p in part) for name, part in result.parts.items()}
    assert (count["train"]["common"], count["val"]["common"]) == (80, 20)
    assert (count["train"]["middle"], count["val"]["middle"]) == (8, 2)
    assert (count["train"]["pair"], count["val"]["pair"]) in ((1, 1), (2, 0))
    assert (count["train"]["single"], count["val"]["single"]) == (1, 0)
    assert result.rare == (("single", 1),)


def test_by_boxes_is_closer_to_the_shares_than_chance(shared_data) -> None:
    dataset = Dataset.load(shared_data / "pascal" / "train.json")
    total = LabelTable.of(dataset).counts().sum(axis=0)
    worst = {}
    for by in ("hash", "boxes"):
        parts = split_dataset(dataset, SHARES, by=by).parts
        shares = [LabelTable.of(part).counts().sum(axis=0)[total > 0] / total[total > 0] for part in parts.values()]
        worst[by] = max(abs(s - w / 100).max() for s, w in zip(shares, SHARES.values(), strict=True))
    assert worst["boxes"] < 0.01 < worst["hash"]


def test_earlier_splits_are_kept() -> None:
    old = numbered(200)
    first = split_dataset(old, SHARES, by="boxes")
    new = numbered(260)
    groups = [p.file_name for p in new]
    second = split_dataset(new, SHARES, groups, "boxes", keep_earlier(new, groups, first.parts))
    before, after = where(first), where(second)
    assert all(after[name] == split for name, split in before.items())
    assert abs(len(second.parts["train"]) - 182) <= 1


def test_imm_persons_by_file_name() -> None:
    """The IMM seed: persons 1-32 train, 33-40 validate."""
    names = [f"{person:02d}-{shot}m.jpg" for person in range(1, 41) for shot in range(1, 7)]
    dataset = make_dataset(["face"], [make_picture(i, name=n) for i, n in enumerate(names, start=1)])
    groups = group_by_pattern(dataset, r"(\d+)-\d+[mf]")
    fixed = dict.fromkeys(expand_groups("33-40"), "val") | dict.fromkeys(expand_groups("01-32"), "train")
    parts = split_dataset(dataset, {"train": 80, "val": 20}, groups, fixed=fixed).parts
    assert (len(parts["train"]), len(parts["val"])) == (192, 48)


def test_two_rules_of_grouping_hold_together() -> None:
    joined = join_groups(["x", "x", "y", "z"], ["1", "2", "2", "3"])
    assert joined[0] == joined[1] == joined[2] != joined[3]


def test_bad_requests_are_named() -> None:
    dataset = numbered(5)
    with pytest.raises(DataError, match="must be positive"):
        split_dataset(dataset, {"train": 1, "val": 0})
    with pytest.raises(DataError, match="'dev' is not one of"):
        split_dataset(dataset, SHARES, fixed={"0001.png": "dev"})
    with pytest.raises(DataError, match="cannot split by 'luck'"):
        split_dataset(dataset, SHARES, by="luck")
    with pytest.raises(DataError, match="no attribute 'video'"):
        group_by_attribute(dataset, "video")
    with pytest.raises(DataError, match="does not match"):
        group_by_pattern(dataset, r"(x)")
    with pytest.raises(DataError, match="no parenthesis"):
        group_by_pattern(dataset, "x")
    with pytest.raises(DataError, match="not a regular expression"):
        group_by_pattern(dataset, "(")
    parts = split_dataset(dataset, {"train": 1, "val": 1}).parts
    with pytest.raises(DataError, match="already"):
        keep_earlier(dataset, ["one"] * 5, {"train": dataset, "val": dataset} | dict(parts) | {"val": parts["val"]})
