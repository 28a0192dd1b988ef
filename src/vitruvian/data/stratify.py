"""Placing groups so that every split has its share of every class. Groups come in hash order, which decides ties."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def stratify_classes(
    order: Sequence[str], classes: Mapping[str, str], shares: NDArray[np.float64], placed: Mapping[str, int]
) -> tuple[dict[str, int], tuple[tuple[str, int], ...]]:
    """Place groups of one class each.

    Within a class every next group goes to the split that lacks most of its share, the largest split first among
    equals. So a class of one group goes to the largest split, and a class with fewer groups than splits reaches the
    largest ones.

    Args:
        order: Groups.
        classes: The class of each group.
        shares: ``(S,)`` summing to 1.
        placed: Groups that have their split already.

    Returns:
        The split of every group, and ``(class, groups)`` of the classes with fewer groups than splits.
    """
    by_class: defaultdict[str, list[str]] = defaultdict(list)
    for group in order:
        by_class[classes[group]].append(group)
    result = dict(placed)
    for groups in by_class.values():
        have = np.zeros(len(shares))
        for group in groups:
            if group in placed:
                have[placed[group]] += 1
        new = [group for group in groups if group not in placed]
        for group in new:
            lack = shares * len(groups) - have
            lack[have < 1] += 1e-6  # among equal lacks, reach every split first
            split = max(range(len(shares)), key=lambda s: (round(float(lack[s]), 9), float(shares[s]), -s))
            have[split] += 1
            result[group] = split
    rare = tuple(sorted((name, len(groups)) for name, groups in by_class.items() if len(groups) < len(shares)))
    return result, rare


def stratify_boxes(
    totals: NDArray[np.int64], shares: NDArray[np.float64], placed: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Place groups with many classes each: iterative stratification, counting boxes instead of examples.

    After Sechidis, Tsoumakas and Vlahavas, On the stratification of multi-label data (ECML 2011).

    The class with the fewest boxes left to place goes first, because later nothing could mend its proportions; each of
    its groups, fullest first, goes to the split that lacks the largest part of its share of the class, and among equals
    to the one that lacks most pictures. Groups without a box come last.

    Args:
        totals: ``(G, C)`` boxes of each class in each group; the last column counts its pictures.
        shares: ``(S,)`` summing to 1.
        placed: ``(G,)`` split of a group, -1 where it has none yet.

    Returns:
        ``(G,)`` split of every group.
    """
    result = placed.copy()
    lack = shares[:, None] * totals.sum(axis=0)[None]
    for group in np.flatnonzero(placed >= 0):
        lack[result[group]] -= totals[group]
    while (result < 0).any():
        free = np.flatnonzero(result < 0)
        left = totals[free, :-1].sum(axis=0)
        rarest = int(np.argmin(np.where(left > 0, left, np.iinfo(np.int64).max))) if left.any() else -1
        mine = free[totals[free, rarest] > 0]
        for group in mine[np.argsort(-totals[mine, rarest], kind="stable")]:
            wish = lack[:, rarest] / shares  # relative: full groups spread over all splits from the start
            close = np.flatnonzero(wish >= wish.max() - 1e-9)
            split = int(close[np.argmax(lack[close, -1])])
            lack[split] -= totals[group]
            result[group] = split
    return result
