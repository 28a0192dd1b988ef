"""Boxes of joined mask parts."""

from __future__ import annotations

import numpy as np

from vitruvian.data.derive import mask_parts


def test_touching_halves_are_one_part_and_apart_they_are_two() -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[10:20, 10:30], mask[20:40, 25:30] = 3, 4  # upper and lower arm that touch
    mask[70:90, 60:80] = 4
    parts = mask_parts(mask, {"Human arm": (3, 4), "Human leg": (5,)})
    assert [(a.label, a.box, a.area) for a in parts] == [
        ("Human arm", (10, 10, 30, 40), 300),
        ("Human arm", (60, 70, 80, 90), 400),
    ]
    assert {a.derived_from for a in parts} == {"part mask"}


def test_persons_are_kept_apart_and_specks_are_ignored() -> None:
    mask = np.full((100, 100), 3, np.uint8)
    mask[:, 98:] = 0
    mask[0, 99] = 3
    people = np.ones((100, 100), np.uint8)
    people[:, 50:] = 2
    parts = mask_parts(mask, {"Human arm": (3,)}, people)
    assert [(a.box, a.attributes["person"], a.ignore) for a in parts] == [
        ((0, 0, 50, 100), 1, False),
        ((50, 0, 98, 100), 2, False),
        ((99, 0, 100, 1), 2, False),
    ]
    mask = np.zeros((200, 200), np.uint8)
    mask[5, 5], mask[100:150, 100:150] = 3, 3
    assert [a.ignore for a in mask_parts(mask, {"Human arm": (3,)})] == [True, False]
