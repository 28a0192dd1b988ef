"""Writing YOLO labels: detect, pose, and pictures of stacked channels.

Specification as for reading, see :mod:`vitruvian.data.formats.yolo`. A stack of channels takes the place of a picture:
multi-page TIFF is what Ultralytics trains on, with ``channels`` in ``data.yaml``; ``.npy`` arrays ``(H, W, C)`` are
for other trainers, as Ultralytics takes an ``.npy`` for the cache of a picture beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, DataError, Dataset, Picture
from vitruvian.data.formats._files import extra, read_npy
from vitruvian.data.formats._writing import Placing, WriteResult, all_annotations, counted, partial_labels, place
from vitruvian.data.formats.yolo import SPLITS, label_name
from vitruvian.taxonomy import LANDMARK_PROTOCOLS, SKELETONS

_CLIPPED = "{} boxes reach beyond their picture and are clipped to it"
_OUTSIDE = "{} boxes have no area within their picture and are left out"
_POINTS = "{} keypoints beyond their picture become unlabelled"


def write_yolo(
    dataset: Dataset,
    path: Path,
    pictures: Placing = "link",
    stack: Path | None = None,
    stack_as: Literal["tiff", "npy"] = "tiff",
) -> WriteResult:
    """Write a folder with ``data.yaml``, ``images/<split>`` and ``labels/<split>``.

    Pictures go to the split of their attribute ``split``, to ``train`` without one. Boxes to be ignored are left out,
    as a row would make them targets.

    Args:
        dataset: What to write; every picture's size must be known.
        path: The folder.
        pictures: Whether to place the pictures too.
        stack: Folder with an array ``(H, W, C)`` uint8 for each picture, ``.npy`` by the picture's name, that takes the
            picture's place.
        stack_as: How to write the stacks.

    Returns:
        The folder and what YOLO could not hold.

    Raises:
        DataError: when a size is unknown, two pictures share a label file, classes differ in their number of keypoints,
            or a stack is missing or of another size than its picture.
    """
    points = _points(dataset)
    indices = {label: index for index, label in enumerate(dataset.labels)}
    losses = partial_labels(dataset) | {
        "{} annotations to be ignored are left out, so what they show counts as background": sum(
            a.ignore for a in all_annotations(dataset)
        ),
        "{} annotations have attributes or an area of their own; these are left out": sum(
            bool(a.attributes or a.area is not None) for a in all_annotations(dataset)
        ),
        "{} derived boxes look like drawn ones": sum(a.derived_from is not None for a in all_annotations(dataset)),
        "{} pictures have attributes or a source; these are left out": sum(
            bool(set(p.attributes) - {"split"} or p.source) for p in dataset
        ),
        _CLIPPED: 0,
        _OUTSIDE: 0,
        _POINTS: 0,
    }
    seen: dict[str, str] = {}
    channels: int | None = None
    splits: list[str] = []
    for picture in dataset:
        split = _split(picture)
        splits += [split] * (split not in splits)
        name = f"images/{split}/{picture.file_name}"
        rows = [_row(a, indices[a.label], picture, points, losses) for a in picture.annotations]
        label = label_name(name)
        if seen.setdefault(label, picture.file_name) != picture.file_name:
            raise DataError(f"pictures {seen[label]} and {picture.file_name} would share the label file {label}")
        _write_text(path / label, "".join(f"{row}\n" for row in rows if row))
        if stack is not None:
            array = _stack(stack, picture)
            if channels not in (None, array.shape[2]):
                raise DataError(f"{picture.file_name}: its stack has {array.shape[2]} channels, others {channels}")
            channels = array.shape[2]
            _write_stack(path / name, array, stack_as)
        elif pictures == "link":
            place(dataset.path(picture), path / name)
    _write_yaml(path / "data.yaml", dataset, sorted(splits, key=SPLITS.index), points, channels)
    return WriteResult(path, counted(losses))


def _split(picture: Picture) -> str:
    split = picture.attributes.get("split", "train")
    if split not in SPLITS:
        raise DataError(f"{picture.file_name}: split {split!r} is not {', '.join(SPLITS)}")
    return str(split)


def _points(dataset: Dataset) -> int:
    """Keypoints of each row; 0 where there are none."""
    counts = {len(a.keypoints): a.label for a in all_annotations(dataset) if a.keypoints is not None}
    counts |= {len(names): label for label, names in dataset.keypoint_names.items() if label in dataset.labels}
    if len(counts) > 1:
        what = ", ".join(f"{label} {count}" for count, label in sorted(counts.items()))
        raise DataError(f"YOLO holds one number of keypoints in a set, here are: {what}; choose one class")
    return next(iter(counts), 0)


def _row(annotation: Annotation, index: int, picture: Picture, points: int, losses: dict[str, int]) -> str:
    """The line of an annotation; empty where it has none."""
    if annotation.ignore:
        return ""
    if not picture.width or not picture.height:
        raise DataError(f"{picture.file_name}: its size is unknown, and YOLO coordinates are shares of it")
    width, height = picture.width, picture.height
    corners = [edge / side for edge, side in zip(annotation.box, (width, height, width, height), strict=True)]
    x1, y1, x2, y2 = inside = [min(max(edge, 0.0), 1.0) for edge in corners]
    if x2 <= x1 or y2 <= y1:
        losses[_OUTSIDE] += 1
        return ""
    losses[_CLIPPED] += inside != corners
    values = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
    if points:
        keypoints = np.zeros((points, 3)) if annotation.keypoints is None else annotation.keypoints.astype(np.float64)
        keypoints[:, :2] /= (width, height)
        beyond = ((keypoints[:, :2] < 0) | (keypoints[:, :2] > 1)).any(axis=1)
        losses[_POINTS] += int((beyond & (keypoints[:, 2] > 0)).sum())
        keypoints[beyond | (keypoints[:, 2] == 0)] = 0
        values += keypoints.ravel().tolist()
    return " ".join([str(index), *(f"{value:.9g}" for value in values)])


def _stack(folder: Path, picture: Picture) -> NDArray[np.uint8]:
    file = (folder / picture.file_name).with_suffix(".npy")
    array = read_npy(file)
    if array.ndim != 3 or array.dtype != np.uint8 or array.shape[:2] != (picture.height, picture.width):
        expected = f"({picture.height}, {picture.width}, channels) of uint8"
        raise DataError(f"{file}: has shape {array.shape} of {array.dtype}, not {expected}")
    return np.asarray(array)


def _write_stack(target: Path, array: NDArray[np.uint8], kind: Literal["tiff", "npy"]) -> None:
    from PIL import Image

    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == "npy":
        np.save(target.with_suffix(".npy"), array)
        return
    pages = [Image.fromarray(np.ascontiguousarray(array[:, :, channel])) for channel in range(array.shape[2])]
    pages[0].save(target.with_suffix(".tiff"), save_all=True, append_images=pages[1:], compression="tiff_adobe_deflate")


def _write_yaml(path: Path, dataset: Dataset, splits: list[str], points: int, channels: int | None) -> None:
    yaml = extra("yaml", path)
    content: dict[str, Any] = {split: f"images/{split}" for split in splits}
    content["names"] = dict(enumerate(dataset.labels))
    if points:
        content["kpt_shape"] = [points, 3]
        names = next((n for label, n in dataset.keypoint_names.items() if label in dataset.labels), ())
        mirror = next(_mirrors(points, names), None)
        if mirror:
            content["flip_idx"] = list(mirror)
        if names:
            content["kpt_names"] = {index: list(names) for index in range(len(dataset.labels))}
    if channels is not None:
        content["channels"] = channels
    _write_text(path, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _mirrors(points: int, names: tuple[str, ...]) -> Iterator[tuple[int, ...]]:
    """Which point becomes which in a mirrored picture: of the skeleton with these joints, or the landmark protocol."""
    yield from (skeleton.mirror for skeleton in SKELETONS if skeleton.joints == names)
    yield from (protocol.mirror for protocol in LANDMARK_PROTOCOLS if protocol.points == points)


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)
