"""The classes of Open Images: ids such as ``/m/04hgtk``, display names, and the hierarchy."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from vitruvian.data.formats import _rows
from vitruvian.data.formats._files import csv_line, read_json, read_text
from vitruvian.data.rejects import RowError, RowLog

_DEEPEST = 50


@dataclass(slots=True)
class OpenImagesClasses:
    """Names and parents by class id.

    Attributes:
        names: Display name of each id, in file order; where two ids share one, it carries the id in brackets.
        parents: Ids of the classes that each is a kind of (not a part of).
    """

    names: dict[str, str] = field(default_factory=dict)
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path, log: RowLog) -> OpenImagesClasses:
        """Read ``*class-descriptions*.csv`` and ``*hierarchy*.json`` of a folder, where they are there."""
        classes = cls()
        for file in sorted(folder.glob("*class-descriptions*.csv")):
            classes._read_names(file, log)
        for file in sorted(folder.glob("*hierarchy*.json")):
            with log.row(file):
                classes._read_node(_rows.field({"root": read_json(file)}, "root"), None, 0)
        shared = Counter(classes.names.values())
        classes.names = {mid: f"{name} ({mid})" if shared[name] > 1 else name for mid, name in classes.names.items()}
        return classes

    def name(self, mid: str) -> str:
        """Display name of a class, its id where none is known."""
        return self.names.get(mid, mid)

    def ancestors(self, mid: str) -> list[str]:
        """Ids of all classes that this one is a kind of, nearest first."""
        found: list[str] = []
        waiting = list(self.parents.get(mid, ()))
        while waiting:
            parent = waiting.pop(0)
            if parent not in found:
                found.append(parent)
                waiting += self.parents.get(parent, ())
        return found

    def descendants(self, mid: str) -> list[str]:
        """Ids of all classes that are a kind of this one."""
        return [other for other in self.parents if mid in self.ancestors(other)]

    def _read_names(self, file: Path, log: RowLog) -> None:
        """``/m/04hgtk,Human head``; some releases begin with the header ``LabelName,DisplayName``."""
        for number, line in enumerate(read_text(file, 2**26).splitlines(), start=1):
            if line.strip() and not line.startswith("LabelName,"):
                with log.row(file, f"line {number}"):
                    self._add(csv_line(line) or [])

    def _add(self, row: list[str]) -> None:
        if len(row) != 2:
            raise RowError(f"has {len(row)} columns, not 2")
        mid, name = _rows.text(row[0], "class id"), _rows.text(row[1], "class name")
        if self.names.setdefault(mid, name) != name:
            raise RowError(f"calls {mid} {name!r}, elsewhere it is {self.names[mid]!r}")

    def _read_node(self, node: object, parent: str | None, depth: int) -> None:
        if depth > _DEEPEST:
            raise RowError("the hierarchy is nested too deeply")
        mid = _rows.text(_rows.field(node, "LabelName"), "LabelName")
        known = self.parents.get(mid, ())
        if parent is not None and parent not in known:
            self.parents[mid] = (*known, parent)
        assert isinstance(node, dict)  # or it would have no LabelName
        for edge in ("Subcategory", "Part"):
            children = node.get(edge, [])
            if not isinstance(children, list):
                raise RowError(f"{edge} of {mid} is not a list")
            for child in children:
                self._read_node(child, mid if edge == "Subcategory" else None, depth + 1)
