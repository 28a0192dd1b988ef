"""What the face formats share: names of landmarks, and reading ``.pts`` files.

``.pts`` (https://ibug.doc.ic.ac.uk/resources/300-W/)::

    version: 1
    n_points:  68
    {
    336.820955 240.864510
    ...
    }
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.formats._files import read_text
from vitruvian.data.formats._pictures import PictureFolder
from vitruvian.data.formats._rows import numbers
from vitruvian.data.rejects import RowError
from vitruvian.taxonomy import LANDMARK_PROTOCOLS

MOST_POINTS = 1000


def landmark_names(points: int) -> tuple[str, ...]:
    """A name a landmark: feature and 0-based index as in the protocol of that many points, else ``point_0`` ..."""
    for protocol in LANDMARK_PROTOCOLS:
        if protocol.points == points:
            feature = {i: name for name, indices in protocol.parts.items() for i in indices}
            return tuple(f"{feature[i]}_{i}" for i in range(points))
    return tuple(f"point_{i}" for i in range(points))


def read_pts(path: Path) -> NDArray[np.float64]:
    """``(K, 2)`` float64 coordinates as they stand in a ``.pts`` file.

    Raises:
        RowError: when it is none; the reason says where.
        FileError: when it cannot be read.
    """
    lines = [line.partition("#")[0].split() for line in read_text(path).splitlines()]
    joined = ["".join(line) for line in lines]
    if "{" not in joined or "}" not in joined or joined.index("}") < joined.index("{"):
        raise RowError("has no points between { and }")
    first, last = joined.index("{"), joined.index("}")
    declared = [line.partition(":")[2] for line in joined[:first] if line.lower().startswith("n_points:")]
    points = []
    for number, line in enumerate(lines[first + 1 : last], start=first + 2):
        if line:
            try:
                points.append(numbers(line, "point", 2))
            except RowError as error:
                raise RowError(f"line {number}: {error}") from None
    if not points or len(points) > MOST_POINTS:
        raise RowError(f"has {len(points)} points")
    if declared and declared[0] != str(len(points)):
        raise RowError(f"has {len(points)} points, but n_points says {declared[0]}")
    return np.asarray(points, dtype=np.float64)


def picture_of(label_file: str, folder: PictureFolder) -> str:
    """The picture of a label file: beside it, elsewhere, of the name without ``_1``, else a ``.jpg`` that is not there.

    Raises:
        RowError: when several folders have such a picture, and its own has none.
    """
    stem = label_file.rpartition(".")[0]
    beside = [name for name in (f"{stem}{suffix}" for suffix in (".jpg", ".png", ".jpeg", ".bmp")) if name in folder]
    if beside:
        return beside[0]
    found = folder.find(stem)
    numbered = re.fullmatch(r"(.+)_\d+", stem)
    if found is None and numbered:
        found = folder.find(numbered[1])
    return found or f"{stem}.jpg"
