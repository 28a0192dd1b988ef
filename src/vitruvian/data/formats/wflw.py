"""WFLW: 98 landmarks, a face box and six attributes a face.

Specification: https://wywu.github.io/projects/LAB/WFLW.html:
``list_98pt_rect_attr_train_test/list_98pt_rect_attr_{train, test}.txt``, a face a line of 207 columns: 98 x, y; x and
y of the box's corners; pose, expression, illumination, make-up, occlusion, blur (0 or 1); the picture below
``WFLW_images``. The list without box and attributes (``list_98pt_test``, 197
columns) is read too, with the box of the points. Pixels are 0-based. A landmark is marked wherever it is, hidden or
not: visibility is 2 throughout, and the attribute ``occlusion`` says when a part of the face is covered. Other faces
of a picture
may be unlabelled: nothing is exhaustive. A row is a line.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector
from vitruvian.data.formats._files import read_text
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._landmarks import landmark_names
from vitruvian.data.rejects import FileError, RowError, RowLog

LABEL = "face"
POINTS = 98
ATTRIBUTES = ("pose", "expression", "illumination", "make_up", "occlusion", "blur")
_LISTS = ("list_98pt_rect_attr", "list_98pt")


def read_wflw(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read WFLW lists; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    files = _lists(path)
    root = path if path.is_dir() else path.parent
    places = (root / "WFLW_images", root.parent / "WFLW_images", root.parent.parent / "WFLW_images", root)
    collector = Collector(options.images_dir or next(p for p in places if p.is_dir()), log)
    for file in files:
        split = next((part for part in ("train", "test") if part in file.stem.rsplit("_", 1)[-1]), None)
        if options.split not in (None, split):
            continue
        for number, line in enumerate(read_text(file, 2**30).splitlines(), start=1):
            if line.strip():
                with log.row(file, f"line {number}"):
                    _face(collector, line.split(), split)
    return collector.dataset([LABEL], {LABEL: landmark_names(POINTS)})


def _face(collector: Collector, columns: list[str], split: str | None) -> None:
    with_box = len(columns) == 2 * POINTS + 11
    if not with_box and len(columns) != 2 * POINTS + 1:
        raise RowError(f"has {len(columns)} columns, not {2 * POINTS + 11}")
    points = np.asarray(_rows.numbers(columns[: 2 * POINTS], "points")).reshape(-1, 2)
    keypoints = _rows.keypoints(points, np.full(POINTS, 2))
    box = _rows.xyxy_box(columns[2 * POINTS : 2 * POINTS + 4]) if with_box else _rows.points_box(keypoints)
    flags = columns[2 * POINTS + 4 : -1]
    if not set(flags) <= {"0", "1"}:
        raise RowError(f"attributes {' '.join(flags)[:40]} are not all 0 or 1")
    attributes = {name: flag == "1" for name, flag in zip(ATTRIBUTES, flags, strict=False)}
    entry = collector.picture(_rows.file_name(columns[-1]), needs_size=False)
    if split and entry.attributes.setdefault("split", split) != split:
        raise RowError(f"picture {entry.file_name} is in {entry.attributes['split']} and in {split}")
    derived = None if with_box else "landmarks"
    collector.add(entry, LABEL, box, keypoints=keypoints, derived_from=derived, attributes=attributes)


def _lists(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    for name in _LISTS:
        if found := sorted(path.rglob(f"{name}_t*.txt")):
            return found
    raise FileError(path, f"has no {_LISTS[0]}_train.txt or _test.txt")


def is_wflw(path: Path) -> bool:
    """True for a list of 98 points, or a folder with one at the published place."""
    if path.is_dir():
        places = (path, path / "WFLW_annotations")
        return any(any(place.glob(f"{glob}list_98pt*_t*.txt")) for place in places for glob in ("", "*/"))
    return path.suffix == ".txt" and path.name.startswith("list_98pt")


WFLW = Format(
    name="wflw",
    title="WFLW 98-point lists with box and six attributes",
    looks_for="list_98pt_rect_attr_train.txt, or a folder with it",
    sniff=is_wflw,
    read=read_wflw,
    takes="either",
    options=frozenset(("images_dir", "split", "exhaustive")),
)
