"""Splitting a data set by hash, by class proportions, and by groups that must not be torn apart.

A *group* is what goes into one split as a whole: the pictures of a person, of a video, the near-copies of a picture;
without a rule each picture is its own. ``hash`` looks at nothing but the group's name: where it goes never changes
when data is added. ``classes`` and ``boxes`` hold the proportions of classes too and so look at all groups; given the
splits of an earlier run, they leave those groups where they were and place only new ones.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import DataError, Dataset, Picture
from vitruvian.data.stratify import stratify_boxes, stratify_classes
from vitruvian.data.table import LabelTable


@dataclass(frozen=True, slots=True)
class Split:
    """A data set in parts.

    Attributes:
        parts: Data sets by split name, in the order asked for, pictures in their original order.
        groups: How many groups there were to place.
        rare: For ``classes``: classes with fewer groups than there are splits, and how many; their groups go to the
            splits with the largest shares first, so a class of one picture goes to the largest split.
    """

    parts: Mapping[str, Dataset]
    groups: int
    rare: tuple[tuple[str, int], ...] = ()


def group_by_attribute(dataset: Dataset, name: str) -> list[str]:
    """The group of each picture by one of its attributes, such as ``video`` or ``person``.

    Raises:
        DataError: for a picture without it.
    """
    groups = []
    for picture in dataset:
        if name not in picture.attributes:
            raise DataError(f"{picture.file_name}: has no attribute {name!r} to group by")
        groups.append(str(picture.attributes[name]))
    return groups


def group_by_pattern(dataset: Dataset, pattern: str) -> list[str]:
    """The group of each picture by the first parenthesis of a regular expression found in its file name.

    For IMM, ``(\\d+)-\\d+[mf]`` gives the person: ``07-3m.jpg`` belongs to ``07``.

    Raises:
        DataError: if the expression is wrong, has no parenthesis, or is not found in a file name.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise DataError(f"{pattern!r} is not a regular expression: {error}") from None
    if compiled.groups < 1:
        raise DataError(f"{pattern!r} has no parenthesis around the group's name")
    groups = []
    for picture in dataset:
        found = compiled.search(picture.file_name)
        if found is None or found.group(1) is None:
            raise DataError(f"{picture.file_name}: {pattern!r} does not match")
        groups.append(found.group(1))
    return groups


def join_groups(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Groups that keep both rules: pictures that either rule puts together stay together."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for a, b in zip(first, second, strict=True):
        low, high = sorted((root(f"1 {a}"), root(f"2 {b}")))
        parent[high] = low
    return [root(f"1 {a}") for a in first]


def split_dataset(
    dataset: Dataset,
    shares: Mapping[str, float],
    groups: Sequence[str] | None = None,
    by: str = "hash",
    fixed: Mapping[str, str] | None = None,
    seed: int = 0,
    class_attribute: str = "label",
) -> Split:
    """Split a data set.

    Args:
        dataset: What to split.
        shares: Split names and their shares, in any unit: ``{"train": 80, "val": 20}``.
        groups: The group of each picture; by default its file name.
        by: ``"hash"``; ``"classes"``, stratified by the one class of each picture; or ``"boxes"``, by the boxes of
            every class (iterative stratification).
        fixed: Splits of groups that are placed already.
        seed: Of the hash.
        class_attribute: Picture attribute that holds the class, for ``"classes"``.

    Raises:
        DataError: for shares that are not positive, an unknown split or way, or a picture without a class.
    """
    if not shares or any(not share > 0 for share in shares.values()):
        raise DataError(f"shares must be positive, not {dict(shares)}")
    names = list(shares)
    portions = np.array([shares[name] for name in names], dtype=np.float64) / sum(shares.values())
    of_picture = list(groups) if groups is not None else [p.file_name for p in dataset]
    if len(of_picture) != len(dataset):
        raise DataError(f"{len(of_picture)} groups for {len(dataset)} pictures")
    order = sorted(set(of_picture), key=lambda group: group_hash(group, seed))
    placed = {group: _known(fixed[group], names) for group in order if fixed and group in fixed}
    rare: tuple[tuple[str, int], ...] = ()
    if by == "hash":
        edges = np.cumsum(portions)
        for group in order:
            below = int(np.searchsorted(edges, group_hash(group, seed), side="right"))
            placed.setdefault(group, min(below, len(names) - 1))
    elif by == "classes":
        classes = _group_classes(dataset, of_picture, class_attribute)
        placed, rare = stratify_classes(order, classes, portions, placed)
    elif by == "boxes":
        index = {group: i for i, group in enumerate(order)}
        members = np.array([index[group] for group in of_picture], np.int64)
        totals = np.zeros((len(order), len(dataset.labels) + 1), np.int64)
        np.add.at(totals, members, np.column_stack([LabelTable.of(dataset).counts(), np.ones(len(dataset), np.int64)]))
        known = np.array([placed.get(group, -1) for group in order], np.int64)
        placed = dict(zip(order, (int(v) for v in stratify_boxes(totals, portions, known)), strict=True))
    else:
        raise DataError(f"cannot split by {by!r}: use hash, classes or boxes")
    where = np.array([placed[group] for group in of_picture], np.int64)
    return Split({name: _part(dataset, where == i) for i, name in enumerate(names)}, len(order), rare)


def group_hash(group: str, seed: int) -> float:
    """A number in [0, 1) that depends on the seed and the group's name only."""
    digest = hashlib.sha256(f"{seed} {group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _known(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise DataError(f"split {name!r} is not one of {', '.join(names)}")
    return names.index(name)


def _part(dataset: Dataset, mine: NDArray[np.bool_]) -> Dataset:
    return replace(dataset, pictures=tuple(dataset.pictures[i] for i in np.flatnonzero(mine)))


def _group_classes(dataset: Dataset, groups: Sequence[str], attribute: str) -> dict[str, str]:
    """The commonest class of each group; of equally common ones the first by name."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for picture, group in zip(dataset, groups, strict=True):
        found[group][_class(picture, attribute)] += 1
    return {group: min(counter, key=lambda c: (-counter[c], c)) for group, counter in found.items()}


def _class(picture: Picture, attribute: str) -> str:
    if attribute not in picture.attributes:
        raise DataError(f"{picture.file_name}: has no attribute {attribute!r} that says its class")
    return str(picture.attributes[attribute])


def keep_earlier(dataset: Dataset, groups: Sequence[str], earlier: Mapping[str, Dataset]) -> dict[str, str]:
    """The split of every group that an earlier split holds a picture of, by file name.

    Raises:
        DataError: if the earlier splits tear a group apart.
    """
    before = {p.file_name: name for name, part in earlier.items() for p in part}
    fixed: dict[str, str] = {}
    for picture, group in zip(dataset, groups, strict=True):
        name = before.get(picture.file_name)
        if name is not None and fixed.setdefault(group, name) != name:
            raise DataError(f"{picture.file_name}: group {group!r} is in {fixed[group]} and in {name} already")
    return fixed


def expand_groups(names: str) -> list[str]:
    """Group names of a comma-separated list with ranges of numbers, zeros in front kept.

    >>> expand_groups("07-09,anna")
    ['07', '08', '09', 'anna']
    """
    found: list[str] = []
    for name in names.split(","):
        numbers = re.fullmatch(r"(\d+)-(\d+)", name.strip())
        if numbers is None:
            found.append(name.strip())
        else:
            width = len(numbers[1])
            found += [str(i).zfill(width) for i in range(int(numbers[1]), int(numbers[2]) + 1)]
    return found
