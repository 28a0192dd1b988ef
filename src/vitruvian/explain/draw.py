"""Maps drawn over their picture, side by side with their names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.explain.errors import ExplainError
from vitruvian.images import Letterbox, resize

_TILE = 360
"""Long side of a tile in pixels."""
_CELL = 190
"""Least width of a tile's place: below it captions of upright pictures would be cut."""
_GAP = 8
_CAPTION = 26
_GROUND = (24, 24, 28)
_INK = (240, 240, 240)
_FAINT = (150, 150, 156)
# Nine steps of the colour map "inferno" (Smith and van der Walt, matplotlib, CC0): lightness rises evenly, so that heat
# reads the same in grey and for the colour-blind.
_INFERNO = np.asarray(
    [(0, 0, 4), (31, 12, 72), (85, 15, 109), (136, 34, 106), (186, 54, 85), (227, 89, 51), (249, 140, 10),
     (249, 201, 50), (252, 255, 164)],
    dtype=np.float32,
)  # fmt: skip


Box = tuple[float, float, float, float]
"""``xyxy`` in pixels of the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class MapTile:
    """One map to draw.

    Attributes:
        caption: What it is of.
        note: Shown behind the caption, fainter: a score, say.
        heat: ``(H, W)`` float32 in 0..1 that shows what the picture shows.
        boxes: ``xyxy`` in pixels of the picture, drawn as thin lines.
    """

    caption: str
    note: str
    heat: NDArray[np.float32]
    boxes: tuple[Box, ...] = ()


def on_picture(heat: NDArray[np.float32], letterbox: Letterbox, side: int = _TILE) -> NDArray[np.float32]:
    """Cut maps that cover the letterboxed input ``(C, h, w)`` to the picture and resize them, long side ``side``."""
    x, y = heat.shape[2] / letterbox.out_width, heat.shape[1] / letterbox.out_height
    left, top = letterbox.pad_x * x, letterbox.pad_y * y
    box = (left, top, left + letterbox.inner_width * x, top + letterbox.inner_height * y)
    width, height = _fitted(letterbox.width, letterbox.height, side)
    planes = resize(np.ascontiguousarray(heat.transpose(1, 2, 0)), width, height, box)
    return np.ascontiguousarray(planes.transpose(2, 0, 1))


def overlay(picture: NDArray[np.uint8], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Heat of ``(h, w)`` in 0..1 on a picture ``(H, W, 3)``, which is darkened where it is cold."""
    values = resize(np.ascontiguousarray(heat[:, :, None], dtype=np.float32), picture.shape[1], picture.shape[0])
    values = np.clip(values[:, :, 0], 0, 1)
    steps = np.linspace(0, 1, len(_INFERNO))
    colour = np.stack([np.interp(values, steps, channel) for channel in _INFERNO.T], axis=2)
    grey = picture.astype(np.float32).mean(axis=2, keepdims=True) * 0.35 + picture * 0.25
    alpha = (0.85 * np.sqrt(values))[:, :, None]
    blended: NDArray[np.uint8] = np.clip(grey * (1 - alpha) + colour * alpha, 0, 255).astype(np.uint8)
    return blended


def draw_maps(
    picture: NDArray[np.uint8], tiles: Sequence[MapTile], title: str, boxes: Sequence[Box] = ()
) -> NDArray[np.uint8]:
    """The picture and, in a grid beside it, each map over it with its caption.

    Args:
        picture: ``(H, W, 3)`` uint8 RGB.
        tiles: Maps; their boxes are drawn on the first tile, the picture, too.
        title: Caption of the picture.
        boxes: Further ones for the first tile, of no one map.

    Returns:
        ``(height, width, 3)`` uint8 RGB.

    Raises:
        ExplainError: when the picture has another shape or dtype, or there is nothing to draw.
    """
    from PIL import Image, ImageDraw, ImageFont

    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or picture.size == 0:
        raise ExplainError(f"picture of shape {picture.shape}, dtype {picture.dtype} is not (H, W, 3) uint8")
    if not tiles:
        raise ExplainError("there is no map to draw")
    width, height = _fitted(picture.shape[1], picture.shape[0], _TILE)
    small, scale = resize(picture, width, height), width / picture.shape[1]
    count, cell = len(tiles) + 1, max(width, _CELL)
    columns, lines = _grid(count, height / cell)
    step_x, step_y = cell + _GAP, height + _CAPTION + _GAP
    sheet = Image.new("RGB", (columns * step_x + _GAP, lines * step_y + _GAP), _GROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    every = MapTile(title, "", np.zeros((1, 1), dtype=np.float32), (*boxes, *(b for tile in tiles for b in tile.boxes)))
    for index, tile in enumerate((every, *tiles)):
        x, y = _GAP + index % columns * step_x, _GAP + index // columns * step_y
        sheet.paste(Image.fromarray(small if index == 0 else overlay(small, tile.heat)), (x, y + _CAPTION))
        for box in tile.boxes:
            x1, y1, x2, y2 = (v * scale for v in box)
            corners = (
                x + x1,
                y + _CAPTION + y1,
                max(x + x2 - 1, x + x1),
                max(y + _CAPTION + y2 - 1, y + _CAPTION + y1),
            )
            draw.rectangle(corners, outline=(120, 255, 200))
        caption = _shortened(tile.caption, cell, draw, font)
        draw.text((x + 2, y + 4), caption, fill=_INK, font=font)
        begin = draw.textlength(caption, font=font) + 10
        if begin + draw.textlength(tile.note, font=font) <= cell:
            draw.text((x + begin, y + 4), tile.note, fill=_FAINT, font=font)
    return np.asarray(sheet)


def _grid(count: int, steepness: float) -> tuple[int, int]:
    """Columns and lines for tiles of that height by width: a sheet 1.4 times as wide as high, few places empty."""
    wide = max(2, round(math.sqrt(count * 1.4 * steepness)))
    columns = min((n for n in (wide, wide + 1, wide - 1) if n > 1), key=lambda n: -(-count // n) * n)
    columns = min(columns, count)
    return columns, -(-count // columns)


def _fitted(width: int, height: int, side: int) -> tuple[int, int]:
    shrink = side / max(width, height)
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def _shortened(text: str, width: int, draw: object, font: object) -> str:
    while len(text) > 1 and draw.textlength(text, font=font) > width - 4:  # type: ignore[attr-defined]
        text = text[:-2] + "…"
    return text
