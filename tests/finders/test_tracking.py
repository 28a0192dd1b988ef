"""The tracks of boxes by themselves; what a video makes of them is in ``test_watch``."""

from __future__ import annotations

import pickle

import pytest

from vitruvian.finders.tracking import Tracks

pytest.importorskip("trackers", reason="the package that tracks is not installed")


def test_tracks_are_numbered_in_the_order_of_confirmation_and_ended_ones_leave_nothing_behind() -> None:
    tracks = Tracks(rate=2, sure=0.5)
    sizes = []
    for number in range(60):
        x = 1000.0 * number
        given = [tracks.step([((x, 0, x + 40, 40), 0.9)], [])[0] for _ in range(2)]
        assert given == [[None], [number]]
        sizes.append(len(pickle.dumps(tracks)))
    assert max(sizes[30:]) <= max(sizes[:10]) + 100  # larger numbers take a few bytes more


def test_going_back_to_a_copy_gives_the_same_numbers_again() -> None:
    tracks = Tracks(rate=25, sure=0.5)
    box = (0.0, 0.0, 40.0, 40.0), 0.9
    tracks.step([box], [])
    before = tracks.copy()
    assert tracks.step([box], []) == ([0], [])
    assert before.step([box], []) == ([0], [])
