"""Who speaks for a face that a second look proposes, besides the reader of the maps itself.

Three further witnesses are heard: the first pass's own score at that place, however low; facial parts that agree on the
box; and a head that was found without its face, which is the more reason to believe in one. Each also says where the
face should be. What covers a face takes the reader, the first pass and the parts the same edge away, and the head keeps
it; where the face is follows from how they differ and from which of its parts are seen where, by a linear regression.
The less that moves the mean of what they say, the surer the face.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import Detections, box_area, box_iou, box_overlap, decode
from vitruvian.finders.detector import Detector, OutputWithMaps
from vitruvian.finders.face_geometry import face_in_head
from vitruvian.finders.geometry import fit
from vitruvian.finders.map_readers import MapFree
from vitruvian.images import Letterbox
from vitruvian.scene import Box
from vitruvian.taxonomy import FACIAL_PARTS, WHOLE_FACE
from vitruvian.zoo.cards import Fusion

HEAD = "Human head"

_SAME_BOX, _AGREEING = 0.5, 0.4
"""IoU from which the first pass, or the parts, speak of the same face."""
_NEAR = 0.2
"""IoU with a proposed face from which a faint one can matter: itself, or by suppressing one that does."""
_LEAST = 0.01
"""Score of a witness that says nothing."""
_LEAST_PART, _REACH = 0.03, 0.9
"""Score from which a telling part counts, and how far from the middle of a face, in widths and heights of it."""
_LEAST_HEAD = 0.1
"""Score from which a head is one, and share of a full agreement from which it says where its face is."""


TELLING = (*(name for name in FACIAL_PARTS.names if name != WHOLE_FACE),
           "Human eye", "Human ear", "Human nose", "Human mouth", "Human hair")  # fmt: skip
"""Labels that tell where a face is: a cover leaves a half of it in view, or a corner, and they say which. Hands, limbs
and bodies are not among them: in crops around faces these would give away the middle of the crop."""

PLACE_TERMS = 4 * 4 + 4 + 5 * len(TELLING) + 1
"""Of the regression: each witness's edges against the mean of all, how sure each is, then for every telling label its
strength and, weighed by that, its edges against the middle of the mean; and a constant."""


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
        """``(N, PLACE_TERMS)`` what the regression of the face's place starts from; edges in units of its size."""
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


def settle(heard: Heard, place: Sequence[Sequence[float]]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Where each face is, all witnesses taken together, and what speaks for it.

    Args:
        heard: What they say.
        place: ``(PLACE_TERMS, 4)`` of the regression (:attr:`vitruvian.zoo.cards.Fusion.place`); empty for the mean.

    Returns:
        ``(N, 4)`` boxes, and ``(N, 5)`` logit of the reader's score, logit of the first pass's score, agreement of
        parts and of a head in 0..1, and IoU of the box with the mean of what was said.
    """
    means = heard.means
    boxes = means
    if len(place):
        moved = means + (heard.terms @ np.asarray(place)) * box_size(means)[:, None]
        boxes = np.where((moved[:, 2:] > moved[:, :2]).all(axis=1, keepdims=True), moved, means).astype(np.float32)
    reader, first, parts, head = heard.scores.astype(np.float64).T
    rows = np.stack((_logit(reader), _logit(np.maximum(first, _LEAST)), parts, head, box_iou(means, boxes)), axis=1)
    return boxes, rows


class Witnesses:
    """The witnesses that a detector of whole faces, and of other parts, provides."""

    def __init__(self, first: Detector) -> None:
        self._names = first.names
        self._face = first.names.index(WHOLE_FACE)
        self._head = first.names.index(HEAD) if HEAD in first.names else None
        self._agreement = MapFree(first)
        self._place = np.array([TELLING.index(label) if label in TELLING else -1 for label in first.names])
        self._nms_iou = first.card.nms_iou

    def hear(
        self, output: OutputWithMaps, letterbox: Letterbox, boxes: NDArray[np.float32], scores: NDArray[np.float32]
    ) -> Heard:
        """Hear all witnesses on what the reader proposes.

        Args:
            output: What the first pass gave, a batch of one.
            letterbox: How the picture was fitted into the network's input.
            boxes, scores: ``(N, 4)`` and ``(N,)`` of the reader.
        """
        heard = Heard.silence(len(boxes))
        if not len(boxes):
            return heard
        faint = self._found(output, self._face, _LEAST, boxes)
        parts, agreement = self._agreement(output, letterbox, 0.0)
        heads = None if self._head is None else self._found(output, self._head, _LEAST_HEAD)
        same_faint = box_iou(boxes[:, None], faint.boxes) >= _SAME_BOX
        same_parts = box_iou(boxes[:, None], parts) >= _AGREEING
        for n, (box, score) in enumerate(zip(boxes, scores, strict=True)):
            said = (
                (box, float(score)),
                _best(same_faint[n], faint.boxes, faint.scores),
                _best(same_parts[n], parts, agreement),
                _head_around(box, heads),
            )
            for witness, words in enumerate(said):
                if words is not None:
                    heard.boxes[n, witness], heard.scores[n, witness] = words
        self._listen_to_parts(output, boxes, heard.telling)
        return heard

    def _listen_to_parts(
        self, output: OutputWithMaps, boxes: NDArray[np.float32], telling: NDArray[np.float32]
    ) -> None:
        """Fill in, for each box and telling label, the surest whose middle is near."""
        rows, labels = np.nonzero(output.scores[0] >= _LEAST_PART)
        told = self._place[labels] >= 0
        rows, labels = rows[told], labels[told]
        scores = output.scores[0][rows, labels]
        order = np.argsort(scores, kind="stable")
        parts = output.boxes[0][rows[order], labels[order]]
        words, places = np.column_stack((parts, scores[order])), self._place[labels[order]]
        near = np.ones((len(boxes), len(parts)), dtype=bool)
        for axis in (0, 1):
            middle, size = (boxes[:, axis] + boxes[:, axis + 2]) / 2, boxes[:, axis + 2] - boxes[:, axis]
            away = np.abs((parts[:, axis] + parts[:, axis + 2]) / 2 - middle[:, None])
            near &= away <= _REACH * size[:, None]
        face, part = np.nonzero(near)  # of each face and label the surest comes last, and stays
        telling[face, places[part]] = words[part]

    def _found(
        self, output: OutputWithMaps, label: int, least: float, near: NDArray[np.float32] | None = None
    ) -> Detections:
        """What the first pass sees of a label, however faintly; only ``near`` some boxes, where there are any."""
        rows = np.flatnonzero(output.scores[0][:, label] >= least)
        scores, boxes = output.scores[0][rows, label, None], output.boxes[0][rows, label]
        if near is not None:  # in a crowd, suppressing all that is faint would take longer than the network does
            kept = (box_iou(near[:, None], boxes) >= _NEAR).any(axis=0)
            scores, boxes = scores[kept], boxes[kept]
        return decode(scores, boxes[:, None], (self._names[label],), least, self._nms_iou)


def joined(fusion: Fusion, rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """``(N,)`` scores in 0..1 out of what :func:`settle` gives."""
    weights = np.array([fusion.reader, fusion.first_pass, fusion.parts, fusion.head, fusion.agreement])
    result: NDArray[np.float32] = (1 / (1 + np.exp(-(rows @ weights + fusion.bias)))).astype(np.float32)
    return result


_Words = tuple[NDArray[np.float32], float]
"""Where a witness sees the face, and how sure it is."""


def _best(same: NDArray[np.bool_], boxes: NDArray[np.float32], scores: NDArray[np.float32]) -> _Words | None:
    """The surest of those that speak of the same face."""
    if not same.any():
        return None
    best = int(np.where(same, scores, -1.0).argmax())
    return boxes[best], float(scores[best])


def _head_around(box: NDArray[np.float32], heads: Detections | None) -> _Words | None:
    """How surely the box is the face of one of the heads: its score times how usual the face's place in it is."""
    if heads is None or not len(heads):
        return None
    agreement, best = _LEAST_HEAD, None
    for row in np.flatnonzero(box_overlap(box, heads.boxes) > 0):
        value = float(heads.scores[row]) * fit(WHOLE_FACE, _box(box), HEAD, _box(heads.boxes[row]))
        if value >= agreement:
            agreement, best = value, row
    return None if best is None else (face_in_head(heads.boxes[best]), agreement)


def _box(box: NDArray[np.float32]) -> Box:
    x1, y1, x2, y2 = (float(edge) for edge in box)
    return x1, y1, x2, y2


def _logit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.log(clipped / (1 - clipped))
