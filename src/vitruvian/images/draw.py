"""Drawing a scene on its picture: an overlay that a person wants to look at.

Parts are thin boxes in the colour of their region, faces thick ones (dashed where the recovery pass found them), people
white corners, joints and limbs a skeleton (the subject's left in blue, the right in orange), landmarks dots.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vitruvian.images.labels import Label, place_labels
from vitruvian.images.resize import resize
from vitruvian.images.strokes import Segment, SmoothLayer, box_segments, bracket_segments, dashed, stroke
from vitruvian.taxonomy import SKELETONS, Colour, part_colour

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

    from vitruvian.scene import Face, Part, Person, Scene

_WHITE: Colour = (255, 255, 255)
_DARK: Colour = (24, 24, 28)
_SIDES: Mapping[str, Colour] = {"left": (64, 148, 255), "right": (255, 150, 50)}
_MIDDLE: Colour = (240, 240, 240)


@dataclass(frozen=True, slots=True)
class _Item:
    """A box to draw: its sides, and the wordings of its label, longest first."""

    box: Segment
    segments: tuple[Segment, ...]
    colour: Colour
    weight: float
    wordings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Style:
    """Sizes in pixels that suit a picture."""

    line: int
    font: int

    @classmethod
    def of(cls, width: int, height: int) -> _Style:
        """Text grows slower than the picture: large pictures are looked at from further away, but not in proportion."""
        font = max(10, round(6 + 0.0125 * sqrt(width * height)))
        return cls(max(1, round(font / 7)), font)


def draw_scene(picture: NDArray[np.uint8], scene: Scene, min_side: int = 0) -> NDArray[np.uint8]:
    """Draw what a scene says onto its picture.

    Facial parts that repeat what else is drawn are left out, and a body that is its person's box is drawn once, as the
    person. Line width and font follow the size of the picture. Labels (``left hand 0.83``) neither overlap nor leave
    the picture; where there is no room they lose the score, then they are left out.

    Args:
        picture: ``(H, W, 3)`` uint8 RGB; not modified.
        scene: Its boxes, joints and landmarks are in pixels of this picture.
        min_side: A picture whose longer side is shorter is enlarged to it first, which gives labels room to be read.

    Returns:
        ``(H, W, 3)`` uint8 RGB, larger only if ``min_side`` asked for it.

    Raises:
        ValueError: if the picture has another shape or dtype, or is not the scene's size.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or picture.size == 0:
        raise ValueError(f"picture of shape {picture.shape}, dtype {picture.dtype} is not (H, W, 3) uint8")
    height, width = picture.shape[:2]
    if (scene.width, scene.height) != (width, height):
        raise ValueError(
            f"a scene of {scene.width} x {scene.height} cannot be drawn on a picture of {width} x {height}"
        )
    scale = max(1.0, min_side / max(width, height))
    if scale > 1:
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        picture = resize(picture, width, height)

    from PIL import Image, ImageDraw

    image = Image.fromarray(np.ascontiguousarray(picture))
    draw = ImageDraw.Draw(image, "RGBA")
    style = _Style.of(width, height)
    items = _items(scene, scale, width, height, style)
    for item in items:
        stroke(draw, item.segments, item.colour, max(1, round(style.line * item.weight)))
    _draw_points(image, scene, scale, style)
    _draw_labels(draw, items, width, height, style)
    return np.array(image)


def _items(scene: Scene, scale: float, width: int, height: int, style: _Style) -> list[_Item]:
    """Boxes to draw, largest first within parts, so that small ones lie on top."""

    def clip(box: Segment) -> Segment | None:
        x1, y1, x2, y2 = (v * scale for v in box)
        if x2 <= 0 or y2 <= 0 or x1 >= width or y1 >= height:
            return None
        return max(x1, 0.0), max(y1, 0.0), min(x2, float(width)), min(y2, float(height))

    found = []
    for person in scene.people:
        if box := clip(person.box):
            segments = tuple(bracket_segments(box))
            found.append(_Item(box, segments, _WHITE, 1.6, _wordings("person", person.score)))
    parts = [part for part in scene.parts if not _is_whole_person(part, scene)]
    parts += _telling_facial_parts(scene)
    for part in sorted(parts, key=lambda p: (p.box[0] - p.box[2]) * (p.box[3] - p.box[1])):
        if box := clip(part.box):
            segments = tuple(box_segments(box))
            found.append(_Item(box, segments, part_colour(part.label), 1.0, _wordings(_part_name(part), part.score)))
    for face in scene.faces:
        if box := clip(face.box):
            sides = box_segments(box)
            segments = tuple(dashed(sides, 7.0 * style.line) if face.found_by == "recovery" else sides)
            found.append(_Item(box, segments, part_colour("whole face"), 1.8, _wordings(_face_name(face), face.score)))
    return found


_SAME_THING = {"eyes": "Human eye", "nose": "Human nose", "mouth": "Human mouth"}
"""Facial parts that a body part stands for as well."""
_UNIONS = frozenset({"right face", "left face", "right eye face", "left eye face", "eyes nose"})


def _telling_facial_parts(scene: Scene) -> list[Part]:
    """Facial parts that show something not drawn already.

    Unions of other parts are shown only in a recovered face, where they are what spoke for it; an eye, nose or mouth is
    left to the body part with a box at the same place.
    """

    def drawn_already(part: Part) -> bool:
        same = [other.box for other in scene.parts if other.label == _SAME_THING.get(part.label)]
        x, y = (part.box[0] + part.box[2]) / 2, (part.box[1] + part.box[3]) / 2
        return any(x1 <= x <= x2 and y1 <= y <= y2 for x1, y1, x2, y2 in same)

    return [
        part
        for face in scene.faces
        for part in face.parts
        if not drawn_already(part) and (part.label not in _UNIONS or face.found_by == "recovery")
    ]


def _is_whole_person(part: Part, scene: Scene) -> bool:
    if part.label != "Human body" or part.person is None or part.person >= len(scene.people):
        return False
    return part.box == scene.people[part.person].box


def _part_name(part: Part) -> str:
    name = part.label.removeprefix("Human ").lower()
    if part.label == "Human face":  # "face" alone is the whole face, brows to chin
        name = "human face"
    return name if part.side is None else f"{part.side} {name}"


def _face_name(face: Face) -> str:
    return "face" if face.track is None else f"face #{face.track}"


def _wordings(name: str, score: float) -> tuple[str, ...]:
    return f"{name} {score:.2f}", name


def _draw_points(image: Image.Image, scene: Scene, scale: float, style: _Style) -> None:
    people = [person for person in scene.people if person.joints]
    faces = [face for face in scene.faces if face.landmarks]
    if not people and not faces:
        return
    layer = SmoothLayer(*image.size)
    for person in people:
        points = {name: (x * scale, y * scale) for name, (x, y, _) in person.joints.items()}
        for a, b in _limbs(person):
            layer.line((*points[a], *points[b]), _side_colour(a, b), style.line * 1.3)
        for name, (x, y) in points.items():
            layer.dot(x, y, _side_colour(name, name), style.line * 1.4)
    for face in faces:
        radius = min(max(0.9, (face.box[2] - face.box[0]) * scale / 90), style.line * 1.2)
        for x, y in face.landmarks or ():
            layer.dot(x * scale, y * scale, _WHITE, radius)
    layer.lay_on(image)


def _limbs(person: Person) -> list[tuple[str, str]]:
    """Pairs of joint names to join: the limbs of the skeleton that knows most of the person's joints."""
    best = max(SKELETONS, key=lambda skeleton: len(person.joints.keys() & set(skeleton.joints)))
    pairs = [(best.joints[a], best.joints[b]) for a, b in best.limbs]
    return [(a, b) for a, b in pairs if a in person.joints and b in person.joints]


def _side_colour(a: str, b: str) -> Colour:
    side = a.partition("_")[0]
    return _SIDES.get(side, _MIDDLE) if side == b.partition("_")[0] else _MIDDLE


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _draw_labels(draw: ImageDraw.ImageDraw, items: list[_Item], width: int, height: int, style: _Style) -> None:
    font = _font(style.font)
    pad = max(2, style.font // 5)
    top, bottom = (int(v) for v in draw.textbbox((0, 0), "lg", font=font)[1::2])  # one height for all words

    def size(text: str) -> tuple[int, int]:
        return int(np.ceil(draw.textlength(text, font=font))) + 2 * pad, bottom - top + 2 * (pad // 2) + 1

    labels = [Label(item.box, tuple(size(text) for text in item.wordings)) for item in items]
    placements = place_labels(labels, width, height)
    for item, place in zip(items, placements, strict=True):
        if place is not None and place.leader is not None:
            draw.line(place.leader, fill=(0, 0, 0, 130), width=max(1, style.line // 2) + 2)
            draw.line(place.leader, fill=(*item.colour, 255), width=max(1, style.line // 2))
    for item, place in zip(items, placements, strict=True):
        if place is None:
            continue
        x1, y1, x2, y2 = place.rect
        draw.rectangle((x1, y1, x2 - 1, y2 - 1), fill=(*item.colour, 255))
        text = item.wordings[place.wording]
        draw.text((x1 + pad, y1 + pad // 2 - top), text, fill=_ink(item.colour), font=font)


def _ink(ground: Colour) -> Colour:
    """Dark or white text, whichever contrasts more with the ground (relative luminance, WCAG 2.1)."""
    linear = [(c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4) for c in ground]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return _DARK if luminance > 0.179 else _WHITE
