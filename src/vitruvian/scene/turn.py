"""A scene as it lies when its picture is turned by quarters."""

from __future__ import annotations

from dataclasses import replace

from vitruvian.scene.checks import Box
from vitruvian.scene.scene import Scene
from vitruvian.scene.types import Face, Part, Person


def turned(scene: Scene, quarters: int) -> Scene:
    """The scene of the picture turned anticlockwise.

    Args:
        scene: Of the picture as it is.
        quarters: How many quarters, as for :func:`numpy.rot90`; negative ones are clockwise.

    >>> face = Face((10, 20, 30, 50), 0.9)
    >>> turned(Scene(None, 100, 60, faces=(face,)), 1).faces[0].box
    (20.0, 70.0, 50.0, 90.0)
    """
    for _ in range(quarters % 4):
        scene = _by_a_quarter(scene)
    return scene


def turned_box(box: Box, width: int, height: int, quarters: int) -> Box:
    """:func:`turned` of one box, ``xyxy`` in a picture of that size."""
    for _ in range(quarters % 4):
        (x1, y1), (x2, y2) = _point(box[2], box[1], width), _point(box[0], box[3], width)
        box, width, height = (x1, y1, x2, y2), height, width
    return box


def _point(x: float, y: float, width: int) -> tuple[float, float]:
    return y, round(width - x, 6)  # or 1 - 0.1 of a pixel and the like would be written with sixteen digits


def _by_a_quarter(scene: Scene) -> Scene:
    width = scene.width

    def box(old: Box) -> Box:
        return turned_box(old, width, scene.height, 1)

    def part(old: Part) -> Part:
        return replace(old, box=box(old.box))

    def face(old: Face) -> Face:
        landmarks = None if old.landmarks is None else tuple(_point(x, y, width) for x, y in old.landmarks)
        # Anticlockwise is towards the right shoulder of who faces the camera.
        pose = old.head_pose
        pose = None if pose is None else replace(pose, roll=(pose.roll + 90 + 180) % 360 - 180)
        parts = tuple(map(part, old.parts))
        return replace(old, box=box(old.box), parts=parts, landmarks=landmarks, head_pose=pose)

    def person(old: Person) -> Person:
        joints = {name: (*_point(x, y, width), score) for name, (x, y, score) in old.joints.items()}
        return replace(old, box=box(old.box), joints=joints)

    return replace(
        scene,
        width=scene.height,
        height=width,
        parts=tuple(map(part, scene.parts)),
        faces=tuple(map(face, scene.faces)),
        people=tuple(map(person, scene.people)),
    )
