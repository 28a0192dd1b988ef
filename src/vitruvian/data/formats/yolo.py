"""YOLO detect, pose and segment labels.

Specification: https://docs.ultralytics.com/datasets/detect/ and .../pose/: ``data.yaml`` names the parts (a folder of
pictures, a text file of paths, or a list of these) and the classes; beside ``images/`` lies ``labels/`` with a text
file a picture and a row an object, ``class x-centre y-centre width height`` in shares of the picture, for pose
followed by ``kpt_shape`` points (x, y and, with three values, visibility 0, 1 or 2; with two, (0, 0) is unlabelled). A
row of a class and three or more points is a polygon; its box has ``derived_from="polygon"``. A picture without label
file shows nothing. Pictures of many channels (https://docs.ultralytics.com/datasets/detect/coco8-multispectral/) are
multi-page TIFF or ``.npy``. A folder without ``data.yaml`` is read from its ``images`` and ``labels``, with class
names ``0``, ``1`` ...

A row is a line of a label file. Values beyond the picture break a row; nothing is clipped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector, Entry
from vitruvian.data.formats._files import extra, read_text
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._pictures import PICTURE_SUFFIXES, PictureFolder, holds
from vitruvian.data.rejects import FileError, RowError, RowLog

SPLITS = ("train", "val", "test")
SUFFIXES = PICTURE_SUFFIXES | {".npy"}
_TOLERANCE = 1e-4
"""Rounding may push a point this far over the border, in shares of the picture."""


@dataclass(frozen=True, slots=True)
class YoloConfig:
    """What ``data.yaml`` says.

    Attributes:
        root: Folder that paths start from.
        parts: Pairs of split and folder or list file, below the root or absolute.
        names: Class names; empty where there is no ``data.yaml``.
        points, dims: ``kpt_shape``; 0, 0 where the labels have no points.
        point_names: Name of each point.
    """

    root: Path
    parts: tuple[tuple[str | None, Path], ...]
    names: tuple[str, ...] = ()
    points: int = 0
    dims: int = 0
    point_names: tuple[str, ...] = ()


def read_yolo(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read a YOLO set; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    yaml_file = _yaml_file(path)
    config = _config(yaml_file) if yaml_file else YoloConfig(path, ((None, path / "images"),))
    parts = [part for part in config.parts if options.split in (None, part[0])]
    if not parts:
        raise FileError(yaml_file or path, f"has no part {options.split!r}, only {[s for s, _ in config.parts]}")
    collector = Collector(config.root, log, SUFFIXES)
    entries: list[Entry] = []
    seen: set[str] = set()
    classes = 0
    for split, place in parts:
        for name in _pictures(place, collector.folder, log):
            label_file = config.root / label_name(name)
            try:
                if name in seen:
                    raise RowError(f"picture {name} is listed a second time, in {split}")
                seen.add(name)
                entry = collector.picture(name)
                lines = read_text(label_file).splitlines() if label_file.exists() else []
            except RowError as error:
                log.reject(place, "", str(error))
                continue
            except FileError as error:
                log.reject(label_file, "", error.reason)
                continue
            entries.append(entry)
            if split:
                entry.attributes["split"] = split
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    with log.row(label_file, f"line {number}"):
                        classes = max(classes, 1 + _object(collector, entry, line.split(), config))
        for orphan in _orphans(config.root, place, seen):
            log.reject(orphan, "", "has no picture")
    labels = config.names or tuple(str(i) for i in range(classes))
    for entry in entries:
        entry.exhaustive.update(labels)
    return collector.dataset(labels, dict.fromkeys(labels, config.point_names) if config.points else {})


def _yaml_file(path: Path) -> Path | None:
    if path.suffix in (".yaml", ".yml"):
        return path
    found = sorted(file for pattern in ("*.yaml", "*.yml") for file in path.glob(pattern) if _has_names(file))
    if len(found) > 1:
        raise FileError(path, f"holds several data sets: {', '.join(file.name for file in found)}; name one of them")
    return found[0] if found else None


def _has_names(file: Path) -> bool:
    try:
        return any(line.startswith("names") for line in read_text(file).splitlines())
    except FileError:
        return False


def _config(file: Path) -> YoloConfig:
    yaml = extra("yaml", file)
    try:
        raw = yaml.safe_load(read_text(file))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(file, f"not valid YAML: {' '.join(str(error).split())[:200]}") from None
    if not isinstance(raw, dict):
        raise FileError(file, "is no YAML mapping")
    try:
        root = file.parent / str(raw.get("path") or "")
        if not root.is_dir():  # "path" often names where the set once lay
            root = file.parent
        parts = []
        for split in SPLITS:
            places = raw.get(split) or []
            for place in places if isinstance(places, list) else [places]:
                parts.append((split, _below(root, _rows.text(place, split))))
        if not parts:
            raise RowError("names no train, val or test")
        names = _class_names(raw.get("names"))
        points, dims = [_rows.integer(v, "kpt_shape") for v in raw["kpt_shape"]] if raw.get("kpt_shape") else (0, 0)
        if raw.get("kpt_shape") and (not 1 <= points <= 1000 or dims not in (2, 3)):
            raise RowError(f"kpt_shape [{points}, {dims}] is not [points, 2 or 3]")
        return YoloConfig(root, tuple(parts), names, points, dims, _point_names(raw.get("kpt_names"), points))
    except (RowError, TypeError, ValueError) as error:
        raise FileError(file, str(error)) from None
    except OSError as error:  # a name longer than the file system takes
        raise FileError(file, f"names a place that cannot be looked at: {error.strerror}") from None


def _below(root: Path, place: str) -> Path:
    """A place of ``data.yaml``; ``../train/images`` as Roboflow writes it may mean the folder beside the file."""
    path = root / place
    if not path.exists() and place.startswith("../") and (root / place[3:]).exists():
        return root / place[3:]
    return path


def _class_names(raw: Any) -> tuple[str, ...]:
    if isinstance(raw, list):
        raw = dict(enumerate(raw))
    if not isinstance(raw, dict) or sorted(raw, key=str) != sorted(range(len(raw)), key=str) or not raw:
        raise RowError("names are not a list, or a mapping from 0, 1, 2 ...")
    names = tuple(_rows.text(str(raw[i]), "names") for i in range(len(raw)))
    if len(set(names)) != len(names):
        raise RowError(f"names has {next(n for n in names if names.count(n) > 1)!r} twice")
    return names


def _point_names(raw: Any, points: int) -> tuple[str, ...]:
    if isinstance(raw, dict) and raw:
        raw = next(iter(raw.values()))
    if isinstance(raw, list) and len(raw) == points:
        return tuple(str(name) for name in raw)
    return tuple(f"point_{i}" for i in range(points))


def _pictures(place: Path, folder: PictureFolder, log: RowLog) -> list[str]:
    """Names below the root of the pictures of a folder or list file."""
    root = folder.root.resolve()
    if place.is_dir():
        try:
            prefix = place.resolve().relative_to(root).as_posix() + "/"
        except ValueError:
            raise FileError(place, f"lies outside the set's folder {folder.root}") from None
        return [name for name in folder.names if name.startswith("" if prefix == "./" else prefix)]
    names = []
    for number, line in enumerate(read_text(place, 2**30).splitlines(), start=1):
        if line.strip():
            name = line.strip().removeprefix(str(root) + "/").removeprefix(str(folder.root) + "/")
            try:
                names.append(_rows.file_name(name))
            except RowError as error:
                log.reject(place, f"line {number}", str(error))
    return names


def label_name(picture: str) -> str:
    """``images/train/a.jpg`` -> ``labels/train/a.txt``: the last folder ``images`` is the one that changes."""
    head, found, tail = f"/{picture}".rpartition("/images/")
    return (f"{head}/labels/{tail}" if found else picture).lstrip("/").rpartition(".")[0] + ".txt"


def _orphans(root: Path, place: Path, pictures: set[str]) -> list[Path]:
    """Label files of a part that belong to no picture."""
    if not place.is_dir():
        return []
    labels = root / label_name(place.resolve().relative_to(root.resolve()).as_posix() + "/x.jpg")
    known = {str(root / label_name(name)) for name in pictures}
    found = (labels.parent / name for name in PictureFolder(labels.parent, frozenset((".txt",))).names)
    return [file for file in found if str(file) not in known] if labels.parent != place else []


def _object(collector: Collector, entry: Entry, columns: list[str], config: YoloConfig) -> int:
    """Add the object of a row; its class index is returned."""
    index = _rows.integer(columns[0], "class")
    if not 0 <= index < (len(config.names) or 10_000):
        raise RowError(f"class {index} is not among the {len(config.names)} classes")
    label = config.names[index] if config.names else str(index)
    values = np.asarray(_rows.numbers(columns[1:], "coordinates"))
    size = np.asarray([entry.width, entry.height], dtype=np.float64)
    expected = 4 + config.points * config.dims
    if len(values) >= 6 and len(values) % 2 == 0 and not config.points:
        corners = _inside(values.reshape(-1, 2)) * size
        (x1, y1), (x2, y2) = corners.min(axis=0), corners.max(axis=0)
        polygon = {"segmentation": [[float(v) for v in corners.ravel()]]}
        box = (float(x1), float(y1), float(x2), float(y2))
        collector.add(entry, label, box, derived_from="polygon", attributes=polygon)
        return index
    if len(values) != expected:
        raise RowError(f"has {len(values) + 1} columns, not {expected + 1}")
    centre, extent = values[:2], values[2:4]
    if (extent < 0).any():
        raise RowError("has a negative width or height")
    (x1, y1), (x2, y2) = _inside(centre - extent / 2) * size, _inside(centre + extent / 2) * size
    keypoints = None
    if config.points:
        points = values[4:].reshape(config.points, config.dims)
        seen = points[:, 2] if config.dims == 3 else np.where(points.any(axis=1), 2, 0)
        if not np.isin(seen, (0, 1, 2)).all():
            raise RowError("visibility is not 0, 1 or 2")
        _inside(points[seen > 0, :2])
        keypoints = _rows.keypoints(points[:, :2] * size, seen)
    collector.add(entry, label, (float(x1), float(y1), float(x2), float(y2)), keypoints=keypoints)
    return index


def _inside(shares: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    if ((shares < -_TOLERANCE) | (shares > 1 + _TOLERANCE)).any():
        raise RowError("lies beyond the picture: coordinates are shares of it, from 0 to 1")
    return shares


def is_yolo(path: Path) -> bool:
    """True for a YAML file with class names, or a folder with one or with ``images`` and ``labels``."""
    if path.is_dir():
        yaml = any(_has_names(file) for pattern in ("*.yaml", "*.yml") for file in path.glob(pattern))
        return yaml or ((path / "images").is_dir() and holds(path / "labels", (".txt",)))
    return path.suffix in (".yaml", ".yml") and path.is_file() and _has_names(path)


YOLO = Format(
    name="yolo",
    title="YOLO detect, pose and segment labels",
    looks_for="data.yaml with names, or a folder with images/ and labels/",
    sniff=is_yolo,
    read=read_yolo,
    takes="either",
    options=frozenset(("split", "exhaustive")),
)
