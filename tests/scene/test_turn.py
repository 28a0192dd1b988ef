"""A scene turns with its picture."""

from __future__ import annotations

import numpy as np
import pytest

from vitruvian.scene import Face, HeadPose, Part, Person, Scene
from vitruvian.scene.turn import turned, turned_box

POINTS = tuple((3.0 + i, 2.5 * i) for i in range(68))
SCENE = Scene(
    "a.jpg", 100, 60,
    parts=(Part("Human hand", (0, 0, 10, 5), 0.7, "left", 0),),
    faces=(
        Face(
            (20, 10, 50.1, 40), 0.9, person=0, parts=(Part("nose", (30, 20, 35, 30), 0.8),),
            landmarks=POINTS, head_pose=HeadPose(5, -3, 10),
        ),
    ),
    people=(Person((15, 5, 80, 60), 0.9, {"left_knee": (40, 50, 0.5)}),),
)  # fmt: skip


@pytest.mark.parametrize("quarters", range(-3, 5))
def test_everything_moves_as_pixels_do(quarters: int) -> None:
    scene = turned(SCENE, quarters)
    pixels = np.zeros((60, 100), int)
    pixels[20:30, 30:35] = 1
    y, x = np.nonzero(np.rot90(pixels, quarters))
    assert scene.faces[0].parts[0].box == (x.min(), y.min(), x.max() + 1, y.max() + 1)
    assert (scene.height, scene.width) == np.rot90(pixels, quarters).shape
    corner = turned_box((*POINTS[7], *POINTS[7]), 100, 60, quarters)
    assert scene.faces[0].landmarks is not None
    assert scene.faces[0].landmarks[7] == corner[:2]
    joint = turned_box((40, 50, 40, 50), 100, 60, quarters)
    assert scene.people[0].joints == {"left_knee": (*joint[:2], 0.5)}
    assert scene.people[0].box == turned_box((15, 5, 80, 60), 100, 60, quarters)
    assert scene.parts[0].box == turned_box((0, 0, 10, 5), 100, 60, quarters)
    assert (scene.parts[0].side, scene.parts[0].person, scene.image) == ("left", 0, "a.jpg")
    assert turned(scene, -quarters) == SCENE


def test_a_head_turns_towards_the_right_shoulder() -> None:
    rolls = []
    for quarters in range(4):
        pose = turned(SCENE, quarters).faces[0].head_pose
        assert pose is not None
        assert (pose.yaw, pose.pitch) == (5, -3)
        rolls.append(pose.roll)
    assert rolls == [10, 100, -170, -80]


def test_numbers_stay_short() -> None:
    assert turned(SCENE, 1).faces[0].box == (10, 49.9, 40, 80)
