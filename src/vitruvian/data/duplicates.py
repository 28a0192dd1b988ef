"""Finding copies and near-copies of a picture among many, with 270 bytes of memory a picture.

A picture is reduced to a 64-bit difference hash (neighbouring cells of a 9 x 8 grey thumbnail: is the right one
brighter?) and a 16 x 16 grey thumbnail. Two pictures whose hashes differ in at most 5 bits agree wholly on one of six
bands of bits, so only pictures that share a band are compared; those close by hash are confirmed by the correlation of
their thumbnails, which tells apart the alike layouts that a hash alone confuses (centred portraits, blank walls).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.images.read import ReadError, read_reduced
from vitruvian.images.resize import resize

HASH_BITS = 5
"""Bits that may differ: recompressing and resizing change about that many of 64."""

CORRELATION = 0.98
"""Between 16 x 16 grey thumbnails of near-duplicates."""

_BANDS = ((0, 11), (11, 22), (22, 33), (33, 44), (44, 54), (54, 64))
_SIDE = 16
_ONES_IN_BYTE = np.array([i.bit_count() for i in range(256)])


@dataclass(frozen=True, slots=True, eq=False)
class PictureHash:
    """What is kept of a picture to compare it: ``bits`` of its difference hash and ``(256,)`` uint8 grey."""

    bits: int
    thumbnail: NDArray[np.uint8]

    @classmethod
    def of(cls, picture: NDArray[np.uint8]) -> PictureHash:
        """Hash an ``(H, W, 3)`` uint8 RGB picture."""
        weights = np.array([0.299, 0.587, 0.114], dtype=np.float32)
        small = resize(resize(picture, 64, 64).astype(np.float32), _SIDE, _SIDE) @ weights
        cells = resize(resize(picture, 64, 64).astype(np.float32), 9, 8) @ weights
        bits = np.packbits(cells[:, 1:] > cells[:, :-1])
        return cls(int.from_bytes(bits.tobytes(), "big"), small.round().astype(np.uint8).ravel())


def near_duplicates(hashes: Sequence[PictureHash]) -> NDArray[np.int64]:
    """Group near-identical pictures.

    Returns:
        ``(N,)`` int64: for each picture the index of the first picture of its cluster, its own where it stands alone.
        A chain of neighbours is one cluster, so its ends may differ more than the limits allow.
    """
    parent = np.arange(len(hashes))
    if len(hashes) == 0:
        return parent
    bits = np.array([h.bits for h in hashes], dtype=np.uint64)
    grey = np.stack([h.thumbnail for h in hashes])

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = int(parent[i])
        return i

    for start, end in _BANDS:
        band = (bits >> np.uint64(start)) & np.uint64((1 << (end - start)) - 1)
        order = np.argsort(band, kind="stable")
        edges = np.flatnonzero(np.diff(band[order])) + 1
        for bucket in np.split(order, edges):
            for k, i in enumerate(bucket[:-1]):
                others = bucket[k + 1 :]
                close = others[_ones(bits[others] ^ bits[i]) <= HASH_BITS]
                for j in close:
                    a, b = root(int(i)), root(int(j))
                    if a != b and _alike(grey[i], grey[j]):
                        parent[max(a, b)] = min(a, b)
    return np.array([root(i) for i in range(len(parent))], dtype=np.int64)


def _ones(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Bits set in each of ``(N,)`` values."""
    ones: NDArray[np.int64] = _ONES_IN_BYTE[values.view(np.uint8).reshape(-1, 8)].sum(axis=1)
    return ones


def _alike(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> bool:
    a, b = first.astype(np.float32), second.astype(np.float32)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    if norm == 0:  # flat pictures are alike when both are flat and of one brightness
        return bool(np.abs(first.astype(np.int16) - second).max() <= 2)
    return float(a @ b) / norm >= CORRELATION


def group_copies(dataset: Dataset, on_picture: Callable[[], None] = lambda: None) -> list[str]:
    """The group of each picture: the file name of the first of its near-duplicates.

    A picture that does not open is a group of its own. ``on_picture`` is called after each.
    """
    hashes: list[PictureHash] = []
    opened: list[int] = []
    for i, picture in enumerate(dataset):
        try:
            pixels = read_reduced(dataset.path(picture), min_side=64)[0]
        except ReadError:
            pass
        else:
            hashes.append(PictureHash.of(pixels))
            opened.append(i)
        on_picture()
    groups = [picture.file_name for picture in dataset]
    for i, first in zip(opened, near_duplicates(hashes), strict=True):
        groups[i] = dataset.pictures[opened[first]].file_name
    return groups
