"""Label placement: disjoint, inside, near what they name, and all of them where there is room."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from vitruvian.images.labels import Label, Placement, Rect, place_labels

SIZES = ((70, 15), (34, 15))


def disjoint(a: Rect, b: Rect) -> bool:
    return a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def check(labels: list[Label], width: int, height: int) -> tuple[Placement | None, ...]:
    placements = place_labels(labels, width, height)
    assert len(placements) == len(labels)
    rects = [place.rect for place in placements if place is not None]
    assert all(disjoint(a, b) for a, b in combinations(rects, 2))
    for label, place in zip(labels, placements, strict=True):
        if place is None:
            continue
        x1, y1, x2, y2 = place.rect
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        assert (x2 - x1, y2 - y1) == label.sizes[place.wording]
        if place.leader is not None:
            lx, ly, bx, by = place.leader
            assert x1 <= lx <= x2
            assert y1 <= ly <= y2
            assert label.box[0] <= bx <= label.box[2]
            assert label.box[1] <= by <= label.box[3]
        else:  # without a line it touches its box, or all but
            gap_x = max(label.box[0] - x2, x1 - label.box[2], 0)
            gap_y = max(label.box[1] - y2, y1 - label.box[3], 0)
            assert max(gap_x, gap_y) <= (y2 - y1) / 2
    return placements


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 700), st.integers(1, 700), st.integers(0, 25))
def test_labels_are_disjoint_and_inside(data: st.DataObject, width: int, height: int, count: int) -> None:
    labels = []
    for _ in range(count):
        x = sorted(data.draw(st.tuples(*[st.floats(0, width)] * 2)))
        y = sorted(data.draw(st.tuples(*[st.floats(0, height)] * 2)))
        labels.append(Label((x[0], y[0], x[1], y[1]), SIZES))
    check(labels, width, height)


def test_a_single_label_sits_on_its_box() -> None:
    (place,) = check([Label((100, 100, 200, 200), SIZES)], 400, 300)
    assert place == Placement((100, 85, 170, 100), 0, None)


def test_every_box_of_a_portrait_gets_its_full_label() -> None:
    """Twelve nested boxes of a close-up, as in a 640 x 640 portrait."""
    boxes = [
        (0, 5, 636, 639), (40, 10, 600, 560), (156, 118, 498, 575), (156, 232, 498, 575), (212, 295, 270, 322),
        (358, 292, 427, 318), (142, 354, 165, 432), (482, 302, 535, 415), (270, 300, 378, 420), (246, 450, 397, 508),
        (190, 232, 464, 284), (326, 232, 498, 575),
    ]  # fmt: skip
    placements = check([Label(tuple(map(float, box)), ((106, 17), (60, 17))) for box in boxes], 640, 640)  # type: ignore[arg-type]
    assert all(place is not None and place.wording == 0 for place in placements)
    for place in placements:  # and no eye is written over
        assert place is not None
        assert all(disjoint(place.rect, eye) for eye in boxes[4:6])


def test_identical_boxes_get_labels_apart() -> None:
    placements = check([Label((200, 200, 260, 260), SIZES)] * 6, 500, 500)
    assert all(place is not None for place in placements)


def test_a_crowded_corner_uses_leader_lines() -> None:
    labels = [Label((4.0 + 16 * i, 4.0, 16.0 + 16 * i, 16.0), SIZES) for i in range(8)]
    placements = check(labels, 500, 400)
    assert sum(place is not None for place in placements) == 8
    assert any(place is not None and place.leader is not None for place in placements)


def test_too_small_a_picture_gets_none() -> None:
    assert check([Label((0, 0, 10, 10), SIZES)], 10, 10) == (None,)
    assert check([], 10, 10) == ()
    (place,) = check([Label((10, 25, 30, 60), SIZES)], 60, 80)
    assert place is not None
    assert place.wording == 1


def test_labels_leave_most_of_a_small_picture_free() -> None:
    labels = [Label((5.0 * i, 5.0 * i, 5.0 * i + 40, 5.0 * i + 40), SIZES) for i in range(15)]
    placements = check(labels, 120, 120)
    covered = sum(place is not None and place.rect[2] - place.rect[0] for place in placements) * 15
    assert covered <= 0.3 * 120 * 120
    assert any(placements)
