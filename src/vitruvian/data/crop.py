"""One picture a labelled face: a measure of detectors where only one face of a picture is labelled.

The crop is the face's box scaled about its centre, cut off where the picture ends. It is not filled up with a plain
colour: no photograph has such a border, and detectors differ in what they see in one. Every detector is given the same
files. In the crop one face counts. Every other one is an ignore region: labelled faces, and faces that a detector finds
in the whole picture, before anything is covered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, Box, DataError, Dataset, ExhaustiveRegion, Picture
from vitruvian.data.derive.geometry import clip, scale
from vitruvian.data.records import Records, request_key, save_png
from vitruvian.images.read import ReadError, read_picture

SAME_FACE = 0.25
"""Two boxes that share more than this of the smaller one's area are not taken for two faces."""

IN_VIEW = 0.5
"""A label of which less than this share lies in the crop is one to ignore."""

FindFaces = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""``(H, W, 3)`` uint8 RGB to the ``(N, 4)`` ``xyxy`` boxes of its faces."""


@dataclass(frozen=True, slots=True)
class OtherFaces:
    """Who looks for faces that are not labelled.

    Attributes:
        name: Stands for the detector and its threshold: crops made with another name are made again.
        find: All that it takes for faces.
    """

    name: str
    find: FindFaces


def crop_dataset(
    dataset: Dataset,
    label: str,
    folder: Path,
    factor: float = 2.0,
    others: Sequence[OtherFaces] = (),
    on_picture: Callable[[], None] = lambda: None,
    overwrite: bool = False,
) -> Dataset:
    """Write one crop for each face of the label, and the labels of the crops.

    The face keeps its landmarks; what else is labelled in the crop goes with it. With ``others`` the crop is exhaustive
    for the label, as every further face that they find is an ignore region; without, it promises what the picture does.
    A picture's attributes say ``original`` (its file name), ``crop`` (``[x, y, w, h]`` in it) and ``face`` (id of the
    annotation). Pictures go to ``folder/images`` as PNG, the labels to ``folder/labels.json``. A crop that an earlier
    call finished in the same way is taken as it is unless ``overwrite`` is set.

    Args:
        dataset: Pictures with faces.
        label: Their class. A face to ignore, or outside its picture, has no crop.
        folder: To write to.
        factor: Side of the crop over that of the face's box, at least 1.
        others: Detectors that look for unlabelled faces in the whole picture; what any of them finds is ignored.
        on_picture: Called after each picture of ``dataset``.
        overwrite: Make finished crops again.

    Raises:
        DataError: for an unknown label, a factor below 1, a picture that does not open or is of another size than its
            labels say, or two crops that would be written to the same file.
    """
    if label not in dataset.labels:
        raise DataError(f"{dataset.images_dir}: no class {label!r}; there are {', '.join(dataset.labels)}")
    if not 1 <= factor < math.inf:
        raise DataError(f"the factor must be at least 1, not {factor:g}: a smaller crop would cut the face")
    _refuse_doubles(dataset, label)
    images, log = folder / "images", folder / "labels.records.jsonl"
    if overwrite:
        log.unlink(missing_ok=True)
    numbers, ids = count(1), count(1)
    pictures: list[Picture] = []
    with Records(log, images) as records:
        for picture in dataset:
            for face, place in _cut(dataset, picture, label, factor, others, images, records):
                pictures.append(_relabelled(picture, face, place, bool(others), next(numbers), ids))
            on_picture()
    result = replace(dataset, pictures=tuple(pictures), images_dir=images)
    result.save(folder / "labels.json")
    return result


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a crop was cut out: the ``xyxy`` whole pixels of the crop, and the other faces, of the picture."""

    box: tuple[int, int, int, int]
    others: tuple[Box, ...]


def _refuse_doubles(dataset: Dataset, label: str) -> None:
    written: dict[str, str] = {}
    for picture in dataset:
        for face in _faces(picture, label):
            name = _written(picture, face)
            if name in written:
                raise DataError(f"faces of {written[name]} and {picture.file_name} would both be written as {name}")
            written[name] = picture.file_name


def _faces(picture: Picture, label: str) -> list[Annotation]:
    return [a for a in picture.annotations if a.label == label and not a.ignore]


def _written(picture: Picture, face: Annotation) -> str:
    return PurePosixPath(picture.file_name).with_suffix("").as_posix() + f"_{face.id}.png"


def _cut(
    dataset: Dataset,
    picture: Picture,
    label: str,
    factor: float,
    others: Sequence[OtherFaces],
    images: Path,
    records: Records,
) -> list[tuple[Annotation, _Place]]:
    """Write the crops of a picture that are not on disk: each face with its place."""
    source = dataset.path(picture)
    result: list[tuple[Annotation, _Place]] = []
    pixels: NDArray[np.uint8] | None = None
    found: list[Box] = []
    try:
        for face in _faces(picture, label):
            name = _written(picture, face)
            request = request_key(source, label, factor, [o.name for o in others], face.box)
            done = records.finished(name, request)
            if done is None:
                if pixels is None:
                    pixels = _read(source, picture)
                    boxes = [other.find(pixels) for other in others]
                    found = [(float(a), float(b), float(c), float(d)) for each in boxes for a, b, c, d in each]
                whole = _whole_pixels(face, factor, pixels.shape[1], pixels.shape[0])
                if whole is None:
                    continue
                x1, y1, x2, y2 = whole
                save_png(pixels[y1:y2, x1:x2], images / name)
                done = {"crop": whole, "others": [box for box in found if _shared(box, face.box) <= SAME_FACE]}
                records.add(name, request, done)
            a, b, c, d = done["crop"]
            result.append((face, _Place((a, b, c, d), tuple(tuple(box) for box in done["others"]))))
    except ReadError as error:
        raise DataError(str(error)) from None
    except OSError as error:
        raise DataError(f"{source}: cannot be read: {error.strerror}") from None
    return result


def _read(source: Path, picture: Picture) -> NDArray[np.uint8]:
    pixels = read_picture(source)
    height, width = pixels.shape[:2]
    if (picture.width, picture.height) not in ((width, height), (0, 0)):
        raise DataError(f"{source}: is {width} x {height} pixels, its labels say {picture.width} x {picture.height}")
    return pixels


def _whole_pixels(face: Annotation, factor: float, width: int, height: int) -> tuple[int, int, int, int] | None:
    """The crop with whole pixels, never smaller than asked for; None for a face outside the picture."""
    if clip(face.box, width, height) is None:
        return None
    x1, y1, x2, y2 = scale(face.box, factor)
    return (max(math.floor(x1), 0), max(math.floor(y1), 0), min(math.ceil(x2), width), min(math.ceil(y2), height))


def _shared(first: Box, second: Box) -> float:
    """Common area over the smaller of the two areas; of boxes without area, 1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    smaller = min((b[2] - b[0]) * (b[3] - b[1]) for b in (first, second))
    return max(width, 0.0) * max(height, 0.0) / smaller if smaller > 0 else 1.0


def _relabelled(
    picture: Picture, face: Annotation, place: _Place, complete: bool, number: int, ids: Iterator[int]
) -> Picture:
    x, y, right, bottom = place.box
    width, height = right - x, bottom - y

    def inside(box: Box) -> Box | None:
        return clip((box[0] - x, box[1] - y, box[2] - x, box[3] - y), width, height)

    annotations = []
    for annotation in picture.annotations:
        box = inside(annotation.box)
        if box is not None and (annotation is face or annotation.label != face.label):
            annotations.append(_moved(annotation, box, place, picture, next(ids)))
    other = [a.box for a in picture.annotations if a.label == face.label and a is not face]
    promised = frozenset({face.label}) if complete else frozenset()
    regions = (
        ExhaustiveRegion(box, region.labels - promised)
        for region in picture.exhaustive_regions
        if (box := inside(region.box)) is not None
    )
    ignored = map(inside, (*picture.ignore_regions, *other, *place.others))
    about = {"original": picture.file_name, **picture.attributes, "crop": [x, y, width, height], "face": face.id}
    return replace(
        picture,
        id=number,
        file_name=_written(picture, face),
        width=width,
        height=height,
        annotations=tuple(annotations),
        exhaustive=picture.exhaustive | promised,
        exhaustive_regions=tuple(region for region in regions if region.labels),
        ignore_regions=tuple(box for box in ignored if box is not None),
        attributes=about,
    )


def _moved(annotation: Annotation, box: Box, place: _Place, picture: Picture, number: int) -> Annotation:
    """The annotation in the crop: ``box`` is what the crop leaves of it, clipped and moved."""
    x, y, right, bottom = place.box
    x1, y1, x2, y2 = annotation.box
    share = (box[2] - box[0]) * (box[3] - box[1]) / max((x2 - x1) * (y2 - y1), 1e-9)
    points = annotation.keypoints
    if points is not None:
        points = points.copy()
        across, down = points[:, 0], points[:, 1]
        in_crop = (across >= x) & (across <= right) & (down >= y) & (down <= bottom)
        in_picture = (across >= 0) & (across <= picture.width) & (down >= 0) & (down <= picture.height)
        points[in_picture & ~in_crop, 2] = 0  # labels beyond the picture's own edge stay what they are
        points[:, :2] -= np.asarray([x, y], dtype=np.float32)
    return replace(
        annotation,
        box=box,
        id=number,
        ignore=annotation.ignore or share < IN_VIEW,
        keypoints=points,
        area=annotation.area if share > 1 - 1e-6 else None,
    )
