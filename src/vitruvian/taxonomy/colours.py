"""A colour for every part, so that one region of the body reads as one family of colours everywhere.

Each region takes one hue of the palette of Okabe and Ito (2008, "Color universal design"), which stays apart under the
common kinds of colour blindness; the parts of a region are told apart by shade, from dark to light.
"""

from __future__ import annotations

import colorsys
from functools import lru_cache

from vitruvian.taxonomy.parts import PARTS, Region

Colour = tuple[int, int, int]
"""Red, green, blue, each 0 to 255."""

REGION_COLOURS: dict[Region, Colour] = {
    "face": (230, 159, 0),
    "head": (86, 180, 233),
    "arm": (0, 158, 115),
    "leg": (213, 94, 0),
    "body": (204, 121, 167),
}
"""The hue of each region: orange, sky blue, bluish green, vermilion, reddish purple."""

_UNKNOWN: Colour = (153, 153, 153)
_SHADE_STEP, _SHADE_RANGE = 0.12, 0.44
"""Lightness between two parts of a small region, and from the darkest to the lightest part of a large one."""


@lru_cache(maxsize=256)
def part_colour(label: str) -> Colour:
    """Colour to draw a part in; a label outside :data:`~vitruvian.taxonomy.PARTS` is grey.

    >>> part_colour("Human body")
    (204, 121, 167)
    """
    if label not in PARTS:
        return _UNKNOWN
    region = PARTS[label].region
    family = [part.name for part in PARTS.classes if part.region == region]
    hue, lightness, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in REGION_COLOURS[region]))
    step = min(_SHADE_STEP, _SHADE_RANGE / max(len(family) - 1, 1))
    lightness += step * (family.index(label) - (len(family) - 1) / 2)
    red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)
