"""Folders of iBUG ``.pts`` files: 300-W, HELEN, LFPW, AFW, the 300-W test set, and others of the kind.

Specification: https://ibug.doc.ic.ac.uk/resources/300-W/. A file ``name.pts`` beside the picture ``name.jpg`` or
``.png`` marks one face; ``name_1.pts``, ``name_2.pts`` mark several where there is no picture of that name. The
coordinates are "in MATLAB convention", the first pixel being 1, so 1 is subtracted. All points are marked visible,
hidden or not, so every visibility is 2. Nobody says that every face of a picture is marked: nothing is exhaustive. The
box of a face is that of its points. A row is a file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._landmarks import landmark_names, picture_of, read_pts
from vitruvian.data.formats._pictures import PictureFolder, holds
from vitruvian.data.formats.merl_rav import is_merl_rav
from vitruvian.data.rejects import RowError, RowLog

LABEL = "face"


def read_ibug(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read a folder of ``.pts``; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    collector = Collector(options.images_dir or path, log)
    count: int | None = None
    for name in PictureFolder(path, frozenset((".pts",))).names:
        with log.row(path / name):
            points = read_pts(path / name) - 1
            if count is not None and len(points) != count:
                raise RowError(f"has {len(points)} points where the other files have {count}")
            entry = collector.picture(picture_of(name, collector.folder), needs_size=False)
            keypoints = _rows.keypoints(points, np.full(len(points), 2))
            collector.add(entry, LABEL, _rows.points_box(keypoints), keypoints=keypoints, derived_from="landmarks")
            count = len(points)
    return collector.dataset(keypoint_names={LABEL: landmark_names(count)} if count else {})


IBUG = Format(
    name="ibug",
    title="iBUG .pts landmark folders: 300-W and kin",
    looks_for="a folder with .pts files",
    sniff=lambda path: holds(path, (".pts",)) and not is_merl_rav(path),
    read=read_ibug,
    takes="folder",
)
