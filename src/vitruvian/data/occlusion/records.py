"""What was covered, written down picture by picture, so that an interrupted run goes on where it stopped.

A line of ``LEVEL.records.jsonl`` is written once the picture is on disk. It counts for as long as the picture is the
one that was written (its SHA-256) and was asked for in the same way: same seed, kinds and source. A line cut short by
the interruption does not count.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class Covered:
    """What was done to one annotation.

    Attributes:
        hidden: Keypoints, by index, that an occluder hides.
        attributes: What the annotation says of it; empty for one that was not covered itself.
    """

    hidden: tuple[int, ...]
    attributes: Mapping[str, Any]


class Records:
    """The records of one level, as a context: read when opened, added to line by line.

    Args:
        file: ``LEVEL.records.jsonl``.
        folder: Where the pictures go.
    """

    def __init__(self, file: Path, folder: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lines: dict[str, dict[str, Any]] = {}
        whole = True
        if file.is_file():
            for line in file.read_bytes().splitlines(keepends=True):
                whole = line.endswith(b"\n")
                try:
                    row = json.loads(line)
                    self._lines[row["picture"]] = row
                except (ValueError, TypeError, KeyError):  # cut short; the picture is done again
                    continue
        self._file = file.open("a", encoding="utf-8")
        if not whole:
            self._file.write("\n")

    def __enter__(self) -> Records:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._file.close()

    def finished(self, name: str, request: str) -> tuple[Covered, ...] | None:
        """What was covered in the picture of that name; None where it must be done (again).

        Args:
            name: Of the written picture.
            request: Stands for all that the result depends on.
        """
        row = self._lines.get(name, {})
        if row.get("request") != request or row.get("sha256") != _digest(self._folder / name):
            return None
        return tuple(Covered(tuple(a["hidden"]), a["attributes"]) for a in row["annotations"])

    def add(self, name: str, request: str, covered: tuple[Covered, ...]) -> None:
        """Write down a picture that is on disk."""
        row = {"picture": name, "request": request, "sha256": _digest(self._folder / name)}
        self._file.write(json.dumps(row | {"annotations": [asdict(c) for c in covered]}) + "\n")
        self._file.flush()


def request_key(source: Path, *about: object) -> str:
    """A text that changes with ``about`` or with the source file's size or time of change."""
    state = os.stat(source)
    text = repr((*about, state.st_size, state.st_mtime_ns))
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
