"""MPII Human Pose: 16 joints and the head box of each person, the activity of each picture.

Specification: http://human-pose.mpi-inf.mpg.de/#download ("Annotation description"): ``mpii_human_pose_v1_u12_1.mat``
with ``RELEASE``: ``annolist(i).image.name``, ``.annorect`` (``x1 y1 x2 y2`` of the head, ``annopoints.point`` with
``id x y is_visible``, ``scale`` in units of 200 pixels of height, ``objpos``), ``.vididx``; ``img_train(i)``;
``act(i)`` with ``act_name`` and ``cat_name``. The json in common use (``train.json``, ``valid.json`` of Xiao et al.,
Simple Baselines) lists people as ``image center scale joints joints_vis``. Both count pixels from 1, so 1 is
subtracted.

Visibility: ``is_visible`` 1 -> 2, 0 -> 1, a joint without a point -> 0; where it is empty the joint is taken for
visible and its name kept in the attribute ``visibility_unknown``. In the json ``joints_vis`` 0 with a place is 1. A
person's box is that of joints and head (``derived_from="joints"``); a person without joints gets a square of ``200 *
scale`` around ``objpos`` (``derived_from="scale"``), to be ignored. People at the edge of a group have no joints:
nothing is exhaustive. Pictures have the attributes ``activity``, ``category``, ``split`` and ``video``. A row is a
person.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vitruvian.data.dataset import Box, Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector, Entry
from vitruvian.data.formats._files import read_json, read_mat, starts_with
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.rejects import FileError, RowError, RowLog
from vitruvian.taxonomy import MPII16

LABELS = ("person", "head")
_HEIGHT = 200


def read_mpii(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read MPII's .mat; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    file = _mat_file(path)
    release = read_mat(file).get("RELEASE")
    pictures, acts = (_items(_get(release, name)) for name in ("annolist", "act"))
    train = np.ravel(_get(release, "img_train"))
    if not pictures or len(train) != len(pictures):
        raise FileError(file, "has no RELEASE with annolist and img_train of the same length")
    collector = Collector(options.images_dir or _images(file), log)
    for index, picture in enumerate(pictures):
        split = "train" if train[index] == 1 else "test"
        if options.split not in (None, split):
            continue
        place = f"picture {index + 1}"
        try:
            name = _rows.file_name(_get(_get(picture, "image"), "name"), "image.name")
            entry = collector.picture(name, needs_size=False)
        except RowError as error:
            log.reject(file, place, str(error))
            continue
        entry.attributes |= {"split": split} | _about(picture, acts[index] if index < len(acts) else None)
        for number, person in enumerate(_items(_get(picture, "annorect")), start=1):
            with log.row(file, f"{place} ({name}), person {number}"):
                _person(collector, entry, person)
    return collector.dataset(LABELS, {"person": MPII16.joints})


def _about(picture: Any, act: Any) -> dict[str, Any]:
    found = {"activity": _get(act, "act_name"), "category": _get(act, "cat_name"), "video": _get(picture, "vididx")}
    return {key: value if isinstance(value, str) else int(value) for key, value in found.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | np.integer) and value != ""


def _person(collector: Collector, entry: Entry, person: Any) -> None:
    scale, position = _get(person, "scale"), _get(person, "objpos")
    attributes: dict[str, Any] = {}
    if scale is not None and position is not None:
        centre = [_rows.number(_get(position, axis), "objpos") - 1 for axis in "xy"]
        attributes |= {"scale": _rows.number(scale, "scale"), "centre": centre}
    head: Box | None = None
    if _get(person, "x1") is not None:
        x1, y1, x2, y2 = _rows.xyxy_box([_get(person, name) for name in ("x1", "y1", "x2", "y2")], "head box")
        head = x1 - 1, y1 - 1, x2 - 1, y2 - 1
    points = _items(_get(_get(person, "annopoints"), "point"))
    if points:
        keypoints, unknown = _joints(points)
        if unknown:
            attributes["visibility_unknown"] = unknown
        box = _rows.points_box(keypoints, "joints")
        if head is not None:
            box = min(box[0], head[0]), min(box[1], head[1]), max(box[2], head[2]), max(box[3], head[3])
        number = collector.add(entry, "person", box, keypoints=keypoints, derived_from="joints", attributes=attributes)
        if head is not None:
            collector.add(entry, "head", head, attributes={"person": number})
    else:
        _unposed(collector, entry, attributes)


def _unposed(collector: Collector, entry: Entry, attributes: dict[str, Any]) -> None:
    """A person of whom only place and height are known."""
    if "scale" not in attributes or attributes["scale"] <= 0:
        raise RowError("has neither joints nor objpos and scale")
    (x, y), half = attributes["centre"], attributes["scale"] * _HEIGHT / 2
    box = x - half, y - half, x + half, y + half
    collector.add(entry, "person", box, ignore=True, derived_from="scale", attributes=attributes)


def _joints(points: list[Any]) -> tuple[_rows.Keypoints, list[str]]:
    """Keypoints, and the names of joints whose visibility nobody noted."""
    xy, seen, unknown = np.zeros((16, 2)), np.zeros(16), []
    for point in points:
        index = _rows.integer(_get(point, "id"), "joint id")
        if not 0 <= index < 16 or seen[index]:
            raise RowError(f"joint id {index} occurs twice or is not 0 to 15")
        xy[index] = [_rows.number(_get(point, axis), "joint") - 1 for axis in "xy"]
        visible = _get(point, "is_visible")
        if visible is None:
            unknown.append(MPII16.joints[index])
        flag = 1 if visible is None else _rows.integer(visible, "is_visible")
        if flag not in (0, 1):
            raise RowError(f"is_visible {flag} is not 0 or 1")
        seen[index] = 1 + flag
    return _rows.keypoints(xy, seen), unknown


def read_mpii_json(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read MPII's json; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    people = read_json(path)
    if not isinstance(people, list):
        raise FileError(path, "is no list of people")
    collector = Collector(options.images_dir or _images(path), log)
    for position, row in enumerate(people):
        with log.row(path, f"person at position {position}"):
            name = _rows.file_name(_rows.field(row, "image"), "image")
            centre = [v - 1 for v in _rows.numbers(_rows.field(row, "center"), "center", 2)]
            attributes = {"scale": _rows.number(_rows.field(row, "scale"), "scale"), "centre": centre}
            if "joints" not in row:  # the test part
                _unposed(collector, collector.picture(name, needs_size=False), attributes)
                continue
            xy = np.asarray(_rows.numbers(_flat(row["joints"]), "joints", 32)).reshape(16, 2)
            flags = np.asarray(_rows.numbers(_rows.field(row, "joints_vis"), "joints_vis", 16))
            if not np.isin(flags, (0, 1)).all():
                raise RowError("joints_vis is not all 0 or 1")
            seen = np.where((xy == -1).all(axis=1), 0, 1 + flags)
            keypoints = _rows.keypoints(xy - 1, seen)
            box = _rows.points_box(keypoints, "joints")
            entry = collector.picture(name, needs_size=False)
            collector.add(entry, "person", box, keypoints=keypoints, derived_from="joints", attributes=attributes)
    return collector.dataset(["person"], {"person": MPII16.joints})


def _flat(points: Any) -> list[Any]:
    if not isinstance(points, list) or not all(isinstance(point, list) for point in points):
        raise RowError("joints are not a list of points")
    return [value for point in points for value in point]


def _get(struct: Any, name: str) -> Any:
    """A field of a MATLAB struct, a 1 x 1 array as its number; None where the field is missing or empty."""
    if isinstance(struct, list):
        struct = struct[0] if struct else None
    value = struct.get(name) if isinstance(struct, dict) else None
    if isinstance(value, np.ndarray) and value.size < 2:
        return value.item() if value.size else None
    return value if value is not None and len(value) else None


def _items(value: Any) -> list[Any]:
    """The elements of a MATLAB struct array."""
    return value if isinstance(value, list) else []


def _images(file: Path) -> Path:
    places = (file.parent / "images", file.parent.parent / "images")
    return next((place for place in places if place.is_dir()), file.parent)


def _mat_file(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(_mat_files(path))
    if not found:
        raise FileError(path, "has no mpii_human_pose*.mat")
    return found[0]


def _mat_files(path: Path) -> Iterator[Path]:
    for pattern in ("mpii_human_pose*.mat", "*/mpii_human_pose*.mat"):
        yield from path.glob(pattern)


MPII = Format(
    name="mpii",
    title="MPII Human Pose .mat (16 joints, heads, activities)",
    looks_for="mpii_human_pose*.mat, or a folder with it",
    sniff=lambda path: any(_mat_files(path)) if path.is_dir() else path.match("mpii_human_pose*.mat"),
    read=read_mpii,
    takes="either",
    options=frozenset(("images_dir", "split", "exhaustive")),
)

MPII_JSON = Format(
    name="mpii_json",
    title="MPII json of Simple Baselines and HRNet (16 joints)",
    looks_for="a .json list with center and scale, and joints_vis",
    sniff=lambda path: path.suffix == ".json" and starts_with(path, [b"[", b'"center"', b'"scale"', b'"image"']),
    read=read_mpii_json,
    takes="file",
)
