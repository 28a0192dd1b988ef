"""Occluding whole data sets: one copy of every picture a level, labels that say what is hidden, and the exact mask.

A landmark under an occluder becomes hidden (visibility 1): it is still where it was. The face keeps its box, and its
attributes record ``occlusion`` (level, share covered, kinds, seed) and ``occlusion_mask`` (COCO run lengths, column by
column, starting with what is free). The picture's attributes say ``occlusion_degree`` (the level), ``occlusion_seed``
and ``original`` (the picture that all its copies go back to). What is finished is written down as it is made, so that a
run that was interrupted goes on where it stopped (:mod:`vitruvian.data.records`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import compress, count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, Box, DataError, Dataset, Picture
from vitruvian.data.derive.geometry import clip, extent
from vitruvian.data.occlusion.occlude import LEVELS, Kind, Level, occlude
from vitruvian.data.records import Records, request_key, save_png
from vitruvian.images.read import ReadError, read_picture
from vitruvian.taxonomy.landmarks import LANDMARK_PROTOCOLS

SMALLEST_FACE = 24.0
"""Pixels of the shorter side of the landmark box; an occluder on a smaller face is a blot."""


@dataclass(frozen=True, slots=True)
class Covered:
    """What was done to one annotation.

    Attributes:
        hidden: Keypoints, by index, that an occluder hides.
        attributes: What the annotation says of it; empty for one that was not covered itself.
    """

    hidden: tuple[int, ...]
    attributes: Mapping[str, Any]


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
    overwrite: bool = False,
) -> dict[Level, Dataset]:
    """Write one occluded copy of every picture a level, and return the labels of each.

    Every face of the label that is large enough is covered. A picture none of whose faces can be covered (too small,
    or outside the picture) is left out at every level, ``none`` included, so that the levels hold the same pictures.
    Each picture depends on the seed, its level and its own name only. Pictures go to ``folder/images/LEVEL`` as PNG,
    the labels to ``folder/LEVEL.json``, each when it is whole. A picture that an earlier call finished, from the same
    source in the same way, is taken as it is unless ``overwrite`` is set; kinds are told apart by their names.

    Raises:
        DataError: for an unknown label, a picture that does not open, or two that would be written to the same file.
    """
    wanted = list(levels)
    if label not in dataset.labels:
        raise DataError(f"{dataset.images_dir}: no class {label!r}; there are {', '.join(dataset.labels)}")
    chosen = [any(_coverable(a, label, picture) for a in picture.annotations) for picture in dataset]
    sources: dict[str, str] = {}
    for picture in compress(dataset, chosen):
        name = _written("", picture)
        if name in sources:
            raise DataError(f"{sources[name]} and {picture.file_name} would both be written as {name}")
        sources[name] = picture.file_name
    results: dict[Level, Dataset] = {}
    for level in wanted:
        ids = count(1)
        pictures = []
        if overwrite:
            (folder / f"{level}.records.jsonl").unlink(missing_ok=True)
        with Records(folder / f"{level}.records.jsonl", folder / "images") as records:
            for picture, coverable in zip(dataset, chosen, strict=True):
                if coverable:
                    covered = _covered(dataset, picture, label, level, kinds, folder / "images", seed, records)
                    copy = replace(picture, attributes=_copied(picture, level, seed))
                    pictures.append(_relabelled(copy, covered, _written(level, picture), ids))
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


def _written(level: str, picture: Picture) -> str:
    return (Path(level) / Path(picture.file_name).with_suffix(".png")).as_posix()


def _covered(
    dataset: Dataset,
    picture: Picture,
    label: str,
    level: Level,
    kinds: Sequence[Kind],
    folder: Path,
    seed: int,
    records: Records,
) -> tuple[Covered, ...]:
    """Cover the faces of a picture, unless a record says that it was done: what was done to each annotation."""
    name = _written(level, picture)
    faces = [
        (a.label, a.box, a.ignore, None if a.keypoints is None else a.keypoints.tolist()) for a in picture.annotations
    ]
    try:
        request = request_key(dataset.path(picture), label, level, seed, [kind.name for kind in kinds], faces)
        done = records.finished(name, request)
        if done is not None:
            return tuple(Covered(tuple(a["hidden"]), a["attributes"]) for a in done)
        pixels = read_picture(dataset.path(picture))
    except ReadError as error:
        raise DataError(str(error)) from None
    except OSError as error:
        raise DataError(f"{dataset.path(picture)}: cannot be read: {error.strerror}") from None
    start = int.from_bytes(hashlib.sha256(f"{seed} {level} {picture.file_name}".encode()).digest()[:8], "big")
    rng = np.random.default_rng(start)
    hidden = np.zeros(pixels.shape[:2], bool)
    used: dict[int, tuple[str, ...]] = {}
    for place, annotation in enumerate(picture.annotations):
        if _coverable(annotation, label, picture):
            box, roll = landmark_box(annotation), face_roll(annotation.keypoints)
            try:
                found = occlude(pixels, box, level, kinds, rng, roll)
            except ValueError as error:
                raise DataError(f"{picture.file_name}: annotation {annotation.id}: {error}") from None
            pixels = found.picture
            hidden |= found.mask
            used[place] = found.kinds
    covered = []
    for place, annotation in enumerate(picture.annotations):
        attributes: dict[str, object] = {}
        if place in used:
            share = _share(hidden, landmark_box(annotation))
            occlusion = {"level": level, "coverage": share, "kinds": list(used[place]), "seed": seed}
            attributes = {"occlusion": occlusion, "occlusion_mask": run_lengths(hidden)}
        covered.append(Covered(_under(annotation.keypoints, hidden), attributes))
    save_png(pixels, folder / name)
    records.add(name, request, [asdict(c) for c in covered])
    return tuple(covered)


def _copied(picture: Picture, level: Level, seed: int) -> dict[str, Any]:
    """Attributes of the copy; of a copy of a copy, too, the original is the first."""
    about = {"occlusion_degree": level, "occlusion_seed": seed}
    return {"original": picture.file_name, **picture.attributes, **about}


def _relabelled(picture: Picture, covered: Sequence[Covered], name: str, ids: Iterator[int]) -> Picture:
    annotations = []
    for annotation, done in zip(picture.annotations, covered, strict=True):
        keypoints = annotation.keypoints
        if keypoints is not None and done.hidden:
            keypoints = keypoints.copy()
            keypoints[list(done.hidden), 2] = 1
        attributes = dict(annotation.attributes) | dict(done.attributes)
        annotations.append(replace(annotation, id=next(ids), keypoints=keypoints, attributes=attributes))
    return replace(picture, file_name=name, annotations=tuple(annotations))


def _share(mask: NDArray[np.bool_], box: Box) -> float:
    """Share of the box's pixels (of those whose middle lies in it) that the mask hides, in thousandths."""
    height, width = mask.shape
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    inside = mask[np.ix_((y >= box[1]) & (y < box[3]), (x >= box[0]) & (x < box[2]))]
    return round(float(inside.mean()), 3) if inside.size else 0.0


def _under(keypoints: NDArray[np.float32] | None, mask: NDArray[np.bool_]) -> tuple[int, ...]:
    """Indices of the visible keypoints that the mask hides."""
    if keypoints is None:
        return ()
    column, row = np.floor(keypoints[:, :2]).astype(np.int64).T
    under = (column >= 0) & (row >= 0) & (column < mask.shape[1]) & (row < mask.shape[0])
    under[under] = mask[row[under], column[under]]
    return tuple(np.flatnonzero(under & (keypoints[:, 2] == 2)).tolist())


def run_lengths(mask: NDArray[np.bool_]) -> dict[str, list[int]]:
    """Uncompressed COCO run-length code of an ``(H, W)`` mask.

    >>> run_lengths(np.array([[False, True], [True, True]]))
    {'size': [2, 2], 'counts': [1, 3]}
    """
    flat = np.concatenate([[False], mask.ravel(order="F"), [not mask.ravel(order="F")[-1]] if mask.size else []])
    edges = np.flatnonzero(np.diff(flat.astype(np.int8)))
    counts = np.diff(np.concatenate([[0], edges]))
    return {"size": [int(v) for v in mask.shape], "counts": [int(v) for v in counts]}
