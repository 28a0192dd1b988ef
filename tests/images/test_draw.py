"""Drawing: the right colours in the right places, nothing else touched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vitruvian.images import draw_scene, read_picture, sample_picture
from vitruvian.scene import Face, Part, Person, Scene
from vitruvian.taxonomy import COCO17, IBUG68, LSP14, PARTS, part_colour

GREY = 90


def blank(width: int, height: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), GREY, np.uint8)


def scene(width: int, height: int, **found: object) -> Scene:
    return Scene(image=None, width=width, height=height, **found)  # type: ignore[arg-type]


def changed(picture: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((picture != drawn).any(axis=2))


def has_colour(drawn: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.asarray((drawn == np.asarray(colour)).all(axis=2))


def test_an_empty_scene_changes_nothing_and_the_input_is_never_changed() -> None:
    picture = blank(60, 40)
    picture.flags.writeable = False
    np.testing.assert_array_equal(draw_scene(picture, scene(60, 40)), picture)
    part = Part("Human hand", (5, 5, 50, 30), 0.5)
    drawn = draw_scene(picture, scene(60, 40, parts=(part,)))
    assert (picture == GREY).all()
    assert drawn.flags.writeable
    assert changed(picture, drawn).any()


@pytest.mark.parametrize("label", ["Human hand", "Human eye", "Human leg", "whole face", "Human body"])
def test_a_part_is_drawn_on_its_edges_in_its_colour(label: str) -> None:
    picture = blank(400, 300)
    drawn = draw_scene(picture, scene(400, 300, parts=(Part(label, (100, 120, 250, 260), 0.83),)))
    assert has_colour(drawn, part_colour(label))[200, 98:103].any()
    assert has_colour(drawn, part_colour(label))[200, 248:253].any()
    assert has_colour(drawn, part_colour(label))[258:263, 180].any()
    assert not changed(picture, drawn)[130:250, 110:240].any()  # the label sits outside
    touched = np.argwhere(changed(picture, drawn))
    assert touched.min(axis=0)[0] >= 95
    assert touched.max(axis=0)[0] <= 265
    assert touched[:, 1].min() >= 95
    assert touched[:, 1].max() <= 255


def test_faces_are_thicker_and_recovered_ones_dashed() -> None:
    picture, box = blank(400, 300), (100.0, 80.0, 300.0, 260.0)
    part = draw_scene(picture, scene(400, 300, parts=(Part("whole face", box, 0.8),)))
    face = draw_scene(picture, scene(400, 300, faces=(Face(box, 0.8),)))
    recovered = draw_scene(picture, scene(400, 300, faces=(Face(box, 0.8, found_by="recovery"),)))
    colour = part_colour("whole face")
    assert has_colour(face, colour)[150, 90:110].sum() > has_colour(part, colour)[150, 90:110].sum()
    assert has_colour(face, colour)[85:255, 99:101].any(axis=1).all()
    along = has_colour(recovered, colour)[85:255, 99:101].any(axis=1)
    assert 0.4 < along.mean() < 0.75
    assert np.count_nonzero(np.diff(along.astype(int))) > 8


def test_people_get_white_corners_and_their_own_body_is_not_drawn_again() -> None:
    picture, box = blank(400, 300), (50.0, 60.0, 350.0, 280.0)
    person = Person(box, 0.9)
    drawn = draw_scene(picture, scene(400, 300, people=(person,)))
    assert has_colour(drawn, (255, 255, 255))[62:100, 48:53].any(axis=1).all()
    assert not changed(picture, drawn)[150:190, 40:60].any()  # no line between the corners
    body = Part("Human body", box, 0.9, person=0)
    np.testing.assert_array_equal(draw_scene(picture, scene(400, 300, people=(person,), parts=(body,))), drawn)
    stranger = Part("Human body", box, 0.9)
    again = draw_scene(picture, scene(400, 300, people=(person,), parts=(stranger,)))
    assert has_colour(again, part_colour("Human body")).any()


def test_joints_and_limbs_follow_the_skeleton_of_their_names() -> None:
    picture = blank(400, 300)
    for skeleton in (COCO17, LSP14):
        joints = {name: (30.0 + 20 * i, 30.0 + 13 * i, 0.9) for i, name in enumerate(skeleton.joints)}
        person = Person((20, 20, 390, 290), 0.9, joints)
        plain = draw_scene(picture, scene(400, 300, people=(Person(person.box, 0.9),)))
        touched = changed(plain, draw_scene(picture, scene(400, 300, people=(person,))))
        for x, y, _ in joints.values():
            assert touched[int(y), int(x)]
    arm = {"left_shoulder": (100.0, 100.0, 0.9), "left_elbow": (200.0, 200.0, 0.9), "right_knee": (300.0, 100.0, 0.9)}
    drawn = draw_scene(picture, scene(400, 300, people=(Person((20, 20, 390, 290), 0.9, arm),)))
    assert changed(picture, drawn)[150, 150]
    assert not changed(picture, drawn)[140:160, 230:270].any()
    blue, orange = drawn[150, 150].astype(int), drawn[100, 300].astype(int)
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]


def test_landmarks_are_dots_in_their_place() -> None:
    picture = blank(300, 300)
    landmarks = tuple((60.0 + 20 * (i % 9), 60.0 + 20 * (i // 9)) for i in range(IBUG68.points))
    plain = draw_scene(picture, scene(300, 300, faces=(Face((50, 50, 250, 250), 0.9),)))
    drawn = draw_scene(picture, scene(300, 300, faces=(Face((50, 50, 250, 250), 0.9, landmarks=landmarks),)))
    touched = changed(plain, drawn)
    assert all(touched[int(y), int(x)] for x, y in landmarks)
    assert not touched[70, 65:75].any()


def test_min_side_enlarges_small_pictures_only() -> None:
    part = Part("Human hand", (10, 10, 40, 30), 0.5)
    small = scene(60, 40, parts=(part,))
    assert draw_scene(blank(60, 40), small).shape == (40, 60, 3)
    enlarged = draw_scene(blank(60, 40), small, min_side=600)
    assert enlarged.shape == (400, 600, 3)
    assert has_colour(enlarged, part_colour("Human hand"))[200, 98:103].any()
    assert draw_scene(blank(60, 40), small, min_side=50).shape == (40, 60, 3)


def test_line_and_text_grow_with_the_picture() -> None:
    def share(size: int) -> float:
        part = Part("Human hand", (size * 0.3, size * 0.3, size * 0.7, size * 0.7), 0.5)
        drawn = draw_scene(blank(size, size), scene(size, size, parts=(part,)))
        return float(has_colour(drawn, part_colour("Human hand"))[size // 2].sum())

    assert share(120) >= 2
    assert share(3000) > 2 * share(640) > 2 * share(120)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="60 x 40"):
        draw_scene(blank(60, 41), scene(60, 40))
    for picture in (blank(60, 40)[:, :, 0], blank(60, 40).astype(float), blank(60, 40)[:, :, :2]):
        with pytest.raises(ValueError, match="is not"):
            draw_scene(picture, scene(60, 40))  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(st.data(), st.integers(1, 64), st.integers(1, 64))
def test_any_scene_can_be_drawn(data: st.DataObject, width: int, height: int) -> None:
    def box() -> tuple[float, float, float, float]:
        x = sorted(data.draw(st.tuples(*[st.floats(-50, 120)] * 2)))
        y = sorted(data.draw(st.tuples(*[st.floats(-50, 120)] * 2)))
        return x[0], y[0], x[1], y[1]

    joints = {"nose": (data.draw(st.floats(-1e6, 1e6)), 3.0, 0.5), "tail": (1.0, 1.0, 0.1)}
    some = scene(
        width,
        height,
        parts=[Part(name, box(), 0.5, side="left") for name in (*PARTS.names[:4], "unheard of")],
        faces=[Face(box(), 1.0, found_by="recovery", parts=(Part("mouth", box(), 0.5),))],
        people=[Person(box(), 0.5, joints)],
    )
    drawn = draw_scene(blank(width, height), some)
    assert drawn.shape == (height, width, 3)
    assert drawn.dtype == np.uint8


def test_a_real_picture_keeps_what_lies_between() -> None:
    picture = read_picture(sample_picture())
    head = Part("Human head", (150, 10, 300, 210), 0.9)
    drawn = draw_scene(picture, scene(512, 512, parts=(head,)))
    assert changed(picture, drawn).mean() < 0.03
