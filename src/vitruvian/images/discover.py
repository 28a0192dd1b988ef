"""Finding the pictures that a user means: files, folders and patterns become a list; failures are collected in it."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PICTURE_SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".gif"),
        *(".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm"),
    }
)
"""Suffixes (lower case) that count as pictures in folders and patterns; a file that is named itself may have any."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """One picture to read.

    Attributes:
        path: The file.
        relative: Its path below the folder or pattern that it was found by; the bare name of a file named itself.
            Results are written to the same place below the output folder; it never leads out of that.
    """

    path: Path
    relative: PurePosixPath

    def output(self, suffix: str) -> PurePosixPath:
        """``relative`` with another suffix, e.g. ``holiday/beach.json``."""
        return self.relative.with_suffix(suffix)


@dataclass(frozen=True, slots=True)
class Discovery:
    """What :func:`find_pictures` found.

    Attributes:
        pictures: In the order of the arguments, sorted within a folder or pattern; no file twice.
        errors: One line ``place: reason`` for each argument or folder that gave nothing.
    """

    pictures: tuple[PictureFile, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutputConflict:
    """Several pictures whose results would be written to one file; ``str`` of it is one line that names them.

    Attributes:
        output: The file, relative to the output folder.
        paths: The pictures, in their order.
    """

    output: PurePosixPath
    paths: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{' and '.join(map(str, self.paths))}: would be written to the same {self.output}"


def find_pictures(paths: Iterable[str | os.PathLike[str]], suffixes: Collection[str] = PICTURE_SUFFIXES) -> Discovery:
    """Expand files, folders and patterns; what has one of ``suffixes`` (lower case) counts in folders and patterns.

    Folders are searched with their subfolders, links to folders are not followed, and hidden names are skipped. In
    patterns ``*``, ``?``, ``[...]`` and ``**`` (any depth) are known; a name that exists is taken literally. A file
    that is named itself is taken whatever its suffix: reading it will tell whether it is a picture.
    """
    pictures: dict[str, PictureFile] = {}
    errors: list[str] = []
    for argument in paths:
        for found in _expand(os.fspath(argument), suffixes, errors):
            pictures.setdefault(os.path.realpath(found.path), found)
    return Discovery(tuple(pictures.values()), tuple(errors))


def output_conflicts(pictures: Iterable[PictureFile], suffix: str = ".json") -> tuple[OutputConflict, ...]:
    """Groups of two or more pictures with one output (``a.jpg`` and ``a.png`` both give ``a.json``)."""
    by_output: dict[PurePosixPath, list[Path]] = {}
    for picture in pictures:
        by_output.setdefault(picture.output(suffix), []).append(picture.path)
    return tuple(OutputConflict(output, tuple(paths)) for output, paths in by_output.items() if len(paths) > 1)


def _expand(argument: str, suffixes: Collection[str], errors: list[str]) -> Iterator[PictureFile]:
    if "\0" in argument or not argument:
        errors.append(f"{argument!r}: not a path")
    elif os.path.isdir(argument):
        before = len(errors)
        found = list(_walk(Path(argument), Path(argument), suffixes, errors))
        if not found and len(errors) == before:
            errors.append(f"{argument}: no pictures in this folder")
        yield from found
    elif os.path.lexists(argument):
        path = Path(argument)
        yield PictureFile(path, PurePosixPath(path.name))
    elif glob.has_magic(argument):
        found = list(_match(argument, suffixes, errors))
        if not found:
            errors.append(f"{argument}: no picture matches this pattern")
        yield from found
    else:
        errors.append(f"{argument}: no such file or folder")


def _walk(folder: Path, base: Path, suffixes: Collection[str], errors: list[str]) -> Iterator[PictureFile]:
    def failed(error: OSError) -> None:
        errors.append(f"{error.filename}: folder cannot be read: {error.strerror}")

    for current, folders, names in os.walk(folder, onerror=failed):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if _counts(name, suffixes):
                path = Path(current, name)
                yield PictureFile(path, PurePosixPath(path.relative_to(base).as_posix()))


def _match(pattern: str, suffixes: Collection[str], errors: list[str]) -> Iterator[PictureFile]:
    fixed: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        fixed.append(part)
    base = Path(*fixed)
    for match in sorted(glob.glob(pattern, recursive=True)):
        path = Path(match)
        if path.is_dir():
            if "**" not in pattern:  # with ** the folders' contents match by themselves
                yield from _walk(path, base, suffixes, errors)
        elif _counts(path.name, suffixes):
            yield PictureFile(path, PurePosixPath(path.relative_to(base).as_posix()))


def _counts(name: str, suffixes: Collection[str]) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in suffixes
