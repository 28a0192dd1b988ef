"""Strokes on a picture: boxes, brackets, lines and dots, each with a dark rim so that it shows on any ground."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vitruvian.taxonomy import Colour

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

Segment = tuple[float, float, float, float]

_RIM = (0, 0, 0, 130)


def box_segments(box: Segment) -> list[Segment]:
    """The four sides of a box."""
    x1, y1, x2, y2 = box
    return [(x1, y1, x2, y1), (x2, y1, x2, y2), (x1, y2, x2, y2), (x1, y1, x1, y2)]


def bracket_segments(box: Segment) -> list[Segment]:
    """The four corners of a box, each arm a quarter of the shorter side."""
    x1, y1, x2, y2 = box
    arm = min(x2 - x1, y2 - y1) / 4
    found: list[Segment] = []
    for y in (y1, y2):
        found += [(x1, y, x1 + arm, y), (x2 - arm, y, x2, y)]
    for x in (x1, x2):
        found += [(x, y1, x, y1 + arm), (x, y2 - arm, x, y2)]
    return found


def dashed(segments: Sequence[Segment], dash: float) -> list[Segment]:
    """Upright and level segments cut into dashes with gaps of their length; a dash at both ends."""
    found: list[Segment] = []
    for x1, y1, x2, y2 in segments:
        length = max(x2 - x1, y2 - y1)
        pieces = 2 * max(1, round((length / dash - 1) / 2)) + 1
        for i in range(0, pieces, 2):
            begin, end = i / pieces, (i + 1) / pieces
            found.append((x1 + (x2 - x1) * begin, y1 + (y2 - y1) * begin, x1 + (x2 - x1) * end, y1 + (y2 - y1) * end))
    return found


def stroke(draw: ImageDraw.ImageDraw, segments: Sequence[Segment], colour: Colour, width: int) -> None:
    """Draw upright and level segments ``width`` pixels wide, first all their rims, then their cores.

    A segment on the border of the picture is moved in, so that its whole width shows.
    """
    rim = max(1, width // 3)
    limit_x, limit_y = (max(side - (width - width // 2), 0) for side in draw.im.size)

    def inside(value: float, limit: int) -> int:
        return min(max(round(value), width // 2), limit)

    for grow, fill in ((rim, _RIM), (0, (*colour, 255))):
        low, high = width // 2 + grow, width - width // 2 + grow
        for x1, y1, x2, y2 in segments:
            left, right = inside(x1, limit_x), inside(x2, limit_x)
            top, bottom = inside(y1, limit_y), inside(y2, limit_y)
            draw.rectangle((left - low, top - low, right + high - 1, bottom + high - 1), fill=fill)


class SmoothLayer:
    """Slanted lines and dots with smooth edges: drawn enlarged, then laid on the picture at its size."""

    def __init__(self, width: int, height: int) -> None:
        from PIL import Image, ImageDraw

        self._size = (width, height)
        self._factor = 3 if width * height < 1_000_000 else 2 if width * height < 4_000_000 else 1
        self._image = Image.new("RGBA", (width * self._factor, height * self._factor))
        self._draw = ImageDraw.Draw(self._image)

    def line(self, segment: Segment, colour: Colour, width: float) -> None:
        """A line ``width`` pixels wide."""
        points = [v * self._factor for v in segment]
        for extra, fill in ((width / 2, _RIM), (0.0, (*colour, 255))):
            self._draw.line(points, fill=fill, width=max(1, round((width + extra) * self._factor)))

    def dot(self, x: float, y: float, colour: Colour, radius: float) -> None:
        """A disc."""
        for extra, fill in ((max(0.5, radius / 3), _RIM), (0.0, (*colour, 255))):
            r = (radius + extra) * self._factor
            x0, y0 = x * self._factor, y * self._factor
            self._draw.ellipse((x0 - r, y0 - r, x0 + r, y0 + r), fill=fill)

    def lay_on(self, picture: Image.Image) -> None:
        """Blend the layer into an RGB picture of its size."""
        layer = self._image.reduce(self._factor) if self._factor > 1 else self._image
        picture.paste(layer, (0, 0), layer)
