"""Reading label files within limits: text, JSON, CSV, XML, MATLAB and numpy files; nothing here runs what a file says.

Everything raises :class:`FileError`, whose message names the file and the reason.
"""

from __future__ import annotations

import csv
import importlib
import json
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.formats._mat5 import MatError, parse_mat
from vitruvian.data.rejects import FileError

LARGEST_SET = 4 * 2**30
"""Bytes of a file that holds the labels of a whole set."""

LARGEST_FILE = 16 * 2**20
"""Bytes of a file that holds the labels of one picture."""

LARGEST_ARRAY = 2**28
"""Elements of an array."""

_LONGEST_LINE = 2**20


def read_bytes(path: Path, limit: int = LARGEST_FILE) -> bytes:
    """The contents of a regular file of at most ``limit`` bytes."""
    try:
        if not path.is_file():
            raise FileError(path, "no such file" if not path.exists() else "is not a file")
        length = path.stat().st_size
        if length > limit:
            raise FileError(path, f"too large: {length:,} bytes, the limit is {limit:,}")
        return path.read_bytes()
    except OSError as error:
        raise FileError(path, f"cannot be read: {error.strerror}") from error


def read_text(path: Path, limit: int = LARGEST_FILE) -> str:
    """UTF-8 text, with or without a byte order mark."""
    try:
        return read_bytes(path, limit).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(path, f"not UTF-8 text: byte {error.start}") from None


def read_json(path: Path, limit: int = LARGEST_SET) -> Any:
    """Parsed JSON."""
    try:
        return json.loads(read_bytes(path, limit))
    except RecursionError:
        raise FileError(path, "not sensible JSON: nested too deeply") from None
    except ValueError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(path, f"not valid JSON: {error}") from None


def starts_with(path: Path, wanted: Sequence[bytes], length: int = 2**16) -> bool:
    """True when all of ``wanted`` occur in the first ``length`` bytes of a file."""
    try:
        with open(path, "rb") as file:
            head = file.read(length)
    except OSError:
        return False
    return all(word in head for word in wanted)


def csv_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str] | None]]:
    """Stream a CSV with a header: line number and the wanted columns in order, or None where the line is broken.

    A row is a line: a quote that is never closed breaks its own line and does not swallow those that follow.

    Raises:
        FileError: when a column is missing, or the file cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            header = [name.strip() for name in csv_line(file.readline(_LONGEST_LINE)) or []]
            missing = [name for name in columns if name not in header]
            if missing:
                raise FileError(path, f"line 1: has no column {missing[0]!r}, only {', '.join(header)[:200]}")
            wanted = [header.index(name) for name in columns]
            longest = max(wanted)
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), ""), start=2):
                row = csv_line(line)
                if row is None or len(row) <= longest:
                    if line.strip():
                        yield number, None
                else:
                    yield number, [row[i] for i in wanted]
    except OSError as error:
        raise FileError(path, f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FileError(path, f"not UTF-8 text: byte {error.start}") from None


def csv_line(line: str) -> list[str] | None:
    """The fields of one line; None where its quotes do not match."""
    if '"' not in line:
        return line.rstrip("\r\n").split(",")
    try:
        return next(csv.reader([line], strict=True))
    except (csv.Error, StopIteration):
        return None


@dataclass(frozen=True, slots=True)
class XmlFile:
    """A parsed XML file.

    Attributes:
        root: Its root element.
        lines: The line that each element starts on.
    """

    root: ET.Element
    lines: dict[ET.Element, int]


def read_xml(path: Path, limit: int = LARGEST_FILE) -> XmlFile:
    """Parse XML with the standard library's expat; a document type or an entity is refused, so nothing expands."""
    raw = read_bytes(path, limit)
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate()
    lines: dict[ET.Element, int] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        lines[builder.start(tag, attributes)] = parser.CurrentLineNumber

    def refuse(*_: object) -> None:
        raise FileError(path, "has a document type or entities, which are not read")

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(raw, True)
        return XmlFile(builder.close(), lines)
    except (expat.ExpatError, ValueError, AssertionError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(path, f"not valid XML: {error}") from None


def extra(module: str, path: Path) -> ModuleType:
    """A library of the ``data`` extra, for reading ``path``."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.split(".")[0]
        raise FileError(path, f"reading it needs {package}: pip install 'vitruvian[data]'") from None


def is_hdf5(path: Path) -> bool:
    """True for a MATLAB 7.3 file, which is HDF5 behind a 512-byte header."""
    return starts_with(path, [b"MATLAB 7.3"], 128) or starts_with(path, [b"\x89HDF\r\n\x1a\n"], 8)


def read_mat(path: Path, limit: int = 2**30) -> dict[str, Any]:
    """The variables of a MATLAB file up to version 7.2, see :func:`parse_mat`; 7.3 is refused (see :func:`is_hdf5`)."""
    if is_hdf5(path):
        raise FileError(path, "is a MATLAB 7.3 file; save it with -v7")
    try:
        return parse_mat(read_bytes(path, limit))
    except MatError as error:
        raise FileError(path, str(error)) from None
    except MemoryError:
        raise FileError(path, "too large for the memory of this machine") from None


def read_npy(path: Path) -> NDArray[Any]:
    """A numpy array file, mapped into memory and never unpickled."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise FileError(path, f"cannot be read: {error.strerror or 'not a numpy file'}") from None
    except (ValueError, EOFError, SyntaxError, TypeError, OverflowError, zipfile.BadZipFile) as error:
        raise FileError(path, f"not a plain numpy array: {str(error)[:100]}") from None
    if not isinstance(array, np.ndarray):
        raise FileError(path, "is an archive of arrays, not one array")
    if array.size > LARGEST_ARRAY:
        raise FileError(path, f"too large: {array.shape}")
    return array
