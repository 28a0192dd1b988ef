"""Whose is it: parts and faces are given to people, and paired parts to a side, by geometry and hierarchy.

The rules, from the top of the hierarchy down; every step is an exact optimum over the whole picture
(:mod:`vitruvian.finders.matching`), so that no result depends on the order of the detections:

1. A head is what belongs together of a ``Human head``, a ``Human face`` and a whole face: one of each, by containment
   and usual place and size.
2. Every ``Human body`` is a person. Heads are given to bodies one to one, by containment and by how well the head
   sits at the body's top (or at either end of a body that lies).
3. A head without a body of its own is a person too, whose box is the extent of its parts; but not if it overlaps
   another head so much (IoU 0.3) that it may well be the same one found twice: that one belongs to nobody.
4. Features of the head (eyes, ears, nose, mouth, hair) are given to heads, limbs (arms, legs) to bodies, hands to arms
   and feet to legs; a hand without an arm and a foot without a leg to bodies. Nobody gets more than two of a pair or
   one of a single part. Features that lie in no head go to a body whose own head was not found.
5. Facial parts are given to the whole face that they lie in and move into it; others stay among the parts.
6. Where another owner would do nearly as well, the part belongs to nobody: it cannot be told.
7. Sides follow from the face (:mod:`vitruvian.finders.sides`); a hand has the side of its arm, a foot of its leg.

A part with a label outside the taxonomy goes to the body that it lies in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.geometry import around, centre, fit, iou
from vitruvian.finders.matching import match_owners
from vitruvian.finders.sides import FaceView, ear_sides, eye_sides, face_view, faces_camera, limb_sides
from vitruvian.scene import Box, Face, Part, Person, Side
from vitruvian.taxonomy import FACIAL_PARTS, PARTS, WHOLE_FACE

_Item = TypeVar("_Item", Part, Face, "_Head")
_Owner = TypeVar("_Owner")

_SAME_HEAD = 0.3
"""IoU from which two heads may well be one, found twice; no two of the 5,052 heads in PASCAL-Person-Part overlap so."""
_EDGE = 0.02
"""A body that ends this near to the picture's lower edge, relative to the picture's height, goes on below it."""
_HEAD_FEATURES = ("Human eye", "Human ear", "Human nose", "Human mouth", "Human hair")
_LIMBS = (("Human arm", "Human hand"), ("Human leg", "Human foot"))


@dataclass(slots=True, eq=False)
class _Head:
    """A head in the making; each box by the label of what was found: Human head, Human face, whole face."""

    boxes: dict[str, Box] = field(default_factory=dict)
    score: float = 0.0
    person: int | None = None

    @property
    def label(self) -> str:
        return next(label for label in ("Human head", "Human face", WHOLE_FACE) if label in self.boxes)

    @property
    def box(self) -> Box:
        return self.boxes[self.label]

    @property
    def face(self) -> Box:
        """Box of its face, or of the head where no face was found."""
        return self.boxes.get("Human face") or self.boxes.get(WHOLE_FACE) or self.box


@dataclass(slots=True, eq=False)
class _Body:
    """A person in the making."""

    box: Box | None
    score: float
    head: _Head | None = None
    cut: bool = False
    boxes: list[Box] = field(default_factory=list)

    @property
    def extent(self) -> Box:
        """Box of its body, or around its head's boxes and parts where no body was found."""
        if self.box is not None:
            return self.box
        return around([*(self.head.boxes.values() if self.head else ()), *self.boxes])


def _weights(
    items: Sequence[_Item], owners: Sequence[_Owner], fitting: Callable[[_Item, _Owner], float]
) -> NDArray[np.float64]:
    """(N, M) float64 of how well each of N items fits each of M owners; of two that fit alike the surer one is real."""
    rows = [[fitting(item, owner) * (0.75 + 0.25 * item.score) for owner in owners] for item in items]
    return np.array(rows, dtype=np.float64).reshape(len(items), len(owners))


def _fit_head(label: str, box: Box, head: _Head) -> float:
    return max(0.0 if label == own else fit(label, box, own, other) for own, other in head.boxes.items())


def _fit_body(label: str, box: Box, body: _Body) -> float:
    return fit(label, box, "Human body", body.box, body.cut) if body.box is not None else 0.0


def assign(
    parts: Sequence[Part], faces: Sequence[Face], width: int, height: int
) -> tuple[tuple[Part, ...], tuple[Face, ...], tuple[Person, ...]]:
    """Give parts and faces to people, and paired parts to a side.

    Args:
        parts: Everything found but whole faces; ``person`` and ``side`` are set anew.
        faces: Whole faces; ``person`` and ``parts`` are set anew.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.

    Returns:
        Parts without those that moved into a face, faces with their parts, and people, each with the highest score
        first. ``person`` is a position in the people returned. All boxes and scores are as they came.

    >>> body, head = Part("Human body", (10, 0, 60, 200), 0.9), Part("Human head", (25, 5, 45, 30), 0.8)
    >>> parts, faces, people = assign([head, body], [], 100, 200)
    >>> [(part.label, part.person) for part in parts], people[0].box
    ([('Human body', 0), ('Human head', 0)], (10.0, 0.0, 60.0, 200.0))
    """
    picture = _Picture(sorted(parts, key=_order), sorted(faces, key=_order), width, height)
    picture.find_heads()
    picture.find_people()
    picture.give_features()
    picture.give_facial_parts()
    picture.give_limbs()
    picture.give_others()
    picture.tell_sides()
    return picture.result()


def _order(item: Part | Face) -> tuple[float, str, Box]:
    return -item.score, item.label if isinstance(item, Part) else "", item.box


class _Picture:
    """The state of one assignment; parts, faces, heads and bodies are spoken of by position."""

    def __init__(self, parts: list[Part], faces: list[Face], width: int, height: int) -> None:
        self.parts, self.faces, self.width, self.height = parts, faces, width, height
        self.heads: list[_Head] = []
        self.bodies: list[_Body] = []
        self.person: dict[int, int] = {}
        self.side: dict[int, Side] = {}
        self.head_of_part: dict[int, _Head] = {}
        self.head_of_face: dict[int, _Head] = {}
        self.face_of_part: dict[int, int] = {}
        self.limb_of_part: dict[int, int] = {}
        self.given: set[int] = set()

    def _of(self, label: str) -> list[int]:
        return [i for i, part in enumerate(self.parts) if part.label == label]

    def find_heads(self) -> None:
        for label in ("Human head", "Human face"):
            indices = self._of(label)
            self.given.update(indices)
            found = self._join(label, [self.parts[i] for i in indices])
            self.head_of_part.update(zip(indices, found, strict=True))
        found = self._join(WHOLE_FACE, self.faces)
        self.head_of_face.update(enumerate(found))

    def _join(self, label: str, items: list[_Item]) -> list[_Head]:
        """Add boxes of one label to the heads that they belong to; those that belong to none become heads."""
        heads = list(self.heads)
        weights = _weights(items, heads, lambda item, head: _fit_head(label, item.box, head))
        joined = match_owners(weights, [1] * len(heads), margin=0.0)
        found = []
        for item, owner in zip(items, joined, strict=True):
            head = _Head() if owner is None else heads[owner]
            if owner is None:
                self.heads.append(head)
            head.boxes[label] = item.box
            head.score = max(head.score, item.score)
            found.append(head)
        return found

    def find_people(self) -> None:
        for i in self._of("Human body"):
            part = self.parts[i]
            self.given.add(i)
            self.person[i] = len(self.bodies)
            cut = part.box[3] >= self.height * (1 - _EDGE)
            self.bodies.append(_Body(part.box, part.score, cut=cut))
        bodies = list(self.bodies)
        weights = _weights(self.heads, bodies, lambda head, body: _fit_body(head.label, head.box, body))
        owners = match_owners(weights, [1] * len(bodies), margin=0.0)
        for head, owner in zip(self.heads, owners, strict=True):
            if owner is not None:
                head.person, bodies[owner].head = owner, head
        alone = [head for head in self.heads if head.person is None]
        for head in sorted(alone, key=lambda head: (-head.score, head.box)):
            if all(iou(head.box, other.box) < _SAME_HEAD for other in self.heads if other.person is not None):
                head.person = len(self.bodies)
                self.bodies.append(_Body(None, head.score, head))
        for i, head in self.head_of_part.items():
            self._own(i, head.person)

    def _own(self, part: int, person: int | None) -> None:
        self.given.add(part)
        if person is not None:
            self.person[part] = person
            self.bodies[person].boxes.append(self.parts[part].box)

    def give_features(self) -> None:
        for label in _HEAD_FEATURES:
            self._give_to_heads(self._of(label), self.heads, 2 if PARTS[label].paired else 1)
            self._give_to_bodies(label, self._ungiven(label), self._headless, 2 if PARTS[label].paired else 1)

    @property
    def _headless(self) -> list[int]:
        return [k for k, body in enumerate(self.bodies) if body.head is None]

    def _ungiven(self, label: str) -> list[int]:
        return [i for i in self._of(label) if i not in self.given]

    def _give_to_heads(self, indices: list[int], heads: list[_Head], most: int) -> None:
        boxes = [self.parts[i] for i in indices]
        weights = _weights(boxes, heads, lambda part, head: _fit_head(part.label, part.box, head))
        owners = match_owners(weights, [most] * len(heads))
        for i, owner, row in zip(indices, owners, weights, strict=True):
            if owner is not None:
                self.head_of_part[i] = heads[owner]
                self._own(i, heads[owner].person)
            elif row.any():  # it lies in a head, only not clearly, or one too many: no body can claim it
                self.given.add(i)

    def _give_to_bodies(self, label: str, indices: list[int], candidates: list[int], most: int) -> None:
        parts = [self.parts[i] for i in indices]
        bodies = [self.bodies[k] for k in candidates]
        used = [sum(self.parts[i].label == label for i, p in self.person.items() if p == k) for k in candidates]
        weights = _weights(parts, bodies, lambda part, body: _fit_body(label, part.box, body))
        for i, owner in zip(indices, match_owners(weights, [max(most - n, 0) for n in used]), strict=True):
            if owner is not None:
                self._own(i, candidates[owner])

    def give_facial_parts(self) -> None:
        for label in FACIAL_PARTS.names:
            indices = self._of(label)
            parts = [self.parts[i] for i in indices]
            weights = _weights(parts, self.faces, lambda part, face: fit(part.label, part.box, WHOLE_FACE, face.box))
            most = 2 if FACIAL_PARTS[label].paired else 1
            for i, owner in zip(indices, match_owners(weights, [most] * len(self.faces)), strict=True):
                if owner is not None:
                    self.face_of_part[i] = owner
                    self._own(i, self.head_of_face[owner].person)
            # Without a whole face around them they belong to a head of which only a face or the head was found.
            faceless = [head for head in self.heads if WHOLE_FACE not in head.boxes]
            self._give_to_heads(self._ungiven(label), faceless, most)
            self._give_to_bodies(label, self._ungiven(label), self._headless, most)

    def give_limbs(self) -> None:
        everyone = list(range(len(self.bodies)))
        for limb, end in _LIMBS:
            limbs, ends = self._of(limb), self._of(end)
            self._give_to_bodies(limb, limbs, everyone, 2)
            self.given.update(limbs)
            weights = _weights(
                [self.parts[i] for i in ends],
                [self.parts[i] for i in limbs],
                lambda end, limb: fit(end.label, end.box, limb.label, limb.box),
            )
            for i, owner in zip(ends, match_owners(weights, [1] * len(limbs), margin=0.0), strict=True):
                if owner is not None:
                    self.limb_of_part[i] = limbs[owner]
                    self._own(i, self.person.get(limbs[owner]))
            self._give_to_bodies(end, self._ungiven(end), everyone, 2)
            self.given.update(ends)

    def give_others(self) -> None:
        others = [i for i in range(len(self.parts)) if i not in self.given and self.parts[i].label not in PARTS]
        for label in sorted({self.parts[i].label for i in others}):
            indices = [i for i in others if self.parts[i].label == label]
            self._give_to_bodies(label, indices, list(range(len(self.bodies))), len(indices))

    def tell_sides(self) -> None:
        for head in self.heads:
            self._tell_head(head)
        for k, body in enumerate(self.bodies):
            if body.box is not None and body.head is not None:
                view = self._view(body.head)
                if faces_camera(view, body.head.box, body.box):
                    self._tell_limbs(k, body.box, body.head.box)

    def _boxes(self, indices: list[int]) -> list[Box]:
        return [self.parts[i].box for i in indices]

    def _tell(self, indices: list[int], sides: Sequence[Side | None]) -> None:
        self.side.update({i: side for i, side in zip(indices, sides, strict=True) if side is not None})

    def _features(self, head: _Head, label: str) -> list[int]:
        return [i for i, owner in self.head_of_part.items() if owner is head and self.parts[i].label == label]

    def _facial(self, head: _Head, label: str) -> list[int]:
        """Facial parts of a head, whether they lie in its whole face or it has none."""
        of_face = [i for i, face in self.face_of_part.items() if self.head_of_face[face] is head]
        return [i for i in of_face if self.parts[i].label == label] + self._features(head, label)

    def _first(self, head: _Head, *labels: str) -> Box | None:
        for label in labels:
            found = self._facial(head, label)
            if found:
                return self.parts[found[0]].box
        return None

    def _view(self, head: _Head) -> FaceView:
        eyes = self._features(head, "Human eye")
        facial_eyes = self._facial(head, "eyes")
        return face_view(
            head.face,
            self._boxes(eyes if len(eyes) >= len(facial_eyes) else facial_eyes),
            self._first(head, "Human nose", "nose"),
            self._first(head, "Human mouth", "mouth"),
            self._first(head, "right face"),
            self._first(head, "left face"),
        )

    def _tell_head(self, head: _Head) -> None:
        view = self._view(head)
        eyes, ears = self._features(head, "Human eye"), self._features(head, "Human ear")
        halves = self._first(head, "right eye face"), self._first(head, "left eye face")
        self._tell(eyes, eye_sides(self._boxes(eyes), view, *halves))
        self._tell(ears, ear_sides(self._boxes(ears), view, self._boxes(eyes)))
        facial = self._facial(head, "eyes")
        self._tell(facial, eye_sides(self._boxes(facial), view, *halves))

    def _tell_limbs(self, person: int, body: Box, head: Box) -> None:
        def of_person(label: str) -> list[int]:
            return [i for i, p in self.person.items() if p == person and self.parts[i].label == label]

        head_x, body_x = centre(head)[0], centre(body)[0]
        arms, legs = of_person("Human arm"), of_person("Human leg")
        self._tell(arms, limb_sides(self._boxes(arms), head_x))
        # Two legs part in the middle between them, wherever the rest of the body leans.
        axis = (head_x + body_x) / 2
        if len(legs) == 2:
            axis = sum(centre(box)[0] for box in self._boxes(legs)) / 2
        self._tell(legs, limb_sides(self._boxes(legs), axis))
        for end in ("Human hand", "Human foot"):
            for i in of_person(end):
                side = self.side.get(self.limb_of_part.get(i, -1))
                self._tell([i], [side])

    def result(self) -> tuple[tuple[Part, ...], tuple[Face, ...], tuple[Person, ...]]:
        people = [Person(body.extent, body.score) for body in self.bodies]
        order = sorted(range(len(people)), key=lambda k: (-people[k].score, people[k].box))
        rank = {k: position for position, k in enumerate(order)}

        def owned(i: int) -> Part:
            person = rank[self.person[i]] if i in self.person else None
            return replace(self.parts[i], person=person, side=self.side.get(i))

        faces = []
        for k, face in enumerate(self.faces):
            person = self.head_of_face[k].person
            inside = tuple(owned(i) for i in sorted(i for i, owner in self.face_of_part.items() if owner == k))
            faces.append(replace(face, person=None if person is None else rank[person], parts=inside))
        parts = tuple(owned(i) for i in range(len(self.parts)) if i not in self.face_of_part)
        return parts, tuple(faces), tuple(people[k] for k in order)
