"""Downloading Open Images by class, from its public label files and picture bucket.

Addresses: https://storage.googleapis.com/openimages/web/download_v7.html. Files arrive as ``NAME.part`` and take their
name when whole; a second run asks only for the rest (HTTP ranges). Pictures are checked against the MD5 that the bucket
states (``x-goog-hash``, or the ``ETag`` of an unsplit S3 object); ``SHA256SUMS`` records what arrived.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vitruvian.data.dataset import DataError

OpenImagesSplit = Literal["train", "validation", "test"]

LABELS = "https://storage.googleapis.com/openimages"
PICTURES = "https://s3.amazonaws.com/open-images-dataset"
_CLASSES = "v7/oidv7-class-descriptions-boxable.csv"
_BOXES = {
    "train": "v6/oidv6-train-annotations-bbox.csv",
    "validation": "v5/validation-annotations-bbox.csv",
    "test": "v5/test-annotations-bbox.csv",
}
_VERIFIED = {
    "train": "v7/oidv7-train-annotations-human-imagelabels.csv",
    "validation": "v7/oidv7-val-annotations-human-imagelabels.csv",
    "test": "v7/oidv7-test-annotations-human-imagelabels.csv",
}
_BLOCK = 2**20
_TIMEOUT = 30
_IMAGE_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is on disk after a download: label files, pictures, and pictures that could not be had, with the reason."""

    labels: tuple[Path, ...]
    pictures: int
    failed: tuple[tuple[str, str], ...]


def known_split(name: str) -> OpenImagesSplit:
    """The split of that name.

    Raises:
        DataError: if there is none.
    """
    splits: tuple[OpenImagesSplit, ...] = ("train", "validation", "test")
    for split in splits:
        if split == name:
            return split
    raise DataError(f"{name!r} is none of {', '.join(splits)}")


def fetch_open_images(
    folder: Path,
    classes: Collection[str],
    split: OpenImagesSplit = "validation",
    most: int | None = None,
    workers: int = 8,
    on_picture: Callable[[], None] = lambda: None,
    labels_url: str = LABELS,
    pictures_url: str = PICTURES,
) -> Fetched:
    """Download the label files of a split and the pictures that show one of the classes.

    Args:
        folder: Label files go here, pictures into ``images``; both as ``data convert`` reads them.
        classes: Display names, such as ``"Human foot"``.
        split: Part of Open Images.
        most: Pictures at most, the first ones in the label file.
        workers: Downloads at a time.
        on_picture: Called after each picture.
        labels_url: Where the label files come from; another for a mirror.
        pictures_url: Where the pictures come from.

    Raises:
        DataError: without a network (the message says what to do by hand), for an unknown class, or if a label file
            is not what it should be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [download(f"{labels_url}/{name}", folder / Path(name).name) for name in
             (_CLASSES, _BOXES[split], _VERIFIED[split])]  # fmt: skip
    wanted = _class_ids(files[0], classes)
    images = _images_of(files[1], wanted, most)
    failed: list[tuple[str, str]] = []

    def one(image: str) -> None:
        try:
            download(f"{pictures_url}/{split}/{image}.jpg", folder / "images" / f"{image}.jpg")
        except DataError as error:
            failed.append((image, str(error)))
        on_picture()

    (folder / "images").mkdir(exist_ok=True)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, images))
    _record(folder, [*files, *(folder / "images" / f"{image}.jpg" for image in images)])
    return Fetched(tuple(files), len(images) - len(failed), tuple(sorted(failed)))


def download(url: str, path: Path) -> Path:
    """Download one file, going on where an earlier try stopped, and check it where the server states an MD5.

    Raises:
        DataError: if it cannot be had, or arrives damaged.
    """
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with closing(urllib.request.urlopen(request, timeout=_TIMEOUT)) as answer:
            resumed = answer.status == 206
            with partial.open("ab" if resumed else "wb") as file:
                while block := answer.read(_BLOCK):
                    file.write(block)
            expected = _stated_md5(answer.headers)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # 416: nothing is left to send
            raise DataError(f"{url}: the server says {error.code} {error.reason}") from None
        expected = _stated_md5(error.headers)
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"{url}: cannot be reached ({reason}); without a network, download it elsewhere, save it as {path} and run "
            "the same command again"
        ) from None
    if expected is not None and _digest(partial, "md5") != expected:
        partial.unlink()
        raise DataError(f"{url}: arrived damaged (its MD5 is not the one the server states); run the command again")
    os.replace(partial, path)
    return path


def _stated_md5(headers: Any) -> str | None:
    for value in headers.get_all("x-goog-hash") or []:
        for part in value.split(","):
            name, _, code = part.strip().partition("=")
            if name == "md5":
                return base64.b64decode(code).hex()
    tag = (headers.get("ETag") or "").strip('"')
    return tag if re.fullmatch(r"[0-9a-f]{32}", tag) else None


def _digest(path: Path, name: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, name).hexdigest()


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.reader(file)


def _class_ids(path: Path, classes: Collection[str]) -> frozenset[str]:
    known = {row[1]: row[0] for row in _rows(path) if len(row) == 2}
    if unknown := sorted(set(classes) - set(known)):
        raise DataError(f"{path}: Open Images has no boxes of {unknown[0]!r}")
    return frozenset(known[name] for name in classes)


def _images_of(path: Path, classes: frozenset[str], most: int | None) -> list[str]:
    rows = _rows(path)
    header = next(rows, [])
    if "ImageID" not in header or "LabelName" not in header:
        raise DataError(f"{path}: line 1: no columns ImageID and LabelName")
    image, label = header.index("ImageID"), header.index("LabelName")
    found: dict[str, None] = {}
    for number, row in enumerate(rows, start=2):
        if len(row) <= max(image, label) or not _IMAGE_ID.fullmatch(row[image]):
            raise DataError(f"{path}: line {number}: no image id of 16 hexadecimal digits")
        if row[label] in classes:
            found.setdefault(row[image])
            if most is not None and len(found) >= most:
                break
    return list(found)


def _record(folder: Path, files: Iterable[Path]) -> None:
    lines = [f"{_digest(f, 'sha256')}  {f.relative_to(folder).as_posix()}\n" for f in files if f.exists()]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
