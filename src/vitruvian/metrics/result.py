"""How every result prints: the same tables as text, as Markdown and as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Cell = str | int | float | None


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table; a cell is a text, a count, a number (printed with 3 decimals) or None (printed ``n/a``).

    Raises:
        ValueError: when a row has not as many cells as there are columns.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"table {self.title!r}: {len(row)} cells in a row of {len(self.columns)} columns")

    def text(self) -> str:
        """Fixed-width text: numbers to the right, words to the left."""
        cells = [list(self.columns), *([shown(c) for c in row] for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self.columns))]
        words = [any(isinstance(row[i], str) for row in self.rows) for i in range(len(self.columns))]
        lines = [
            "  ".join(
                c.ljust(w) if left else c.rjust(w) for c, w, left in zip(row, widths, words, strict=True)
            ).rstrip()
            for row in cells
        ]
        return "\n".join([self.title, *lines])

    def markdown(self) -> str:
        """A Markdown table under a heading."""
        lines = [f"### {self.title}", "", "| " + " | ".join(self.columns) + " |", "|" + "---|" * len(self.columns)]
        lines += ["| " + " | ".join(shown(c).replace("|", "\\|") for c in row) + " |" for row in self.rows]
        return "\n".join(lines)


def shown(cell: Cell) -> str:
    """A cell as it is printed.

    >>> shown(0.5), shown(float("nan")), shown(3), shown(None)
    ('0.500', 'n/a', '3', 'n/a')
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return "n/a"
    if isinstance(cell, float):
        return f"{cell:.3f}"
    return str(cell)


@dataclass(frozen=True)
class Result(ABC):
    """What every measurement is: it names its protocol and evaluator, and prints.

    Attributes:
        protocol: Name of the protocol, as in :func:`vitruvian.metrics.list_protocols`.
        evaluator: What computed the averages, with its version.
        notes: What a reader must know: classes that are n/a and why, detections left out.
    """

    protocol: str
    evaluator: str
    notes: tuple[str, ...]

    @abstractmethod
    def tables(self) -> tuple[Table, ...]:
        """The result as tables, most important first."""

    @abstractmethod
    def headline(self) -> Mapping[str, float]:
        """The few numbers that one would quote, by name; NaN where not applicable."""

    def text(self) -> str:
        """For the terminal."""
        head = f"protocol {self.protocol}, evaluator {self.evaluator}"
        return "\n\n".join([head, *(table.text() for table in self.tables()), *(f"note: {n}" for n in self.notes)])

    def markdown(self) -> str:
        """For a page or a pull request."""
        head = f"Protocol `{self.protocol}`, evaluator {self.evaluator}."
        return "\n\n".join([head, *(table.markdown() for table in self.tables()), *(f"> {n}" for n in self.notes)])

    def json(self) -> str:
        """Every number, indented; what is not applicable is null."""
        return json.dumps({"kind": type(self).__name__, **plain(self)}, indent=2)

    def __str__(self) -> str:
        return self.text()


def plain(value: Any) -> Any:
    """Dataclasses, arrays and mappings as JSON values; NaN and infinities become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence | frozenset):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def mean(values: Sequence[float]) -> float:
    """Mean of what is applicable, NaN where nothing is."""
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan
