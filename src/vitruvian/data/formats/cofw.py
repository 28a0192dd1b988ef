"""COFW (29 landmarks) and COFW68 (68 landmarks on the same 507 test pictures), both with occlusion.

COFW: Burgos-Artizzu, Perona, Dollár, Robust face landmark estimation under occlusion, ICCV 2013; ``COFW_train.mat``,
``COFW_test.mat`` and their ``_color`` twins hold the pictures themselves (``IsTr``/``IsT``), a row a face of 29 x, 29
y, 29 occlusion flags (``phisTr``/``phisT``) and the face boxes x, y, width, height (``bboxesTr``/``bboxesT``). They
are MATLAB 7.3, which takes h5py. With ``images_dir`` the pictures are written there as ``cofw_test_0001.png`` and so
on.

COFW68: Ghiasi and Fowlkes, Occlusion Coherence, 2015, https://github.com/golnazghiasi/cofw68-benchmark:
``COFW68_Data/test_annotations/{n}_points.mat`` with ``Points`` (68 x 2) and ``Occ``, and ``cofw68_test_bboxes.mat``
with ``bboxes`` (507 x 4: x, y, width, height of the detector). Picture n is COFW's test picture n.

Both count pixels from 1, as MATLAB does, so 1 is subtracted. An occluded landmark is marked where it would be:
visibility 1, else 2. A row is a face.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Box, Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector, Entry
from vitruvian.data.formats._files import is_hdf5, read_mat
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._hdf5 import read_hdf5
from vitruvian.data.formats._landmarks import landmark_names
from vitruvian.data.rejects import FileError, RowError, RowLog

LABEL = "face"
POINTS = 29
PARTS = {"train": ("phisTr", "bboxesTr", "IsTr"), "test": ("phisT", "bboxesT", "IsT")}


def read_cofw(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read COFW; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    names = [name for names in PARTS.values() for name in names]
    variables = read_hdf5(path, names) if is_hdf5(path) else read_mat(path)
    split = next((part for part, names in PARTS.items() if names[0] in variables), None)
    if split is None:
        raise FileError(path, f"has neither phisTr nor phisT, only {', '.join(variables)[:200]}")
    shapes, boxes, pictures = (variables.get(name, ()) for name in PARTS[split])
    if np.shape(shapes)[1:] != (3 * POINTS,):
        raise FileError(path, f"{PARTS[split][0]} has shape {np.shape(shapes)}, not (faces, {3 * POINTS})")
    for name, other in zip(PARTS[split][1:], (boxes, pictures), strict=True):
        if len(other) != len(shapes):
            raise FileError(path, f"{name} does not have {len(shapes)} faces")
    collector = Collector(options.images_dir or path.parent, log)
    for index, (row, box, pixels) in enumerate(zip(shapes, boxes, pictures, strict=True), start=1):
        with log.row(path, f"face {index}"):
            x, y, occluded = np.asarray(_rows.numbers(row, PARTS[split][0])).reshape(3, POINTS)
            keypoints = _keypoints(np.column_stack([x, y]), occluded)
            face = _matlab_box(box, "box")
            entry = _embedded(collector, f"cofw_{split}_{index:04d}.png", pixels, options.images_dir)
            entry.attributes["split"] = split
            collector.add(entry, LABEL, face, keypoints=keypoints)
    if options.images_dir is None:
        log.notes.append("the pictures are inside the .mat; name a folder for pictures to have them written there")
    return collector.dataset([LABEL], {LABEL: landmark_names(POINTS)})


def _embedded(collector: Collector, name: str, pixels: Any, images_dir: Path | None) -> Entry:
    """The entry of a picture that comes as an array, written to ``images_dir`` unless it is there."""
    from PIL import Image

    array: NDArray[Any] = np.asarray(pixels)
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)) or not array.size:
        raise RowError(f"its picture has shape {array.shape} of {array.dtype}, not (height, width[, 3]) of uint8")
    if images_dir is not None and not (images_dir / name).exists():
        images_dir.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.ascontiguousarray(array)).save(images_dir / name)
    return collector.embedded(name, array.shape[1], array.shape[0])


def _keypoints(points: NDArray[np.float64], occluded: NDArray[Any]) -> _rows.Keypoints:
    flags = np.asarray(occluded).ravel()
    if len(flags) != len(points) or not np.isin(flags, (0, 1)).all():
        raise RowError("its occlusion flags are not one 0 or 1 a point")
    return _rows.keypoints(np.asarray(_rows.numbers(points, "points")).reshape(-1, 2) - 1, np.where(flags == 1, 1, 2))


def _matlab_box(values: object, what: str) -> Box:
    x1, y1, x2, y2 = _rows.xywh_box(values, what)
    return x1 - 1, y1 - 1, x2 - 1, y2 - 1


def read_cofw68(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read COFW68; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    root = _cofw68_root(path)
    boxes_file = root / "cofw68_test_bboxes.mat"
    boxes = read_mat(boxes_file).get("bboxes") if boxes_file.is_file() else None
    if boxes is not None and (boxes.ndim != 2 or boxes.shape[1] != 4):
        raise FileError(boxes_file, f"bboxes has shape {boxes.shape}, not (507, 4)")
    collector = Collector(options.images_dir or root, log)
    for number, file in _numbered(root / "test_annotations"):
        with log.row(file):
            variables = read_mat(file)
            points = np.asarray(_rows.field(variables, "Points"))
            if points.shape != (68, 2):
                raise RowError(f"Points has shape {points.shape}, not (68, 2)")
            keypoints = _keypoints(points, _rows.field(variables, "Occ"))
            if boxes is not None and not 1 <= number <= len(boxes):
                raise RowError(f"has no box: there are {len(boxes)}")
            box = _rows.points_box(keypoints) if boxes is None else _matlab_box(boxes[number - 1], "box")
            name = next((n for n in (f"cofw_test_{number:04d}", str(number)) if collector.folder.find(n)), None)
            entry = collector.picture(name or f"cofw_test_{number:04d}.png", needs_size=False)
            entry.attributes |= {"split": "test", "number": number}
            derived = "landmarks" if boxes is None else None
            collector.add(entry, LABEL, box, keypoints=keypoints, derived_from=derived)
    return collector.dataset([LABEL], {LABEL: landmark_names(68)})


def _numbered(folder: Path) -> Iterator[tuple[int, Path]]:
    found = ((re.fullmatch(r"(\d+)_points", file.stem), file) for file in folder.glob("*_points.mat"))
    yield from sorted((int(match[1]), file) for match, file in found if match)


def _cofw68_root(path: Path) -> Path:
    return path / "COFW68_Data" if (path / "COFW68_Data").is_dir() else path


def is_cofw(path: Path) -> bool:
    """True for a .mat named like COFW's four."""
    return path.is_file() and path.suffix == ".mat" and path.name.upper().startswith("COFW_")


COFW = Format(
    name="cofw",
    title="COFW .mat with 29 landmarks, occlusion and the pictures inside",
    looks_for="COFW_train*.mat or COFW_test*.mat",
    sniff=is_cofw,
    read=read_cofw,
    takes="file",
)

COFW68 = Format(
    name="cofw68",
    title="COFW68 .mat folder with 68 landmarks and occlusion",
    looks_for="a folder with test_annotations/1_points.mat",
    sniff=lambda path: any(_numbered(_cofw68_root(path) / "test_annotations")),
    read=read_cofw68,
    takes="folder",
)
