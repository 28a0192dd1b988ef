"""Activation maps in files: all classes of a picture in one, as they are (float32, signed) and with their names.

``.tiff`` has a page a class with its name (UTF-8) as the page's description; ``.npz`` has the arrays ``names`` and
``maps``.
(:mod:`vitruvian.images.planes` holds maps as pictures to train on: 0..1, coarser, without names.)
"""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.explain.errors import ExplainError
from vitruvian.explain.maps import ActivationMaps
from vitruvian.images.planes import MAX_CHANNELS, MAX_VALUES

_DESCRIPTION = 270  # TIFF's tag ImageDescription


def save_maps(maps: ActivationMaps, path: str | os.PathLike[str]) -> None:
    """Write maps; the file appears whole or not at all.

    Args:
        maps: Stacked, averaged or of one class.
        path: Ends in ``.npz``, ``.tif`` or ``.tiff``.

    Raises:
        ExplainError: for another ending.
        OSError: when it cannot be written.
    """
    path = Path(path)
    kind = _kind(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    if kind == ".npz":
        with partial.open("wb") as file:
            np.savez_compressed(file, names=np.asarray(maps.names, dtype=np.str_), maps=maps.maps)
    else:
        partial.write_bytes(_tiff(maps))
    os.replace(partial, path)


def load_maps(path: str | os.PathLike[str], channels: int | None = None) -> ActivationMaps:
    """Read maps that :func:`save_maps` wrote; a float TIFF of another program too, its pages numbered from 1.

    Args:
        path: The file.
        channels: As many as it must have; any number by default.

    Raises:
        ExplainError: for a file that is no such maps or has another number of them; one line ``place: reason``.
    """
    path = Path(path)
    kind = _kind(path)
    try:
        found = _read_npz(path) if kind == ".npz" else _read_tiff(path)
    except FileNotFoundError:
        raise ExplainError(f"{path}: no such file") from None
    except ExplainError as error:
        raise ExplainError(f"{path}: {error}") from None
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        raise ExplainError(f"{path}: truncated or corrupt: {' '.join(str(error).split())[:200]}") from None
    if channels is not None and len(found.names) != channels:
        raise ExplainError(f"{path}: has {len(found.names)} channels where {channels} are needed")
    return found


def _kind(path: Path) -> str:
    kind = path.suffix.lower()
    if kind not in (".npz", ".tif", ".tiff"):
        raise ExplainError(f"{path}: maps are kept in .tiff or .npz files")
    return kind


def _tiff(maps: ActivationMaps) -> bytes:
    from PIL import Image, TiffImagePlugin

    pages = []
    for name, plane in zip(maps.names, maps.maps, strict=True):
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[_DESCRIPTION] = name.encode()  # as text Pillow would write "?" for every letter beyond ASCII
        page = Image.fromarray(np.ascontiguousarray(plane))
        page.encoderinfo = {"tiffinfo": tags, "compression": "tiff_adobe_deflate"}
        pages.append(page)
    buffer = io.BytesIO()
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:], **pages[0].encoderinfo)
    return buffer.getvalue()


def _read_tiff(path: Path) -> ActivationMaps:
    from PIL import Image, ImageSequence

    planes: list[NDArray[np.float32]] = []
    described: list[object] = []
    with Image.open(path, formats=("TIFF",)) as image:
        size = image.size
        for page in ImageSequence.Iterator(image):
            number = len(planes) + 1
            if page.mode != "F":
                raise ExplainError(f"page {number} has pixels of mode {page.mode}, not one float channel")
            if page.size != size:
                raise ExplainError(f"page {number} has another size than the first")
            _check_count(number, size[0] * size[1])
            planes.append(np.asarray(page, dtype=np.float32))
            described.append(page.tag_v2.get(_DESCRIPTION))  # type: ignore[attr-defined]
    return ActivationMaps(np.stack(planes), _names(described))


def _names(described: list[object]) -> tuple[str, ...]:
    """Names of pages by their descriptions, or numbers: other programs describe no page, the first, or all alike."""
    names = [text for text in described if isinstance(text, str)]
    if len(set(names)) < len(described):
        return tuple(str(number) for number, _ in enumerate(described, start=1))
    try:
        return tuple(name.encode("latin-1").decode() for name in names)  # Pillow takes descriptions for Latin-1
    except UnicodeError:
        return tuple(names)


def _read_npz(path: Path) -> ActivationMaps:
    with zipfile.ZipFile(path) as archive:
        if sorted(archive.namelist()) != ["maps.npy", "names.npy"]:
            raise ExplainError("does not hold the two arrays 'names' and 'maps'")
        if archive.getinfo("maps.npy").file_size > 4 * MAX_VALUES or archive.getinfo("names.npy").file_size > 2**20:
            raise ExplainError(f"too large: more than {MAX_VALUES:,} values")
    with np.load(path, allow_pickle=False) as file:
        maps, names = file["maps"], file["names"]
    if maps.ndim == 3:
        _check_count(len(maps), maps.shape[1] * maps.shape[2])
    return ActivationMaps(maps, tuple(str(name) for name in names))


def _check_count(channels: int, values: int) -> None:
    if channels > MAX_CHANNELS or channels * values > MAX_VALUES:
        raise ExplainError(f"too large: more than {MAX_CHANNELS} channels or {MAX_VALUES:,} values")
