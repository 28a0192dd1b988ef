"""Merging data sets without losing what each leaves unlabelled.

A picture stays exhaustive only for what its own set declared: adding a set with hands to one with faces makes nobody's
hands labelled. Where sets hold the same picture, its labels are joined and the promises of both hold, unless one is
belied: a set that declares faces exhaustive and lacks a face which the other has is not believed about faces.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from vitruvian.data.dataset import Annotation, DataError, Dataset, ExhaustiveRegion, Picture
from vitruvian.data.overlap import box_iou

SAME_BOX = 0.9
"""IoU from which two boxes of one class and picture are taken for one instance labelled twice."""

Renames = Mapping[str, str | None]
"""New name of a label, or None to drop it; labels not named stay."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The result of a merge.

    Attributes:
        dataset: All pictures, ids counted anew.
        joined: File names of pictures that were found more than once, as in the result.
        doubled: Boxes dropped because another copy of the picture has the same one.
        belied: ``(file name, label)`` of promises that another copy's labels contradict.
    """

    dataset: Dataset
    joined: tuple[str, ...]
    doubled: int
    belied: tuple[tuple[str, str], ...]


def keep_labels(dataset: Dataset, labels: Collection[str]) -> Dataset:
    """Drop all labels but these; of those that the data set lacks nothing is said."""
    return rename_labels(dataset, {label: None for label in dataset.labels if label not in labels})


def rename_labels(dataset: Dataset, renames: Renames) -> Dataset:
    """Give labels other names, join several under one, or drop some.

    A joined label is exhaustive in a picture only where all labels that went into it are: faces with a mask and faces
    without one must both be fully labelled before faces are. A dropped label promises nothing any more. To join what is
    only part of a larger class, drop the promise with :func:`without_promises`.

    Raises:
        DataError: for a label that the data set lacks.
    """
    unknown = sorted(set(renames) - set(dataset.labels))
    if unknown:
        raise DataError(f"{dataset.images_dir}: no label {unknown[0]!r}; there are {', '.join(dataset.labels)}")
    new = {label: renames.get(label, label) for label in dataset.labels}
    labels = tuple(dict.fromkeys(name for name in new.values() if name is not None))
    origins = {name: frozenset(old for old in dataset.labels if new[old] == name) for name in labels}

    def promise(held: frozenset[str]) -> frozenset[str]:
        return frozenset(name for name, old in origins.items() if old <= held)

    def change(picture: Picture) -> Picture:
        regions = (ExhaustiveRegion(r.box, promise(r.labels)) for r in picture.exhaustive_regions)
        return replace(
            picture,
            annotations=tuple(
                replace(a, label=name) for a in picture.annotations if (name := new[a.label]) is not None
            ),
            exhaustive=promise(picture.exhaustive),
            exhaustive_regions=tuple(r for r in regions if r.labels),
        )

    keypoint_names: dict[str, tuple[str, ...]] = {}
    for old, names in dataset.keypoint_names.items():
        name = new[old]
        if name is not None and keypoint_names.setdefault(name, names) != names:
            raise DataError(f"{dataset.images_dir}: labels joined as {name!r} have different keypoints")
    about = {old: more for old, more in dataset.label_attributes.items() if new[old] == old}
    renamed = dataset.map(change, labels=labels)
    return replace(renamed, keypoint_names=keypoint_names, category_ids={}, label_attributes=about)


def without_promises(dataset: Dataset, labels: Sequence[str]) -> Dataset:
    """The data set with some labels exhaustive nowhere."""
    dropped = frozenset(labels)

    def change(picture: Picture) -> Picture:
        regions = (ExhaustiveRegion(r.box, r.labels - dropped) for r in picture.exhaustive_regions)
        return replace(
            picture,
            exhaustive=picture.exhaustive - dropped,
            exhaustive_regions=tuple(r for r in regions if r.labels),
        )

    return dataset.map(change)


def by_path(dataset: Dataset, picture: Picture) -> Hashable:
    """Pictures are the same when they are one file."""
    return dataset.path(picture).resolve()


def by_content(dataset: Dataset, picture: Picture) -> Hashable:
    """Pictures are the same when their files are equal byte for byte.

    Raises:
        DataError: for a file that cannot be read.
    """
    try:
        with dataset.path(picture).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{dataset.path(picture)}: cannot be read: {error.strerror}") from None


def by_attribute(name: str) -> Callable[[Dataset, Picture], Hashable]:
    """Pictures are the same when this attribute is (MERL-RAV's ``copy_of``); without it, when they are one file."""

    def key(dataset: Dataset, picture: Picture) -> Hashable:
        value = picture.attributes.get(name)
        return by_path(dataset, picture) if value is None else (name, str(value))

    return key


def merge(datasets: Sequence[Dataset], same: Callable[[Dataset, Picture], Hashable] = by_path) -> Merged:
    """Join data sets.

    Args:
        datasets: What to join; labels of one name are one class.
        same: What tells that two pictures are one; the first one's file is kept.

    Raises:
        DataError: if there is nothing to merge, a label has different keypoints in two sets, or copies of a picture
            differ in size.
    """
    if not datasets:
        raise DataError("nothing to merge")
    labels = tuple(dict.fromkeys(label for dataset in datasets for label in dataset.labels))
    keypoint_names: dict[str, tuple[str, ...]] = {}
    for dataset in datasets:
        for label, names in dataset.keypoint_names.items():
            if keypoint_names.setdefault(label, names) != names:
                raise DataError(f"{dataset.images_dir}: {label!r} has other keypoints than in an earlier set")
    root = _common_folder([dataset.images_dir for dataset in datasets])
    copies: dict[Hashable, list[Picture]] = {}
    for dataset in datasets:
        for picture in dataset:
            name = (dataset.images_dir.resolve() / picture.file_name).relative_to(root).as_posix()
            copies.setdefault(same(dataset, picture), []).append(replace(picture, file_name=name))
    ids = count(1)
    pictures, joined, belied, doubled = [], [], [], 0
    for number, found in enumerate(copies.values(), start=1):
        picture, lies, dropped = _join(found)
        if len(found) > 1:
            joined.append(picture.file_name)
        doubled += dropped
        belied += [(picture.file_name, label) for label in sorted(lies)]
        annotations = tuple(replace(a, id=next(ids)) for a in picture.annotations)
        pictures.append(replace(picture, id=number, annotations=annotations))
    about = {label: more for dataset in reversed(datasets) for label, more in dataset.label_attributes.items()}
    result = Dataset(labels, tuple(pictures), root, keypoint_names, label_attributes=about)
    return Merged(result, tuple(joined), doubled, tuple(belied))


def _common_folder(folders: Sequence[Path]) -> Path:

    try:
        return Path(os.path.commonpath([folder.resolve() for folder in folders]))
    except ValueError as error:  # two drives
        raise DataError(f"the pictures lie in places without a common folder: {error}") from None


def _join(copies: Sequence[Picture]) -> tuple[Picture, frozenset[str], int]:
    """One picture of its copies, the labels about which a copy was belied, and how many boxes were doubles."""
    first = copies[0]
    if len(copies) == 1:
        return first, frozenset(), 0
    annotations: list[Annotation] = []
    promised: frozenset[str] = frozenset()
    belied: set[str] = set()
    doubled = 0
    for copy in copies:
        if (copy.width, copy.height) != (first.width, first.height):
            raise DataError(
                f"{copy.file_name} is {copy.width} x {copy.height} pixels, its copy {first.file_name} "
                f"{first.width} x {first.height}"
            )
        new = [a for a in copy.annotations if not any(_same(a, b) for b in annotations)]
        doubled += len(copy.annotations) - len(new)
        belied |= {a.label for a in new if not a.ignore} & promised
        missing = (a for a in annotations if not a.ignore and not any(_same(a, b) for b in copy.annotations))
        belied |= {a.label for a in missing} & copy.exhaustive
        annotations += new
        promised |= copy.exhaustive
    regions = tuple(dict.fromkeys(region for copy in copies for region in copy.exhaustive_regions))
    ignored = tuple(dict.fromkeys(box for copy in copies for box in copy.ignore_regions))
    attributes = {k: v for copy in reversed(copies) for k, v in copy.attributes.items()}
    picture = replace(
        first,
        annotations=tuple(annotations),
        exhaustive=promised - belied,
        exhaustive_regions=regions,
        ignore_regions=ignored,
        attributes=attributes,
    )
    return picture, frozenset(belied), doubled


def _same(first: Annotation, second: Annotation) -> bool:
    return first.label == second.label and first.ignore == second.ignore and box_iou(first.box, second.box) >= SAME_BOX
