from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vitruvian.data.background import background_map
from vitruvian.data.dataset import Annotation, ExhaustiveRegion, Picture

LABELS = ("Human head", "Human eye", "Human arm")


def at(picture: Picture, x: float, y: float) -> dict[str, bool]:
    """Whether each class may count as background at one place."""
    found = background_map(picture, LABELS, np.array([x], dtype=np.float32), np.array([y], dtype=np.float32))
    return {label: bool(found[i, 0, 0]) for i, label in enumerate(LABELS)}


def picture(**changes: object) -> Picture:
    head = Annotation("Human head", (40, 40, 60, 60), 1)
    return Picture(1, "a.png", 100, 100, **{"annotations": (head,), **changes})  # type: ignore[arg-type]


def test_an_exhaustive_class_is_background_everywhere_another_nowhere() -> None:
    some = picture(annotations=(), exhaustive=frozenset({"Human arm"}))
    assert at(some, 10, 10) == {"Human head": False, "Human eye": False, "Human arm": True}


def test_no_eye_outside_the_heads_where_every_head_is_labelled() -> None:
    heads = picture(exhaustive=frozenset({"Human head"}))
    assert at(heads, 10, 10) == {"Human head": True, "Human eye": True, "Human arm": False}
    assert at(heads, 50, 50) == {"Human head": True, "Human eye": False, "Human arm": False}
    # just beside the head's box an eye may still belong to it
    assert not at(heads, 61, 50)["Human eye"]


def test_inside_its_own_box_a_class_is_known() -> None:
    assert at(picture(), 50, 50)["Human head"]
    assert not at(picture(), 10, 10)["Human head"]


def test_a_region_speaks_for_itself_only() -> None:
    region = ExhaustiveRegion((0, 0, 30, 30), frozenset({"Human eye"}))
    some = picture(annotations=(), exhaustive_regions=(region,))
    assert at(some, 10, 10)["Human eye"]
    assert not at(some, 40, 10)["Human eye"]


def test_what_is_ignored_is_never_background() -> None:
    crowd = Annotation("Human head", (0, 0, 30, 30), 2, ignore=True)
    some = picture(annotations=(crowd,), exhaustive=frozenset(LABELS), ignore_regions=((70, 70, 90, 90),))
    assert at(some, 10, 10) == {"Human head": False, "Human eye": True, "Human arm": True}
    assert not any(at(some, 80, 80).values())


def test_beyond_the_picture_there_is_nothing() -> None:
    assert all(at(picture(annotations=()), -5, 50).values())


@settings(max_examples=40, deadline=None)
@given(st.frozensets(st.sampled_from(LABELS)), st.frozensets(st.sampled_from(LABELS)))
def test_more_complete_labels_never_take_background_away(some: frozenset[str], more: frozenset[str]) -> None:
    axis = np.linspace(-10, 110, 9, dtype=np.float32)
    before = background_map(picture(exhaustive=some), LABELS, axis, axis)
    after = background_map(picture(exhaustive=some | more), LABELS, axis, axis)
    assert (after >= before).all()
