"""Broken rows: each is named with file, place and reason; strict reading stops at it, the default sets it aside.

A *row* is what a format lists one by one: a line of a CSV, an object of an XML, an entry of a JSON list, a landmark
file. Every row is either accepted or in the rejects, so ``rows == accepted + len(rejects)`` holds for every reader.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from vitruvian.data.dataset import DataError


@dataclass(frozen=True, slots=True)
class Reject:
    """One row that was set aside.

    Attributes:
        file: The file that it stands in.
        place: Where in the file: ``"line 12"``, ``"annotation 5"``; empty for the whole file.
        reason: What is wrong with it.
    """

    file: str
    place: str
    reason: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.place, self.reason) if part)


class RowError(ValueError):
    """What is wrong with a row; who reads the row knows file and place."""


class FileError(DataError):
    """A file that cannot be read; in a set of many files it is one broken row.

    Attributes:
        reason: The message without the file's name.
    """

    def __init__(self, file: str | os.PathLike[str], reason: str) -> None:
        self.reason = " ".join(reason.split())
        super().__init__(f"{os.fspath(file)}: {self.reason}")


class RowLog:
    """Counts the rows of one reading and keeps the broken ones.

    Args:
        strict: Raise :class:`DataError` at the first broken row instead of setting it aside.

    Attributes:
        accepted: Rows that are in the data set.
        rejects: Rows that are not.
        notes: What else a reader has to say, each a line: what was left out by request, what is unknown.

    >>> log = RowLog()
    >>> with log.row("labels.csv", "line 2"):
    ...     raise RowError("has 3 columns, not 4")
    >>> log.rows, log.accepted, str(log.rejects[0])
    (1, 0, 'labels.csv: line 2: has 3 columns, not 4')
    """

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict
        self.accepted = 0
        self.rejects: list[Reject] = []
        self.notes: list[str] = []

    @property
    def rows(self) -> int:
        """All rows met."""
        return self.accepted + len(self.rejects)

    def reject(self, file: str | os.PathLike[str], place: str, reason: str) -> None:
        """Set a row aside.

        Raises:
            DataError: when strict.
        """
        reject = Reject(os.fspath(file), place, " ".join(reason.split()))
        if self.strict:
            raise DataError(str(reject))
        self.rejects.append(reject)

    def row(self, file: str | os.PathLike[str], place: str = "") -> _Row:
        """Accepts the row it spans, or rejects it if a :class:`RowError` or :class:`FileError` ends it."""
        return _Row(self, file, place)


class _Row:
    __slots__ = ("_file", "_log", "_place")

    def __init__(self, log: RowLog, file: str | os.PathLike[str], place: str) -> None:
        self._log, self._file, self._place = log, file, place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if error is None:
            self._log.accepted += 1
            return False
        if isinstance(error, RowError | FileError):
            reason = error.reason if isinstance(error, FileError) else str(error)
            self._log.reject(self._file, self._place, reason)
            return True
        return False


def write_rejects(path: str | os.PathLike[str], rejects: Iterable[Reject]) -> None:
    """Write JSON lines with the keys ``file``, ``place`` and ``reason``; the file appears whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with open(partial, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(reject)) + "\n" for reject in rejects)
    os.replace(partial, path)
