"""How many instances nobody labelled: a partly labelled set looks finished until this is asked.

Nothing but looking tells for certain. Two estimates are made from the labels alone; both say what they rest on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.taxonomy.parts import PARTS

_LEAST_EVIDENCE = 20
"""Pictures from which a rate is taken for more than chance."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Estimated unlabelled boxes of a class (None where nothing tells), and what the estimate rests on."""

    boxes: float | None
    basis: str


def estimate_missing(
    labels: Sequence[str], counts: NDArray[np.int64], exhaustive: NDArray[np.bool_]
) -> tuple[Missing, ...]:
    """Estimate unlabelled boxes in the pictures that do not declare a class exhaustive.

    For class ``c`` take the pictures that declare it exhaustive, and of the other classes exhaustive there the one,
    ``a``, whose counts go along with ``c``'s best (correlation, at least 0.3). Where ``a`` is exhaustive and ``c`` is
    not, ``rate * n_a`` boxes of ``c`` are expected, less those labelled. Pictures without such an ``a`` are expected to
    hold as many as an exhaustive picture does on average. It assumes that both kinds of picture show like scenes:
    close-up faces tell nothing about full-length fashion.

    Args:
        labels: ``C`` class names.
        counts: ``(P, C)`` labelled boxes.
        exhaustive: ``(P, C)``.
    """
    return tuple(_estimate(i, labels, counts, exhaustive) for i in range(len(labels)))


def _estimate(i: int, labels: Sequence[str], counts: NDArray[np.int64], exhaustive: NDArray[np.bool_]) -> Missing:
    full = exhaustive[:, i]
    partial = ~full
    if not partial.any():
        return Missing(0.0, "exhaustive everywhere")
    if full.sum() < _LEAST_EVIDENCE:
        return Missing(None, f"exhaustive in {int(full.sum())} pictures only: nothing to estimate from")
    labelled = counts[partial, i]
    expected = np.full(int(partial.sum()), counts[full, i].mean())
    basis = f"{counts[full, i].mean():.2f} a picture where exhaustive"
    anchor = _anchor(i, counts, exhaustive)
    if anchor is not None:
        both = full & exhaustive[:, anchor]
        rate = counts[both, i].sum() / counts[both, anchor].sum()
        usable = exhaustive[partial, anchor]
        expected = np.where(usable, rate * counts[partial, anchor], expected)
        if usable.any():
            basis = f"{rate:.2f} a {labels[anchor]} in {int(usable.sum())} pictures, {basis} in the others"
    return Missing(float(np.maximum(expected - labelled, 0.0).sum()), basis)


def _anchor(i: int, counts: NDArray[np.int64], exhaustive: NDArray[np.bool_]) -> int | None:
    """The class whose count tells most about the count of class ``i``; None where none does."""
    best, best_correlation = None, 0.3
    for other in range(counts.shape[1]):
        both = exhaustive[:, i] & exhaustive[:, other]
        useful = ~exhaustive[:, i] & exhaustive[:, other]
        if other == i or both.sum() < _LEAST_EVIDENCE or not useful.any():
            continue
        mine, theirs = counts[both, i], counts[both, other]
        if mine.std() == 0 or theirs.std() == 0:
            continue
        correlation = float(np.corrcoef(mine, theirs)[0, 1])
        if correlation > best_correlation:
            best, best_correlation = other, correlation
    return best


def implied_missing(
    labels: Sequence[str], counts: NDArray[np.int64], exhaustive: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pictures that label a part but not what it lies on: an eye and no face.

    Returns:
        ``(C,)`` int64 pictures in which the class is not exhaustive, so that it is there and unlabelled; and ``(C,)``
        pictures in which the class is declared exhaustive all the same. A part alone in view (a hand that reaches into
        the picture) is counted only for a class of the face, which cannot show without its face.
    """
    position = {name: i for i, name in enumerate(labels)}
    implied, contradicted = np.zeros(len(labels), np.int64), np.zeros(len(labels), np.int64)
    children: dict[str, list[int]] = {}
    for name in labels:
        for ancestor in PARTS.ancestors(name) if name in PARTS else ():
            if PARTS[name].region in ("face", "head") and PARTS[ancestor].region in ("face", "head"):
                children.setdefault(ancestor, []).append(position[name])
    for ancestor, below in children.items():
        if ancestor in position:
            i = position[ancestor]
            seen = (counts[:, below] > 0).any(axis=1) & (counts[:, i] == 0)
            implied[i] = int((seen & ~exhaustive[:, i]).sum())
            contradicted[i] = int((seen & exhaustive[:, i]).sum())
    return implied, contradicted
