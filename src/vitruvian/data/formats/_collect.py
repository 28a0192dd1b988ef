"""Gathers annotations picture by picture into a data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vitruvian.data.dataset import Annotation, Box, Dataset, Picture
from vitruvian.data.formats._pictures import PICTURE_SUFFIXES, PictureFolder, picture_size
from vitruvian.data.formats._rows import Keypoints
from vitruvian.data.rejects import RowError, RowLog


@dataclass(slots=True)
class Entry:
    """A picture while its labels are being read; the fields are those of :class:`Picture`."""

    file_name: str
    width: int
    height: int
    annotations: list[Annotation] = field(default_factory=list)
    exhaustive: set[str] = field(default_factory=set)
    attributes: dict[str, Any] = field(default_factory=dict)


class Collector:
    """Pictures in the order met, numbered from 1, and their annotations, numbered from 1.

    Args:
        images_dir: Folder of the pictures.
        log: Takes the note about pictures that are not there.
        suffixes: Which files are pictures.
    """

    def __init__(self, images_dir: Path, log: RowLog, suffixes: frozenset[str] = PICTURE_SUFFIXES) -> None:
        self.folder = PictureFolder(images_dir, suffixes)
        self._log = log
        self._entries: dict[str, Entry] = {}
        self._labels: dict[str, None] = {}
        self._annotations = 0
        self._missing = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels added so far, in the order met."""
        return tuple(self._labels)

    def picture(self, name: str, needs_size: bool = True) -> Entry:
        """The entry of a picture, made at its first mention.

        Args:
            name: Path below the picture folder, or a file's name alone.
            needs_size: The labels cannot be read without the picture's size. Otherwise a picture that is not there is
                taken on with width and height 0.

        Raises:
            RowError: when the picture is needed and not there, is ambiguous, or is no picture.
        """
        if name in self._entries and (self._entries[name].width or not needs_size):
            return self._entries[name]
        found = self.folder.find(name)
        if found is None:
            if needs_size:
                raise RowError(f"picture {name!r} is not in {self.folder.root}")
            self._missing += 1
            return self._entries.setdefault(name, Entry(name, 0, 0))
        if found not in self._entries:
            width, height = picture_size(self.folder.root / found)
            self._entries[found] = Entry(found, width, height)
        return self._entries[found]

    def embedded(self, name: str, width: int, height: int) -> Entry:
        """The entry of a picture whose size the labels give."""
        return self._entries.setdefault(name, Entry(name, width, height))

    def add(
        self,
        entry: Entry,
        label: str,
        box: Box,
        *,
        ignore: bool = False,
        keypoints: Keypoints | None = None,
        derived_from: str | None = None,
        area: float | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> int:
        """Add an annotation to a picture; its id is returned."""
        self._annotations += 1
        self._labels.setdefault(label)
        entry.annotations.append(
            Annotation(label, box, self._annotations, ignore, keypoints, derived_from, area, attributes or {})
        )
        return self._annotations

    def dataset(
        self,
        labels: Sequence[str] | None = None,
        keypoint_names: Mapping[str, Sequence[str]] | None = None,
        label_attributes: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Dataset:
        """The data set; ``labels`` defaults to those that occurred, in the order met."""
        if self._missing:
            self._log.notes.append(
                f"{self._missing:,} pictures are not in {self.folder.root}; their width and height are set to 0"
            )
        pictures = tuple(
            Picture(
                number, e.file_name, e.width, e.height, tuple(e.annotations), frozenset(e.exhaustive),
                attributes=e.attributes,
            )
            for number, e in enumerate(self._entries.values(), start=1)
        )  # fmt: skip
        names = {label: tuple(points) for label, points in (keypoint_names or {}).items()}
        return Dataset(
            self.labels if labels is None else tuple(labels),
            pictures,
            self.folder.root,
            names,
            label_attributes=label_attributes or {},
        )
