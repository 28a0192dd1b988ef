"""How well a part's box fits where it would have to lie: containment, and the usual place and size of a part.

Boxes are ``xyxy`` pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log

from vitruvian.scene import Box

CONTAINED = 0.5
"""Least share of a part that must lie inside its owner's box."""
_LEAST_INSIDE = {("Human head", "Human body"): 0.3}
"""Where it is another: a body's box may begin as low as the chin."""

_PLACES: dict[tuple[str, str], tuple[float, float]] = {
    ("Human face", "Human head"): (0.57, -0.35),
    ("whole face", "Human head"): (0.67, -0.51),
    ("whole face", "Human face"): (0.64, -0.16),
    ("Human eye", "Human head"): (0.49, -2.76),
    ("Human nose", "Human head"): (0.58, -1.61),
    ("Human mouth", "Human head"): (0.78, -1.88),
    ("Human ear", "Human head"): (0.58, -2.02),
    ("Human hair", "Human head"): (0.44, -0.11),
    ("Human eye", "Human face"): (0.39, -2.41),
    ("Human nose", "Human face"): (0.50, -1.26),
    ("Human mouth", "Human face"): (0.76, -1.53),
    ("Human eye", "whole face"): (0.19, -2.27),
    ("Human nose", "whole face"): (0.36, -1.34),
    ("Human mouth", "whole face"): (0.68, -1.44),
    ("eyes", "whole face"): (0.19, -2.27),
    ("nose", "whole face"): (0.36, -1.34),
    ("mouth", "whole face"): (0.68, -1.44),
    ("brows", "whole face"): (0.07, -1.11),
    ("eyes nose", "whole face"): (0.33, -0.73),
    ("right face", "whole face"): (0.60, -0.46),
    ("left face", "whole face"): (0.60, -0.46),
    ("right eye face", "whole face"): (0.57, -0.42),
    ("left eye face", "whole face"): (0.57, -0.42),
    ("Human head", "Human body"): (0.17, -1.04),
    ("Human face", "Human body"): (0.12, -1.61),
    ("whole face", "Human body"): (0.14, -1.61),
    ("Human arm", "Human body"): (0.46, -1.03),
    ("Human leg", "Human body"): (0.71, -0.62),
    ("Human foot", "Human body"): (0.94, -1.90),
}
"""Where a part usually lies in its owner: height of its centre (0 top, 1 bottom) and log of the ratio of their sizes.

A size is the square root of an area. Means over the labels of CelebAMask-HQ (head and face), PASCAL-Person-Part (arms,
legs, heads in bodies not cut by the picture's edge), Clothing Co-Parsing (feet, faces in bodies) and 68-point faces;
the whole face in a head or face, which nobody labels together, is the part of it below the brows.
"""

_HEIGHT_SPREAD, _SIZE_SPREAD = 0.2, 0.6
"""About one and a half standard deviations of the same labels, as poses are freer than theirs."""


def area(box: Box) -> float:
    """Square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def overlap(a: Box, b: Box) -> float:
    """Square pixels that two boxes share."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def containment(part: Box, owner: Box) -> float:
    """Share of a part that lies inside its owner; 0 for a box without area."""
    size = area(part)
    return overlap(part, owner) / size if size > 0 else 0.0


def iou(a: Box, b: Box) -> float:
    """Intersection over union."""
    shared = overlap(a, b)
    return shared / (area(a) + area(b) - shared) if shared > 0 else 0.0


def centre(box: Box) -> tuple[float, float]:
    """Middle of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box around boxes."""
    left, top, right, bottom = zip(*boxes, strict=True)
    return min(left), min(top), max(right), max(bottom)


def fit(label: str, part: Box, owner_label: str, owner: Box, cut: bool = False) -> float:
    """How well a part fits into an owner, 0..1: containment, halved where place and size are far from the usual.

    Args:
        label: Class of the part.
        part: Its box.
        owner_label: Class of the owner.
        owner: Its box.
        cut: True when the owner goes on below the picture's edge, so that heights and sizes in it tell little.

    Returns:
        0 where less than half of the part lies inside; of a head in a body, less than 0.3.
    """
    # Hair hangs beside and below a head as often as in it: there the smaller of the two has to lie in the other.
    inside = containment(part, owner)
    if label == "Human hair":
        inside = max(inside, containment(owner, part))
    if inside < _LEAST_INSIDE.get((label, owner_label), CONTAINED):
        return 0.0
    place = _PLACES.get((label, owner_label))
    if place is None or cut or area(owner) <= 0:
        return 0.75 * inside
    x, y = centre(part)
    down = (y - owner[1]) / (owner[3] - owner[1])
    along = (x - owner[0]) / (owner[2] - owner[0])
    height_off = abs(down - place[0])
    if owner_label == "Human body" and owner[2] - owner[0] > owner[3] - owner[1]:
        # Somebody lying: the head may be at either end of the box.
        height_off = min(height_off, abs(along - place[0]), abs(1 - along - place[0]))
    size_off = 0.5 * log(area(part) / area(owner)) - place[1]
    usual = exp(-0.5 * ((height_off / _HEIGHT_SPREAD) ** 2 + (size_off / _SIZE_SPREAD) ** 2))
    return inside * (0.5 + 0.5 * usual)
