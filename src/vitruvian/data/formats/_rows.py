"""Fields of a row: each helper returns a checked value or raises :class:`RowError` with the reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Box
from vitruvian.data.rejects import RowError

Keypoints = NDArray[np.float32]
"""``(K, 3)`` float32 of x, y, visibility."""

_LARGEST = 1e7
"""Beyond this no picture reaches and float32 loses whole pixels."""


def shown(value: object) -> str:
    """A value for a message: its repr, shortened."""
    text = repr(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return text if len(text) <= 60 else text[:57] + "..."


def field(row: object, name: str) -> Any:
    """A field that the row must have."""
    if not isinstance(row, Mapping):
        raise RowError(f"is no object but {shown(row)}")
    if name not in row:
        raise RowError(f"has no {name!r}")
    return row[name]


def number(value: object, what: str) -> float:
    """A finite number of a sensible size, from a number or its text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise RowError(f"{what} {shown(value)} is not a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise RowError(f"{what} {shown(value)} is not a number")
    if not -_LARGEST <= value <= _LARGEST:
        raise RowError(f"{what} {value!s:.40} is not finite, or beyond any picture")
    return float(value)


def integer(value: object, what: str) -> int:
    """A whole number, from a number or its text; of any size that fits 63 bits."""
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            raise RowError(f"{what} {shown(value)} is not a whole number") from None
    if isinstance(value, float | np.floating) and math.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not -(2**63) < value < 2**63:
        raise RowError(f"{what} {shown(value)} is not a whole number")
    return int(value)


def size(value: object, what: str) -> int:
    """A width or height: a whole number of pixels of at least 1."""
    pixels = integer(value, what)
    if not 1 <= pixels <= _LARGEST:
        raise RowError(f"{what} {pixels} is not the size of a picture")
    return pixels


def text(value: object, what: str) -> str:
    """Text that is not empty and fits on a line."""
    if not isinstance(value, str) or not value.strip():
        raise RowError(f"{what} {shown(value)} is not a name")
    if "\n" in value or "\0" in value or len(value) > 1000:
        raise RowError(f"{what} {shown(value)} is too long or has control characters")
    return value


def numbers(values: object, what: str, count: int | None = None) -> list[float]:
    """A list of finite numbers, of a given length."""
    if isinstance(values, np.ndarray):
        values = values.ravel().tolist()
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise RowError(f"{what} is not a list of numbers")
    if count is not None and len(values) != count:
        raise RowError(f"{what} has {len(values)} numbers, not {count}")
    return [number(value, what) for value in values]


def xyxy_box(values: object, what: str = "box") -> Box:
    """``[x1, y1, x2, y2]`` as it stands; zero width or height is allowed, negative is not."""
    x1, y1, x2, y2 = numbers(values, what, 4)
    if x2 < x1 or y2 < y1:
        raise RowError(f"{what} has a negative width or height")
    return x1, y1, x2, y2


def xywh_box(values: object, what: str = "bbox") -> Box:
    """``[x, y, width, height]`` as ``xyxy``; zero width or height is allowed, negative is not."""
    x, y, w, h = numbers(values, what, 4)
    if w < 0 or h < 0:
        raise RowError(f"{what} has a negative width or height")
    return x, y, x + w, y + h


def triples(values: object, what: str = "keypoints") -> Keypoints:
    """A flat list of x, y, visibility with visibility 0, 1 or 2."""
    flat = numbers(values, what)
    if len(flat) % 3:
        raise RowError(f"{what} are not triples of x, y, visibility")
    points = np.asarray(flat, dtype=np.float32).reshape(-1, 3)
    wrong = ~np.isin(points[:, 2], (0, 1, 2))
    if wrong.any():
        raise RowError(f"{what}: visibility {points[wrong][0, 2]:g} is not 0, 1 or 2")
    return points


def keypoints(xy: object, visibility: object, what: str = "points") -> Keypoints:
    """Points from ``(K, 2)`` coordinates and ``(K,)`` visibilities of 0, 1 or 2; unlabelled points become 0, 0, 0."""
    points = np.asarray(numbers(np.asarray(xy), what), dtype=np.float32).reshape(-1, 2)
    seen = np.asarray(visibility, dtype=np.float32)
    points[seen == 0] = 0
    return np.column_stack([points, seen])


def points_box(points: Keypoints, what: str = "points") -> Box:
    """The smallest box around the labelled points."""
    labelled = points[points[:, 2] > 0, :2]
    if not len(labelled):
        raise RowError(f"none of its {what} is labelled, so it has no place")
    (x1, y1), (x2, y2) = labelled.min(axis=0), labelled.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


def file_name(value: object, what: str = "file name") -> str:
    """A path below the picture folder, with forward slashes: no absolute path, no ``..``."""
    name = text(value, what).replace("\\", "/").removeprefix("./")
    if name.startswith("/") or ":" in name.split("/")[0] or ".." in name.split("/") or name.endswith("/"):
        raise RowError(f"{what} {shown(name)} is not a path below the picture folder")
    return name
