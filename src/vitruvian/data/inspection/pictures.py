"""What only the picture files tell: whether they open, how large they are, and which are copies of one another.

Pictures are read one by one and only numbers are kept, so memory does not grow with their size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from vitruvian.data.dataset import Dataset, Picture
from vitruvian.data.duplicates import PictureHash, near_duplicates
from vitruvian.data.inspection.issues import Issue
from vitruvian.images.read import ReadError, read_reduced

SMALLEST, LARGEST = 224, 2000
"""Pixels of the shorter and the longer side: below, a usual network sees an enlarged picture; above, it needs shrinking
before training (quality section of the Open Images body-part study)."""


@dataclass(frozen=True, slots=True, eq=False)
class PictureFile:
    """One picture file as read.

    Attributes:
        split: Name of the data set that it belongs to.
        file_name: As the data set has it.
        width, height: Pixels of the upright picture, 0 where it does not open.
        bytes: Of the file, 0 where it is missing.
        digest: SHA-256 of the file, empty where it is missing.
        error: Why it does not open, or None.
        fingerprint: For near-duplicates, or None where it does not open.
    """

    split: str
    file_name: str
    width: int
    height: int
    bytes: int
    digest: str
    error: str | None
    fingerprint: PictureHash | None


@dataclass(frozen=True, slots=True)
class Cluster:
    """Pictures that are copies of one another: ``(split, file name)`` each, and whether their files are identical."""

    members: tuple[tuple[str, str], ...]
    identical: bool

    @property
    def across(self) -> bool:
        """True when it reaches over more than one split, so that validation has seen its training pictures."""
        return len({split for split, _ in self.members}) > 1


def read_file(split: str, dataset: Dataset, picture: Picture) -> PictureFile:
    """Open and measure one picture; a file that does not open is a result, not an error."""
    path = dataset.path(picture)
    try:
        data = path.read_bytes()
    except OSError as error:
        return PictureFile(split, picture.file_name, 0, 0, 0, "", error.strerror or "cannot be read", None)
    digest = hashlib.sha256(data).hexdigest()
    try:
        pixels, width, height = read_reduced(data, min_side=64)
    except ReadError as error:
        return PictureFile(split, picture.file_name, 0, 0, len(data), digest, str(error), None)
    return PictureFile(split, picture.file_name, width, height, len(data), digest, None, PictureHash.of(pixels))


def file_issues(files: Iterable[PictureFile], declared: Iterable[Picture]) -> list[Issue]:
    """Files that do not open, differ from the size that the labels state, or are very small or large."""
    issues = []
    for file, picture in zip(files, declared, strict=True):
        if file.error is not None:
            kind = "picture missing" if file.bytes == 0 and not file.digest else "picture corrupt"
            issues.append(Issue(kind, file.file_name, None, file.error))
            continue
        size = f"{file.width} x {file.height} pixels"
        if (file.width, file.height) != (picture.width, picture.height):
            detail = f"{size}, the labels say {picture.width} x {picture.height}"
            issues.append(Issue("picture size differs from the labels", file.file_name, None, detail))
        if min(file.width, file.height) < SMALLEST:
            issues.append(Issue(f"picture under {SMALLEST} pixels", file.file_name, None, size))
        if max(file.width, file.height) > LARGEST:
            issues.append(Issue(f"picture over {LARGEST} pixels", file.file_name, None, size))
    return issues


def clusters(files: Sequence[PictureFile]) -> tuple[Cluster, ...]:
    """Identical and near-identical pictures, within and across splits; those across splits come first."""
    opened = [f for f in files if f.fingerprint is not None]
    first = near_duplicates([f.fingerprint for f in opened if f.fingerprint is not None])
    found = []
    for start in np.flatnonzero(np.bincount(first, minlength=len(opened)) > 1):
        members = [opened[i] for i in np.flatnonzero(first == start)]
        identical = len({m.digest for m in members}) == 1
        found.append(Cluster(tuple((m.split, m.file_name) for m in members), identical))
    return tuple(sorted(found, key=lambda c: (not c.across, -len(c.members), c.members)))
