"""The second look: faces that the first pass is not sure of, found in its activation maps.

The first pass decides at single locations. Its maps, all classes and levels of them, still show what a covered face
leaves in view, and a small detector reads them. Further witnesses are heard on each face that it proposes
(:mod:`vitruvian.finders.witnesses`); a logistic regression joins what all of them say. For a model that has no reader,
the map-free way takes its place (:mod:`vitruvian.finders.map_readers`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import Detections, box_area, box_overlap, suppress
from vitruvian.finders.detector import Detector, MapMethod, OutputWithMaps
from vitruvian.finders.map_readers import Found, MapFree, MapReader, reader_of
from vitruvian.finders.witnesses import HEAD, PLACE_TERMS, Heard, Witnesses, joined, settle
from vitruvian.images import Letterbox
from vitruvian.taxonomy import FACIAL_PARTS, WHOLE_FACE
from vitruvian.zoo import ModelError, ModelFile
from vitruvian.zoo.cards import Fusion

_SOMETHING = 0.03
"""Score that some facial part must reach somewhere for the maps to count as other than empty."""
_FAINT = 0.1
"""Score that a whole face must have for the first pass, away from those that are sure, for its maps to be read. Of the
2,620 pictures of ``benchmarks/occluded_face_study.py`` over a half has less. The 101 faces that are found in all of
them are in the rest: 0.127 at least."""
_FIRED = 0.1
"""Score from which a part is named as evidence."""
_SHARED = 0.1
"""Share of the smaller of two boxes from which a second look has only found a face of the first pass again."""
_MAP_FREE_THRESHOLD = 0.5
PROPOSED = 0.1
"""Reader's score from which other witnesses are heard."""


@dataclass(frozen=True, slots=True, eq=False)
class Recovered:
    """Faces of a second look, best score first.

    Attributes:
        boxes: ``(N, 4)`` float32 ``xyxy`` in pixels of the network's input.
        scores: ``(N,)`` float32 in 0..1.
        evidence: For each, the facial parts that fired in it with their highest scores, and how well the head around it
            agrees.
    """

    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]
    evidence: tuple[dict[str, float], ...]

    def __len__(self) -> int:
        return len(self.scores)


class SecondLook:
    """Looks again, in a detector's activation maps, for faces.

    Args:
        first: The detector whose maps are read.
        second: A model of task ``second look`` that was taught on that detector's maps; None takes the map-free way.
        threads: CPU threads; 0 leaves the choice to onnxruntime.

    Attributes:
        card: Of the second model; None for the map-free way.
        threshold: Lowest score of a face.
        methods: Maps that the detector must be asked for.

    Raises:
        ModelError: when the detector gives no maps or knows no whole face, the second model reads other maps, or its
            card joins witnesses that this version does not hear.
    """

    def __init__(self, first: Detector, second: ModelFile | None, threads: int = 0) -> None:
        card = first.card
        if WHOLE_FACE not in card.labels:
            raise ModelError(f"model {card.name!r} has no label {WHOLE_FACE!r}, so there is nothing to look for again")
        if not first.map_strides:
            raise ModelError(f"model {card.name!r} gives no activation maps; export it again to look twice")
        self._names = first.names
        self._parts = [i for i, name in enumerate(first.names) if name in FACIAL_PARTS.names]
        self._read: MapReader = MapFree(first) if second is None else reader_of(first, second, threads)
        self._witnesses = Witnesses(first)
        self._face = first.names.index(WHOLE_FACE)
        self._aside = None if threads == 1 else ThreadPoolExecutor(1)
        self._process = os.getpid()
        self._nms_iou = card.nms_iou
        self.card = None if second is None else second.card
        self.fusion = None
        if second is not None and second.card.fusion is not None:
            self.fusion = second.card.fusion
            place, terms = self.fusion.place, self.fusion.terms
            for name, rows, size in (
                ("place.hidden", None if place is None else place.hidden, PLACE_TERMS),
                ("terms", terms or None, PLACE_TERMS - 1),
            ):
                if rows is None or len(rows) == size:
                    continue
                found = f"fusion.{name} has {len(rows)} rows, not {size}"
                raise ModelError(f"the card of second look {second.card.name!r} is of another version: {found}")
        reads = None if second is None else second.card.reads
        self.methods: tuple[MapMethod, ...] = ("hirescam",) if reads is None else ("hirescam", reads.method)
        self.threshold = _MAP_FREE_THRESHOLD if second is None else second.card.thresholds[WHOLE_FACE]

    def __call__(
        self,
        output: OutputWithMaps,
        letterbox: Letterbox,
        known: NDArray[np.float32],
        threshold: float | None = None,
    ) -> Recovered:
        """Look again at one picture.

        Args:
            output: What the first pass gave for it, a batch of one.
            letterbox: How the picture was fitted into the network's input.
            known: ``(K, 4)`` float32 faces that are sure already, ``xyxy`` in pixels of the network's input.
            threshold: Lowest score of a face; None takes :attr:`threshold`.

        Returns:
            Further faces; none where the maps are empty.
        """
        scores = output.scores[0]
        nothing = Recovered(np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.float32), ())
        if scores[:, self._parts].max(initial=0.0) < _SOMETHING:
            return nothing
        least = self.threshold if threshold is None else threshold
        if self.fusion is None:
            boxes, values = self._read(output, letterbox, least)
            fresh = ~found_again(boxes, known)
            boxes, values, rows = boxes[fresh], values[fresh], np.zeros((fresh.sum(), 5))
        elif not self._faint_faces(output, known):
            return nothing
        else:
            boxes, rows = fresh_faces(self.propose(output, letterbox, known), self.fusion, known, self._nms_iou)
            values = joined(self.fusion, rows)
            order = np.argsort(-values, kind="stable")
            order = order[values[order] >= least]
            order = order[apart(boxes[order])]
            boxes, values, rows = boxes[order], values[order], rows[order]
        if not len(boxes):
            return nothing
        centres = _centres(output.hirescam, output.strides)
        evidence = (self._evidence(b, scores, centres, float(h)) for b, h in zip(boxes, rows[:, 3], strict=True))
        return Recovered(boxes, values, tuple(evidence))

    def propose(self, output: OutputWithMaps, letterbox: Letterbox, known: NDArray[np.float32]) -> Heard:
        """Faces that the reader sees, none of which is ``known``, and what all witnesses say of them."""
        reading = self._begin_to_read(output, letterbox)
        sights = self._witnesses.look(output, known)
        boxes, values = reading()
        fresh = ~found_again(boxes, known)
        return self._witnesses.hear(sights, boxes[fresh], values[fresh])

    def _begin_to_read(self, output: OutputWithMaps, letterbox: Letterbox) -> Callable[[], Found]:
        """Let the maps be read on another core, where there is one to use, while the witnesses look."""
        if self._aside is None:
            return lambda: self._read(output, letterbox, PROPOSED)
        if self._process != os.getpid():  # a forked process has none of its parent's threads, and would wait for ever
            self._aside, self._process = ThreadPoolExecutor(1), os.getpid()
        begun = Event()

        def read() -> Found:
            begun.set()
            return self._read(output, letterbox, PROPOSED)

        reading = self._aside.submit(read)
        begun.wait()  # for this thread to give up the interpreter, or the other could not begin
        return reading.result

    def _faint_faces(self, output: OutputWithMaps, known: NDArray[np.float32]) -> bool:
        """Whether the first pass sees a face, however faintly, that is not known."""
        rows = output.scores[0][:, self._face] >= _FAINT
        return not found_again(output.boxes[0][rows, self._face], known).all()

    def _evidence(
        self, box: NDArray[np.float32], scores: NDArray[np.float32], centres: NDArray[np.float32], head: float
    ) -> dict[str, float]:
        inside = ((centres >= box[:2]) & (centres <= box[2:])).all(axis=1)
        best = scores[inside].max(axis=0, initial=0.0)
        parts = (i for i in self._parts if self._names[i] != WHOLE_FACE and best[i] >= _FIRED)
        fired = {self._names[i]: round(float(best[i]), 4) for i in parts}
        if head:
            fired[HEAD] = round(head, 4)
        return dict(sorted(fired.items(), key=lambda item: -item[1]))


def fresh_faces(
    heard: Heard, fusion: Fusion, known: NDArray[np.float32], nms_iou: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Where the proposed faces are, and what speaks for each; without those that became one, or one that is known.

    Returns:
        Boxes and rows as of :func:`vitruvian.finders.witnesses.settle`.
    """
    boxes, rows = settle(heard, fusion.place)
    kept = suppress(boxes, heard.scores[:, 0], np.zeros(len(heard), dtype=np.int64), nms_iou)
    kept = kept[~found_again(boxes[kept], known)]
    return boxes[kept], rows[kept]


def known_faces(found: Detections) -> NDArray[np.float32]:
    """Boxes of the whole faces among detections."""
    return found.boxes[[found.names[label] == WHOLE_FACE for label in found.labels]]


def found_again(boxes: NDArray[np.float32], known: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of ``(N, 4)`` faces are known, or lie partly on one that is: two faces hardly ever share a tenth."""
    smaller = np.minimum(box_area(boxes)[:, None], box_area(known))
    result: NDArray[np.bool_] = np.any(box_overlap(boxes[:, None], known) > _SHARED * smaller, axis=1)
    return result


def apart(boxes: NDArray[np.float32]) -> NDArray[np.int64]:
    """Indices of those of ``(N, 4)`` faces, the surest first, that do not lie partly on a surer one."""
    kept: list[int] = []
    for row in range(len(boxes)):
        if not found_again(boxes[[row]], boxes[np.asarray(kept, dtype=np.int64)])[0]:
            kept.append(row)
    return np.asarray(kept, dtype=np.int64)


def _centres(maps: Sequence[NDArray[np.float32]], strides: Sequence[int]) -> NDArray[np.float32]:
    """``(N, 2)`` x, y of the locations in the order of the dense predictions, pixels of the input."""
    rows = []
    for level, stride in zip(maps, strides, strict=True):
        height, width = level.shape[-2:]
        y, x = np.mgrid[0:height, 0:width]
        rows.append(np.stack((x.ravel() + 0.5, y.ravel() + 0.5), axis=1) * stride)
    return np.concatenate(rows).astype(np.float32)
