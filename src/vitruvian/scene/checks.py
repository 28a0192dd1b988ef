"""Checks of a scene's fields: each gives the plain value back or raises one line that begins with the field's path."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from numbers import Integral, Real
from typing import Any

Box = tuple[float, float, float, float]
"""``(x1, y1, x2, y2)`` in pixels of the original picture."""


class SceneError(ValueError):
    """A scene with a wrong or missing field; the message begins with the field's path, e.g. ``faces[0].box``."""


def put(owner: Any, name: str, value: object) -> None:
    """Set a field of a frozen object under construction."""
    object.__setattr__(owner, name, value)


def kind_of(value: object) -> str:
    """Type and value for an error message, cut short."""
    return "null" if value is None else f"{type(value).__name__} {reprlib.repr(value)}"


def text(value: object, path: str) -> None:
    """A non-empty text."""
    if not isinstance(value, str) or not value:
        raise SceneError(f"{path}: must be a non-empty text, not {kind_of(value)}")


def choice(value: object, choices: Sequence[str | None], path: str) -> None:
    """One of a few texts or None."""
    if value not in choices:
        names = ", ".join("null" if c is None else repr(c) for c in choices)
        raise SceneError(f"{path}: must be one of {names}, not {kind_of(value)}")


def _is(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def number(value: Any, path: str) -> float:
    """A finite number of any kind but a truth value."""
    if _is(value, Real):
        try:
            plain = float(value)
        except OverflowError:
            plain = float("inf")
        if isfinite(plain):
            return plain
    raise SceneError(f"{path}: must be a finite number, not {kind_of(value)}")


def unit(value: Any, path: str) -> float:
    """A number from 0 to 1."""
    plain = number(value, path)
    if not 0 <= plain <= 1:
        raise SceneError(f"{path}: must lie between 0 and 1, not {plain}")
    return plain


def whole(value: Any, path: str, least: int) -> int:
    """A whole number not below ``least``."""
    if _is(value, Integral) and int(value) >= least:
        return int(value)
    raise SceneError(f"{path}: must be a whole number from {least}, not {kind_of(value)}")


def index(value: Any, path: str) -> int | None:
    """A position from 0, or None."""
    return None if value is None else whole(value, path, 0)


def items_of(value: object, path: str) -> Sequence[Any]:
    """The items of anything that is a list to a reader."""
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)):
        return list(value)
    raise SceneError(f"{path}: must be a list, not {kind_of(value)}")


def mapping_of(value: object, path: str) -> Mapping[str, Any]:
    """An object with named fields."""
    if not isinstance(value, Mapping):
        raise SceneError(f"{path}: must be an object, not {kind_of(value)}")
    for name in value:
        text(name, f"{path}: a name")
    return value


def numbers(value: object, count: int, path: str) -> tuple[float, ...]:
    """Exactly ``count`` finite numbers."""
    items = items_of(value, path)
    if len(items) != count:
        raise SceneError(f"{path}: must hold {count} numbers, not {len(items)}")
    return tuple(number(item, f"{path}[{i}]") for i, item in enumerate(items))


def box(value: object) -> Box:
    """``xyxy`` with ordered corners."""
    x1, y1, x2, y2 = numbers(value, 4, "box")
    if x2 < x1 or y2 < y1:
        raise SceneError(f"box: the second corner lies before the first in {[x1, y1, x2, y2]}")
    return x1, y1, x2, y2


def optional(value: object, kind: type, path: str) -> None:
    """None or an object of that class."""
    if value is not None and not isinstance(value, kind):
        raise SceneError(f"{path}: must be null or {kind.__name__}, not {kind_of(value)}")


def all_of(value: object, kind: type, path: str) -> tuple[Any, ...]:
    """Objects of one class."""
    items = items_of(value, path)
    for i, item in enumerate(items):
        if not isinstance(item, kind):
            raise SceneError(f"{path}[{i}]: must be {kind.__name__}, not {kind_of(item)}")
    return tuple(items)
