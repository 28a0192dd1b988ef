"""Pixel values: every Pillow mode and the usual array layouts become ``(H, W, 3)`` uint8 RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL import Image

_ORIENTATION_TAG = 0x0112


def orientation(image: Image.Image) -> int:
    """EXIF orientation of a loaded image, 1 to 8; 1 is upright, 5 and up swap width and height.

    A picture whose EXIF block is damaged is taken as it lies: its pixels are good.
    """
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
        return int(value) if 1 <= value <= 8 else 1
    except Exception:  # the EXIF parser raises anything on damaged blocks
        return 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Undo an EXIF orientation."""
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def rgb_from_image(image: Image.Image) -> NDArray[np.uint8]:
    """``(H, W, 3)`` uint8 of a loaded Pillow image of any mode; transparency is laid on white.

    Raises:
        ValueError: for a mode that has no conversion to RGB (LAB).
    """
    from PIL import Image as pil

    if image.mode == "F" or image.mode.startswith("I"):
        return _as_rgb(_eight_bit_grey(np.asarray(image)))
    if image.has_transparency_data:
        canvas = pil.new("RGBA", image.size, "white")
        canvas.alpha_composite(image.convert("RGBA"))
        image = canvas
    return np.array(image if image.mode == "RGB" else image.convert("RGB"))


def rgb_from_array(values: NDArray[Any]) -> NDArray[np.uint8]:
    """``(H, W, 3)`` uint8 of an array; see :func:`vitruvian.images.read_picture` for what is accepted.

    Raises:
        ValueError: for any other shape, dtype or range; the message says which.
    """
    if values.ndim == 2:
        values = values[:, :, None]
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4):
        raise ValueError(f"shape {values.shape} is not (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)")
    if values.size == 0:
        raise ValueError(f"has no pixels (shape {values.shape})")
    eight = _eight_bit(values)
    if eight.shape[2] == 4:
        alpha = eight[:, :, 3:].astype(np.uint16)
        eight = ((eight[:, :, :3] * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    return _as_rgb(eight[:, :, 0]) if eight.shape[2] == 1 else np.ascontiguousarray(eight)


def _eight_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint16:
        return _from_sixteen_bit(values)
    if values.dtype.kind == "f":
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 1):  # written so that NaN fails too
            raise ValueError(f"float values must lie within 0..1, these reach from {low:g} to {high:g}")
        return (values * 255 + 0.5).astype(np.uint8)
    raise ValueError(f"dtype {values.dtype} is not bool, uint8, uint16 or float")


def _from_sixteen_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _eight_bit_grey(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Wide grey of a file: 16-bit or 0..1 where it fits, stretched between its extremes where it does not."""
    wide = np.where(np.isfinite(values), values, 0).astype(np.float64) if values.dtype.kind == "f" else values
    low, high = float(wide.min()), float(wide.max())
    if values.dtype.kind == "f":
        if low >= 0 and high <= 1:
            return (wide * 255 + 0.5).astype(np.uint8)
    elif low >= 0 and high <= 65535:
        return _from_sixteen_bit(wide)
    return ((wide.astype(np.float64) - low) * (255 / max(high - low, 1e-300)) + 0.5).astype(np.uint8)


def _as_rgb(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(grey[:, :, None], 3, axis=2)
