"""The scene: everything found in one picture, and its JSON.

The JSON form is published as a JSON Schema (draft 2020-12, :func:`json_schema`) and named by :data:`SCHEMA_VERSION`,
which every file carries. Writing and reading loses nothing: numbers keep every digit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

from vitruvian.scene.checks import SceneError, all_of, items_of, kind_of, mapping_of, number, put, whole
from vitruvian.scene.types import Activity, Evidence, Face, HeadPose, Part, Person

SCHEMA_VERSION = "vitruvian.scene/1"
"""Value of the field ``schema`` in every file that this version writes and reads."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything found in one picture.

    Attributes:
        image: Path or name of the picture, or None where it had none.
        width, height: Its size in pixels after EXIF orientation.
        parts: Parts of bodies; facial parts that lie in a face are in :attr:`Face.parts`.
        faces: Whole faces.
        people: Parts and faces refer to them by position.
        activity: What the people may be doing, best first.
        time: Seconds from the start of the video, or None for a still picture.

    Raises:
        SceneError: if a field is wrong, or a part or face belongs to a person who is not there.

    >>> scene = Scene("cat.jpg", 640, 480)
    >>> Scene.from_json(scene.to_json()) == scene
    True
    """

    image: str | None
    width: int
    height: int
    parts: tuple[Part, ...] = ()
    faces: tuple[Face, ...] = ()
    people: tuple[Person, ...] = ()
    activity: tuple[Activity, ...] = ()
    time: float | None = None

    def __post_init__(self) -> None:
        if self.image is not None and not isinstance(self.image, str):
            raise SceneError(f"image: must be null or a text, not {kind_of(self.image)}")
        put(self, "width", whole(self.width, "width", 1))
        put(self, "height", whole(self.height, "height", 1))
        for name, kind in _LISTS[Scene].items():
            put(self, name, all_of(getattr(self, name), kind, name))
        if self.time is not None:
            put(self, "time", number(self.time, "time"))
        for i, part in enumerate(self.parts):
            self._check_person(part.person, f"parts[{i}].person")
        for i, face in enumerate(self.faces):
            self._check_person(face.person, f"faces[{i}].person")
            for j, part in enumerate(face.parts):
                self._check_person(part.person, f"faces[{i}].parts[{j}].person")

    def _check_person(self, person: int | None, path: str) -> None:
        if person is not None and person >= len(self.people):
            raise SceneError(f"{path}: there is no person {person} among {len(self.people)}")

    def to_dict(self) -> dict[str, Any]:
        """The scene as plain JSON values; :meth:`from_dict` gives it back."""
        return {"schema": SCHEMA_VERSION, **_plain(self)}

    def to_json(self, indent: int | None = None) -> str:
        """The scene as JSON text, on one line unless ``indent`` is given."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False)

    @classmethod
    def from_dict(cls, raw: object) -> Scene:
        """Read a scene from plain JSON values.

        Raises:
            SceneError: at the first wrong, missing or unknown field; the message begins with its path.
        """
        values = dict(mapping_of(raw, "scene"))
        if values.get("schema") != SCHEMA_VERSION:
            raise SceneError(f"schema: must be {SCHEMA_VERSION!r}, not {kind_of(values.get('schema'))}")
        del values["schema"]
        scene: Scene = _read(values, cls, "")
        return scene

    @classmethod
    def from_json(cls, text: str | bytes) -> Scene:
        """Read a scene from JSON text.

        Raises:
            SceneError: if it is no JSON or no scene.
        """
        try:
            raw = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SceneError(f"scene: not valid JSON: {error}") from error
        return cls.from_dict(raw)


_LISTS: Mapping[type, Mapping[str, type]] = {
    Scene: {"parts": Part, "faces": Face, "people": Person, "activity": Activity},
    Face: {"parts": Part},
}
_OBJECTS: Mapping[type, Mapping[str, type]] = {Face: {"evidence": Evidence, "head_pose": HeadPose}}
_RESULTS = (Scene, Face, Part, Person, Activity, Evidence, HeadPose)


def _plain(value: object) -> Any:
    if isinstance(value, _RESULTS):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _read(raw: object, kind: type, path: str) -> Any:
    """Make a ``kind`` of a JSON object; ``path`` leads to it and is empty for the scene itself."""
    values = dict(mapping_of(raw, path or "scene"))
    names = [f.name for f in fields(kind)]
    prefix = f"{path}." if path else ""
    for name in names:
        if name not in values:
            raise SceneError(f"{prefix}{name}: is missing")
    for name in values:
        if name not in names:
            raise SceneError(f"{prefix}{name}: is not a field of schema {SCHEMA_VERSION}")
    for name, inner in _LISTS.get(kind, {}).items():
        rows = items_of(values[name], prefix + name)
        values[name] = tuple(_read(row, inner, f"{prefix}{name}[{i}]") for i, row in enumerate(rows))
    for name, inner in _OBJECTS.get(kind, {}).items():
        if values[name] is not None:
            values[name] = _read(values[name], inner, prefix + name)
    try:
        return kind(**values)
    except SceneError as error:
        raise SceneError(f"{prefix}{error}") from None


def json_schema() -> dict[str, Any]:
    """The published JSON Schema of :meth:`Scene.to_dict`.

    >>> json_schema()["properties"]["schema"]
    {'const': 'vitruvian.scene/1'}
    """
    text = (files("vitruvian.scene") / "schema" / "scene-1.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
