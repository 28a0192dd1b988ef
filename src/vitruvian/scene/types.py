"""What the system says about one picture: frozen, plain, checked values.

Boxes are ``(x1, y1, x2, y2)`` and points ``(x, y)`` in pixels of the original picture after EXIF orientation, x to the
right and y down, and may reach beyond its border. Scores lie in 0..1. ``left`` and ``right`` are the subject's own.

Every class checks its fields when it is made, and turns numpy values and sequences into plain floats and tuples, so
that two equal results compare equal wherever they come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from vitruvian.scene.checks import (
    Box,
    SceneError,
    all_of,
    box,
    choice,
    index,
    items_of,
    mapping_of,
    number,
    numbers,
    optional,
    put,
    text,
    unit,
)
from vitruvian.taxonomy import LANDMARK_PROTOCOLS

Side = Literal["left", "right"]
"""The subject's own side."""

FoundBy = Literal["first_pass", "recovery"]
"""Which pass of the pipeline found a face."""

_LANDMARK_COUNTS = tuple(protocol.points for protocol in LANDMARK_PROTOCOLS)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a body or face.

    Attributes:
        label: Name of its class, e.g. ``"Human eye"``.
        box: ``xyxy`` pixels.
        score: Confidence.
        side: The subject's side of a paired part, or None where it is not paired or cannot be told.
        person: Index into :attr:`Scene.people`, or None where it cannot be told.

    Raises:
        SceneError: if a field is wrong.

    >>> Part("Human nose", (10, 20, 30, 40), 0.9).box
    (10.0, 20.0, 30.0, 40.0)
    """

    label: str
    box: Box
    score: float
    side: Side | None = None
    person: int | None = None

    def __post_init__(self) -> None:
        text(self.label, "label")
        put(self, "box", box(self.box))
        put(self, "score", unit(self.score, "score"))
        choice(self.side, ("left", "right", None), "side")
        put(self, "person", index(self.person, "person"))


@dataclass(frozen=True, slots=True)
class HeadPose:
    """Rotation of a head in degrees, zero when it looks straight at the camera.

    Attributes:
        yaw: Turned to the subject's own left is positive.
        pitch: Looking up is positive.
        roll: Tilted towards the subject's own right shoulder is positive.
    """

    yaw: float
    pitch: float
    roll: float

    def __post_init__(self) -> None:
        for name in ("yaw", "pitch", "roll"):
            put(self, name, number(getattr(self, name), name))


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a face is believed where the first pass had not found it.

    Attributes:
        reason: What spoke for it, e.g. ``"activation maps"`` or ``"head without a face"``.
        parts: Labels of the facial parts that fired, and of the head around it, with the strength of each, 0..1.
    """

    reason: str
    parts: Mapping[str, float] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        text(self.reason, "reason")
        parts = mapping_of(self.parts, "parts")
        put(self, "parts", {label: unit(score, f"parts.{label}") for label, score in parts.items()})


@dataclass(frozen=True, slots=True)
class Face:
    """One whole face, brows to chin and cheek to cheek.

    Attributes:
        box: ``xyxy`` pixels.
        score: Confidence.
        found_by: Pass of the pipeline that found it.
        person: Index into :attr:`Scene.people`, or None where it cannot be told.
        parts: Facial parts that lie in it.
        evidence: For a recovered face, what spoke for it.
        landmarks: ``(x, y)`` of each landmark in the order of the protocol with that many points, or None.
        landmark_scores: Confidence of each landmark, or None.
        head_pose: Rotation of the head, or None.
        track: Number of the face's track in a video, or None.

    Raises:
        SceneError: if a field is wrong.
    """

    box: Box
    score: float
    found_by: FoundBy = "first_pass"
    person: int | None = None
    parts: tuple[Part, ...] = ()
    evidence: Evidence | None = None
    landmarks: tuple[tuple[float, float], ...] | None = None
    landmark_scores: tuple[float, ...] | None = None
    head_pose: HeadPose | None = None
    track: int | None = None

    def __post_init__(self) -> None:
        put(self, "box", box(self.box))
        put(self, "score", unit(self.score, "score"))
        choice(self.found_by, ("first_pass", "recovery"), "found_by")
        put(self, "person", index(self.person, "person"))
        put(self, "parts", all_of(self.parts, Part, "parts"))
        optional(self.evidence, Evidence, "evidence")
        optional(self.head_pose, HeadPose, "head_pose")
        put(self, "track", index(self.track, "track"))
        if self.landmarks is not None:
            points = items_of(self.landmarks, "landmarks")
            if len(points) not in _LANDMARK_COUNTS:
                counts = ", ".join(map(str, sorted(_LANDMARK_COUNTS)))
                raise SceneError(f"landmarks: {len(points)} points; a protocol has one of {counts}")
            put(self, "landmarks", tuple(numbers(xy, 2, f"landmarks[{i}]") for i, xy in enumerate(points)))
        if self.landmark_scores is not None:
            scores = items_of(self.landmark_scores, "landmark_scores")
            if self.landmarks is None or len(scores) != len(self.landmarks):
                raise SceneError("landmark_scores: there must be one for every landmark")
            put(self, "landmark_scores", tuple(unit(s, f"landmark_scores[{i}]") for i, s in enumerate(scores)))


@dataclass(frozen=True, slots=True)
class Person:
    """One person.

    Attributes:
        box: ``xyxy`` pixels: of the body, or where only a head or face was found, around the person's parts.
        score: Confidence.
        joints: ``(x, y, score)`` by joint name, e.g. ``"left_shoulder"``; empty where no pose was asked for.
        track: Number of the person's track in a video, or None.

    Raises:
        SceneError: if a field is wrong.
    """

    box: Box
    score: float
    joints: Mapping[str, tuple[float, float, float]] = field(default_factory=dict, hash=False)
    track: int | None = None

    def __post_init__(self) -> None:
        put(self, "box", box(self.box))
        put(self, "score", unit(self.score, "score"))
        put(self, "track", index(self.track, "track"))
        joints = {}
        for name, joint in mapping_of(self.joints, "joints").items():
            x, y, score = numbers(joint, 3, f"joints.{name}")
            joints[name] = (x, y, unit(score, f"joints.{name}[2]"))
        put(self, "joints", joints)


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that people in the picture may be doing, with its probability as ``score``."""

    label: str
    score: float

    def __post_init__(self) -> None:
        text(self.label, "label")
        put(self, "score", unit(self.score, "score"))
