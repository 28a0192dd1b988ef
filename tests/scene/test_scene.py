"""The scene: lossless JSON, one schema, and errors that say where."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from vitruvian.scene import (
    SCHEMA_VERSION,
    Activity,
    Evidence,
    Face,
    HeadPose,
    Part,
    Person,
    Scene,
    SceneError,
    json_schema,
)
from vitruvian.taxonomy import COCO17, LANDMARK_PROTOCOLS, PARTS

VALIDATOR = Draft202012Validator(json_schema())

finite = st.floats(-1e6, 1e6, allow_nan=False)
unit = st.floats(0, 1)
points = st.tuples(finite, finite)
boxes = st.tuples(points, points).map(
    lambda p: (min(p[0][0], p[1][0]), min(p[0][1], p[1][1]), max(p[0][0], p[1][0]), max(p[0][1], p[1][1]))
)
labels = st.sampled_from(PARTS.names) | st.text(min_size=1, max_size=8)
tracks = st.none() | st.integers(0, 10**9)


def parts(people: int) -> st.SearchStrategy[Part]:
    person = st.none() | st.integers(0, people - 1) if people else st.none()
    return st.builds(Part, labels, boxes, unit, st.sampled_from(("left", "right", None)), person)


@st.composite
def faces(draw: st.DrawFn, people: int) -> Face:
    count = draw(st.sampled_from([None, *(protocol.points for protocol in LANDMARK_PROTOCOLS)]))
    landmarks, scores = None, None
    if count is not None:
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        landmarks = tuple(map(tuple, rng.normal(scale=1000, size=(count, 2)).tolist()))
        scores = draw(st.none() | st.just(tuple(rng.random(count).tolist())))
    return Face(
        draw(boxes),
        draw(unit),
        draw(st.sampled_from(("first_pass", "recovery"))),
        draw(st.none() | st.integers(0, people - 1)) if people else None,
        tuple(draw(st.lists(parts(people), max_size=2))),
        draw(st.none() | st.builds(Evidence, st.just("maps"), st.dictionaries(labels, unit, max_size=3))),
        landmarks,
        scores,
        draw(st.none() | st.builds(HeadPose, finite, finite, finite)),
        draw(tracks),
    )


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    joints = st.dictionaries(st.sampled_from(COCO17.joints), st.tuples(finite, finite, unit), max_size=3)
    people = tuple(draw(st.lists(st.builds(Person, boxes, unit, joints, tracks), max_size=3)))
    return Scene(
        draw(st.none() | st.text(max_size=10)),
        draw(st.integers(1, 10**5)),
        draw(st.integers(1, 10**5)),
        tuple(draw(st.lists(parts(len(people)), max_size=3))),
        tuple(draw(st.lists(faces(len(people)), max_size=2))),
        people,
        tuple(draw(st.lists(st.builds(Activity, labels, unit), max_size=2))),
        draw(st.none() | finite),
    )


def full_scene() -> Scene:
    part = Part("Human eye", (1, 2, 3, 4), 0.5, "left", 0)
    face = Face(
        (0, 0, 9, 9), 0.75, "recovery", 0, (part,), Evidence("maps", {"nose": 0.25}),
        [(i, i + 0.1) for i in range(68)], [0.5] * 68, HeadPose(-10.5, 3, 0), 7,
    )  # fmt: skip
    person = Person((0, 0, 20, 40), 0.9, {"head_top": (5, 0.1, 0.3)}, 7)
    return Scene("a/b.jpg", 64, 48, (part,), (face,), (person,), (Activity("running", 0.5),), 1.25)


@settings(max_examples=40, deadline=None)
@given(scenes())
def test_json_round_trip_loses_nothing_and_keeps_to_the_published_schema(scene: Scene) -> None:
    text = scene.to_json()
    assert Scene.from_json(text) == scene
    assert Scene.from_json(text.encode()) == scene
    assert Scene.from_json(text).to_json() == text
    assert not [error.message for error in VALIDATOR.iter_errors(json.loads(text))]


def test_the_json_has_the_published_fields_in_their_order() -> None:
    raw = full_scene().to_dict()
    assert list(raw) == ["schema", "image", "width", "height", "parts", "faces", "people", "activity", "time"]
    assert raw["schema"] == SCHEMA_VERSION == "vitruvian.scene/1"
    assert raw["parts"] == [{"label": "Human eye", "box": [1, 2, 3, 4], "score": 0.5, "side": "left", "person": 0}]
    assert list(raw["faces"][0]) == [
        *("box", "score", "found_by", "person", "parts", "evidence"),
        *("landmarks", "landmark_scores", "head_pose", "track"),
    ]
    assert raw["faces"][0]["landmarks"][67] == [67, 67.1]
    assert raw["people"] == [{"box": [0, 0, 20, 40], "score": 0.9, "joints": {"head_top": [5, 0.1, 0.3]}, "track": 7}]
    assert raw["activity"] == [{"label": "running", "score": 0.5}]
    assert raw["time"] == 1.25


def test_the_schema_itself_is_valid_and_an_empty_scene_keeps_to_it() -> None:
    Draft202012Validator.check_schema(json_schema())
    VALIDATOR.validate(Scene(None, 1, 1).to_dict())


def test_numpy_values_become_plain_ones_and_float32_keeps_its_value() -> None:
    box = np.array([0.1, 0.2, 30.7, 40], dtype=np.float32)
    scene = Scene("x", np.int64(5), np.int32(6), [Part("Human nose", box, np.float32(0.3))])
    assert scene.parts[0].box == tuple(float(v) for v in box)
    assert type(scene.parts[0].box[0]) is float
    assert type(scene.width) is int
    assert Scene.from_json(scene.to_json()) == scene


def _set(raw: Any, path: tuple[str | int, ...], value: Any) -> None:
    for step in path[:-1]:
        raw = raw[step]
    raw[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("schema",), "vitruvian.scene/2", "schema: must be 'vitruvian.scene/1', not str 'vitruvian.scene/2'"),
        (("width",), 0, "width: must be a whole number from 1, not int 0"),
        (("height",), 4.5, "height: must be a whole number from 1"),
        (("height",), True, "height: must be a whole number from 1"),
        (("image",), 3, "image: must be null or a text"),
        (("parts",), None, "parts: must be a list, not null"),
        (("parts", 0), [], "parts[0]: must be an object"),
        (("parts", 0, "label"), "", "parts[0].label: must be a non-empty text"),
        (("parts", 0, "box"), [1, 2, 3], "parts[0].box: must hold 4 numbers, not 3"),
        (("parts", 0, "box", 2), "3", "parts[0].box[2]: must be a finite number, not str '3'"),
        (("parts", 0, "box", 2), 0, "parts[0].box: the second corner lies before the first"),
        (("parts", 0, "box", 2), float("nan"), "parts[0].box[2]: must be a finite number"),
        (("parts", 0, "box", 2), 10**400, "parts[0].box[2]: must be a finite number"),
        (("parts", 0, "score"), 1.5, "parts[0].score: must lie between 0 and 1, not 1.5"),
        (("parts", 0, "side"), "up", "parts[0].side: must be one of 'left', 'right', null"),
        (("parts", 0, "person"), 1, "parts[0].person: there is no person 1 among 1"),
        (("parts", 0, "person"), -1, "parts[0].person: must be a whole number from 0"),
        (("parts", 0, "colour"), "red", "parts[0].colour: is not a field"),
        (("faces", 0, "found_by"), "luck", "faces[0].found_by: must be one of"),
        (("faces", 0, "person"), 4, "faces[0].person: there is no person 4 among 1"),
        (("faces", 0, "parts", 0, "score"), None, "faces[0].parts[0].score: must be a finite number, not null"),
        (("faces", 0, "parts", 0, "person"), 2, "faces[0].parts[0].person: there is no person 2"),
        (("faces", 0, "landmarks"), [[1, 2]], "faces[0].landmarks: 1 points; a protocol has one of 58, 68, 73, 98"),
        (("faces", 0, "landmarks", 5), [1], "faces[0].landmarks[5]: must hold 2 numbers"),
        (("faces", 0, "landmarks"), None, "faces[0].landmark_scores: there must be one for every landmark"),
        (("faces", 0, "evidence"), "x", "faces[0].evidence: must be an object"),
        (("faces", 0, "evidence", "parts", "nose"), 2, "faces[0].evidence.parts.nose: must lie between 0 and 1"),
        (("faces", 0, "head_pose", "yaw"), None, "faces[0].head_pose.yaw: must be a finite number"),
        (("people", 0, "joints", "head_top"), [1, 2], "people[0].joints.head_top: must hold 3 numbers"),
        (("people", 0, "joints", "head_top"), [1, 2, 7], "people[0].joints.head_top[2]: must lie between 0 and 1"),
        (("people", 0, "track"), 1.5, "people[0].track: must be a whole number"),
        (("activity", 0, "score"), "a", "activity[0].score: must be a finite number"),
        (("time",), "now", "time: must be a finite number"),
    ],
)
def test_a_wrong_field_gives_one_line_with_its_path(path: tuple[str | int, ...], value: Any, message: str) -> None:
    raw = full_scene().to_dict()
    _set(raw, path, value)
    with pytest.raises(SceneError) as caught:
        Scene.from_dict(raw)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def _places(raw: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    steps = raw.items() if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ()
    found: list[tuple[str | int, ...]] = [path] if path else []
    for step, value in steps:
        found += _places(value, (*path, step))
    return found


PLACES = [place for place in _places(full_scene().to_dict()) if not {"landmarks", "landmark_scores"} & {*place[:-1]}]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(PLACES),
    st.sampled_from(["remove", None, True, -3, 0.5, 1234.5, "", "text", [], {}, [1, 2, 3, 4], {"a": 1}]),
)
def test_reader_and_schema_refuse_the_same_files(place: tuple[str | int, ...], change: Any) -> None:
    raw = copy.deepcopy(full_scene().to_dict())
    holder = raw
    for step in place[:-1]:
        holder = holder[step]
    if change == "remove":
        del holder[place[-1]]
    else:
        holder[place[-1]] = change
    try:
        Scene.from_dict(raw)
        reads = True
    except SceneError as error:
        reads = False
        # What no JSON Schema can say: references, the order of corners, and lists of equal length.
        beyond = ("there is no person", "second corner", "one for every landmark")
        if any(words in str(error) for words in beyond):
            return
    assert reads == VALIDATOR.is_valid(raw)


@pytest.mark.parametrize("field", list(full_scene().to_dict())[1:])
def test_a_missing_field_is_named(field: str) -> None:
    raw = full_scene().to_dict()
    del raw[field]
    with pytest.raises(SceneError, match=f"^{field}: is missing$"):
        Scene.from_dict(raw)


@pytest.mark.parametrize("text", ["", "{", "[1", "nul", b"\xff", "[" * 100_000])
def test_what_is_no_json_is_one_clear_error(text: str | bytes) -> None:
    with pytest.raises(SceneError, match="scene: not valid JSON"):
        Scene.from_json(text)


@pytest.mark.parametrize("text", ["[]", "3", "null", '"x"'])
def test_what_is_json_but_no_object(text: str) -> None:
    with pytest.raises(SceneError, match="scene: must be an object"):
        Scene.from_json(text)
