"""Tracks, second looks and gaps, with eyes that are told what they see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from vitruvian.finders.turned_look import TURNED
from vitruvian.finders.video import MOTION, TRACK, VideoOptions, watch
from vitruvian.images.video import CutShort, Frame
from vitruvian.scene import Box, Evidence, Face, Person, Scene

pytest.importorskip("trackers", reason="the package that tracks is not installed")

WIDTH, HEIGHT, RATE = 320, 240, 25.0
Seen = list[tuple[Box, float]]


def square(x: float, y: float, side: float = 40) -> Box:
    """A box by its middle."""
    return x - side / 2, y - side / 2, x + side / 2, y + side / 2


def distance(a: Box, b: Box) -> float:
    return float(np.abs(np.subtract(a, b)).max())


@dataclass
class ToldEyes:
    """Sees what ``sight`` says of a frame, and near a place what ``near`` says."""

    sight: Callable[[int], Seen]
    near: Callable[[int], Seen] = lambda number: []
    looks: list[tuple[int, Box]] = field(default_factory=list)
    face_threshold: float = 0.5
    reason: str = ""

    def first(self, frame: Frame) -> tuple[Scene, tuple[Face, ...]]:
        how = ("recovery", None, (), Evidence(self.reason)) if self.reason else ("first_pass",)
        found = [Face(box, score, *how) for box, score in self.sight(frame.number)]
        sure = tuple(face for face in found if face.score >= self.face_threshold)
        scene = Scene("v", WIDTH, HEIGHT, (), sure, tuple(Person(f.box, f.score) for f in sure), time=frame.time)
        return scene, tuple(face for face in found if face.score < self.face_threshold)

    def again(self, frame: Frame, near: Box) -> Face | None:
        self.looks.append((frame.number, near))
        hits = [(box, score) for box, score in self.near(frame.number) if distance(box, near) < 30]
        return Face(*hits[0], "recovery", evidence=Evidence("near where it was")) if hits else None

    def only(self, scene: Scene) -> Scene:
        return scene


def frames(count: int) -> Iterator[Frame]:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for i in range(count):
        yield Frame(i, i / RATE, picture)


def reasons(scenes: list[Scene]) -> dict[int, str]:
    """Reason of the evidence of each frame's only face that has one."""
    return {i: f.evidence.reason for i, s in enumerate(scenes) for f in s.faces if f.evidence is not None}


def test_two_faces_keep_their_tracks_through_a_crossing() -> None:
    def sight(i: int) -> Seen:  # they pass each other with 30 pixels between their rows
        return [(square(60 + 5 * i, 100), 0.9), (square(260 - 5 * i, 130), 0.8)]

    scenes = list(watch(frames(40), ToldEyes(sight), RATE))
    assert [scene.time for scene in scenes] == [i / RATE for i in range(40)]
    tracks: dict[float, set[int | None]] = {0.9: set(), 0.8: set()}
    for scene in scenes:
        assert len(scene.faces) == 2
        for face in scene.faces:
            tracks[face.score].add(face.track)
    assert sorted(map(len, tracks.values())) == [1, 1]  # one each, from the very first frame on
    assert tracks[0.9] != tracks[0.8]
    assert None not in tracks[0.9] | tracks[0.8]
    people = [tuple(person.track for person in scene.people) for scene in scenes[2:]]
    assert {frozenset(pair) for pair in people} == {frozenset((0, 1))}


@pytest.mark.parametrize(("reason", "tracked"), [("", True), (TURNED, True), ("activation maps", False)])
def test_a_face_that_the_detector_saw_starts_a_track_a_concluded_one_does_not(reason: str, tracked: bool) -> None:
    eyes = ToldEyes(lambda i: [(square(60 + 4 * i, 100), 0.9)], reason=reason)
    scenes = list(watch(frames(6), eyes, RATE))
    assert [face.track for scene in scenes for face in scene.faces] == [0 if tracked else None] * 6


def test_faces_that_come_together_are_named_from_their_first_sight_on() -> None:
    """Also where the one that was surer at first is not at the second sight."""

    def sight(i: int) -> Seen:
        left, right = (square(60, 100), 0.9 if i == 0 else 0.8), (square(260, 100), 0.8 if i == 0 else 0.9)
        return [left, right] if i == 0 else [right, left]  # the surest first, as in a scene

    scenes = list(watch(frames(4), ToldEyes(sight), RATE))
    tracks = [{face.box: face.track for face in scene.faces} for scene in scenes]
    assert set(tracks[1].values()) == {0, 1}
    assert tracks == [tracks[1]] * 4


def test_a_short_gap_is_filled_on_a_straight_line_and_marked() -> None:
    def sight(i: int) -> Seen:
        return [] if 10 <= i < 15 else [(square(60 + 4 * i, 100), 0.9)]

    scenes = list(watch(frames(30), ToldEyes(sight), RATE, VideoOptions(again=False)))
    assert [len(scene.faces) for scene in scenes] == [1] * 30
    assert reasons(scenes) == dict.fromkeys(range(10, 15), MOTION)
    for i, scene in enumerate(scenes):
        assert distance(scene.faces[0].box, square(60 + 4 * i, 100)) < 0.1
        assert scene.faces[0].track == scenes[0].faces[0].track
        assert (scene.faces[0].found_by == "recovery") == (10 <= i < 15)
        assert scene.people[scene.faces[0].person or 0].box == scene.faces[0].box


def test_a_gap_of_frames_that_all_have_the_same_time_is_filled() -> None:
    def sight(i: int) -> Seen:
        return [] if i in (4, 5, 6) else [(square(60 + 4 * i, 100), 0.9)]

    still = (Frame(frame.number, min(frame.time, 3 / RATE), frame.picture) for frame in frames(9))
    scenes = list(watch(still, ToldEyes(sight), RATE, VideoOptions(again=False)))
    assert reasons(scenes) == dict.fromkeys((4, 5, 6), MOTION)
    for i, scene in enumerate(scenes):
        assert distance(scene.faces[0].box, square(60 + 4 * i, 100)) < 0.1


def test_a_longer_gap_and_an_end_are_not_filled() -> None:
    def sight(i: int) -> Seen:
        return [(square(160, 100), 0.9)] if i < 10 or 19 <= i < 30 else []

    scenes = list(watch(frames(40), ToldEyes(sight), RATE, VideoOptions(again=False, fill=8)))
    assert [len(scene.faces) for scene in scenes] == [1] * 10 + [0] * 9 + [1] * 11 + [0] * 10
    assert len({face.track for scene in scenes for face in scene.faces}) == 1
    longer = list(watch(frames(40), ToldEyes(sight), RATE, VideoOptions(again=False, fill=9)))
    assert [len(scene.faces) for scene in longer] == [1] * 30 + [0] * 10
    none = list(watch(frames(40), ToldEyes(lambda i: sight(i) if i != 5 else []), RATE, VideoOptions(False, False, 0)))
    assert len(none[5].faces) == 0


def test_faint_faces_continue_tracks_but_start_none() -> None:
    def sight(i: int) -> Seen:
        return [(square(80 + 3 * i, 100), 0.9 if i < 8 or i > 15 else 0.2), (square(280, 40), 0.2)]

    scenes = list(watch(frames(25), ToldEyes(sight), RATE))
    assert [len(scene.faces) for scene in scenes] == [1] * 25
    assert reasons(scenes) == dict.fromkeys(range(8, 16), TRACK)
    assert scenes[10].faces[0].score == pytest.approx(0.2)
    assert len({scene.faces[0].track for scene in scenes}) == 1


def test_a_face_that_is_barely_sure_continues_a_track_but_starts_none() -> None:
    def sight(i: int) -> Seen:
        barely = [(square(280, 40), 0.55)] if i < 6 else []
        return [(square(80 + 3 * i, 100), 0.9 if i < 8 else 0.55), *barely]

    scenes = list(watch(frames(20), ToldEyes(sight), RATE))
    assert [len(scene.faces) for scene in scenes] == [2] * 6 + [1] * 14  # it is reported, and not carried on
    assert [scene.faces[1].track for scene in scenes[:6]] == [None] * 6
    assert {scene.faces[0].track for scene in scenes} == {0}
    assert reasons(scenes) == {}


@pytest.mark.parametrize("threshold", [0.0, 0.9, 1.0])
def test_at_any_threshold_the_surest_faces_start_tracks(threshold: float) -> None:
    eyes = ToldEyes(lambda i: [(square(80 + 3 * i, 100), 1.0)], face_threshold=threshold)
    assert {scene.faces[0].track for scene in watch(frames(5), eyes, RATE)} == {0}


def test_a_faint_face_of_another_size_is_not_the_one_that_was_there() -> None:
    def sight(i: int) -> Seen:
        return [(square(100, 100), 0.9)] if i < 8 else [(square(100, 100, 20), 0.2)]

    scenes = list(watch(frames(16), ToldEyes(sight), RATE))
    assert [len(scene.faces) for scene in scenes] == [1] * 8 + [0] * 8


def test_a_lost_face_is_looked_for_where_it_should_be() -> None:
    def sight(i: int) -> Seen:
        return [] if i >= 10 else [(square(60 + 5 * i, 100), 0.9)]

    def near(i: int) -> Seen:
        return [(square(60 + 5 * i, 100), 0.3)] if i < 20 else []

    eyes = ToldEyes(sight, near)
    scenes = list(watch(frames(25), eyes, RATE))
    assert reasons(scenes) == dict.fromkeys(range(10, 20), "near where it was")
    assert [len(scene.faces) for scene in scenes] == [1] * 20 + [0] * 5
    assert {scene.faces[0].track for scene in scenes[:20]} == {0}
    assert [number for number, _ in eyes.looks] == list(range(10, 25))
    for number, place in eyes.looks:  # it moves on, and keeps its size
        assert distance(place, square(60 + 5 * number, 100)) < 6
        assert place[2] - place[0] == pytest.approx(40, abs=0.1)
    alone = ToldEyes(sight, near)
    assert sum(len(s.faces) for s in watch(frames(25), alone, RATE, VideoOptions(again=False))) == 10
    assert alone.looks == []


def test_another_face_where_one_was_lost_is_not_found_twice() -> None:
    def sight(i: int) -> Seen:  # the one behind is hidden by the one that stops in front of it
        behind = [(square(100, 100), 0.9)] if i < 10 else []
        return [*behind, (square(min(20 + 8 * i, 104), 100), 0.8)]

    def near(i: int) -> Seen:
        return [(square(104, 100), 0.8)]

    scenes = list(watch(frames(20), ToldEyes(sight, near), RATE))
    assert [len(scene.faces) for scene in scenes[11:]] == [1] * 9


def test_it_is_looked_for_no_longer_than_a_second_and_not_outside() -> None:
    eyes = ToldEyes(lambda i: [(square(100, 100), 0.9)] if i < 5 else [])
    assert len(list(watch(frames(60), eyes, RATE))) == 60
    assert eyes.looks[-1][0] == 29
    leaving = ToldEyes(lambda i: [(square(300 - 10 * i, 100), 0.9)] if i < 29 else [])
    assert len(list(watch(frames(40), leaving, RATE))) == 40
    assert {number for number, _ in leaving.looks} <= {29}


def test_one_face_a_frame_is_that_of_the_surest_track() -> None:
    def sight(i: int) -> Seen:  # for a moment another face is surer
        other = [(square(250, 60), 0.99)] if 12 <= i < 16 else []
        return [(square(100, 100), 0.8), *other]

    scenes = list(watch(frames(25), ToldEyes(sight), RATE, VideoOptions(one_face=True)))
    assert [len(scene.faces) for scene in scenes] == [1] * 25
    assert {scene.faces[0].score for scene in scenes} == {0.8}


def test_scenes_come_a_few_frames_late_and_no_more_is_read() -> None:
    taken: list[int] = []

    def counted() -> Iterator[Frame]:
        for frame in frames(1000):
            taken.append(frame.number)
            yield frame

    scenes = watch(counted(), ToldEyes(lambda i: []), RATE, VideoOptions(fill=8))
    assert next(scenes).time == 0
    assert len(taken) == 9


def test_frames_that_end_in_an_error_still_all_have_their_scene() -> None:
    def cut() -> Iterator[Frame]:
        yield from frames(12)
        raise CutShort(Path("v"), 12, 20)

    scenes = watch(cut(), ToldEyes(lambda i: [(square(100, 100), 0.9)]), RATE)
    found = [next(scenes) for _ in range(12)]
    assert [scene.time for scene in found] == [i / RATE for i in range(12)]
    with pytest.raises(CutShort):
        next(scenes)


def test_nothing_gives_nothing() -> None:
    assert list(watch(iter(()), ToldEyes(lambda i: []), RATE)) == []
    assert [scene.faces for scene in watch(frames(3), ToldEyes(lambda i: []), RATE)] == [()] * 3
