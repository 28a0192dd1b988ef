"""Who speaks for a face that a second look proposes, besides the reader of the maps itself.

Three further witnesses are heard: the first pass's own score at that place, however low; facial parts that agree on the
box; and a head that was found without its face, which is the more reason to believe in one. Each also says where the
face should be. What covers a face takes the reader, the first pass and the parts the same edge away, and the head keeps
it; where the face is follows from how they differ and from which of its parts are seen where, by a small network. How
sure it is follows from the same, from how sure each witness is, and from how little the mean of their boxes was moved,
by a logistic regression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import box_area, box_iou, box_overlap, suppress
from vitruvian.finders.detector import Detector, OutputWithMaps
from vitruvian.finders.face_geometry import FACE_FROM_PART, faces_from_parts, faces_in_heads
from vitruvian.finders.geometry import fit
from vitruvian.taxonomy import FACIAL_PARTS, WHOLE_FACE
from vitruvian.zoo.cards import Fusion, Place

HEAD = "Human head"

_SAME_BOX, _AGREEING = 0.5, 0.4
"""IoU from which the first pass, or the parts, speak of the same face."""
_NEAR = 0.2
"""IoU with a proposed face from which a faint one can matter: itself, or by suppressing one that does."""
_LEAST = 0.01
"""Score of a witness that says nothing."""
_LEAST_PART, _REACH = 0.03, 0.9
"""Score from which a telling part counts, and how far from the middle of a face, in widths and heights of it."""
_OWNED = 0.5
"""Share of a sure face in a head from which the head has its face."""
_LEAST_HEAD = 0.1
"""Score from which a head is one, and share of a full agreement from which it says where its face is."""


TELLING = (*(name for name in FACIAL_PARTS.names if name != WHOLE_FACE),
           "Human eye", "Human ear", "Human nose", "Human mouth", "Human hair")  # fmt: skip
"""Labels that tell where a face is: a cover leaves a half of it in view, or a corner, and they say which. Hands, limbs
and bodies are not among them: in crops around faces these would give away the middle of the crop."""

_PARTS_OF_FACES = [TELLING.index(label) for label in FACE_FROM_PART]

PLACE_TERMS = 4 * 4 + 4 + 5 * len(TELLING) + 1
"""Of what both start from: each witness's edges against the mean of all, how sure each is, then for every telling label
its strength and, weighed by that, its edges against the middle of the mean; and a constant."""
SAID = 5
"""Columns of what :func:`settle` gives before the terms."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the four witnesses say of proposed faces: reader, first pass, parts and head, in this order.

    Attributes:
        boxes: ``(N, 4, 4)`` float32, for each witness the face's ``xyxy``; NaN where one says nothing.
        scores: ``(N, 4)`` float32 how sure each is, in 0..1; 0 where one says nothing.
        telling: ``(N, len(TELLING), 5)`` float32, for each label ``xyxy`` and score of the surest near the face; zeros
            where there is none.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    telling: NDArray[np.float32]

    @classmethod
    def silence(cls, count: int) -> Heard:
        """Faces of which nobody says anything yet."""
        boxes = np.full((count, 4, 4), np.nan, dtype=np.float32)
        scores, telling = np.zeros((count, 4), np.float32), np.zeros((count, len(TELLING), 5), np.float32)
        return cls(boxes, scores, telling)

    @classmethod
    def together(cls, parts: Sequence[Heard]) -> Heard:
        """What was heard in several pictures, one after another."""
        parts = (cls.silence(0), *parts)
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Heard:
        return Heard(self.boxes[keep], self.scores[keep], self.telling[keep])

    def moved(self, boxes_to: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Heard:
        """The same with all boxes in another picture's pixels; ``boxes_to`` takes and gives ``(N, 4)``."""
        telling = self.telling.copy()
        telling[..., :4] = boxes_to(telling[..., :4].reshape(-1, 4)).reshape(telling[..., :4].shape)
        return Heard(boxes_to(self.boxes.reshape(-1, 4)).reshape(self.boxes.shape), self.scores, telling)

    @property
    def means(self) -> NDArray[np.float32]:
        """``(N, 4)`` mean of the boxes of those that speak."""
        result: NDArray[np.float32] = np.nanmean(self.boxes, axis=1)
        return result

    @property
    def terms(self) -> NDArray[np.float64]:
        """``(N, PLACE_TERMS)`` what network and regression start from; edges in units of the size of the mean."""
        means = self.means
        size = box_size(means)[:, None, None]
        middle = np.tile((means[:, :2] + means[:, 2:]) / 2, 2)[:, None]
        edges = np.nan_to_num((self.boxes - means[:, None]) / size)
        strength = np.minimum(2 * self.telling[..., 4:], 1.0)
        places = strength * (self.telling[..., :4] - middle) / size
        telling = np.concatenate((strength, places), axis=2).reshape(-1, 5 * len(TELLING))
        rows = (edges.reshape(-1, 16), self.scores, telling, np.ones((len(self), 1)))
        return np.concatenate(rows, axis=1).astype(np.float64)


def box_size(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(N,)`` roots of the areas."""
    result: NDArray[np.float32] = np.sqrt(np.maximum(box_area(boxes), 1e-6))
    return result


def settle(heard: Heard, place: Place | None) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Where each face is, all witnesses taken together, and what speaks for it.

    Args:
        heard: What they say.
        place: The network; None for the mean.

    Returns:
        ``(N, 4)`` boxes, and ``(N, SAID + PLACE_TERMS - 1)``: logit of the reader's score, logit of the first pass's,
        agreement of parts and of a head in 0..1, IoU of the box with the mean of what was said; then the terms without
        their constant.
    """
    means, terms = heard.means, heard.terms
    boxes = means
    if place is not None:
        units = np.maximum(terms @ np.asarray(place.hidden), 0)
        moves = np.column_stack((units, np.ones(len(units)))) @ np.asarray(place.edges)
        moved = means + moves * box_size(means)[:, None]
        boxes = np.where((moved[:, 2:] > moved[:, :2]).all(axis=1, keepdims=True), moved, means).astype(np.float32)
    reader, first, parts, head = heard.scores.astype(np.float64).T
    said = (_logit(reader), _logit(np.maximum(first, _LEAST)), parts, head, box_iou(means, boxes))
    return boxes, np.column_stack((*said, terms[:, :-1]))


@dataclass(frozen=True, slots=True, eq=False)
class Sights:
    """What witnesses see in a picture, whatever the reader proposes; boxes in pixels of the network's input.

    Attributes:
        output: Of the first pass.
        heads: ``(M, 5)`` float32 ``xyxy`` and score of heads without a sure face.
        parts: ``(P, 5)`` the same of every telling part outside of sure faces, the surest last.
        places: ``(P,)`` which of :data:`TELLING` each of these is.
    """

    output: OutputWithMaps
    heads: NDArray[np.float32]
    parts: NDArray[np.float32]
    places: NDArray[np.int64]


class Witnesses:
    """The witnesses that a detector of whole faces, and of other parts, provides."""

    def __init__(self, first: Detector) -> None:
        self._face = first.names.index(WHOLE_FACE)
        self._head = first.names.index(HEAD) if HEAD in first.names else None
        self._place = np.array([TELLING.index(label) if label in TELLING else -1 for label in first.names])
        self._nms_iou = first.card.nms_iou

    def look(self, output: OutputWithMaps, known: NDArray[np.float32]) -> Sights:
        """What the witnesses see in a picture, whatever the reader proposes.

        Args:
            output: What the first pass gave, a batch of one.
            known: ``(K, 4)`` sure faces. Their parts and heads are theirs, and tell nothing of a further face.
        """
        rows, labels = np.nonzero(output.scores[0] >= _LEAST_PART)
        told = self._place[labels] >= 0
        rows, labels = rows[told], labels[told]
        scores = output.scores[0][rows, labels]
        order = np.argsort(scores, kind="stable")
        rows, labels = rows[order], labels[order]
        parts = np.column_stack((output.boxes[0][rows, labels], scores[order]))
        free = ~_inside(parts, known).any(axis=1)
        heads = self._seen(output, self._head, _LEAST_HEAD)
        owned = (box_overlap(heads[:, None, :4], known) >= _OWNED * box_area(known)).any(axis=1)
        return Sights(output, heads[~owned], parts[free], self._place[labels[free]])

    def hear(self, sights: Sights, boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> Heard:
        """Hear all witnesses on what the reader proposes.

        Args:
            sights: What they saw.
            boxes, scores: ``(N, 4)`` and ``(N,)`` of the reader.
        """
        heard = Heard.silence(len(boxes))
        if not len(boxes):
            return heard
        heard.boxes[:, 0], heard.scores[:, 0] = boxes, scores
        faint = self._seen(sights.output, self._face, _LEAST, boxes)
        _speak(heard, 1, (box_iou(boxes[:, None], faint) >= _SAME_BOX) * faint[:, 4], faint)
        _speak(heard, 3, _in_heads(boxes, sights.heads), faces_in_heads(sights.heads))
        _listen_to_parts(sights, boxes, heard.telling)
        parts = heard.telling[:, _PARTS_OF_FACES]
        faces = faces_from_parts(parts[..., :4], parts[..., 4])
        agreeing = box_iou(boxes, faces) >= _AGREEING
        heard.boxes[agreeing, 2], heard.scores[agreeing, 2] = faces[agreeing, :4], faces[agreeing, 4]
        return heard

    def _seen(
        self, output: OutputWithMaps, label: int | None, least: float, near: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """``(M, 5)`` boxes and scores where the first pass sees a label; only ``near`` some boxes, if there are any."""
        if label is None:
            return np.zeros((0, 5), dtype=np.float32)
        rows = np.flatnonzero(output.scores[0][:, label] >= least)
        boxes = output.boxes[0][rows, label]
        if near is not None:  # in a crowd, suppressing all that is faint would take longer than the network does
            close = (box_iou(near[:, None], boxes) >= _NEAR).any(axis=0)
            rows, boxes = rows[close], boxes[close]
        scores = output.scores[0][rows, label]
        kept = suppress(boxes, scores, np.zeros(len(rows), dtype=np.int64), self._nms_iou)
        return np.column_stack((boxes[kept], scores[kept]))


def joined(fusion: Fusion, rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """``(N,)`` scores in 0..1 out of what :func:`settle` gives."""
    said = (fusion.reader, fusion.first_pass, fusion.parts, fusion.head, fusion.agreement)
    weights = np.array([*said, *fusion.terms])
    logits = rows[:, : len(weights)] @ weights + fusion.bias
    result: NDArray[np.float32] = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return result


def _speak(heard: Heard, witness: int, sure: NDArray[np.float32], boxes: NDArray[np.float32]) -> None:
    """Let a witness say the surest that it knows of each face.

    Args:
        heard: Filled in.
        witness: Its column.
        sure: ``(N, M)`` how sure each of M sights is of each face; 0 of other faces.
        boxes: ``(M, 4)`` where these see it; further columns do not matter.
    """
    if not sure.size:
        return
    best = sure.argmax(axis=1)
    speaks = np.flatnonzero(sure[np.arange(len(sure)), best])
    best = best[speaks]
    heard.boxes[speaks, witness], heard.scores[speaks, witness] = boxes[best, :4], sure[speaks, best]


def _in_heads(boxes: NDArray[np.float32], heads: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(N, M)`` how surely each box is the face of a head: its score times how usual the face's place in it is."""
    sure = np.zeros((len(boxes), len(heads)), dtype=np.float32)
    # How usual it is lies between 0 and the share of the face inside the head.
    most = box_overlap(boxes[:, None], heads) / np.maximum(box_area(boxes), 1e-6)[:, None] * heads[:, 4]
    faces, owners = boxes.tolist(), heads.tolist()
    for face, head in np.argwhere(most >= _LEAST_HEAD).tolist():
        *owner, score = owners[head]
        value = score * fit(WHOLE_FACE, tuple(faces[face]), HEAD, tuple(owner))
        if value >= _LEAST_HEAD:
            sure[face, head] = value
    return sure


def _inside(parts: NDArray[np.float32], faces: NDArray[np.float32]) -> NDArray[np.bool_]:
    """``(P, K)`` which parts have their middle in which faces."""
    middle = ((parts[:, :2] + parts[:, 2:4]) / 2)[:, None]
    result: NDArray[np.bool_] = np.all((faces[:, :2] <= middle) & (middle <= faces[:, 2:]), axis=2)
    return result


def _listen_to_parts(sights: Sights, boxes: NDArray[np.float32], telling: NDArray[np.float32]) -> None:
    """Fill in, for each box and telling label, the surest whose middle is near."""
    near = np.ones((len(boxes), len(sights.parts)), dtype=bool)
    for axis in (0, 1):
        middle, size = (boxes[:, axis] + boxes[:, axis + 2]) / 2, boxes[:, axis + 2] - boxes[:, axis]
        away = np.abs((sights.parts[:, axis] + sights.parts[:, axis + 2]) / 2 - middle[:, None])
        near &= away <= _REACH * size[:, None]
    face, part = np.nonzero(near)  # of each face and label the surest comes last, and stays
    telling[face, sights.places[part]] = sights.parts[part]


def _logit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))
