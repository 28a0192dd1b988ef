"""Reading pictures: any usual file, bytes, array or Pillow image becomes an upright ``(H, W, 3)`` uint8 RGB array.

Pillow decodes. It is the smaller of the two candidates (opencv is the other; ``benchmarks/picture_libraries.py`` has
both measured), reads every format below, and shrinks large JPEGs while decoding. Only raster formats are let through to
it: its parsers of documents and exotic formats (EPS runs Ghostscript) are never reached, whatever a file calls itself.
"""

from __future__ import annotations

import importlib
import io
import os
import stat
import threading
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.images.pixels import orientation, rgb_from_array, rgb_from_image, upright

if TYPE_CHECKING:
    from PIL import Image

_FORMATS = {
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "WEBP": "WebPImagePlugin",
    "BMP": "BmpImagePlugin",
    "GIF": "GifImagePlugin",
    "TIFF": "TiffImagePlugin",
    "PPM": "PpmImagePlugin",
    "AVIF": "AvifImagePlugin",
}
"""Formats that are read, and the Pillow module of each: importing these eight saves importing all forty."""


class ReadError(ValueError):
    """A picture that cannot be read; the message is one line ``place: reason``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large an input may be; both are checked before anything is decoded.

    Attributes:
        max_pixels: Width times height. The default is where Pillow itself speaks of a decompression bomb; raising it
            further takes ``PIL.Image.MAX_IMAGE_PIXELS`` (half as much) too.
        max_bytes: Size of the file.
    """

    max_pixels: int = 178_956_970
    max_bytes: int = 512 * 2**20


def read_picture(
    source: str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image, limits: Limits = Limits()
) -> NDArray[np.uint8]:
    """Read a picture as RGB, upright.

    EXIF orientation is applied; of an animation the first frame is read; what is transparent is laid on white; 16-bit
    values are scaled by 1/257, not clipped; colour profiles are not applied. Float or 32-bit grey files are taken as
    0..1 or 0..65535 where they fit, and are stretched from their minimum to their maximum otherwise.

    Args:
        source: Path, encoded bytes, Pillow image, or array: ``(H, W)``, ``(H, W, 1)``, RGB ``(H, W, 3)`` or RGBA
            ``(H, W, 4)``, of bool, uint8, uint16, or float within 0..1. A uint8 RGB array is returned as it is.
        limits: Largest file and picture to accept.

    Returns:
        ``(H, W, 3)`` uint8 RGB.

    Raises:
        ReadError: for anything that cannot be read; nothing else is raised, and no warning is printed.

    >>> read_picture(np.zeros((2, 5), dtype=np.uint8)).shape
    (2, 5, 3)
    """
    return _read(source, limits, min_side=None)[0]


def read_reduced(
    source: str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image, min_side: int, limits: Limits = Limits()
) -> tuple[NDArray[np.uint8], int, int]:
    """Read a picture that will be shrunk anyway: a large JPEG is decoded at 1/2, 1/4 or 1/8 of its size, much faster.

    Args:
        source: As for :func:`read_picture`.
        min_side: The longer side of the result is at least this long (or as long as the picture's).
        limits: As for :func:`read_picture`; they hold for the full size.

    Returns:
        ``(H, W, 3)`` uint8 RGB, and width and height of the whole picture in pixels, upright.

    Raises:
        ReadError: as :func:`read_picture`.
    """
    return _read(source, limits, min_side)


def _read(source: Any, limits: Limits, min_side: int | None) -> tuple[NDArray[np.uint8], int, int]:
    if isinstance(source, np.ndarray):
        _check_pixels(source.shape[1::-1], limits, "array")
        try:
            picture = rgb_from_array(source)
        except ValueError as error:
            raise ReadError(f"array: {error}") from None
        return picture, picture.shape[1], picture.shape[0]
    if isinstance(source, bytes):
        return _decode(source, limits, min_side, "bytes")
    if isinstance(source, str | os.PathLike):
        return _decode(_file_bytes(source, limits), limits, min_side, _line(os.fspath(source)))

    from PIL import Image

    if not isinstance(source, Image.Image):
        raise ReadError(f"{type(source).__name__}: not a path, bytes, array or Pillow image")
    return _decode(source, limits, min_side, _line(getattr(source, "filename", "") or "Pillow image"))


def _line(text: str | bytes) -> str:
    return os.fsdecode(text).replace("\n", " ").replace("\r", " ")


def _file_bytes(path: str | os.PathLike[str], limits: Limits) -> bytes:
    place = _line(os.fspath(path))
    try:
        info = os.stat(path)
        if stat.S_ISDIR(info.st_mode):
            raise ReadError(f"{place}: is a folder, not a picture")
        if not stat.S_ISREG(info.st_mode):
            raise ReadError(f"{place}: is not a regular file")
        if info.st_size > limits.max_bytes:
            raise ReadError(f"{place}: too large: {info.st_size:,} bytes, the limit is {limits.max_bytes:,}")
        with open(path, "rb") as file:
            return file.read(limits.max_bytes + 1)
    except FileNotFoundError:
        raise ReadError(f"{place}: no such file") from None
    except PermissionError:
        raise ReadError(f"{place}: permission denied") from None
    except OSError as error:
        raise ReadError(f"{place}: cannot be read: {error.strerror}") from None
    except ReadError:
        raise
    except ValueError as error:  # a null character in the path
        raise ReadError(f"{place!r}: not a path: {error}") from None


def _decode(
    source: bytes | Image.Image, limits: Limits, min_side: int | None, place: str
) -> tuple[NDArray[np.uint8], int, int]:
    """Decode bytes, or finish a Pillow image; the result is that of :func:`read_reduced`."""
    from PIL import Image, UnidentifiedImageError

    try:
        with _quiet:
            if isinstance(source, Image.Image):
                return _finish(source, limits, min_side, place)
            if not source:
                raise ReadError(f"{place}: is empty")
            if len(source) > limits.max_bytes:
                raise ReadError(f"{place}: too large: {len(source):,} bytes, the limit is {limits.max_bytes:,}")
            for module in _FORMATS.values():
                importlib.import_module(f"PIL.{module}")
            with Image.open(
                io.BytesIO(source), formats=tuple(name for name in _FORMATS if name in Image.OPEN)
            ) as image:
                return _finish(image, limits, min_side, place)
    except ReadError:
        raise
    except UnidentifiedImageError:
        formats = ", ".join(_FORMATS)
        raise ReadError(f"{place}: not a picture, or its first bytes are damaged (read are: {formats})") from None
    except Image.DecompressionBombError as error:
        raise ReadError(f"{place}: too large: {_line(str(error))}") from None
    except MemoryError:
        raise ReadError(f"{place}: too large for the memory of this machine") from None
    except Exception as error:  # decoders of damaged files raise whatever they stumble over, from OSError to KeyError
        reason = _line(str(error)) or type(error).__name__
        raise ReadError(f"{place}: truncated or corrupt: {reason}") from None


def _finish(image: Image.Image, limits: Limits, min_side: int | None, place: str) -> tuple[NDArray[np.uint8], int, int]:
    from PIL.Image import Resampling

    width, height = image.size
    _check_pixels((width, height), limits, place)
    drafted = None
    if min_side is not None and max(width, height) > min_side:
        shrink = min_side / max(width, height)
        drafted = image.draft(None, (int(np.ceil(width * shrink)), int(np.ceil(height * shrink))))
    image.load()
    turn = orientation(image)
    if drafted is not None and drafted[1][2:] != image.size:
        # The last column and row reach beyond the picture where 8 (4, 2) does not divide it: stretch to its true end.
        image = image.resize(image.size, Resampling.BICUBIC, drafted[1])
    if turn >= 5:
        width, height = height, width
    return rgb_from_image(upright(image, turn)), width, height


def _check_pixels(size: tuple[int, ...], limits: Limits, place: str) -> None:
    if len(size) == 2 and min(size) < 1:
        raise ReadError(f"{place}: has no pixels ({size[0]} x {size[1]})")
    if len(size) == 2 and size[0] * size[1] > limits.max_pixels:
        raise ReadError(f"{place}: too large: {size[0]} x {size[1]} pixels, the limit is {limits.max_pixels:,} in all")


class _Quiet:
    """Silences Pillow's warnings while any thread is inside: what matters of them is raised as an error anyway.

    ``warnings.catch_warnings`` alone restores the wrong filters when threads overlap; counting who is inside does not.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters: warnings.catch_warnings[None] | None = None

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\b")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._filters is not None:
                self._filters.__exit__(None, None, None)


_quiet = _Quiet()
