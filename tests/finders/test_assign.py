"""Whose is it: worked cases that a person can check on paper, and what must hold for any detections.

Boxes are drawn for an upright person of 100 x 300 pixels, head on top, who faces the camera unless a test says
otherwise.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitruvian.finders.assign import assign
from vitruvian.scene import Box, Face, Part, Person
from vitruvian.taxonomy import BODY_PARTS, FACIAL_PARTS, PARTS

WIDTH, HEIGHT = 1000, 600

FIGURE: dict[str, list[Box]] = {
    "Human body": [(0, 0, 100, 300)],
    "Human head": [(30, 0, 70, 50)],
    "Human face": [(33, 12, 67, 48)],
    "Human hair": [(28, 0, 72, 25)],
    "Human eye": [(38, 24, 46, 28), (54, 24, 62, 28)],
    "Human ear": [(29, 22, 34, 34), (66, 22, 71, 34)],
    "Human nose": [(45, 26, 55, 36)],
    "Human mouth": [(43, 38, 57, 43)],
    "Human arm": [(0, 60, 25, 170), (75, 60, 100, 170)],
    "Human hand": [(2, 150, 20, 168), (80, 150, 98, 168)],
    "Human leg": [(20, 150, 48, 300), (52, 150, 80, 300)],
    "Human foot": [(20, 280, 46, 300), (54, 280, 80, 300)],
}
"""Image-left first, so the first of a pair is the subject's right."""

FACIAL: dict[str, list[Box]] = {
    "eyes": [(38, 24, 46, 28), (54, 24, 62, 28)],
    "nose": [(45, 26, 55, 36)],
    "mouth": [(43, 38, 57, 43)],
    "brows": [(37, 20, 63, 23)],
    "right face": [(34, 25, 45, 48)],
    "left face": [(55, 25, 66, 48)],
    "eyes nose": [(38, 24, 62, 36)],
}
WHOLE: Box = (34, 20, 66, 48)


def moved(box: Box, dx: float = 0, dy: float = 0, scale: float = 1) -> Box:
    x1, y1, x2, y2 = box
    return x1 * scale + dx, y1 * scale + dy, x2 * scale + dx, y2 * scale + dy


def figure(*labels: str, dx: float = 0, dy: float = 0, scale: float = 1, score: float = 0.9) -> list[Part]:
    """Parts of one figure; scores differ a little so that each part can be told by its score."""
    source = FIGURE | FACIAL
    boxes = [(label, box) for label in labels or FIGURE for box in source[label]]
    return [Part(label, moved(box, dx, dy, scale), score - 0.001 * i) for i, (label, box) in enumerate(boxes)]


def sides(parts: tuple[Part, ...] | list[Part], label: str) -> list[str | None]:
    """Sides of the parts of one label, from image-left to image-right."""
    return [part.side for part in sorted(parts, key=lambda p: p.box) if part.label == label]


def test_nothing_gives_nothing() -> None:
    assert assign([], [], 10, 10) == ((), (), ())


def test_one_whole_figure() -> None:
    parts, faces, people = assign(figure(dx=200, dy=50), [Face(moved(WHOLE, 200, 50), 0.8)], WIDTH, HEIGHT)
    assert people == (Person((200, 50, 300, 350), 0.9),)
    assert {part.person for part in parts} == {0}
    assert faces[0].person == 0
    for label in BODY_PARTS.names:
        told = sides(parts, label)
        assert told == (["right", "left"] if BODY_PARTS[label].paired else [None]), label


def test_facial_parts_move_into_the_whole_face() -> None:
    given_parts = figure(*FACIAL, "Human head")
    parts, faces, people = assign(given_parts, [Face(WHOLE, 0.8)], WIDTH, HEIGHT)
    assert [part.label for part in parts] == ["Human head"]
    assert sorted(p.label for p in faces[0].parts) == sorted(p.label for p in given_parts if p.label != "Human head")
    assert {part.person for part in (*parts, *faces[0].parts)} == {0}
    assert sides(faces[0].parts, "eyes") == ["right", "left"]
    assert sides(faces[0].parts, "nose") == [None]
    assert len(people) == 1


def test_facial_parts_outside_any_whole_face_stay_among_the_parts() -> None:
    parts, faces, people = assign(figure("mouth", "Human head"), [Face((500, 300, 530, 330), 0.5)], WIDTH, HEIGHT)
    assert [(part.label, people[part.person].box) for part in parts] == [
        ("mouth", (30, 0, 70, 50)),
        ("Human head", (30, 0, 70, 50)),
    ]
    assert faces[0].parts == ()


def test_a_head_without_a_body_is_a_person_as_large_as_its_parts() -> None:
    parts, _, people = assign(figure("Human head", "Human ear", "Human hair"), [], WIDTH, HEIGHT)
    assert people == (Person((28, 0, 72, 50), 0.9),)
    assert {part.person for part in parts} == {0}


def test_a_face_alone_is_a_person() -> None:
    _, faces, people = assign([], [Face((10, 10, 50, 50), 0.6)], 100, 100)
    assert people == (Person((10, 10, 50, 50), 0.6),)
    assert faces[0].person == 0


def test_parts_of_nobody_stay_nobodys() -> None:
    parts, _, people = assign(figure("Human hand", "Human foot", "Human eye"), [], WIDTH, HEIGHT)
    assert people == ()
    assert {part.person for part in parts} == {None}
    assert {part.side for part in parts} == {None}


def test_an_eye_in_two_overlapping_bodies_goes_through_its_face() -> None:
    """A child stands in front of its parent: the child's parts lie in both bodies."""
    parent, child = figure(score=0.9), figure(dx=20, dy=150, scale=0.5, score=0.8)
    parts, _, people = assign(parent + child, [], WIDTH, HEIGHT)
    assert [person.box for person in people] == [(0, 0, 100, 300), (20, 150, 70, 300)]
    for part in parts:
        if BODY_PARTS[part.label].region in ("face", "head", "body"):
            assert part.person == (0 if part.score > 0.85 else 1), part


def test_a_head_goes_to_the_body_whose_top_it_sits_at() -> None:
    """The body behind holds both heads wholly, yet each body gets its own, and not the first the better score."""
    behind = [Part("Human body", (0, 0, 200, 400), 0.9), Part("Human head", (80, 5, 120, 60), 0.6)]
    front = [Part("Human body", (60, 150, 140, 400), 0.8), Part("Human head", (82, 155, 118, 200), 0.7)]
    parts, _, _ = assign(behind + front, [], 300, 400)
    assert {part.score: part.person for part in parts} == {0.9: 0, 0.6: 0, 0.8: 1, 0.7: 1}


def test_the_best_for_all_is_not_what_the_surest_would_take_first() -> None:
    """Head A would suit either body, B only the left one: a greedy choice that serves A first leaves B alone."""
    bodies = [Part("Human body", (0, 0, 100, 300), 0.9), Part("Human body", (50, 0, 150, 300), 0.8)]
    heads = [Part("Human head", (55, 3, 90, 50), 0.95), Part("Human head", (12, 3, 47, 50), 0.5)]
    parts, _, people = assign(bodies + heads, [], WIDTH, HEIGHT)
    whose = {part.score: people[part.person].score for part in parts}
    assert whose[0.95] == 0.8
    assert whose[0.5] == 0.9
    assert len(people) == 2


def test_nobody_has_more_than_a_body_can_have() -> None:
    extra = [
        Part("Human arm", (5, 62, 28, 160), 0.3),
        Part("Human leg", (40, 150, 60, 300), 0.3),
        Part("Human eye", (47, 24, 53, 28), 0.3),
        Part("Human mouth", (43, 37, 56, 42), 0.3),
        Part("Human nose", (46, 27, 56, 37), 0.3),
    ]
    parts, _, _ = assign(figure() + extra, [], WIDTH, HEIGHT)
    for label in BODY_PARTS.names:
        owned = [part for part in parts if part.label == label and part.person == 0]
        assert len(owned) <= (2 if BODY_PARTS[label].paired else 1)


def test_a_head_found_twice_is_not_two_people() -> None:
    twice = Part("Human head", (33, 4, 74, 52), 0.4)
    parts, _, people = assign([*figure("Human body", "Human head"), twice], [], WIDTH, HEIGHT)
    assert len(people) == 1
    assert [part.person for part in parts] == [0, 0, None]


def test_hands_and_feet_follow_their_limbs() -> None:
    """The hand lies in both bodies, but in one's arm only."""
    one, other = figure("Human body", score=0.9), figure("Human body", dx=60, score=0.8)
    reaching = [Part("Human arm", (0, 80, 95, 110), 0.7), Part("Human hand", (72, 85, 92, 105), 0.6)]
    parts, _, people = assign([*one, *other, *reaching], [], WIDTH, HEIGHT)
    arm, hand = parts[2], parts[3]
    assert arm.person == hand.person == 0
    assert len(people) == 2


def test_an_arm_between_two_like_bodies_is_nobodys() -> None:
    bodies = [Part("Human body", (0, 0, 100, 300), 0.9), Part("Human body", (80, 0, 180, 300), 0.8)]
    parts, _, _ = assign([*bodies, Part("Human arm", (81, 60, 99, 170), 0.7)], [], WIDTH, HEIGHT)
    assert parts[2].person is None


def test_in_a_body_cut_by_the_lower_edge_an_unusual_place_is_no_argument() -> None:
    """A tiny arm at the top is odd in both bodies, but one of them goes on below the picture."""
    whole = Part("Human body", (0, 0, 300, 500), 0.9)
    cut = Part("Human body", (50, 0, 250, HEIGHT), 0.8)
    arm = Part("Human arm", (140, 10, 150, 14), 0.7)
    parts, _, people = assign([whole, cut, arm], [], WIDTH, HEIGHT)
    assert people[parts[2].person].score == 0.8
    parts, _, _ = assign([whole, cut, arm], [], WIDTH, 2 * HEIGHT)
    assert parts[2].person is None


def test_someone_seen_from_behind_has_no_sides() -> None:
    back = figure("Human body", "Human head", "Human hair", "Human ear", "Human arm", "Human leg", "Human hand")
    parts, _, _ = assign(back, [], WIDTH, HEIGHT)
    assert {part.person for part in parts} == {0}
    assert {part.side for part in parts} == {None}


def test_a_single_eye_is_told_by_the_nose() -> None:
    for keep, side in ((0, "right"), (1, "left")):
        parts = figure("Human head", "Human face", "Human nose", "Human mouth")
        parts.append(Part("Human eye", FIGURE["Human eye"][keep], 0.3))
        assert sides(assign(parts, [], WIDTH, HEIGHT)[0], "Human eye") == [side]


def test_a_single_eye_without_a_midline_is_not_told() -> None:
    parts = [*figure("Human head", "Human face"), Part("Human eye", FIGURE["Human eye"][0], 0.3)]
    assert sides(assign(parts, [], WIDTH, HEIGHT)[0], "Human eye") == [None]


def test_a_single_eye_is_told_by_the_half_face_it_lies_in() -> None:
    half = Part("left eye face", (53, 23, 66, 48), 0.5)
    eye = Part("eyes", FACIAL["eyes"][1], 0.4)
    _, faces, _ = assign([half, eye], [Face(WHOLE, 0.8)], WIDTH, HEIGHT)
    assert sides(faces[0].parts, "eyes") == ["left"]


def test_someone_upside_down_keeps_their_own_sides() -> None:
    """Turned by 180 degrees the subject's right eye lies image-right; the mouth above the eyes tells."""
    turned = [replace(p, box=(100 - p.box[2], 300 - p.box[3], 100 - p.box[0], 300 - p.box[1])) for p in figure()]
    parts, _, _ = assign(turned, [], WIDTH, HEIGHT)
    assert sides(parts, "Human eye") == ["left", "right"]
    assert sides(parts, "Human ear") == ["left", "right"]
    assert sides(parts, "Human arm") == [None, None]


def test_someone_lying_has_told_eyes() -> None:
    """Turned by 90 degrees clockwise (x, y) -> (300 - y, x): the subject's right eye is the upper one."""
    turned = [replace(p, box=(300 - p.box[3], p.box[0], 300 - p.box[1], p.box[2])) for p in figure()]
    parts, _, people = assign(turned, [], WIDTH, HEIGHT)
    assert len(people) == 1
    eyes = sorted((p for p in parts if p.label == "Human eye"), key=lambda p: p.box[1])
    assert [eye.side for eye in eyes] == ["right", "left"]


def test_crossed_arms_are_not_told() -> None:
    crossed = [part for part in figure() if part.label not in ("Human arm", "Human hand")]
    crossed += [Part("Human arm", (5, 90, 80, 120), 0.5), Part("Human arm", (20, 90, 95, 120), 0.4)]
    assert sides(assign(crossed, [], WIDTH, HEIGHT)[0], "Human arm") == [None, None]


def test_a_hand_has_the_side_of_its_arm_even_across_the_body() -> None:
    parts = [part for part in figure() if part.label not in ("Human arm", "Human hand")]
    parts += [Part("Human arm", (0, 60, 50, 170), 0.5), Part("Human hand", (35, 150, 52, 168), 0.4)]
    found, _, _ = assign(parts, [], WIDTH, HEIGHT)
    assert sides(found, "Human arm") == sides(found, "Human hand") == ["right"]


def test_a_label_from_outside_the_taxonomy_goes_to_the_body_it_lies_in() -> None:
    parts, _, _ = assign([*figure("Human body"), Part("helmet", (30, 0, 70, 20), 0.5)], [], WIDTH, HEIGHT)
    assert parts[1].person == 0


def test_a_crowd_side_by_side_is_told_apart() -> None:
    """Ten people, each overlapping the next by a fifth."""
    crowd = [part for i in range(10) for part in figure(dx=80 * i, dy=7 * (i % 3), score=0.99 - 0.05 * i)]
    parts, _, people = assign(crowd, [], WIDTH, HEIGHT)
    assert len(people) == 10
    for part in parts:
        rank = int((0.99 - part.score + 1e-9) / 0.05)
        if part.label not in ("Human arm", "Human hand"):
            assert part.person == rank, part
        else:  # where bodies overlap an arm may be anybody's, but it must not be given to somebody far away
            assert part.person is None or abs(part.person - rank) <= 1


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[Part], list[Face]]:
    """Up to four figures anywhere, each without some of its parts, and a few stray parts."""
    parts: list[Part] = []
    faces: list[Face] = []
    number = st.floats(0, 1).map(lambda v: round(v, 3))
    for _ in range(draw(st.integers(0, 4))):
        dx, dy, scale = 600 * draw(number), 250 * draw(number), 0.4 + 0.8 * draw(number)
        kept = draw(st.sets(st.sampled_from([*FIGURE, *FACIAL])))
        parts += figure(*sorted(kept), dx=dx, dy=dy, scale=scale) if kept else []
        if draw(st.booleans()):
            faces.append(Face(moved(WHOLE, dx, dy, scale), 0.5))
    for _ in range(draw(st.integers(0, 4))):
        x, y, w, h = (draw(number) for _ in range(4))
        label = draw(st.sampled_from([name for name in PARTS.names if name != "whole face"]))
        parts.append(Part(label, (900 * x, 500 * y, 900 * x + 100 * w, 500 * y + 100 * h), 0.5))
    # No two alike: different scores, and borders that never coincide.
    parts = [replace(p, score=0.999 - 0.004 * i, box=moved(p.box, 0.013 * i, 0.007 * i)) for i, p in enumerate(parts)]
    return parts, [replace(f, score=0.9 - 0.01 * i) for i, f in enumerate(faces)]


@settings(max_examples=80, deadline=None)
@given(pictures(), st.randoms(use_true_random=False))
def test_the_order_of_detections_does_not_matter(picture: tuple[list[Part], list[Face]], random) -> None:  # type: ignore[no-untyped-def]
    parts, faces = picture
    expected = assign(parts, faces, WIDTH, HEIGHT)
    random.shuffle(parts)
    random.shuffle(faces)
    assert assign(parts, faces, WIDTH, HEIGHT) == expected


@settings(max_examples=80, deadline=None)
@given(pictures())
def test_mirroring_the_picture_swaps_the_sides_and_nothing_else(picture: tuple[list[Part], list[Face]]) -> None:
    swap = {"left": "right", "right": "left", None: None}

    def flipped(box: Box) -> Box:
        return WIDTH - box[2], box[1], WIDTH - box[0], box[3]

    def mirrored(part: Part) -> Part:
        label = PARTS[part.label].mirror if part.label in PARTS else part.label
        return replace(part, label=label, box=flipped(part.box), side=swap[part.side])

    parts, faces = picture
    found, found_faces, people = assign(parts, faces, WIDTH, HEIGHT)
    other, other_faces, other_people = assign(
        [mirrored(p) for p in parts], [replace(f, box=flipped(f.box)) for f in faces], WIDTH, HEIGHT
    )

    def told(part: Part) -> tuple[str, float, str | None, int | None]:
        return part.label, part.score, part.side, part.person

    assert [told(p) for p in other] == [told(mirrored(p)) for p in found]
    assert [p.score for p in other_people] == [p.score for p in people]
    assert [f.person for f in other_faces] == [f.person for f in found_faces]
    for face, twin in zip(found_faces, other_faces, strict=True):
        assert [told(p) for p in twin.parts] == [told(mirrored(p)) for p in face.parts]


@settings(max_examples=80, deadline=None)
@given(pictures())
def test_what_holds_for_any_picture(picture: tuple[list[Part], list[Face]]) -> None:
    parts, faces = picture
    found, found_faces, people = assign(parts, faces, WIDTH, HEIGHT)
    inside = [part for face in found_faces for part in face.parts]
    everything = [*found, *inside]
    assert sorted((p.score, p.label, p.box) for p in everything) == sorted((p.score, p.label, p.box) for p in parts)
    assert {p.label for p in inside} <= set(FACIAL_PARTS.names)
    for group in (found, found_faces, people, *(face.parts for face in found_faces)):
        assert [item.score for item in group] == sorted((item.score for item in group), reverse=True)
    for i, person in enumerate(people):
        owned = [part for part in everything if part.person == i]
        for label in BODY_PARTS.names:
            of_label = [part for part in owned if part.label == label]
            assert len(of_label) <= (2 if BODY_PARTS[label].paired else 1)
            told = [part.side for part in of_label if part.side]
            assert len(told) == len(set(told))
        if not any(part.label == "Human body" for part in owned):
            boxes = [part.box for part in owned] + [face.box for face in found_faces if face.person == i]
            extent = tuple(f(values) for f, values in zip((min, min, max, max), zip(*boxes, strict=True), strict=True))
            assert person.box == extent
    for part in everything:
        assert part.side is None or PARTS[part.label].paired
    again = assign(found, found_faces, WIDTH, HEIGHT)
    if not inside:
        assert again == (found, found_faces, people)


@pytest.mark.parametrize("label", [name for name in PARTS.names if name != "whole face"])
def test_boxes_without_area_are_carried_through(label: str) -> None:
    parts, _, _ = assign([*figure(), Part(label, (50, 30, 50, 30), 0.1)], [Face((40, 40, 40, 40), 0.2)], WIDTH, HEIGHT)
    assert len(parts) == len(figure()) + 1


@pytest.mark.parametrize(("top", "people"), [(30, 1), (40, 2)])
def test_a_body_may_begin_below_the_middle_of_its_head(top: int, people: int) -> None:
    """The head ends at 50, so 0.4 or 0.2 of it lies inside; of a hand 0.4 would not do."""
    head, hand = Part("Human head", (30, 0, 70, 50), 0.9), Part("Human hand", (-12, 150, 8, 168), 0.7)
    parts, _, found = assign([head, Part("Human body", (0, top, 100, 300), 0.8), hand], [], WIDTH, HEIGHT)
    assert len(found) == people
    assert {part.label: part.person for part in parts}["Human hand"] is None
