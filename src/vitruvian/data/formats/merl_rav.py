"""MERL-RAV: 68 landmarks and their occlusion for 19,000 faces of AFLW.

Specification: https://github.com/abhi1kumar/MERL-RAV_dataset (README, "Format of the Label Files"): iBUG ``.pts`` in
``{frontal,left,lefthalf,right,righthalf}/{trainset,testset}``, where ``(-1, -1)`` is a self-occluded landmark whose
place is unknown, ``(-x, -y)`` an externally occluded one at (x, y), and ``(x, y)`` a visible one. They become
visibility 0, 1 and 2; the attribute ``self_occluded`` lists the first kind, which others leave unlabelled without
saying why. Coordinates are taken as they stand (AFLW's are 0-based).

``image20991_1.pts`` is a face of AFLW's ``image20991.jpg``, of which the organised folder holds a copy a face. Where
only AFLW's own picture is there, its faces come together; a copy says whose with the attribute ``copy_of``. Pictures
have the attributes ``pose`` and ``split``. A row is a file.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._landmarks import landmark_names, picture_of, read_pts
from vitruvian.data.formats._pictures import PictureFolder
from vitruvian.data.rejects import RowError, RowLog

LABEL = "face"
POINTS = 68
POSES = ("frontal", "left", "lefthalf", "right", "righthalf")
SPLITS = {"trainset": "train", "testset": "test"}
FOLDERS = ("merl_rav_organized", "merl_rav_labels")


def read_merl_rav(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read MERL-RAV; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    root = _root(path)
    aflw = path / "aflw"
    beside = aflw if root.name == "merl_rav_labels" and aflw.is_dir() else root
    collector = Collector(options.images_dir or beside, log)
    for name in PictureFolder(root, frozenset((".pts",))).names:
        folders = name.split("/")[:-1]
        pose = next((folder for folder in folders if folder in POSES), None)
        split = next((SPLITS[folder] for folder in folders if folder in SPLITS), None)
        if options.split not in (None, split):
            continue
        with log.row(root / name):
            if pose is None or split is None:
                raise RowError("lies in no folder of a pose and a split")
            keypoints = visibility(read_pts(root / name))
            box = _rows.points_box(keypoints)
            picture = picture_of(name, collector.folder)
            entry = collector.picture(picture, needs_size=False)
            entry.attributes |= {"pose": pose, "split": split}
            copy = re.fullmatch(r"(image\d+)_\d+", Path(picture).stem)
            if copy:
                entry.attributes["copy_of"] = copy[1]
            hidden = [int(i) for i in np.flatnonzero(keypoints[:, 2] == 0)]
            attributes = {"pose": pose} | ({"self_occluded": hidden} if hidden else {})
            collector.add(entry, LABEL, box, keypoints=keypoints, derived_from="landmarks", attributes=attributes)
    return collector.dataset([LABEL], {LABEL: landmark_names(POINTS)})


def visibility(points: NDArray[np.float64]) -> _rows.Keypoints:
    """Canonical keypoints from MERL-RAV's signs.

    Args:
        points: ``(68, 2)`` float64 as published.

    Returns:
        ``(68, 3)`` float32 with visibility 0 for self-occluded, 1 for externally occluded, 2 for visible points.

    Raises:
        RowError: for another number of points, or one of which a single coordinate is negative.
    """
    if len(points) != POINTS:
        raise RowError(f"has {len(points)} points, not {POINTS}")
    unknown = (points == -1).all(axis=1)
    external = (points <= 0).all(axis=1) & (points < 0).any(axis=1) & ~unknown
    mixed = (points < 0).any(axis=1) & ~external & ~unknown
    if mixed.any():
        raise RowError(f"point {int(mixed.argmax())} has one negative coordinate: neither visible nor occluded")
    return _rows.keypoints(np.abs(points), np.select([unknown, external], [0, 1], 2))


def _root(path: Path) -> Path:
    for folder in FOLDERS:
        if (path / folder).is_dir():
            return path / folder
    return path


def is_merl_rav(path: Path) -> bool:
    """True for a folder with folders of poses, each with ``trainset`` or ``testset``."""
    root = _root(path)
    return any((root / pose / split).is_dir() for pose in POSES for split in SPLITS)


MERL_RAV = Format(
    name="merl_rav",
    title="MERL-RAV 68-point .pts with occlusion",
    looks_for="a folder with frontal/trainset and the like",
    sniff=is_merl_rav,
    read=read_merl_rav,
    takes="folder",
    options=frozenset(("images_dir", "split", "exhaustive")),
)
