"""Class activation maps as values: one signed channel a class, whatever made them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.explain.errors import ExplainError


@dataclass(frozen=True, slots=True, eq=False)
class ActivationMaps:
    """Maps of one picture, stacked.

    Attributes:
        maps: ``(C, H, W)`` float32, signed: before ReLU, normalisation and resizing unless said otherwise.
        names: What each channel is of: a class, usually.

    Raises:
        ExplainError: when shapes or names do not fit, or a value is not finite.
    """

    maps: NDArray[np.float32]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.maps.ndim != 3 or 0 in self.maps.shape or self.maps.dtype != np.float32:
            raise ExplainError(f"maps of shape {self.maps.shape}, {self.maps.dtype}, are not (C, H, W) float32")
        if len(self.names) != len(self.maps):
            raise ExplainError(f"{len(self.maps)} maps have {len(self.names)} names")
        if len(set(self.names)) != len(self.names):
            raise ExplainError("two maps have the same name")
        if not np.isfinite(self.maps).all():
            raise ExplainError("maps hold values that are not finite")

    @property
    def is_empty(self) -> bool:
        """Whether nothing speaks for any class anywhere: no value is above zero."""
        return not bool((self.maps > 0).any())

    def select(self, names: Sequence[str]) -> ActivationMaps:
        """The channels of these names, in this order.

        Raises:
            ExplainError: for a name that is not there, or for none.
        """
        return ActivationMaps(self.maps[rows_of(names, self.names)], tuple(names))

    def averaged(self) -> ActivationMaps:
        """One channel: the mean over classes of what is above zero, since below zero a class speaks against itself."""
        return ActivationMaps(np.maximum(self.maps, 0).mean(axis=0, keepdims=True), ("average",))

    def heat(self) -> NDArray[np.float32]:
        """``(C, H, W)`` in 0..1: what is above zero, as a share of the channel's own maximum; zeros where it is empty.

        >>> ActivationMaps(np.float32([[[-1, 2, 4]]]), ("nose",)).heat().tolist()
        [[[0.0, 0.5, 1.0]]]
        """
        positive = np.maximum(self.maps, 0)
        peaks = positive.max(axis=(1, 2), keepdims=True)
        heat: NDArray[np.float32] = np.divide(positive, peaks, out=np.zeros_like(positive), where=peaks > 0)
        return heat


def rows_of(wanted: Sequence[str], known: Sequence[str]) -> list[int]:
    """Indices of names.

    Raises:
        ExplainError: for a name that is not known (the nearest one is named), one given twice, or for none.
    """
    if not wanted:
        raise ExplainError("no class is asked for, so there is no map to make")
    if len(set(wanted)) != len(wanted):
        raise ExplainError("a class is asked for twice")
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            hint = f"; did you mean {near[0]!r}? There are {', '.join(known)}" if near else ""
            raise ExplainError(f"there is no class {name!r}{hint}")
    return [list(known).index(name) for name in wanted]
