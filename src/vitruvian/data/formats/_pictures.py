"""Picture files: which lie in a folder, and how large each is, from its header alone."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Collection
from functools import cached_property
from pathlib import Path

from vitruvian.data.formats._files import read_npy
from vitruvian.data.rejects import FileError, RowError

PICTURE_SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".avif"))
_RASTER = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF")
_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)


def picture_size(path: Path) -> tuple[int, int]:
    """Width and height after EXIF orientation; of a ``.npy`` picture ``(H, W, C)`` those of the array.

    Raises:
        RowError: when it is no picture; the reason names it.
    """
    if path.suffix.lower() == ".npy":
        try:
            shape = read_npy(path).shape
        except FileError as error:
            raise RowError(f"picture {path.name}: {error.reason}") from None
        if len(shape) not in (2, 3):
            raise RowError(f"picture {path.name}: has shape {shape}, not (height, width, channels)")
        return int(shape[1]), int(shape[0])

    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_RASTER) as image:
                width, height = image.size
                # A PNG's own getexif decodes the whole picture to look for a chunk behind it.
                exif = Image.Image.getexif(image)
                return (height, width) if exif.get(_ORIENTATION) in _SIDEWAYS else (width, height)
    except FileNotFoundError:
        raise RowError(f"picture {path.name} is not in {path.parent}") from None
    except Exception as error:  # headers of damaged files raise whatever the decoder stumbles over
        raise RowError(f"picture {path.name}: not a picture: {str(error)[:80]}") from None


def holds(folder: Path, suffixes: Collection[str], most: int = 20_000) -> bool:
    """True when a folder has a file with one of ``suffixes`` among the first ``most`` that are met."""
    if not folder.is_dir():
        return False
    files = (file for _, _, names in os.walk(folder) for file in names)
    return any(os.path.splitext(file)[1].lower() in suffixes for file in itertools.islice(files, most))


class PictureFolder:
    """The picture files below a folder, listed once.

    Args:
        root: The folder.
        suffixes: Which files count, lower case.
    """

    def __init__(self, root: Path, suffixes: frozenset[str] = PICTURE_SUFFIXES) -> None:
        self.root = root
        self._suffixes = suffixes

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Paths below the root with forward slashes, sorted; hidden folders are left out."""
        found = []
        for folder, children, files in os.walk(self.root):
            children[:] = sorted(child for child in children if not child.startswith("."))
            below = os.path.relpath(folder, self.root).replace(os.sep, "/")
            prefix = "" if below == "." else below + "/"
            found += [prefix + file for file in files if os.path.splitext(file)[1].lower() in self._suffixes]
        return tuple(sorted(found))

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        stems: dict[str, list[str]] = {}
        for name in self.names:
            stems.setdefault(name.rsplit("/", 1)[-1].rsplit(".", 1)[0], []).append(name)
        return stems

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def find(self, name: str) -> str | None:
        """The file that a label means: that path, else the one file of that name in any folder.

        ``name`` may lack its suffix. None where there is no such file.

        Raises:
            RowError: when several folders have one.
        """
        if name in self._known:
            return name
        last = name.rsplit("/", 1)[-1]
        stem, dot, suffix = last.rpartition(".")
        if not dot or f".{suffix.lower()}" not in self._suffixes:
            stem = last
        found = self._by_stem.get(stem, [])
        exact = [path for path in found if path == last or path.endswith("/" + last)] or found
        if len(exact) > 1:
            raise RowError(f"picture {name!r} could be {exact[0]!r} or {exact[1]!r}")
        return exact[0] if exact else None
