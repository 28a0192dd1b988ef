"""Pictures that a run makes one by one, written down as they are made, so that one that stops goes on where it was.

A line of the records file is written once its picture is on disk. It counts for as long as the picture is the one that
was written (its SHA-256) and was asked for in the same way. A line cut short by the interruption does not count.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Records:
    """The records of one run, as a context: read when opened, added to line by line.

    Args:
        file: JSON lines.
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

    def finished(self, name: str, request: str) -> Any | None:
        """What was noted of the picture of that name; None where it must be made (again).

        Args:
            name: Of the written picture.
            request: Stands for all that the result depends on (:func:`request_key`).
        """
        row = self._lines.get(name, {})
        if row.get("request") != request or row.get("sha256") != _digest(self._folder / name):
            return None
        return row.get("content")

    def add(self, name: str, request: str, content: Any) -> None:
        """Write down a picture that is on disk; ``content`` is anything but None that JSON can hold."""
        row = {"picture": name, "request": request, "sha256": _digest(self._folder / name), "content": content}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()


def request_key(source: Path, *about: object) -> str:
    """A text that changes with ``about`` or with the source file's size or time of change."""
    state = os.stat(source)
    text = repr((*about, state.st_size, state.st_mtime_ns))
    return hashlib.sha256(text.encode()).hexdigest()


def save_png(pixels: NDArray[np.uint8], path: Path) -> None:
    """Write ``(H, W, 3)`` RGB; the file appears whole or not at all."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    Image.fromarray(pixels).save(partial, "PNG")
    os.replace(partial, path)


def _digest(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return None
