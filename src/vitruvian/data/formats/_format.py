"""What a reader is: its name, how its layout is recognised, what it takes and what it gives."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vitruvian.data.dataset import Dataset
from vitruvian.data.rejects import Reject, RowLog


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a user may ask of a reader; a reader lists those that it heeds, and the others must keep their default.

    Attributes:
        images_dir: Folder of the pictures; by default where the published layout has them.
        split: Read this part only (``train``, ``val``, ``test``); by default all, and pictures say theirs.
        classes: Read these classes only; what is left out is counted in a note.
        exhaustive: What to hold for exhaustively labelled: ``"all"`` classes, ``"none"``, or a list of labels;
        ``"file"`` is
            what the file says, or the format's convention.
        expand_hierarchy: Give each box of a class to the class's ancestors too (Open Images).
        every: Take each n-th frame of a video.
    """

    images_dir: Path | None = None
    split: str | None = None
    classes: frozenset[str] | None = None
    exhaustive: str | Collection[str] = "file"
    expand_hierarchy: bool = False
    every: int | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """A published layout that can be read.

    Attributes:
        name: Short name, as ``vitruvian data convert --from`` takes it.
        title: One line that says what it is.
        looks_for: What a path must be or hold to be taken for it, for the message when nothing fits.
        sniff: True when a path looks like it; quick, and never raises.
        read: The reader.
        takes: Whether the path is a file, a folder, or may be either.
        options: The fields of :class:`ReadOptions` that it takes.
        says_exhaustive: Its files can say what is exhaustive in a picture, so that the reader itself heeds
            ``options.exhaustive``; elsewhere that replaces what the format's convention is.
    """

    name: str
    title: str
    looks_for: str
    sniff: Callable[[Path], bool]
    read: Callable[[Path, ReadOptions, RowLog], Dataset]
    takes: Literal["file", "folder", "either"]
    options: frozenset[str] = frozenset(("images_dir", "exhaustive"))
    says_exhaustive: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class ReadResult:
    """What was read and what was not.

    Attributes:
        dataset: The accepted rows.
        rejects: The broken ones; ``rows == accepted + len(rejects)``.
        rows: Rows met: entries of a JSON list, lines, files, as the format lists its labels.
        notes: What else there is to say, each a line.
        format: Name of the format.
    """

    dataset: Dataset
    rejects: tuple[Reject, ...]
    rows: int
    notes: tuple[str, ...]
    format: str

    @property
    def accepted(self) -> int:
        """Rows that are in the data set."""
        return self.rows - len(self.rejects)
