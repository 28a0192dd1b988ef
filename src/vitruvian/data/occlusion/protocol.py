"""Occluding whole data sets: one copy of every picture a level, labels that say what is hidden, and the exact mask.

A landmark under an occluder becomes hidden (visibility 1): it is still where it was. The face keeps its box, and its
attributes record ``occlusion`` (level, share covered, kinds, seed) and ``occlusion_mask`` (COCO run lengths, column by
column, starting with what is free).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, Box, DataError, Dataset, Picture
from vitruvian.data.derive.geometry import clip, extent
from vitruvian.data.occlusion.occlude import LEVELS, Kind, Level, occlude
from vitruvian.images.read import ReadError, read_picture
from vitruvian.taxonomy.landmarks import LANDMARK_PROTOCOLS

SMALLEST_FACE = 24.0
"""Pixels of the shorter side of the landmark box; an occluder on a smaller face is a blot."""


def face_roll(keypoints: NDArray[np.float32] | None) -> float:
    """Angle of the line from the right to the left eye, radians, clockwise on the picture; 0 where it is not known."""
    for protocol in LANDMARK_PROTOCOLS:
        if keypoints is not None and len(keypoints) == protocol.points:
            ends = [keypoints[list(group)] for group in protocol.pupils]
            if all((end[:, 2] > 0).any() for end in ends):
                right, left = (end[end[:, 2] > 0][:, :2].mean(axis=0) for end in ends)
                return float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    return 0.0


def landmark_box(annotation: Annotation) -> Box:
    """Extent of the labelled landmarks; the annotation's own box where it has none."""
    points = annotation.keypoints
    if points is None or not (points[:, 2] > 0).any():
        return annotation.box
    return extent(points[points[:, 2] > 0])


def known_level(name: str) -> Level:
    """The level of that name.

    Raises:
        DataError: if there is none.
    """
    for level in LEVELS:
        if level == name:
            return level
    raise DataError(f"{name!r} is no level; levels are {', '.join(LEVELS)}")


def occlude_dataset(
    dataset: Dataset,
    label: str,
    levels: Iterable[Level],
    kinds: Sequence[Kind],
    folder: Path,
    seed: int = 0,
    on_picture: Callable[[], None] = lambda: None,
) -> dict[Level, Dataset]:
    """Write one occluded copy of every picture a level, and return the labels of each.

    Every face of the label that is large enough is covered. A picture none of whose faces can be covered (too small,
    or outside the picture) is left out at every level, ``none`` included, so that the levels hold the same pictures.
    Each picture depends on the seed, its level and its own name only. Pictures go to ``folder/images/LEVEL`` as PNG,
    the labels to ``folder/LEVEL.json``, each when it is whole.

    Raises:
        DataError: for an unknown label, or a picture that does not open.
    """
    wanted = list(levels)
    if label not in dataset.labels:
        raise DataError(f"{dataset.images_dir}: no class {label!r}; there are {', '.join(dataset.labels)}")
    results: dict[Level, Dataset] = {}
    for level in wanted:
        ids = count(1)
        pictures = []
        for picture in dataset:
            if any(_coverable(a, label, picture) for a in picture.annotations):
                pictures.append(_picture(dataset, picture, label, level, kinds, folder, seed, ids))
            on_picture()
        result = replace(dataset, pictures=tuple(pictures), images_dir=folder / "images")
        result.save(folder / f"{level}.json")
        results[level] = result
    return results


def _coverable(annotation: Annotation, label: str, picture: Picture) -> bool:
    if annotation.label != label or annotation.ignore:
        return False
    box = clip(landmark_box(annotation), picture.width, picture.height)
    return box is not None and min(box[2] - box[0], box[3] - box[1]) >= SMALLEST_FACE


def _picture(
    dataset: Dataset,
    picture: Picture,
    label: str,
    level: Level,
    kinds: Sequence[Kind],
    folder: Path,
    seed: int,
    ids: Iterable[int],
) -> Picture:
    try:
        pixels = read_picture(dataset.path(picture))
    except ReadError as error:
        raise DataError(str(error)) from None
    start = int.from_bytes(hashlib.sha256(f"{seed} {level} {picture.file_name}".encode()).digest()[:8], "big")
    rng = np.random.default_rng(start)
    annotations = []
    hidden = np.zeros(pixels.shape[:2], bool)
    records = {}
    for annotation in picture.annotations:
        if _coverable(annotation, label, picture):
            box, roll = landmark_box(annotation), face_roll(annotation.keypoints)
            try:
                covered = occlude(pixels, box, level, kinds, rng, roll)
            except ValueError as error:
                raise DataError(f"{picture.file_name}: annotation {annotation.id}: {error}") from None
            pixels = covered.picture
            hidden |= covered.mask
            records[annotation.id] = covered.kinds
    for annotation in picture.annotations:
        changed = replace(annotation, id=next(iter(ids)), keypoints=_hide(annotation.keypoints, hidden))
        if annotation.id in records:
            share = _share(hidden, landmark_box(annotation))
            occlusion = {"level": level, "coverage": share, "kinds": list(records[annotation.id]), "seed": seed}
            attributes = {"occlusion": occlusion, "occlusion_mask": run_lengths(hidden)}
            changed = replace(changed, attributes=dict(annotation.attributes) | attributes)
        annotations.append(changed)
    name = f"{level}/{Path(picture.file_name).with_suffix('.png').as_posix()}"
    _save(pixels, folder / "images" / name)
    return replace(picture, file_name=name, annotations=tuple(annotations))


def _share(mask: NDArray[np.bool_], box: Box) -> float:
    """Share of the box's pixels (of those whose middle lies in it) that the mask hides, in thousandths."""
    height, width = mask.shape
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    inside = mask[np.ix_((y >= box[1]) & (y < box[3]), (x >= box[0]) & (x < box[2]))]
    return round(float(inside.mean()), 3) if inside.size else 0.0


def _hide(keypoints: NDArray[np.float32] | None, mask: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    if keypoints is None:
        return None
    changed = keypoints.copy()
    column, row = np.floor(keypoints[:, :2]).astype(np.int64).T
    inside = (column >= 0) & (row >= 0) & (column < mask.shape[1]) & (row < mask.shape[0])
    under = inside.copy()
    under[inside] = mask[row[inside], column[inside]]
    changed[under & (keypoints[:, 2] == 2), 2] = 1
    return changed


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, list[int]]:
    """Uncompressed COCO run-length code of an ``(H, W)`` mask.

    >>> run_lengths(np.array([[False, True], [True, True]]))
    {'size': [2, 2], 'counts': [1, 3]}
    """
    flat = np.concatenate([[False], mask.ravel(order="F"), [not mask.ravel(order="F")[-1]] if mask.size else []])
    edges = np.flatnonzero(np.diff(flat.astype(np.int8)))
    counts = np.diff(np.concatenate([[0], edges]))
    return {"size": [int(v) for v in mask.shape], "counts": [int(v) for v in counts]}


def _save(pixels: NDArray[np.uint8], path: Path) -> None:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    Image.fromarray(pixels).save(partial, "PNG")
    os.replace(partial, path)
