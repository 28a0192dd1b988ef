"""IMM ``.asf`` shape files: the IMM face database's 58 points, the 73 points of the frontal AAM faces, and others.

Specification: Stegmann, Analysis and Segmentation of Face Images using Point Annotations and Linear Subspace
Techniques, IMM, DTU, 2002, appendix "ASF"; Nordstrøm et al., The IMM Face Database, 2004. After comments (``#``) come
the number of points, a line a point (``path type x y number from to``, later files with three more values), with x and
y in shares of the picture's width and height, and the name of the picture when it was marked. That one may be stale
(the published 04-1m.asf says 01-1m.bmp), so the picture is the one beside the file with its name, and the other is
kept as the attribute ``host_image``. The file's leading number is the person (attribute ``subject``): the published
splits are by person. One face a picture is all there is to see: faces are exhaustive. A row is a file.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector
from vitruvian.data.formats._files import read_text
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._landmarks import MOST_POINTS, landmark_names, picture_of
from vitruvian.data.formats._pictures import PictureFolder, holds
from vitruvian.data.rejects import RowError, RowLog

LABEL = "face"


def read_imm(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read a folder of ``.asf``; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    collector = Collector(options.images_dir or path, log)
    count: int | None = None
    for name in PictureFolder(path, frozenset((".asf",))).names:
        with log.row(path / name):
            shares, host = read_asf(path / name)
            if count is not None and len(shares) != count:
                raise RowError(
                    f"has {len(shares)} points where the other files have {count}; read its folder by itself"
                )
            entry = collector.picture(picture_of(name, collector.folder))
            size = np.asarray([entry.width, entry.height], dtype=np.float64)
            keypoints = _rows.keypoints(shares * size, np.full(len(shares), 2))
            collector.add(entry, LABEL, _rows.points_box(keypoints), keypoints=keypoints, derived_from="landmarks")
            entry.exhaustive.add(LABEL)
            entry.attributes["host_image"] = host
            if subject := re.match(r"\d+", name.rpartition("/")[2]):
                entry.attributes["subject"] = int(subject[0])
            count = len(shares)
    return collector.dataset([LABEL], {LABEL: landmark_names(count)} if count else {})


def read_asf(path: Path) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], str]:
    """Coordinates of an ``.asf`` file as ``(K, 2)`` float64 shares of the picture, and the picture's name.

    Raises:
        RowError: when it is none; the reason says where.
        FileError: when it cannot be read.
    """
    lines = [(i, line.strip()) for i, line in enumerate(read_text(path).splitlines(), start=1)]
    lines = [(i, line) for i, line in lines if line and not line.startswith("#")]
    if len(lines) < 3:
        raise RowError("has no points, or names no picture")
    count = _rows.integer(lines[0][1], "the number of points")
    if not 1 <= count <= MOST_POINTS or len(lines) != count + 2:
        raise RowError(f"has {len(lines) - 2} points, but says {count}")
    points = np.zeros((count, 2))
    placed = set()
    for number, line in lines[1:-1]:
        columns = line.split()
        try:
            if len(columns) < 7:
                raise RowError(f"has {len(columns)} columns, not 7")
            index = _rows.integer(columns[4], "point number")
            if index in placed or not 0 <= index < count:
                raise RowError(f"point number {index} occurs twice or is beyond {count}")
            placed.add(index)
            points[index] = _rows.numbers(columns[2:4], "coordinates", 2)
        except RowError as error:
            raise RowError(f"line {number}: {error}") from None
    return points, _rows.text(lines[-1][1], "picture")


IMM = Format(
    name="imm",
    title="IMM .asf landmark folders (58 or 73 points)",
    looks_for="a folder with .asf files",
    sniff=lambda path: holds(path, (".asf",)),
    read=read_imm,
    takes="folder",
)
