"""The layers of a detector that maps can be made of, by name: ``<place>.<stride>``."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence

from vitruvian.explain.errors import ExplainError


def layer_names(strides: Sequence[int]) -> tuple[str, ...]:
    """All of them; :mod:`vitruvian.explain.detector_layers` says what the places are."""
    return tuple(f"{place}.{stride}" for place in ("backbone", "pyramid", "tower") for stride in strides)


def check_layer(name: str, known: Collection[str]) -> None:
    """Check that there is such a layer.

    Raises:
        ExplainError: when there is none; the nearest one is named.
    """
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
        hint = f"; did you mean {near[0]!r}? " if near else "; "
        raise ExplainError(f"there is no layer {name!r}{hint}(layers: {', '.join(known)})")
