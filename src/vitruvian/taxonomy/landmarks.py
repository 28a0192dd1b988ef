"""Landmark protocols: which point of a face is which, for the 68, 58, 73 and 98 point ways of marking one.

Indices are 0-based, in the order of the published files. ``right`` and ``left`` are the subject's own sides, so on a
frontal face that is not mirrored ``right_eye`` lies to the left in the picture.

Sources: iBUG 68 as used by 300-W (Sagonas et al. 2013); IMM 58 (Nordstrøm et al. 2004) and the 73 points of the frontal
AAM faces in the same ``.asf`` format, both read off the published files; WFLW 98 (Wu et al. 2018, "Look at Boundary").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Outline:
    """A line to draw through landmarks.

    Attributes:
        points: Indices in drawing order.
        closed: True when the last point joins the first.
    """

    points: tuple[int, ...]
    closed: bool


@dataclass(frozen=True, slots=True)
class FacialPart:
    """One of the facial parts as a set of landmarks; its box is the smallest around them.

    Attributes:
        label: Its class in :data:`vitruvian.taxonomy.FACIAL_PARTS`.
        points: Landmark indices, ascending.
        side: ``"right"`` or ``"left"`` for a single eye (whose label names no side), else None.
    """

    label: str
    points: tuple[int, ...]
    side: str | None = None


@dataclass(frozen=True)
class LandmarkProtocol:
    """A fixed list of facial landmarks and what is known about each.

    Attributes:
        name: Short name, e.g. ``"ibug68"``.
        points: How many there are.
        mirror: Permutation: landmark ``i`` of a mirrored face is landmark ``mirror[i]`` of the original.
        parts: Indices by feature: ``jaw`` (from the right ear over the chin to the left ear), ``right_brow``,
            ``left_brow``, ``nose``, ``right_eye``, ``left_eye``, ``outer_lip``, ``inner_lip`` (may be empty),
            ``right_pupil``, ``left_pupil`` (may be empty). Every landmark is in exactly one.
        chin: Index of the lowest jaw point, where the right and the left side of the face meet.
        mouth_corners: Indices of the right and the left corner of the mouth.
        outer_eye_corners: Indices of the right and the left outer eye corner; NME "by outer eye corners"
            (inter-ocular) is divided by their distance.
        outlines: Lines to draw.

    Raises:
        ValueError: if ``mirror`` is no involution of all points or ``parts`` do not cover each point once.

    >>> IBUG68.parts["right_eye"], IBUG68.mirror[36]
    ((36, 37, 38, 39, 40, 41), 45)
    """

    name: str
    points: int
    mirror: tuple[int, ...]
    parts: Mapping[str, tuple[int, ...]] = field(hash=False)
    chin: int
    mouth_corners: tuple[int, int]
    outer_eye_corners: tuple[int, int]
    outlines: tuple[Outline, ...]

    def __post_init__(self) -> None:
        everyone = list(range(self.points))
        if sorted(self.mirror) != everyone or any(self.mirror[self.mirror[i]] != i for i in everyone):
            raise ValueError(f"{self.name}: mirroring twice does not give every landmark back")
        if sorted(i for indices in self.parts.values() for i in indices) != everyone:
            raise ValueError(f"{self.name}: the parts do not hold every landmark exactly once")

    @property
    def mouth(self) -> tuple[int, ...]:
        """Indices of both lips."""
        return self.parts["outer_lip"] + self.parts["inner_lip"]

    @property
    def pupils(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Indices whose mean is the centre of the right and of the left eye.

        NME "by pupils" is divided by the distance of these means: the marked pupils where the protocol has them,
        else the mean of the eye's outline, as 300-W does.
        """
        right, left = self.parts["right_pupil"], self.parts["left_pupil"]
        return (right, left) if right else (self.parts["right_eye"], self.parts["left_eye"])

    @cached_property
    def facial_parts(self) -> tuple[FacialPart, ...]:
        """The ten facial parts by their landmarks; ``eyes`` comes twice, once a side.

        Defined for 68 points by the occluded-face thesis (section 4.1) and carried over by anatomy: the half faces run
        along the jaw to the chin and take in the corner of the mouth. The jaw of IMM's 58 and of the 73 points begins
        at the ear lobe and not beside the eye, so their whole and half faces begin lower than those of 68 and 98.
        """
        jaw, middle = self.parts["jaw"], self.parts["jaw"].index(self.chin)
        right_face = (*jaw[: middle + 1], self.mouth_corners[0])
        left_face = (*jaw[middle:], self.mouth_corners[1])
        right_eye, left_eye, nose = self.parts["right_eye"], self.parts["left_eye"], self.parts["nose"]

        def part(label: str, points: Iterable[int], side: str | None = None) -> FacialPart:
            return FacialPart(label, tuple(sorted(points)), side)

        return (
            part("eyes", right_eye, "right"),
            part("eyes", left_eye, "left"),
            part("nose", nose),
            part("whole face", range(self.points)),
            part("right face", right_face),
            part("left face", left_face),
            part("brows", self.parts["right_brow"] + self.parts["left_brow"]),
            part("left eye face", left_eye + left_face),
            part("right eye face", right_eye + right_face),
            part("eyes nose", right_eye + left_eye + nose),
            part("mouth", self.mouth),
        )


def _mirror(points: int, *chains: Iterable[int]) -> tuple[int, ...]:
    """The permutation in which each chain, read from the subject's right to the left, turns round.

    A landmark in no chain lies on the midline and stays.
    """
    permutation = list(range(points))
    for chain in map(list, chains):
        for index, partner in zip(chain, reversed(chain), strict=True):
            permutation[index] = partner
    return tuple(permutation)


def _span(first: int, last: int) -> tuple[int, ...]:
    """Indices from ``first`` to ``last``, both included, upwards or downwards."""
    step = 1 if last >= first else -1
    return tuple(range(first, last + step, step))


IBUG68 = LandmarkProtocol(
    name="ibug68",
    points=68,
    mirror=_mirror(
        68,
        _span(0, 16),
        _span(17, 26),
        _span(31, 35),
        _span(36, 39) + _span(42, 45),
        (40, 41, 46, 47),
        _span(48, 54),
        _span(55, 59),
        _span(60, 64),
        _span(65, 67),
    ),
    parts={
        "jaw": _span(0, 16),
        "right_brow": _span(17, 21),
        "left_brow": _span(22, 26),
        "nose": _span(27, 35),
        "right_eye": _span(36, 41),
        "left_eye": _span(42, 47),
        "outer_lip": _span(48, 59),
        "inner_lip": _span(60, 67),
        "right_pupil": (),
        "left_pupil": (),
    },
    chin=8,
    mouth_corners=(48, 54),
    outer_eye_corners=(36, 45),
    outlines=(
        Outline(_span(0, 16), closed=False),
        Outline(_span(17, 21), closed=False),
        Outline(_span(22, 26), closed=False),
        Outline(_span(27, 30), closed=False),
        Outline(_span(31, 35), closed=False),
        Outline(_span(36, 41), closed=True),
        Outline(_span(42, 47), closed=True),
        Outline(_span(48, 59), closed=True),
        Outline(_span(60, 67), closed=True),
    ),
)
"""iBUG's 68 points, as in 300-W, HELEN, LFPW and MERL-RAV."""

IMM58 = LandmarkProtocol(
    name="imm58",
    points=58,
    mirror=_mirror(
        58,
        _span(0, 12),
        _span(21, 28) + _span(20, 13),
        _span(34, 38) + _span(33, 29),
        _span(39, 43),
        _span(44, 46),
        _span(47, 57),
    ),
    parts={
        "jaw": _span(0, 12),
        "left_eye": _span(13, 20),
        "right_eye": _span(21, 28),
        "left_brow": _span(29, 33),
        "right_brow": _span(34, 38),
        "outer_lip": _span(39, 46),
        "inner_lip": (),
        "nose": _span(47, 57),
        "right_pupil": (),
        "left_pupil": (),
    },
    chin=6,
    mouth_corners=(39, 43),
    outer_eye_corners=(21, 13),
    outlines=(
        Outline(_span(0, 12), closed=False),
        Outline(_span(13, 20), closed=True),
        Outline(_span(21, 28), closed=True),
        Outline(_span(29, 33), closed=False),
        Outline(_span(34, 38), closed=False),
        Outline(_span(39, 46), closed=True),
        Outline(_span(47, 57), closed=False),
    ),
)
"""The 58 points of the IMM face database."""

AAM73 = LandmarkProtocol(
    name="aam73",
    points=73,
    mirror=_mirror(
        73,
        (*_span(0, 4), *_span(12, 15), 8),
        _span(5, 7) + _span(9, 11),
        (*_span(16, 20), *_span(28, 31), 24),
        _span(21, 23) + _span(25, 27),
        (32, 33),
        _span(34, 44),
        _span(46, 52),
        _span(53, 55),
        _span(56, 58),
        _span(59, 61),
        _span(62, 72),
    ),
    parts={
        "right_brow": _span(0, 7),
        "left_brow": _span(8, 15),
        "right_eye": _span(16, 23),
        "left_eye": _span(24, 31),
        "right_pupil": (32,),
        "left_pupil": (33,),
        "nose": _span(34, 45),
        "outer_lip": _span(46, 55),
        "inner_lip": _span(56, 61),
        "jaw": _span(62, 72),
    },
    chin=67,
    mouth_corners=(46, 52),
    outer_eye_corners=(16, 24),
    outlines=(
        Outline(_span(0, 7), closed=True),
        Outline(_span(8, 15), closed=True),
        Outline(_span(16, 23), closed=True),
        Outline(_span(24, 31), closed=True),
        Outline(_span(34, 44), closed=False),
        Outline(_span(46, 55), closed=True),
        Outline((*_span(56, 58), *_span(61, 59)), closed=True),
        Outline(_span(62, 72), closed=False),
    ),
)
"""The 73 points of the frontal AAM faces; the nose is drawn from the subject's left, its last point is the tip."""

WFLW98 = LandmarkProtocol(
    name="wflw98",
    points=98,
    mirror=_mirror(
        98,
        _span(0, 32),
        _span(33, 37) + _span(42, 46),
        _span(38, 41) + _span(47, 50),
        _span(55, 59),
        _span(60, 64) + _span(68, 72),
        _span(65, 67) + _span(73, 75),
        _span(76, 82),
        _span(83, 87),
        _span(88, 92),
        _span(93, 95),
        (96, 97),
    ),
    parts={
        "jaw": _span(0, 32),
        "right_brow": _span(33, 41),
        "left_brow": _span(42, 50),
        "nose": _span(51, 59),
        "right_eye": _span(60, 67),
        "left_eye": _span(68, 75),
        "outer_lip": _span(76, 87),
        "inner_lip": _span(88, 95),
        "right_pupil": (96,),
        "left_pupil": (97,),
    },
    chin=16,
    mouth_corners=(76, 82),
    outer_eye_corners=(60, 72),
    outlines=(
        Outline(_span(0, 32), closed=False),
        Outline(_span(33, 41), closed=True),
        Outline(_span(42, 50), closed=True),
        Outline(_span(51, 54), closed=False),
        Outline(_span(55, 59), closed=False),
        Outline(_span(60, 67), closed=True),
        Outline(_span(68, 75), closed=True),
        Outline(_span(76, 87), closed=True),
        Outline(_span(88, 95), closed=True),
    ),
)
"""The 98 points of WFLW."""

LANDMARK_PROTOCOLS = (IBUG68, IMM58, AAM73, WFLW98)
"""Every protocol."""


def landmark_protocol(points: int) -> LandmarkProtocol:
    """The protocol with that many points.

    Raises:
        ValueError: if none has.

    >>> landmark_protocol(98).name
    'wflw98'
    """
    for protocol in LANDMARK_PROTOCOLS:
        if protocol.points == points:
            return protocol
    known = ", ".join(str(protocol.points) for protocol in LANDMARK_PROTOCOLS)
    raise ValueError(f"no landmark protocol has {points} points; known are {known}")
