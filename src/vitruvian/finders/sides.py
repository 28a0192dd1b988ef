"""Which side of the subject a paired part is on, and None where a picture does not tell.

``left`` and ``right`` are the subject's own: on an upright person who faces the camera, the right side is image-left.
Everything rests on the face. It gives the direction in the picture towards the subject's right:

* from the left half of the face to the right half, where both were found; else
* a quarter turn from the direction in which the face runs down, from the eyes to the mouth or the nose; else
* image-left, where two eyes lie level.

Someone seen from behind shows no face, so nothing is said about their sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot

from vitruvian.finders.geometry import centre, containment
from vitruvian.scene import Box, Side

Point = tuple[float, float]

_LEVEL = 0.6
"""Slope (rise over run) up to which two eyes, or the way from eye to nose, count as upright: about 30 degrees."""
_CLEAR_EYE, _CLEAR_EAR = 0.12, 0.25
"""Distance from the midline, relative to the face's width, from which the side of an eye or ear is clear."""
_UPRIGHT = 0.7
"""Cosine between the face's right and image-left from which a body counts as upright: 45 degrees."""
_ONE_SIDE = 0.85
"""Share of a limb's width that must lie on one side of the body's axis."""


@dataclass(frozen=True, slots=True)
class FaceView:
    """How a face lies in the picture.

    Attributes:
        right: Unit vector towards the subject's right, or None where unknown.
        middle: A point on the midline (of nose and mouth), or None.
        width: Width of the face in pixels.
        frontal: True when it certainly looks about at the camera.
    """

    right: Point | None
    middle: Point | None
    width: float
    frontal: bool


def _mean(points: Sequence[Point]) -> Point:
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


def _unit(x: float, y: float) -> Point | None:
    length = hypot(x, y)
    return (x / length, y / length) if length > 0 else None


def _turned(down: Point) -> Point | None:
    """The subject's right, a quarter turn from the direction in which the face runs down."""
    return _unit(-down[1], down[0])


def face_view(
    face: Box,
    eyes: Sequence[Box] = (),
    nose: Box | None = None,
    mouth: Box | None = None,
    right_half: Box | None = None,
    left_half: Box | None = None,
) -> FaceView:
    """Read how a face lies from the parts found in it, which may be none."""
    width = face[2] - face[0]
    midline = [centre(box) for box in (nose, mouth) if box is not None]
    eye_points = [centre(box) for box in eyes]
    right: Point | None = None
    if right_half is not None and left_half is not None:
        (rx, ry), (lx, ly) = centre(right_half), centre(left_half)
        if hypot(rx - lx, ry - ly) > 0.15 * width:
            right = _unit(rx - lx, ry - ly)
    if right is None and len(eye_points) == 2:
        (ax, ay), (bx, by) = eye_points
        if midline:
            top, low = _mean(eye_points), midline[-1]
            if hypot(low[0] - top[0], low[1] - top[1]) > 0.1 * width:
                right = _turned((low[0] - top[0], low[1] - top[1]))
        elif abs(ay - by) < _LEVEL * abs(ax - bx):
            right = (-1.0, 0.0)
    if right is None and nose is not None and mouth is not None:
        (nx, ny), (mx, my) = centre(nose), centre(mouth)
        right = _turned((mx - nx, my - ny))
    if right is None and len(eye_points) == 1 and midline:
        (ex, ey), (mx, my) = eye_points[0], midline[0]
        if my > ey and abs(mx - ex) * _LEVEL < my - ey:
            right = (-1.0, 0.0)
    centred = bool(midline) and abs(midline[0][0] - centre(face)[0]) < 0.2 * width
    halves = right_half is not None and left_half is not None
    return FaceView(
        right=right,
        middle=_mean(midline) if midline else None,
        width=width,
        frontal=right is not None and (len(eyes) == 2 or halves or centred),
    )


def _along(point: Point, origin: Point, direction: Point) -> float:
    return (point[0] - origin[0]) * direction[0] + (point[1] - origin[1]) * direction[1]


def _by_midline(boxes: Sequence[Box], view: FaceView, middle: Point | None, clear: float) -> list[Side | None]:
    """Sides of one or two features of a face by the direction of its right."""
    if view.right is None:
        return [None] * len(boxes)
    points = [centre(box) for box in boxes]
    origin = middle
    if len(points) == 2:
        first, second = (_along(point, (0.0, 0.0), view.right) for point in points)
        if abs(first - second) <= clear * view.width:
            return [None, None]
        return ["right", "left"] if first > second else ["left", "right"]
    if origin is None:
        return [None] * len(boxes)
    offsets = [_along(point, origin, view.right) for point in points]
    return [None if abs(o) <= clear * view.width else "right" if o > 0 else "left" for o in offsets]


def eye_sides(
    eyes: Sequence[Box], view: FaceView, right_half: Box | None = None, left_half: Box | None = None
) -> list[Side | None]:
    """Sides of the one or two eyes of a face.

    Args:
        eyes: Boxes of eyes.
        view: How the face lies.
        right_half: Box of the subject's right eye with that side of the face, if found.
        left_half: The same on the left.

    Returns:
        A side for each eye. Two eyes are told by the direction of the face's right; a single one by its distance from
        nose and mouth, or by lying in one of the half faces and not in the other.
    """
    sides = _by_midline(eyes, view, view.middle, _CLEAR_EYE)
    if len(eyes) == 1 and sides[0] is None:
        in_right = containment(eyes[0], right_half) > 0.7 if right_half is not None else False
        in_left = containment(eyes[0], left_half) > 0.7 if left_half is not None else False
        if in_right != in_left:
            return ["right" if in_right else "left"]
    return sides


def ear_sides(ears: Sequence[Box], view: FaceView, eyes: Sequence[Box]) -> list[Side | None]:
    """Sides of the one or two ears of a head, by the direction of the face's right and the face's midline."""
    middle = view.middle
    if middle is None and len(eyes) == 2:
        middle = _mean([centre(box) for box in eyes])
    return _by_midline(ears, view, middle, _CLEAR_EAR)


def faces_camera(view: FaceView, head: Box, body: Box) -> bool:
    """True when image-left is the right side of this person's body, as far as the face tells.

    The face must look about at the camera, be upright, and sit in the upper part of the body's box.
    """
    if not view.frontal or view.right is None or -view.right[0] < _UPRIGHT:
        return False
    return centre(head)[1] < body[1] + 0.4 * (body[3] - body[1])


def limb_sides(limbs: Sequence[Box], axis: float) -> list[Side | None]:
    """Sides of the one or two limbs of a person who faces the camera.

    Args:
        limbs: Boxes of arms, legs, hands or feet.
        axis: x of the body's axis in pixels.

    Returns:
        A side for each limb that lies on one side of the axis; two limbs on the same side are not told apart.
    """
    sides: list[Side | None] = []
    for x1, _, x2, _ in limbs:
        width = max(x2 - x1, 1e-9)
        image_left = min(max((axis - x1) / width, 0.0), 1.0)
        sides.append("right" if image_left >= _ONE_SIDE else "left" if image_left <= 1 - _ONE_SIDE else None)
    if len(limbs) == 2 and sides[0] == sides[1]:
        return [None, None]
    return sides
