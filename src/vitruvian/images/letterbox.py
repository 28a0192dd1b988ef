"""Letterbox and crop: how a picture becomes a network input, and the exact way back for what the network says.

Coordinates are continuous: a picture of width W spans x from 0 to W, pixel i covers i to i + 1 and has its centre at
i + 0.5. Boxes are ``xyxy`` with their edges in these coordinates, so a map is a scale and an offset per axis with no
half-pixel terms. To place an index of a grid (a heatmap's maximum, say), add 0.5 first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vitruvian.images.resize import Pixels, resize

PAD_VALUE = 114.0
"""Grey of the border, on the scale of 8-bit pixels."""

_MAX_CROP_PIXELS = 400_000_000


class _AxisMap(ABC):
    """A scale and an offset per axis between the original picture and the network input."""

    @property
    @abstractmethod
    def scales(self) -> tuple[float, float]:
        """Input pixels per original pixel, along x and y."""

    @property
    @abstractmethod
    def offsets(self) -> tuple[float, float]:
        """Where the original's (0, 0) lies in the input, x and y."""

    def points_to_input(self, points: ArrayLike) -> NDArray[np.float32]:
        """Map ``(..., 2)`` x, y of the original picture into the input; float32."""
        return (_pairs(points) * self.scales + self.offsets).astype(np.float32)

    def points_to_original(self, points: ArrayLike) -> NDArray[np.float32]:
        """Map ``(..., 2)`` x, y of the input to the original picture; float32, not clipped to it."""
        return ((_pairs(points) - self.offsets) / self.scales).astype(np.float32)

    def boxes_to_original(self, boxes: ArrayLike) -> NDArray[np.float32]:
        """Map ``(..., 4)`` xyxy of the input to the original picture; float32, not clipped to it."""
        corners = np.asarray(boxes, dtype=np.float64)
        return self.points_to_original(corners.reshape(*corners.shape[:-1], 2, 2)).reshape(corners.shape)

    def _boxes_to_input(self, boxes: ArrayLike) -> NDArray[np.float32]:
        corners = np.asarray(boxes, dtype=np.float64)
        return self.points_to_input(corners.reshape(*corners.shape[:-1], 2, 2)).reshape(corners.shape)


@dataclass(frozen=True, slots=True)
class Letterbox(_AxisMap):
    """A whole picture, scaled with its aspect ratio kept, centred on a canvas whose sides are multiples of a stride.

    Attributes:
        width, height: Size of the original picture.
        inner_width, inner_height: Size that it is scaled to.
        pad_x, pad_y: Width of the left and height of the upper border.
        out_width, out_height: Size of the canvas.
    """

    width: int
    height: int
    inner_width: int
    inner_height: int
    pad_x: int
    pad_y: int
    out_width: int
    out_height: int

    @classmethod
    def fit(cls, width: int, height: int, size: int, stride: int = 32) -> Letterbox:
        """Scale the longer side to ``size`` (up or down), then pad each side up to the next multiple of ``stride``.

        Raises:
            ValueError: if any argument is below 1.

        >>> box = Letterbox.fit(640, 480, 416)
        >>> (box.out_width, box.out_height, box.inner_height, box.pad_y)
        (416, 320, 312, 4)
        """
        if min(width, height, size, stride) < 1:
            raise ValueError(f"width {width}, height {height}, size {size} and stride {stride} must be at least 1")
        scale = size / max(width, height)
        inner_width, inner_height = max(1, round(width * scale)), max(1, round(height * scale))
        out_width, out_height = -(-inner_width // stride) * stride, -(-inner_height // stride) * stride
        return cls(
            width,
            height,
            inner_width,
            inner_height,
            (out_width - inner_width) // 2,
            (out_height - inner_height) // 2,
            out_width,
            out_height,
        )

    @property
    def scale(self) -> float:
        """Scale of the longer side; the shorter one's differs by the rounding to whole pixels (see ``scales``)."""
        return max(self.inner_width, self.inner_height) / max(self.width, self.height)

    @property
    def scales(self) -> tuple[float, float]:
        """Input pixels per original pixel, along x and y."""
        return self.inner_width / self.width, self.inner_height / self.height

    @property
    def offsets(self) -> tuple[float, float]:
        """Where the original's (0, 0) lies on the canvas, x and y."""
        return float(self.pad_x), float(self.pad_y)

    def boxes_to_letterbox(self, boxes: ArrayLike) -> NDArray[np.float32]:
        """Map ``(..., 4)`` xyxy of the original picture onto the canvas; float32; inverse of ``boxes_to_original``."""
        return self._boxes_to_input(boxes)

    def apply(self, picture: Pixels, fill: float = PAD_VALUE) -> Pixels:
        """Draw the picture onto the canvas.

        Args:
            picture: ``(H, W, C)`` uint8 or float32, any C. It may be the original, or a smaller decoding of it
                (:func:`vitruvian.images.read_reduced`).
            fill: Value of the border.

        Returns:
            ``(out_height, out_width, C)`` of the same dtype.

        Raises:
            ValueError: for another shape or dtype, or if the picture's aspect ratio is not the original's.
        """
        height, width = _sides(picture)
        if abs(width * self.height - height * self.width) > max(self.width, self.height):
            raise ValueError(f"a picture of {width} x {height} is no copy of one of {self.width} x {self.height}")
        canvas = np.full((self.out_height, self.out_width, picture.shape[2]), fill, dtype=picture.dtype)
        inner = resize(picture, self.inner_width, self.inner_height)
        canvas[self.pad_y : self.pad_y + self.inner_height, self.pad_x : self.pad_x + self.inner_width] = inner
        return canvas


@dataclass(frozen=True, slots=True)
class Crop(_AxisMap):
    """A box of a picture, stretched to a fixed size; the box may have fractions and reach beyond the picture.

    Attributes:
        box: ``xyxy`` pixels of the original picture.
        out_width, out_height: Size of the result.

    Raises:
        ValueError: if the box is not finite or is empty, or the size is below 1.
    """

    box: tuple[float, float, float, float]
    out_width: int
    out_height: int

    def __post_init__(self) -> None:
        x1, y1, x2, y2 = self.box
        if not np.isfinite(self.box).all() or x2 <= x1 or y2 <= y1:
            raise ValueError(f"box {self.box} is not finite with x1 < x2 and y1 < y2")
        if min(self.out_width, self.out_height) < 1:
            raise ValueError(f"size {self.out_width} x {self.out_height} must be at least 1 x 1")

    @property
    def scales(self) -> tuple[float, float]:
        """Crop pixels per original pixel, along x and y."""
        x1, y1, x2, y2 = self.box
        return self.out_width / (x2 - x1), self.out_height / (y2 - y1)

    @property
    def offsets(self) -> tuple[float, float]:
        """Where the original's (0, 0) lies in the crop, x and y."""
        return -self.box[0] * self.scales[0], -self.box[1] * self.scales[1]

    def boxes_to_crop(self, boxes: ArrayLike) -> NDArray[np.float32]:
        """Map ``(..., 4)`` xyxy of the original picture into the crop; float32; inverse of ``boxes_to_original``."""
        return self._boxes_to_input(boxes)

    def apply(self, picture: Pixels, fill: float = PAD_VALUE) -> Pixels:
        """Cut the box out of an ``(H, W, C)`` uint8 or float32 picture; beyond the picture lies ``fill``.

        Returns:
            ``(out_height, out_width, C)`` of the same dtype.

        Raises:
            ValueError: for another shape or dtype, or if the box covers more than 400 million pixels.
        """
        height, width = _sides(picture)
        x1, y1, x2, y2 = self.box
        left, top, right, bottom = int(np.floor(x1)), int(np.floor(y1)), int(np.ceil(x2)), int(np.ceil(y2))
        if (right - left) * (bottom - top) > _MAX_CROP_PIXELS:
            raise ValueError(f"box {self.box} covers more than {_MAX_CROP_PIXELS:,} pixels")
        inside = picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
        if left < 0 or top < 0 or right > width or bottom > height:
            region = np.full((bottom - top, right - left, picture.shape[2]), fill, dtype=picture.dtype)
            y, x = max(-top, 0), max(-left, 0)
            region[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
            inside = region
        return resize(inside, self.out_width, self.out_height, (x1 - left, y1 - top, x2 - left, y2 - top))


def _pairs(points: ArrayLike) -> NDArray[np.float64]:
    return np.asarray(points, dtype=np.float64)


def _sides(picture: NDArray[np.uint8] | NDArray[np.float32]) -> tuple[int, int]:
    if picture.ndim != 3 or 0 in picture.shape:
        raise ValueError(f"shape {picture.shape} is not (H, W, C) with at least one pixel and channel")
    return picture.shape[0], picture.shape[1]
