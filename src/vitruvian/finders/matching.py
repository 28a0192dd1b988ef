"""Maximum-weight matching of things to owners who can each take only so many.

The exact optimum is found (Kuhn 1955, in the shortest augmenting path form of Jonker and Volgenant 1987), so the result
does not depend on who is served first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MARGIN = 0.05
"""An owner whose loss would cost less than this (of a weight of at most 1) is a guess, not a finding."""


def match(weights: NDArray[np.float64]) -> list[int | None]:
    """Match rows to columns one to one so that the sum of the weights is greatest.

    Args:
        weights: (N, M) float64, not negative; 0 forbids a pair.

    Returns:
        The column of each row, or None where it is left alone.
    """
    rows, columns = weights.shape
    if not weights.any():
        return [None] * rows
    # A row may take one of `rows` extra columns of weight 0, so every row finds a place and costs stay finite.
    cost = np.concatenate([-weights, np.zeros((rows, rows))], axis=1)
    width = columns + rows
    row_price, column_price = np.zeros(rows), np.zeros(width)
    owner = np.full(width, -1)
    for row in range(rows):
        distance, previous = np.full(width, np.inf), np.full(width, -1)
        done = np.zeros(width, dtype=bool)
        current, column, reached = row, -1, 0.0
        while True:
            reduced = reached + cost[current] - row_price[current] - column_price
            better = ~done & (reduced < distance)
            distance[better], previous[better] = reduced[better], column
            column = int(np.where(done, np.inf, distance).argmin())
            reached = float(distance[column])
            done[column] = True
            if owner[column] < 0:
                break
            current = int(owner[column])
        row_price[row] += reached
        for seen in np.flatnonzero(done & (owner >= 0)):
            row_price[owner[seen]] += reached - distance[seen]
        column_price[done] -= reached - distance[done]
        while column >= 0:
            before = int(previous[column])
            owner[column] = owner[before] if before >= 0 else row
            column = before
    result: list[int | None] = [None] * rows
    for column, row in enumerate(owner[:columns]):
        if row >= 0 and weights[row, column] > 0:
            result[row] = column
    return result


def match_owners(weights: NDArray[np.float64], capacity: Sequence[int], margin: float = MARGIN) -> list[int | None]:
    """Give every thing at most one owner, and every owner at most ``capacity`` things, at the greatest sum of weights.

    Args:
        weights: (N, M) float64, 0..1, of N things and M owners; 0 forbids a pair.
        capacity: (M,) How many things each owner can take.
        margin: A thing stays without owner where the best sum without this very pair, but with another owner for the
            thing, is nearly as great: then it cannot be told whose it is.

    Returns:
        The owner of each thing or None.
    """
    result: list[int | None] = [None] * len(weights)
    for things in _groups(weights):
        owners = np.flatnonzero(weights[things].any(axis=0))
        columns = np.repeat(owners, np.minimum(np.asarray(capacity)[owners], len(things)))
        shares = weights[things][:, columns]
        found, total = _best(shares)
        for position, column in enumerate(found):
            if column is None:
                continue
            if np.count_nonzero(weights[things[position], owners]) > 1:
                others = shares.copy()
                others[position, columns == columns[column]] = 0
                matched, rival = _best(others)
                if matched[position] is not None and total - rival < margin:
                    continue
            result[things[position]] = int(columns[column])
    return result


def _best(weights: NDArray[np.float64]) -> tuple[list[int | None], float]:
    found = match(weights)
    return found, float(sum(weights[row, column] for row, column in enumerate(found) if column is not None))


def _groups(weights: NDArray[np.float64]) -> list[list[int]]:
    """Things that compete for owners, directly or through others; things without any possible owner are left out."""
    possible = weights > 0
    waiting = [row for row in range(len(weights)) if possible[row].any()]
    groups = []
    while waiting:
        group = [waiting.pop(0)]
        owners = possible[group[0]]
        while joined := [row for row in waiting if (possible[row] & owners).any()]:
            group += joined
            waiting = [row for row in waiting if row not in joined]
            owners = possible[group].any(axis=0)
        groups.append(sorted(group))
    return groups
