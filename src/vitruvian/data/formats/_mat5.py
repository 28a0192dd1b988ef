"""MATLAB files of version 5 to 7.2, read in plain Python.

``scipy.io.loadmat`` takes the whole process down on some damaged files, so what label files are made of is read here:
numbers, text, cells and structs, compressed or not. Specification: MathWorks, MAT-File Format, "Level 5 MAT-Files".
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_INT8, _INT32, _UINT32, _MATRIX, _COMPRESSED, _UTF8 = 1, 5, 6, 14, 15, 16
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_CELL, _STRUCT, _CHAR = 1, 2, 4
_TEXT = {_INT8: "latin-1", 2: "latin-1", 4: "utf-16", _UTF8: "utf-8", 17: "utf-16", 18: "utf-32"}
_COMPLEX = 0x08
_HEADER = 128
_DEEPEST = 32
_LARGEST = 2**31


class MatError(ValueError):
    """What is wrong with a MATLAB file."""


def parse_mat(raw: bytes) -> dict[str, Any]:
    """The variables of a MATLAB 5 file.

    Numbers and truth values are arrays with MATLAB's shape, text is ``str`` (of several rows a list), a cell array a
    list and a struct array a list of dicts, both in MATLAB's order.

    Raises:
        MatError: when the file is damaged, or holds what no label file does (sparse or complex arrays, objects).
    """
    if len(raw) < _HEADER or raw[126:128] not in (b"IM", b"MI"):
        raise MatError("not a MATLAB file of version 5 to 7.2")
    order = "<" if raw[126:128] == b"IM" else ">"
    variables: dict[str, Any] = {}
    reader = _Reader(raw, order, _HEADER)
    while reader.position < len(raw):
        kind, data = reader.element()
        if kind == _COMPRESSED:
            kind, data = _Reader(_inflate(data), order).element()
        if kind != _MATRIX:
            raise MatError(f"has an element of type {kind} where a variable should be")
        name, value = _Reader(data, order).matrix(0)
        variables[name] = value
    return variables


def _inflate(data: bytes) -> bytes:
    try:
        inflater = zlib.decompressobj()
        content = inflater.decompress(data, _LARGEST)
    except zlib.error as error:
        raise MatError(f"damaged: {error}") from None
    if inflater.unconsumed_tail or not inflater.eof:
        raise MatError("a compressed variable is cut off or too large")
    return content


class _Reader:
    """Reads one data element after the other."""

    def __init__(self, data: bytes, order: str, position: int = 0) -> None:
        self._data, self._order, self.position = data, order, position

    def element(self) -> tuple[int, bytes]:
        """Type and bytes of the next element."""
        if self.position + 8 > len(self._data):
            raise MatError("is cut off")
        kind, length = struct.unpack_from(self._order + "II", self._data, self.position)
        if kind >> 16:  # the small form: type and length in four bytes, data in the next four
            start, length, kind, after = self.position + 4, kind >> 16, kind & 0xFFFF, self.position + 8
            if length > 4:
                raise MatError("has a small element of more than 4 bytes")
        else:
            start = self.position + 8
            after = start + length + (-length % 8 if kind != _COMPRESSED else 0)
        if start + length > len(self._data):
            raise MatError("is cut off")
        self.position = after
        return kind, self._data[start : start + length]

    def matrix(self, depth: int) -> tuple[str, Any]:
        """Name and value of an array, from the bytes of its element."""
        if depth > _DEEPEST:
            raise MatError("is nested too deeply")
        if not self._data:
            return "", np.zeros((0, 0))
        flags, shape, name = self._integers(_UINT32), self._integers(_INT32), self._text(_INT8)
        if len(flags) != 2 or len(shape) < 2 or min(shape) < 0:
            raise MatError("has an array without flags or shape")
        kind, complex_number = flags[0] & 0xFF, flags[0] >> 8 & _COMPLEX
        count = math.prod(shape)
        if kind in (_CELL, _STRUCT) and count * 8 > 8 * len(self._data):
            raise MatError(f"has {count} cells in {len(self._data)} bytes")
        if kind in _CLASSES and not complex_number:
            return name, self._numbers(shape, _CLASSES[kind])
        if kind == _CHAR:
            return name, self._characters(shape)
        if kind == _CELL:
            return name, [self._item(depth) for _ in range(count)]
        if kind == _STRUCT:
            fields = self._field_names()
            return name, [{field: self._item(depth) for field in fields} for _ in range(count)]
        raise MatError(f"variable {name!r} is complex, sparse or an object, which is not read")

    def _item(self, depth: int) -> Any:
        kind, data = self.element()
        if kind != _MATRIX:
            raise MatError(f"has an element of type {kind} where an array should be")
        return _Reader(data, self._order).matrix(depth + 1)[1]

    def _integers(self, expected: int) -> list[int]:
        kind, data = self.element()
        if kind != expected or len(data) % 4:
            raise MatError(f"has an element of type {kind} where flags or a shape should be")
        return [int(value) for value in np.frombuffer(data, self._order + _STORED[kind])]

    def _text(self, expected: int) -> str:
        kind, data = self.element()
        if kind != expected:
            raise MatError(f"has an element of type {kind} where a name should be")
        return data.split(b"\0", 1)[0].decode("latin-1")

    def _field_names(self) -> list[str]:
        (length,) = self._integers(_INT32) or [0]
        kind, data = self.element()
        if kind != _INT8 or length < 1 or len(data) % length:
            raise MatError("has a struct without field names")
        names = [data[at : at + length].split(b"\0", 1)[0].decode("latin-1") for at in range(0, len(data), length)]
        if len(set(names)) != len(names) or not names:
            raise MatError("has a struct without field names, or with one twice")
        return names

    def _numbers(self, shape: list[int], kind: str) -> NDArray[Any]:
        stored, data = self.element()
        if stored not in _STORED:
            raise MatError(f"stores numbers as type {stored}")
        if len(data) != math.prod(shape) * int(_STORED[stored][1]):
            raise MatError(f"has {len(data)} bytes for numbers of the shape {shape}")
        values = np.frombuffer(data, self._order + _STORED[stored])
        with np.errstate(invalid="ignore", over="ignore"):  # a damaged number is found out where it is used
            return values.astype(kind).reshape(shape, order="F")

    def _characters(self, shape: list[int]) -> str | list[str]:
        stored, data = self.element()
        if stored not in _TEXT:
            raise MatError(f"stores text as type {stored}")
        endian = {"<": "-le", ">": "-be"}[self._order] if _TEXT[stored].startswith("utf-") and stored != _UTF8 else ""
        text = data.decode(_TEXT[stored] + endian, errors="replace")
        rows = shape[0]
        return text if rows <= 1 else ["".join(text[row::rows]).rstrip() for row in range(rows)]
