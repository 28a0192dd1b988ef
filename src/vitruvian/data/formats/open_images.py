"""Open Images V4 to V7: boxes and human-verified image-level labels.

Specification: https://storage.googleapis.com/openimages/web/download_v7.html (CSV columns) and Kuznetsova et al., The
Open Images Dataset V4, IJCV 2020, section 3. Read from one folder: ``*annotations-bbox.csv``,
``*class-descriptions*.csv``, ``*human-imagelabels*.csv`` (the machine's own labels are not read), ``*hierarchy*.json``
and ``*rotation*.csv`` (authors, licences), each where it is there. Pictures are ``{ImageID}.jpg``; rows of pictures
that are not there are left out and counted in a note, as hardly anyone has all nine million.

A picture's **exhaustive classes** come from its verified labels: one verified absent has no instance; of one verified
present every instance is boxed. A class verified present that has no box in the picture was not boxed at all
(annotators boxed the most specific label, and body parts only in some of the training pictures), so it is not
exhaustive. A group (``IsGroupOf``) is to be ignored, as it is in the challenge's metric.

On request the hierarchy is expanded as for the Open Images challenge: a box counts for its ancestors too, and a class
verified absent takes its descendants along. ``Subcategory`` edges count, ``Part`` edges do not. A row is a line of a
CSV.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from vitruvian.data.dataset import Box, Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector, Entry
from vitruvian.data.formats._files import csv_rows
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._open_images_classes import OpenImagesClasses
from vitruvian.data.rejects import FileError, RowError, RowLog

SPLITS = {"train": "train", "validation": "val", "val": "val", "test": "test"}
FLAGS = {"IsOccluded": "occluded", "IsTruncated": "truncated", "IsDepiction": "depiction", "IsInside": "inside"}
_BOX_COLUMNS = ("ImageID", "LabelName", "Source", "XMin", "YMin", "XMax", "YMax", "IsGroupOf", *FLAGS)
_LABEL_COLUMNS = ("ImageID", "LabelName", "Confidence")
_ABOUT = {"License": "license", "Author": "author", "Title": "title", "OriginalLandingURL": "url"}


def read_open_images(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read Open Images; see :func:`vitruvian.data.formats.read` for the arguments and errors.

    ``classes`` are display names or class ids; rows of other classes are left out and counted in a note.
    """
    return _Reader(path if path.is_dir() else path.parent, options, log).read()


class _Reader:
    def __init__(self, folder: Path, options: ReadOptions, log: RowLog) -> None:
        self._folder, self._options, self._log = folder, options, log
        self._classes = OpenImagesClasses.read(folder, log)
        self._collector = Collector(options.images_dir or folder, log)
        self._wanted = self._wanted_ids()
        self._entries: dict[str, Entry] = {}
        self._boxed: dict[str, set[str]] = {}
        self._seen: set[str] = set(self._wanted or ())
        self._without_picture = self._of_other_class = self._never_boxed = 0

    def read(self) -> Dataset:
        for split, file in self._files("annotations-bbox"):
            for place, columns in self._rows(file, _BOX_COLUMNS):
                with self._log.row(file, place):
                    self._box(columns, split)
        for split, file in self._files("human-imagelabels"):
            for place, columns in self._rows(file, _LABEL_COLUMNS):
                with self._log.row(file, place):
                    self._verified(columns, split)
        for file in sorted(self._folder.glob("*rotation*.csv")):
            self._about(file)
        for count, reason in (
            (self._without_picture, f"their pictures are not in {self._collector.folder.root}"),
            (self._of_other_class, "they are of classes not asked for"),
            (self._never_boxed, "they verify classes that have no box in any picture"),
        ):
            if count:
                self._log.notes.append(f"{count:,} rows are left out: {reason}")
        order = [mid for mid in self._classes.names if mid in self._seen]
        order += sorted(self._seen - set(order))
        name = self._classes.name
        about = {
            name(mid): {"open_images_id": mid, "parents": [name(p) for p in self._classes.parents.get(mid, ())]}
            for mid in order
        }
        return self._collector.dataset([name(mid) for mid in order], label_attributes=about)

    def _wanted_ids(self) -> frozenset[str] | None:
        if self._options.classes is None:
            return None
        ids = {name: mid for mid, name in self._classes.names.items()} | {mid: mid for mid in self._classes.names}
        if unknown := sorted(set(self._options.classes) - set(ids)):
            raise FileError(self._folder, f"its class descriptions lack {unknown[0]!r}")
        return frozenset(ids[name] for name in self._options.classes)

    def _files(self, kind: str) -> list[tuple[str, Path]]:
        files = []
        for file in sorted(self._folder.glob(f"*{kind}*.csv")):
            split = next((part for word, part in SPLITS.items() if word in file.name.split("-")), None)
            if split is None:
                raise FileError(file, "its name says neither train, validation nor test")
            if self._options.split in (None, split):
                files.append((split, file))
        if not files and kind == "annotations-bbox":
            raise FileError(
                self._folder, f"has no *{kind}.csv" + (f" of {self._options.split}" * bool(self._options.split))
            )
        return files

    def _rows(self, file: Path, names: tuple[str, ...]) -> Iterator[tuple[str, list[str]]]:
        """The rows of pictures that are there and of classes that matter."""
        relevant = self._relevant()
        for line, columns in csv_rows(file, names):
            if columns is None:
                self._log.reject(file, f"line {line}", "has too few columns, or a quote that is never closed")
            elif relevant is not None and columns[1] not in relevant:
                self._of_other_class += 1
            elif not self._there(columns[0]):
                self._without_picture += 1
            else:
                yield f"line {line}", columns

    def _relevant(self) -> frozenset[str] | None:
        """Classes asked for; when the hierarchy is expanded, their ancestors and descendants too."""
        if self._wanted is None or not self._options.expand_hierarchy:
            return self._wanted
        kin = (m for mid in self._wanted for m in (*self._classes.ancestors(mid), *self._classes.descendants(mid)))
        return self._wanted.union(kin)

    def _there(self, image: str) -> bool:
        try:
            return image in self._entries or self._collector.folder.find(image) is not None
        except RowError:  # two folders have it: reading the row says so
            return True

    def _entry(self, image: str, split: str) -> Entry:
        if image not in self._entries:
            self._entries[image] = self._collector.picture(_rows.file_name(image, "ImageID"))
        entry = self._entries[image]
        if entry.attributes.setdefault("split", split) != split:
            raise RowError(f"picture {image} is in {entry.attributes['split']} and in {split}")
        return entry

    def _box(self, columns: list[str], split: str) -> None:
        image, mid, method, *rest = columns
        flags = {name: _flag(value, name) for name, value in zip(("IsGroupOf", *FLAGS), rest[4:], strict=True)}
        x1, y1, x2, y2 = _rows.xyxy_box(rest[:4])
        if not 0 <= x1 <= x2 <= 1 or not 0 <= y1 <= y2 <= 1:
            raise RowError("lies beyond the picture: coordinates are shares of it, from 0 to 1")
        entry = self._entry(image, split)
        box: Box = (x1 * entry.width, y1 * entry.height, x2 * entry.width, y2 * entry.height)
        group = flags.pop("IsGroupOf") is True
        attributes = {FLAGS[name]: value for name, value in flags.items() if value is not False} | {"method": method}
        if group:
            attributes["group"] = True
        number = None
        if self._is_wanted(mid):
            number = self._add(entry, mid, box, group, None, attributes)
            self._boxed.setdefault(image, set()).add(mid)
        for ancestor in self._classes.ancestors(mid) if self._options.expand_hierarchy else ():
            if self._is_wanted(ancestor):
                of = {} if number is None else {"of": number}
                self._add(
                    entry, ancestor, box, group, "hierarchy", attributes | of | {"class": self._classes.name(mid)}
                )

    def _add(
        self, entry: Entry, mid: str, box: Box, group: bool, derived_from: str | None, attributes: Mapping[str, object]
    ) -> int:
        self._seen.add(mid)
        return self._collector.add(
            entry, self._classes.name(mid), box, ignore=group, derived_from=derived_from, attributes=attributes
        )

    def _is_wanted(self, mid: str) -> bool:
        return self._wanted is None or mid in self._wanted

    def _verified(self, columns: list[str], split: str) -> None:
        image, mid, confidence = columns
        present = _rows.number(confidence, "Confidence")
        if present not in (0, 1):
            raise RowError(f"Confidence {present:g} is neither 0 nor 1, so nobody verified it")
        entry = self._entry(image, split)
        if present:
            told = [mid] if mid in self._boxed.get(image, ()) else []
        else:
            told = [mid, *(self._classes.descendants(mid) if self._options.expand_hierarchy else ())]
        self._never_boxed += mid not in self._seen
        entry.exhaustive.update(self._classes.name(m) for m in told if m in self._seen and self._is_wanted(m))

    def _about(self, file: Path) -> None:
        for line, columns in csv_rows(file, ("ImageID", *_ABOUT, "Rotation")):
            if columns is None:
                self._log.reject(file, f"line {line}", "has too few columns, or a quote that is never closed")
                continue
            entry = self._entries.get(columns[0])
            if entry is not None:
                values = dict(zip((*_ABOUT.values(), "rotation"), columns[1:], strict=True))
                entry.attributes.update({name: value for name, value in values.items() if value})


def _flag(value: str, name: str) -> bool | None:
    """1 and 0; -1 is unknown."""
    try:
        return {"1": True, "0": False, "-1": None}[value]
    except KeyError:
        raise RowError(f"{name} {_rows.shown(value)} is not 0, 1 or -1") from None


def is_open_images(path: Path) -> bool:
    """True for a boxes CSV or a folder with one."""
    return any(path.glob("*annotations-bbox*.csv")) if path.is_dir() else path.name.endswith("annotations-bbox.csv")


OPEN_IMAGES = Format(
    name="open_images",
    title="Open Images V4-V7 boxes, flags, hierarchy and verified image-level labels",
    looks_for="a folder with *-annotations-bbox.csv",
    sniff=is_open_images,
    read=read_open_images,
    takes="either",
    options=frozenset(("images_dir", "split", "classes", "expand_hierarchy")),
)
