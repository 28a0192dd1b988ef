"""Published layouts in and out: :func:`read` turns any of them into the canonical data set, :func:`write` back.

>>> [known.name for known in list_formats()][:3]
['coco', 'coco_wholebody', 'yolo']

Adding a format: a module with a ``read_x(path, options, log) -> Dataset`` that checks each row with ``_rows`` inside
``log.row(file, place)``, a :class:`Format` that says how its layout is recognised, and its name in the list below. The
property tests of ``tests/data/formats`` take it up from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from vitruvian.data.dataset import DataError, Dataset
from vitruvian.data.formats._format import Format, ReadOptions, ReadResult
from vitruvian.data.formats._writing import Placing, WriteResult
from vitruvian.data.formats.ai_challenger import AI_CHALLENGER
from vitruvian.data.formats.classification import CLASS_CSV, CLASS_FOLDERS
from vitruvian.data.formats.coco import COCO
from vitruvian.data.formats.cofw import COFW, COFW68
from vitruvian.data.formats.dlib_xml import DLIB_XML
from vitruvian.data.formats.ibug import IBUG
from vitruvian.data.formats.imm import IMM
from vitruvian.data.formats.lsp import LSP
from vitruvian.data.formats.masks import MASKS
from vitruvian.data.formats.merl_rav import MERL_RAV
from vitruvian.data.formats.mpii import MPII, MPII_JSON
from vitruvian.data.formats.open_images import OPEN_IMAGES
from vitruvian.data.formats.unlabelled import PICTURES, VIDEO
from vitruvian.data.formats.voc import VOC
from vitruvian.data.formats.wflw import WFLW
from vitruvian.data.formats.wholebody import WHOLEBODY
from vitruvian.data.formats.write_coco import write_coco, write_cvat, write_label_studio
from vitruvian.data.formats.write_yolo import write_yolo
from vitruvian.data.formats.yolo import YOLO
from vitruvian.data.rejects import Reject, RowLog, write_rejects

__all__ = [
    "WRITERS", "Format", "ReadResult", "Reject", "WriteResult", "find_format", "list_formats", "read", "write",
    "write_coco", "write_cvat", "write_label_studio", "write_rejects", "write_yolo",
]  # fmt: skip

WRITERS = {
    "canonical": "the canonical json",
    "coco": "COCO json with the source's category ids",
    "yolo": "YOLO folder: data.yaml, images, labels",
    "cvat": "folder of COCO json for CVAT",
    "label_studio": "COCO json for label-studio-converter",
}
"""Formats that :func:`write` knows, and what each is."""

_FORMATS = (
    COCO, WHOLEBODY, YOLO, OPEN_IMAGES, VOC,
    LSP, MPII, MPII_JSON, AI_CHALLENGER,
    IBUG, DLIB_XML, IMM, WFLW, MERL_RAV, COFW, COFW68,
    MASKS, CLASS_FOLDERS, CLASS_CSV, VIDEO, PICTURES,
)  # fmt: skip


def list_formats() -> tuple[Format, ...]:
    """All layouts that can be read."""
    return _FORMATS


def find_format(path: str | os.PathLike[str]) -> Format:
    """The layout that a path looks like; a folder of pictures counts as unlabelled only where nothing else fits.

    Raises:
        DataError: when the path is missing, looks like none (the message lists what was looked for) or like several.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    fitting = [known for known in _FORMATS if known is not PICTURES and known.sniff(path)]
    if len(fitting) > 1:
        names = " or ".join(known.name for known in fitting)
        raise DataError(f"{path}: could be {names}; name the format")
    if fitting:
        return fitting[0]
    if PICTURES.sniff(path):
        return PICTURES
    known_layouts = "".join(f"\n  {known.name}: {known.looks_for}" for known in _FORMATS)
    raise DataError(f"{path}: looks like none of the known formats; name one of:{known_layouts}")


def read(
    path: str | os.PathLike[str],
    format: str | None = None,
    strict: bool = False,
    *,
    images_dir: str | os.PathLike[str] | None = None,
    split: str | None = None,
    classes: Collection[str] | None = None,
    exhaustive: str | Collection[str] = "file",
    expand_hierarchy: bool = False,
    every: int | None = None,
    watch: Callable[[RowLog], None] = lambda log: None,
) -> ReadResult:
    """Read a published layout into the canonical data set.

    Args:
        path: The file or folder, as published.
        format: Name of the layout; by default the one that ``path`` looks like.
        strict: Stop at the first broken row. By default broken rows are set aside and counted.
        images_dir: Folder of the pictures; by default where the published layout has them.
        split: Read this part only: ``train``, ``val`` or ``test``.
        classes: Read these classes only (Open Images).
        exhaustive: What to hold for exhaustively labelled: ``"all"`` classes, ``"none"``, or a list of labels;
        ``"file"``
            is what the file says, or the format's convention.
        expand_hierarchy: Give each box to the ancestors of its class too (Open Images).
        every: Take each n-th frame (video).
        watch: Called before the first row with the log that counts the rows, which may be looked at meanwhile.

    Returns:
        The data set, the rejects, and what else there is to say.

    Raises:
        DataError: when the format is unknown, finds nothing or does not take an option, a file cannot be read at all,
        or, when strict, at
            the first broken row. The message names file, place and reason.
    """
    path = Path(path)
    known = _by_name(format) if format is not None else find_format(path)
    if not path.exists():
        raise DataError(f"{path}: no such file or folder")
    if known.takes != "either" and path.is_file() != (known.takes == "file"):
        raise DataError(f"{path}: format {known.name} reads a {known.takes}: {known.looks_for}")
    options = ReadOptions(
        Path(images_dir) if images_dir is not None else None,
        split,
        frozenset(classes) if classes is not None else None,
        exhaustive,
        expand_hierarchy,
        every,
    )
    for name in ReadOptions.__slots__:
        if getattr(options, name) != getattr(ReadOptions(), name) and name not in known.options:
            raise DataError(f"format {known.name} takes no {name}")
    log = RowLog(strict)
    watch(log)
    dataset = known.read(path, options, log)
    if not log.rows and not dataset.pictures:
        raise DataError(f"{path}: holds nothing that format {known.name} reads; it looks for {known.looks_for}")
    if exhaustive != "file" and not known.says_exhaustive:
        dataset = _declare(dataset, exhaustive)
    return ReadResult(dataset, tuple(log.rejects), log.rows, tuple(log.notes), known.name)


def _by_name(name: str) -> Format:
    for known in _FORMATS:
        if known.name == name:
            return known
    raise DataError(f"unknown format {name!r}; known are {', '.join(known.name for known in _FORMATS)}")


def _declare(dataset: Dataset, exhaustive: str | Collection[str]) -> Dataset:
    """A data set in all of whose pictures the same labels are exhaustive."""
    if exhaustive in ("all", "none"):
        labels = frozenset(dataset.labels if exhaustive == "all" else ())
    else:
        labels = frozenset((exhaustive,) if isinstance(exhaustive, str) else exhaustive)
    if unknown := labels - set(dataset.labels):
        raise DataError(f"exhaustive labels {sorted(unknown)} are not among {', '.join(dataset.labels)}")
    return dataset.map(lambda picture: replace(picture, exhaustive=labels))


def write(
    dataset: Dataset, path: str | os.PathLike[str], format: str, pictures: Placing = "none", stack: Path | None = None
) -> WriteResult:
    """Write a data set.

    Args:
        dataset: What to write.
        path: The json file (``canonical``, ``coco``, ``label_studio``) or the folder (``yolo``, ``cvat``).
        format: One of :data:`WRITERS`.
        pictures: ``"link"`` places the pictures in the folder too; a json leaves them where they are.
        stack: For ``yolo``: folder of stacked channels that take the pictures' place, see :func:`write_yolo`.

    Returns:
        Where it is, and what the format could not hold.

    Raises:
        DataError: for an unknown format, or data that the format cannot hold in any form.
    """
    path = Path(path)
    if format not in WRITERS:
        raise DataError(f"cannot write {format!r}, only {', '.join(WRITERS)}")
    if stack is not None and format != "yolo":
        raise DataError(f"format {format} holds no stacked channels, only yolo does")
    if format == "yolo":
        return write_yolo(dataset, path, pictures, stack)
    if format == "cvat":
        return write_cvat(dataset, path, pictures)
    if pictures == "link":
        raise DataError(f"format {format} is one file and places no pictures")
    if format == "canonical":
        dataset.save(path)
        return WriteResult(path, ())
    return (write_coco if format == "coco" else write_label_studio)(dataset, path)
