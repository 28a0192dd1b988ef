"""Faces that lie on their side or upside down: what may be one is cut out, turned, and looked at again.

Networks learn from upright people. Of a face that is turned by a quarter or a half this one often finds the head alone,
or a face a third of its height off, with half the score of an upright one; the second look then believes in such a
place. So heads without a face, and faces where none is sure, are looked at in three turns, small: that tells which way
a face is turned, at a tenth of the first pass's cost. Only then comes a proper look, turned and as it is, and the
turned face counts where it is clearly the surer. A body that goes down from a head says that neither is turned, so in
most pictures there is nothing to look at. Where all faces are turned alike, the analyzer looks at the whole picture
turned. What it brings: ``benchmarks/turned_faces.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import Detections, box_area, box_overlap, decode
from vitruvian.finders.detector import Detector
from vitruvian.finders.hands import FEATURES
from vitruvian.finders.recovery import found_again
from vitruvian.finders.witnesses import HEAD
from vitruvian.images import Crop
from vitruvian.scene import Evidence, Face
from vitruvian.taxonomy import WHOLE_FACE

TURNED = "turned"
"""Reason of the evidence of a face that was found by turning the picture."""

SURE = 0.65
"""Score from which a face of the first pass is not looked at again: of faces in training pictures that were turned 0.95
have less, of those in everyday scenes as they are 0.4."""
FAINT = {HEAD: 0.25, WHOLE_FACE: 0.2}
"""Scores from which a face in a head is looked at though neither is sure."""
GLANCED, LEAST_SCORE = 0.5, 0.6
"""Scores of a turned face, small and in the proper look: with 0.5 in both, some covered faces were taken for such."""
CLEARLY = 0.1
"""By how much it must be surer than what is seen of the face as it is."""
SMALLEST = 40.0
"""Least side of a head, in pixels of the first pass's input: smaller faces are seldom sure however they lie."""
MOST_LOOKS = 2
"""Looks a picture, at the surest heads: what a picture may cost is bounded, and two tell how the whole of it lies."""
_GLANCE, _GLANCE_REACH = 64, 1.3
_LOOK, _LOOK_REACH = 128, 1.5
"""Side of the network's input, and of the square that is cut out, the latter in sides of the head."""
_HEAD_OF_FACE = 1.5
"""Side of a head in sides of its face."""
_NECK = 0.3
"""Least share of a head that lies in the box of its body."""
_COLUMNS = ("boxes", "scores", "labels")


class Turned(NamedTuple):
    """What is in a picture after :class:`TurnedLook`.

    Attributes:
        found: By the first pass, and parts of turned faces.
        recovered: Faces of the second look, and turned ones.
        quarters: By how many quarters anticlockwise all its faces are upright; 0 where they lie differently, one is
            sure as it is, or none is turned.
    """

    found: Detections
    recovered: list[Face]
    quarters: int


class TurnedLook:
    """Looks for turned faces.

    Args:
        detector: Any that knows heads and whole faces.
        thresholds: Lowest score of each label for it to be reported.
    """

    def __init__(self, detector: Detector, thresholds: Mapping[str, float]) -> None:
        self._detector = detector
        self._face, self._head = detector.names.index(WHOLE_FACE), detector.names.index(HEAD)
        of_faces = {*FEATURES, "Human face", WHOLE_FACE}
        self._of_faces = np.asarray([name in of_faces for name in detector.names])
        self._limits = np.asarray([thresholds[name] for name in detector.names], dtype=np.float32)
        self._least = thresholds[WHOLE_FACE]

    def __call__(
        self, picture: NDArray[np.uint8], size: tuple[int, int], found: Detections, recovered: Sequence[Face]
    ) -> Turned:
        """Look again at one picture.

        Args:
            picture: ``(H, W, 3)`` uint8 RGB: the original, or a reduced copy of it.
            size: Width and height of the original; boxes are in its pixels.
            found: By the first pass, with heads and whole faces from the scores of :data:`FAINT` on.
            recovered: Faces of the second look.

        Returns:
            Both, with turned faces among the recovered ones, and their parts as they are seen turned, in place of what
            was taken for them.
        """
        again = np.asarray([face.box for face in recovered], dtype=np.float32).reshape(-1, 4)
        heads, sure = self._heads(found, again)
        heads = heads[_sides(heads) >= SMALLEST * max(size) / self._detector.size][:MOST_LOOKS]
        scale = np.asarray([picture.shape[1] / size[0], picture.shape[0] / size[1]] * 2)
        turned: list[Detections] = []
        turns = set()
        for head, turn in zip(heads * scale, self._glance(picture, heads * scale), strict=True):
            seen = self._look(picture, head, turn) if turn else None
            if seen is None:
                continue
            boxes = np.clip(seen.boxes / scale, 0, [*size, *size]).astype(np.float32)
            if not found_again(boxes[:1], np.concatenate([sure, *(face.boxes[:1] for face in turned)]))[0]:
                turned.append(Detections(boxes, seen.scores, seen.labels, seen.names))
                turns.add(turn)
        if not turned:
            return Turned(found, list(recovered), 0)
        new = np.concatenate([face.boxes[:1] for face in turned])
        kept = [face for face, known in zip(recovered, found_again(again, new), strict=True) if not known]
        every = turns.pop() if len(turns) == 1 and not len(sure) else 0
        return Turned(self._with_parts(found, new, turned), kept + [_told(face) for face in turned], every)

    def _heads(self, found: Detections, again: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """``(N, 4)`` heads of which the face may be turned, the surest first, and the faces that are not."""
        faces, heads = (found[found.labels == label] for label in (self._face, self._head))
        limit = max(SURE, self._least)
        sure = faces.boxes[faces.scores >= limit]
        told = np.concatenate([faces.boxes[(faces.scores >= self._least) & (faces.scores < limit)], again])
        chosen = ~_holds(heads.boxes, np.concatenate([sure, told])).any(axis=1)
        chosen &= heads.scores >= self._limits[self._head]
        places = heads.boxes[:0]
        if not len(sure):  # where somebody is upright an unsure face is hardly ever turned, but small or covered
            unsure = np.concatenate([told, faces.boxes[faces.scores < self._least]])
            holds = _holds(heads.boxes, unsure)
            for held in holds.T[holds.any(axis=0)]:
                chosen[np.where(held, box_area(heads.boxes), np.inf).argmin()] = True
            alone = told[~holds[:, : len(told)].any(axis=0)]
            middles, halves = (alone[:, :2] + alone[:, 2:]) / 2, _HEAD_OF_FACE * (alone[:, 2:] - alone[:, :2]) / 2
            places = np.concatenate([middles - halves, middles + halves], axis=1)
        places = np.concatenate([heads.boxes[chosen], places])
        return places[~_on_bodies(places, _named(found, "Human body"))], sure

    def _glance(self, picture: NDArray[np.uint8], heads: NDArray[np.float64]) -> list[int]:
        """By how many quarters anticlockwise each head's face is upright; 0 where none is seen turned."""
        if not len(heads):
            return []
        squares = [_square(head, _GLANCE_REACH, _GLANCE) for head in heads]
        scores, boxes = self._run([(self._cut(picture, square), turn) for square in squares for turn in (1, 2, 3)])
        result = []
        for i, (head, square) in enumerate(zip(heads, squares, strict=True)):
            rows = slice(3 * i, 3 * i + 3)
            inside = _holds(square.boxes_to_crop(head)[None], boxes[rows, :, self._face])[0]
            best = np.where(inside, scores[rows, :, self._face], 0.0).max(axis=1)
            result.append(1 + int(best.argmax()) if best.max() >= GLANCED else 0)
        return result

    def _look(self, picture: NDArray[np.uint8], head: NDArray[np.float64], turn: int) -> Detections | None:
        """The turned face, then the parts in it, in pixels of ``picture``; None where it is no surer than as it is."""
        square = _square(head, _LOOK_REACH, _LOOK)
        cut = self._cut(picture, square)
        scores, boxes = self._run([(cut, 0), (cut, turn)])
        inside = _holds(square.boxes_to_crop(head)[None], boxes[:, :, self._face])[0]
        values = np.where(inside, scores[:, :, self._face], 0.0)
        best = int(values[1].argmax())
        if values[1, best] < max(LEAST_SCORE, self._least, values[0].max() + CLEARLY):
            return None
        face = boxes[1, best, [self._face]]
        parts = decode(scores[1], boxes[1], self._detector.names, self._limits, self._detector.card.nms_iou)
        parts = parts[self._of_faces[parts.labels] & (parts.labels != self._face) & _holds(face, parts.boxes)[0]]
        return Detections(
            square.boxes_to_original(np.concatenate([face, parts.boxes])),
            np.append(values[1, best], parts.scores).astype(np.float32),
            np.append(self._face, parts.labels),
            parts.names,
        )

    def _with_parts(self, found: Detections, new: NDArray[np.float32], turned: Sequence[Detections]) -> Detections:
        """What was found, with the parts of turned faces in place of those that were found there."""
        there = self._of_faces[found.labels] & _holds(new, found.boxes).any(axis=0)
        there |= (found.labels == self._face) & found_again(found.boxes, new)
        rows = [found[~there], *(face[np.arange(1, len(face))] for face in turned)]
        boxes, scores, labels = (np.concatenate([getattr(row, name) for row in rows]) for name in _COLUMNS)
        return Detections(boxes, scores, labels, found.names)[np.argsort(-scores, kind="stable")]

    def _cut(self, picture: NDArray[np.uint8], square: Crop) -> NDArray[np.uint8]:
        return square.apply(picture, self._detector.card.preprocessing.pad_value)

    def _run(
        self, pictures: Sequence[tuple[NDArray[np.uint8], int]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Scores and boxes of square pictures, each turned by some quarters anticlockwise; boxes before turning."""
        batch = [self._detector.prepare(np.rot90(picture, turn)) for picture, turn in pictures]
        scores, boxes = self._detector.run(np.concatenate(batch))
        for row, (picture, turn) in zip(boxes, pictures, strict=True):
            side = len(picture)
            for _ in range(turn):
                row[:] = np.stack([side - row[..., 3], row[..., 0], side - row[..., 1], row[..., 2]], axis=-1)
        return scores, boxes


def seen_turned(face: Face) -> Face:
    """A face that was found in the turned picture as what it is; its parts are the evidence."""
    parts = {part.label: part.score for part in sorted(face.parts, key=lambda part: part.score)}
    return replace(face, found_by="recovery", evidence=Evidence(TURNED, dict(reversed(parts.items()))))


def _told(face: Detections) -> Face:
    parts: dict[str, float] = {}
    for label, score in zip(face.labels[1:].tolist(), face.scores[1:].tolist(), strict=True):
        parts.setdefault(face.names[label], round(score, 4))
    x1, y1, x2, y2 = (round(value, 2) for value in face.boxes[0].tolist())
    return Face((x1, y1, x2, y2), float(face.scores[0]), "recovery", evidence=Evidence(TURNED, parts))


def _square(head: NDArray[np.float64], reach: float, size: int) -> Crop:
    (x, y), half = ((head[:2] + head[2:]) / 2).tolist(), reach * float(max(head[2:] - head[:2])) / 2
    return Crop((x - half, y - half, x + half, y + half), size, size)


def _named(found: Detections, name: str) -> NDArray[np.float32]:
    return found.boxes[[found.names[label] == name for label in found.labels]]


def _sides(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """``(N,)`` longer sides of boxes."""
    sides: NDArray[np.float32] = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    return sides


def _holds(boxes: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.bool_]:
    """``(N, ...)``: in which of ``(N, 4)`` boxes the middles of ``(..., 4)`` others lie."""
    middles = (others[..., :2] + others[..., 2:]) / 2
    shape = (len(boxes), *[1] * (others.ndim - 1), 2)
    low, high = boxes[:, :2].reshape(shape), boxes[:, 2:].reshape(shape)
    result: NDArray[np.bool_] = np.all((middles >= low) & (middles <= high), axis=-1)
    return result


def _on_bodies(heads: NDArray[np.float32], bodies: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of the heads have a body that goes down from them."""
    ways = (bodies[:, :2] + bodies[:, 2:]) / 2 - ((heads[:, :2] + heads[:, 2:]) / 2)[:, None]
    down = (ways[..., 1] > abs(ways[..., 0])) & (ways[..., 1] > (heads[:, 3] - heads[:, 1])[:, None] / 2)
    inside = box_overlap(heads[:, None], bodies) >= _NECK * box_area(heads)[:, None]
    result: NDArray[np.bool_] = np.any(down & inside, axis=1)
    return result
