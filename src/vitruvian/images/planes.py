"""Pictures of any number of channels in files: activation maps, one plane a channel.

Two formats: ``.npz`` with one array ``maps`` ``(C, H, W)`` of values in 0..1 (float16, float32, or uint8 for 0..255),
and ``.tiff`` with one page a channel (8-bit grey, or float of values in 0..1), which other programs read too.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.images.read import ReadError, _quiet

MAP_SUFFIXES = (".npz", ".tiff", ".tif")
MAX_CHANNELS = 256
MAX_VALUES = 200_000_000
"""Width times height times channels that is read at most: checked before anything is unpacked."""


def read_planes(path: str | os.PathLike[str], channels: int | None = None) -> NDArray[np.uint8]:
    """Read a map file.

    Args:
        path: The file.
        channels: As many as it must have; any number by default.

    Returns:
        ``(H, W, C)`` uint8, 255 for the value 1.

    Raises:
        ReadError: for a file that is no such map; the message is one line ``place: reason``.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in MAP_SUFFIXES:
        raise ReadError(f"{path}: not a map file; those end in {', '.join(MAP_SUFFIXES)}")
    if not path.is_file():
        raise ReadError(f"{path}: no such file")
    try:
        with _quiet:
            planes = _read_npz(path) if suffix == ".npz" else _read_tiff(path)
    except ReadError:
        raise
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        raise ReadError(f"{path}: truncated or corrupt: {' '.join(str(error).split())}") from None
    if channels is not None and len(planes) != channels:
        raise ReadError(f"{path}: has {len(planes)} channels where {channels} are read")
    if planes.dtype != np.uint8:
        if not np.isfinite(planes).all() or planes.min() < 0 or planes.max() > 1:
            raise ReadError(f"{path}: values must be finite and within 0..1")
        planes = np.rint(planes.astype(np.float32) * 255).astype(np.uint8)
    return np.ascontiguousarray(planes.transpose(1, 2, 0))


def write_planes(planes: NDArray[np.float32], path: str | os.PathLike[str]) -> None:
    """Write a map file; it appears whole or not at all.

    Args:
        planes: ``(H, W, C)`` float32 in 0..1.
        path: Ends in ``.npz`` (stored as float16) or ``.tiff`` (8-bit pages).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    ordered = np.ascontiguousarray(planes.transpose(2, 0, 1))
    with partial.open("w+b") as file:  # a TIFF is read again while it grows
        if path.suffix.lower() == ".npz":
            np.savez_compressed(file, maps=ordered.astype(np.float16))
        else:
            from PIL import Image

            pages = [Image.fromarray(page) for page in np.rint(ordered * 255).astype(np.uint8)]
            pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_adobe_deflate")
    os.replace(partial, path)


def _read_npz(path: Path) -> NDArray[np.uint8] | NDArray[np.float32]:
    with zipfile.ZipFile(path) as archive:
        if archive.namelist() != ["maps.npy"]:
            raise ReadError(f"{path}: does not hold one array 'maps'")
        if archive.getinfo("maps.npy").file_size > 4 * MAX_VALUES:
            raise ReadError(f"{path}: too large: more than {MAX_VALUES:,} values")
    with np.load(path, allow_pickle=False) as file:
        planes: NDArray[np.uint8] | NDArray[np.float32] = file["maps"]
    if planes.ndim != 3 or 0 in planes.shape or planes.shape[0] > MAX_CHANNELS:
        raise ReadError(f"{path}: shape {planes.shape} is not (1 to {MAX_CHANNELS} channels, height, width)")
    if planes.dtype not in (np.uint8, np.float16, np.float32):
        raise ReadError(f"{path}: dtype {planes.dtype} is not float16, float32 or uint8")
    return planes


def _read_tiff(path: Path) -> NDArray[np.uint8] | NDArray[np.float32]:
    from PIL import Image, ImageSequence

    pages: list[NDArray[Any]] = []
    with Image.open(path, formats=("TIFF",)) as image:
        width, height = image.size
        for page in ImageSequence.Iterator(image):
            if page.mode not in ("L", "F"):
                raise ReadError(f"{path}: page {len(pages) + 1} is of mode {page.mode}, not 8-bit or float grey")
            if page.size != (width, height):
                raise ReadError(f"{path}: page {len(pages) + 1} has another size than the first")
            if len(pages) == MAX_CHANNELS or (len(pages) + 1) * width * height > MAX_VALUES:
                raise ReadError(f"{path}: too large: more than {MAX_CHANNELS} pages or {MAX_VALUES:,} values")
            pages.append(np.asarray(page))
    if len({page.dtype for page in pages}) > 1:
        raise ReadError(f"{path}: its pages are of different kinds")
    planes: NDArray[np.uint8] | NDArray[np.float32] = np.stack(pages)
    return planes
