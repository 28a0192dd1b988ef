"""Classification sets: a folder a class, or a CSV of file and label.

Layouts: ``root/<class>/*`` or ``root/{train,val,test}/<class>/*`` as torchvision's ImageFolder and Ultralytics read
them (https://docs.ultralytics.com/datasets/classify/); a CSV with a column of files (``file``, ``filename``, ``image``
or ``path``) and one of labels (``label``, ``class``, ``category`` or ``activity``), with an optional ``split``. A
picture has the attributes ``label`` and ``split`` and no box. A row is a picture or a line.
"""

from __future__ import annotations

from pathlib import Path

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector
from vitruvian.data.formats._files import csv_rows
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._pictures import PICTURE_SUFFIXES, PictureFolder, holds
from vitruvian.data.formats.masks import MASK_FOLDERS, PICTURE_FOLDERS
from vitruvian.data.rejects import FileError, RowError, RowLog

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
FILE_COLUMNS = ("file", "filename", "file_name", "image", "path")
LABEL_COLUMNS = ("label", "class", "category", "activity")


def read_class_folders(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read a folder a class; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    collector = Collector(path, log)
    labels: dict[str, None] = {}
    for name in collector.folder.names:
        *folders, _ = name.split("/")
        split = SPLITS[folders.pop(0)] if folders and folders[0] in SPLITS else None
        if options.split not in (None, split):
            continue
        with log.row(path / name):
            if len(folders) != 1:
                raise RowError("lies in no folder of a class, or in one within another")
            attributes = {"label": folders[0]} | ({"split": split} if split else {})
            collector.picture(name).attributes |= attributes
            labels.setdefault(folders[0])
    return collector.dataset(sorted(labels))


def read_class_csv(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read a CSV of file and label; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    columns = _columns(path)
    if columns is None:
        raise FileError(path, f"line 1: has no column of files ({', '.join(FILE_COLUMNS)}) and labels")
    images = path.parent / "images"
    collector = Collector(options.images_dir or (images if images.is_dir() else path.parent), log)
    labels: dict[str, None] = {}
    for line, row in csv_rows(path, columns):
        with log.row(path, f"line {line}"):
            if row is None:
                raise RowError("has too few columns, or a quote that is never closed")
            label = _rows.text(row[1].strip(), "label")
            entry = collector.picture(_rows.file_name(row[0].strip(), "file"))
            if "label" in entry.attributes:
                raise RowError(f"picture {entry.file_name} has a label already: {entry.attributes['label']}")
            split = {"split": SPLITS.get(row[2].strip(), row[2].strip())} if len(row) > 2 and row[2].strip() else {}
            entry.attributes |= {"label": label} | split
            labels.setdefault(label)
    return collector.dataset(sorted(labels))


def _columns(path: Path) -> tuple[str, ...] | None:
    """Names of the columns of file, label and, where there is one, split."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            header = [name.strip() for name in file.readline(10_000).split(",")]
    except (OSError, UnicodeDecodeError):
        return None
    found = [next((name for name in known if name in header), None) for known in (FILE_COLUMNS, LABEL_COLUMNS)]
    if found[0] is None or found[1] is None:
        return None
    return (found[0], found[1], *(name for name in ("split",) if name in header))


def is_class_folders(path: Path) -> bool:
    """True for a folder of two or more folders of pictures, beside which lie no pictures and no labels."""
    if not path.is_dir() or any(f.suffix.lower() in (".json", ".yaml", ".csv", ".xml", ".mat") for f in path.iterdir()):
        return False
    split = next((path / name for name in SPLITS if (path / name).is_dir()), path)
    folders = [child for child in split.iterdir() if child.is_dir() and not child.name.startswith(".")]
    loose = any(child.suffix.lower() in PICTURE_SUFFIXES for child in split.iterdir())
    others = {*PICTURE_FOLDERS, *MASK_FOLDERS} & {folder.name for folder in folders}
    only = PictureFolder(split, frozenset((".txt", ".xml", ".json", ".pts", ".asf", ".mat", ".npy"))).names
    return (
        len(folders) > 1 and not loose and not others and not only and all(holds(f, PICTURE_SUFFIXES) for f in folders)
    )


CLASS_FOLDERS = Format(
    name="class_folders",
    title="Classification: a folder a class",
    looks_for="a folder of folders of pictures, with or without train/val/test above",
    sniff=is_class_folders,
    read=read_class_folders,
    takes="folder",
    options=frozenset(("split",)),
)

CLASS_CSV = Format(
    name="class_csv",
    title="Classification: a CSV of file and label",
    looks_for="a .csv with columns file and label",
    sniff=lambda path: path.is_file() and path.suffix == ".csv" and _columns(path) is not None,
    read=read_class_csv,
    takes="file",
    options=frozenset(("images_dir",)),
)
