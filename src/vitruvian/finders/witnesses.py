"""Who speaks for a face that a second look proposes, besides the reader of the maps itself.

Three further witnesses are heard: the first pass's own score at that place, however low; facial parts that agree on the
box; and a head that was found without its face, which is the more reason to believe in one. Each also says where the
face should be. What covers a face takes the reader, the first pass and the parts the same edge away, and the head keeps
it: so the box is the mean of what all of them say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import Detections, box_iou, box_overlap, decode, suppress
from vitruvian.finders.detector import Detector, OutputWithMaps
from vitruvian.finders.face_geometry import face_in_head
from vitruvian.finders.geometry import fit
from vitruvian.finders.map_readers import MapFree
from vitruvian.images import Letterbox
from vitruvian.scene import Box
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.zoo.cards import Fusion

HEAD = "Human head"

_SAME_BOX, _AGREEING = 0.5, 0.4
"""IoU from which the first pass, or the parts, speak of the same face."""
_NEAR = 0.2
"""IoU with a proposed face from which a faint one can matter: itself, or by suppressing one that does."""
_LEAST = 0.01
"""Score of a witness that says nothing."""
_LEAST_HEAD = 0.1
"""Score from which a head is one, and share of a full agreement from which it says where its face is."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What all witnesses say of some faces.

    Attributes:
        boxes: ``(N, 4)`` float32 ``xyxy``, the mean of what those say that speak of the face; pixels of the network's
            input.
        rows: ``(N, 4)`` logit of the reader's score, logit of the first pass's score, agreement of parts in 0..1,
            agreement of a head in 0..1.
        place: ``(N,)`` int64 which of the reader's boxes each was; two that became one are there once.
    """

    boxes: NDArray[np.float32]
    rows: NDArray[np.float64]
    place: NDArray[np.int64]


class Witnesses:
    """The witnesses that a detector of whole faces, and of other parts, provides."""

    def __init__(self, first: Detector) -> None:
        self._names = first.names
        self._face = first.names.index(WHOLE_FACE)
        self._head = first.names.index(HEAD) if HEAD in first.names else None
        self._agreement = MapFree(first)
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
        if not len(boxes):
            return Heard(boxes, np.zeros((0, 4)), np.zeros(0, dtype=np.int64))
        faint = self._found(output, self._face, _LEAST, boxes)
        parts, agreement = self._agreement(output, letterbox, 0.0)
        heads = None if self._head is None else self._found(output, self._head, _LEAST_HEAD)
        rows = np.zeros((len(boxes), 4))
        means = np.empty_like(boxes)
        same_faint = box_iou(boxes[:, None], faint.boxes) >= _SAME_BOX
        same_parts = box_iou(boxes[:, None], parts) >= _AGREEING
        for n, (box, score) in enumerate(zip(boxes, scores, strict=True)):
            said = [box]
            first = _best(same_faint[n], faint.boxes, faint.scores, said)
            agreeing = _best(same_parts[n], parts, agreement, said)
            rows[n] = (_logit(float(score)), _logit(max(first, _LEAST)), agreeing, _head_around(box, heads, said))
            means[n] = np.mean(said, axis=0)
        kept = suppress(means, scores, np.zeros(len(scores), dtype=np.int64), self._nms_iou)
        return Heard(means[kept], rows[kept], kept)

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
    """``(N,)`` scores in 0..1 out of :attr:`Heard.rows`."""
    total = rows @ np.array([fusion.reader, fusion.first_pass, fusion.parts, fusion.head]) + fusion.bias
    result: NDArray[np.float32] = (1 / (1 + np.exp(-total))).astype(np.float32)
    return result


def _best(
    same: NDArray[np.bool_], boxes: NDArray[np.float32], scores: NDArray[np.float32], said: list[NDArray[np.float32]]
) -> float:
    """Highest score of those that speak of the same face, whose box is added to what was said; 0 where none does."""
    if not same.any():
        return 0.0
    best = int(np.where(same, scores, -1.0).argmax())
    said.append(boxes[best])
    return float(scores[best])


def _head_around(box: NDArray[np.float32], heads: Detections | None, said: list[NDArray[np.float32]]) -> float:
    """How surely the box is the face of one of the heads: its score times how usual the face's place in it is."""
    if heads is None or not len(heads):
        return 0.0
    agreement, best = _LEAST_HEAD, None
    for row in np.flatnonzero(box_overlap(box, heads.boxes) > 0):
        value = float(heads.scores[row]) * fit(WHOLE_FACE, _box(box), HEAD, _box(heads.boxes[row]))
        if value >= agreement:
            agreement, best = value, row
    if best is None:
        return 0.0
    said.append(face_in_head(heads.boxes[best]))
    return agreement


def _box(box: NDArray[np.float32]) -> Box:
    x1, y1, x2, y2 = (float(edge) for edge in box)
    return x1, y1, x2, y2


def _logit(score: float) -> float:
    score = min(max(score, 1e-6), 1 - 1e-6)
    return math.log(score / (1 - score))
