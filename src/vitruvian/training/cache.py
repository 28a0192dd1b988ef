"""Decoded pictures on disk: training reads each picture many times, decoding it once is enough."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.images import read_picture, read_planes, resize


class PictureCache:
    """Pictures of a list of files, decoded, shrunk and memory-mapped.

    The file holds raw 8-bit pixels and is shared between worker processes through the operating system's page cache.

    Args:
        paths: Picture files; a picture is asked for by its index here.
        side: Long side in pixels that larger pictures are shrunk to.
        folder: Where cache files lie; one is reused while the paths, their sizes and dates, and ``side`` are the same.
        progress: Called with the number of pictures done.
        maps: Channels of the files where they are activation maps; ordinary pictures by default.

    Raises:
        ReadError: for a file that cannot be read, or a map of another number of channels.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        side: int,
        folder: Path,
        progress: Callable[[int], None] | None = None,
        maps: int | None = None,
    ) -> None:
        stats = [path.stat() for path in paths]
        what = json.dumps([side, [(str(p), s.st_size, s.st_mtime_ns) for p, s in zip(paths, stats, strict=True)]])
        self._maps = maps
        stem = folder / f"pictures-{hashlib.sha256(what.encode()).hexdigest()[:16]}"
        self._pixels, index = stem.with_suffix(".u8"), stem.with_suffix(".json")
        if not index.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            self._build(paths, side, index, progress)
        rows = json.loads(index.read_text())
        self._shapes = [(h, w) for h, w, _ in rows]
        self._offsets = [offset for _, _, offset in rows]
        self._map: NDArray[np.uint8] | None = None

    def _build(self, paths: Sequence[Path], side: int, index: Path, progress: Callable[[int], None] | None) -> None:
        rows, offset = [], 0
        partial = self._pixels.with_suffix(f".{os.getpid()}.partial")  # several processes may build the same
        with partial.open("wb") as file:
            for done, path in enumerate(paths, start=1):
                picture = read_picture(path) if self._maps is None else read_planes(path, self._maps)
                height, width = picture.shape[:2]
                if max(height, width) > side:
                    scale = side / max(height, width)
                    picture = resize(picture, max(1, round(width * scale)), max(1, round(height * scale)))
                rows.append((*picture.shape[:2], offset))
                file.write(picture.tobytes())
                offset += picture.size
                if progress is not None:
                    progress(done)
        os.replace(partial, self._pixels)
        index.write_text(json.dumps(rows))

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, index: int) -> NDArray[np.uint8]:
        """``(H, W, 3)`` uint8 RGB, or ``(H, W, maps)``; a read-only view."""
        if self._map is None:  # opened here, so that every worker has a map of its own
            self._map = np.memmap(self._pixels, dtype=np.uint8, mode="r")
        height, width = self._shapes[index]
        start, channels = self._offsets[index], self._maps or 3
        return self._map[start : start + height * width * channels].reshape(height, width, channels)
