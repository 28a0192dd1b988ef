"""The pipeline: a picture in, a scene out."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.assign import assign
from vitruvian.finders.detections import Detections
from vitruvian.finders.detector import Detector
from vitruvian.finders.errors import LabelError
from vitruvian.finders.face_geometry import faces_in_heads
from vitruvian.finders.geometry import centre
from vitruvian.finders.hands import on_hands, without_hands_as_others
from vitruvian.finders.recovery import SecondLook, known_faces
from vitruvian.finders.turned_look import FAINT, TurnedLook, seen_turned
from vitruvian.finders.witnesses import HEAD
from vitruvian.images import Limits, read_reduced
from vitruvian.scene import Box, Evidence, Face, Part, Scene
from vitruvian.scene.converters import detections
from vitruvian.scene.turn import turned as turned_scene
from vitruvian.scene.turn import turned_box
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.zoo import DEFAULT_MODEL, ModelError, find_model, find_second_look

if TYPE_CHECKING:
    from PIL import Image


HIDDEN = "head without a face"
"""Reason of the evidence of a face that is not seen."""


class Analyzer:
    """Finds every part of the people in pictures; load it once, use it for many.

    Args:
        model: Name, path or address of a model (:func:`vitruvian.zoo.find_model`).
        threshold: One score for all labels in place of the card's, or one a label for some of them. That of whole faces
            is for both passes.
        labels: Report only these; all by default. What is left out still helps to tell whose part is whose. Without
            whole faces, facial parts that lie in one stand among the other parts.
        device: ``cpu``, ``cuda``, ``coreml`` or ``auto``.
        size: Long side of the network's input; 0 takes the model's own.
        threads: CPU threads; 0 leaves the choice to onnxruntime.
        limits: Largest file and picture to accept.
        recover: Look again, in the activation maps, for faces that the first pass is not sure of
            (:mod:`vitruvian.finders.recovery`); they say so in ``found_by`` and name their evidence. None does so where
            a model ships that was taught on the maps of this one.
        turned: Turn what may lie on its side or upside down (:mod:`vitruvian.finders.turned_look`); faces found so say
            it in the same way. None does so where the model knows heads and whole faces.
        hidden_faces: For every head without a face, report where its face would be: it may be turned away or buried in
            a pillow. For who blurs faces, or has to know that one is not in view; its evidence says so.

    Raises:
        ModelError, DeviceError: when the model cannot be loaded, or knows no heads and faces for what is wanted.
        LabelError: for a label that the model does not have, or labels that are one text.
        ValueError: for a threshold outside 0..1, or a size below 0.

    >>> from vitruvian.images import sample_picture
    >>> scene = Analyzer().analyze(sample_picture())
    >>> len(scene.faces)
    1
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = DEFAULT_MODEL,
        threshold: float | Mapping[str, float] | None = None,
        labels: Collection[str] | None = None,
        device: str = "cpu",
        size: int = 0,
        threads: int = 0,
        limits: Limits = Limits(),
        recover: bool | None = None,
        turned: bool | None = None,
        hidden_faces: bool = False,
    ) -> None:
        self.detector = Detector(find_model(model), device, threads, size)
        self.hidden_faces = hidden_faces
        knows_both = {HEAD, WHOLE_FACE} <= set(self.detector.names)
        if (hidden_faces or turned) and not knows_both:
            raise ModelError(f"model {self.detector.card.name!r} does not know both {HEAD!r} and {WHOLE_FACE!r}")
        self.second_look: SecondLook | None = None
        reader = None if recover is False else find_second_look(self.detector.card)
        if recover or reader is not None:
            self.second_look = SecondLook(self.detector, reader, threads)
        known = self.detector.names
        if isinstance(labels, str):
            raise LabelError(f"labels are a list of names, not the text {labels!r}")
        if not isinstance(threshold, Mapping):
            threshold = {} if threshold is None else dict.fromkeys(known, threshold)
        for label in (*(labels or ()), *threshold):
            if label not in known:
                near = difflib.get_close_matches(label, known, n=1, cutoff=0.0)
                there = ", ".join(known)
                raise LabelError(f"the model has no label {label!r}; did you mean {near[0]!r}? There are {there}")
        for value in threshold.values():
            if not 0 <= value <= 1:
                raise ValueError(f"a threshold lies within 0..1, not at {value}")
        self.thresholds: Mapping[str, float] = {**self.detector.thresholds, **threshold}
        if self.second_look is not None and WHOLE_FACE in threshold:
            self.second_look.threshold = self.face_threshold
        self.turned_look: TurnedLook | None = None
        if turned or (turned is None and knows_both):
            self.turned_look = TurnedLook(self.detector, self.thresholds)
        self.labels = frozenset(labels) if labels is not None else frozenset(known)
        self.limits = limits

    def analyze(
        self, picture: str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image, name: str | None = None
    ) -> Scene:
        """Analyse one picture.

        Args:
            picture: Path, encoded bytes, array (:func:`vitruvian.images.read_picture`) or Pillow image.
            name: What the scene calls the picture; by default its path.

        Raises:
            ReadError: when it cannot be read.
        """
        return self.only(self.look(picture, name)[0])

    def look(
        self,
        picture: str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image,
        name: str | None = None,
        faintest: float = 1.0,
    ) -> tuple[Scene, tuple[Face, ...]]:
        """:meth:`analyze` for those who know more than one picture tells, as a video does.

        Args:
            picture, name: As for :meth:`analyze`.
            faintest: Lowest score of the faint faces.

        Returns:
            The scene with all labels (:meth:`only` leaves those asked for), and whole faces below their threshold.

        Raises:
            ReadError: when the picture cannot be read.
        """
        pixels, width, height = read_reduced(picture, self.detector.size, self.limits)
        if name is None and isinstance(picture, str | os.PathLike):
            name = os.fspath(picture)
        scene, faint, quarters = self._see(pixels, (width, height), name, faintest, self.turned_look)
        if quarters:
            size = (height, width) if quarters % 2 else (width, height)
            other, fainter, _ = self._see(np.rot90(pixels, quarters), size, name, faintest, None)
            if _certainty(other) > _certainty(scene):
                faces = (seen_turned(face) if face.found_by == "first_pass" else face for face in other.faces)
                scene = turned_scene(replace(other, faces=tuple(faces)), -quarters)
                faint = tuple(replace(face, box=turned_box(face.box, *size, -quarters)) for face in fainter)
        return scene, faint

    def _see(
        self,
        pixels: NDArray[np.uint8],
        size: tuple[int, int],
        name: str | None,
        faintest: float,
        turned_look: TurnedLook | None,
    ) -> tuple[Scene, tuple[Face, ...], int]:
        """Everything in a picture as it lies, faint faces, and how to turn it for its faces to be upright."""
        lowest, quarters = dict(self.thresholds), 0
        if turned_look is not None:
            lowest = {label: min(score, FAINT.get(label, score)) for label, score in lowest.items()}
        if WHOLE_FACE in lowest:
            lowest[WHOLE_FACE] = min(lowest[WHOLE_FACE], faintest)
        found, recovered = self._passes(pixels, *size, lowest)
        found = without_hands_as_others(found)
        if turned_look is not None:
            found, recovered, quarters = turned_look(pixels, size, found, recovered)
        whole = np.asarray([found.names[label] == WHOLE_FACE for label in found.labels], dtype=bool)
        faint = found[whole & (found.scores >= faintest) & (found.scores < self.face_threshold)]
        found = found.above(self.thresholds)
        if self.hidden_faces:
            recovered += self._hidden(found, recovered)
        faces = tuple(Face(_box(box), float(score)) for box, score in zip(faint.boxes, faint.scores, strict=True))
        return self.whole_scene(found, *size, name, recovered), faces, quarters

    def _passes(
        self, pixels: NDArray[np.uint8], width: int, height: int, thresholds: Mapping[str, float]
    ) -> tuple[Detections, list[Face]]:
        """What the first pass finds, and the faces that only the second look does."""
        if self.second_look is None:
            return self.detector.detect(pixels, width, height, thresholds), []
        output, letterbox = self.detector.dense(pixels, width, height, self.second_look.methods)
        found = self.detector.decoded(output.scores[0], output.boxes[0], letterbox, thresholds)
        sure = known_faces(found[found.scores >= self.face_threshold])
        again = self.second_look(output, letterbox, letterbox.boxes_to_letterbox(sure))
        edges = np.asarray([width, height] * 2, dtype=np.float32)
        boxes = np.clip(letterbox.boxes_to_original(again.boxes), 0, edges)
        hand = on_hands(boxes, 0.0, found)  # any hand that was found: for the first pass they were no sure faces
        return found, [
            Face(_box(box), float(score), found_by="recovery", evidence=Evidence("activation maps", parts))
            for box, score, parts, kept in zip(boxes, again.scores, again.evidence, ~hand, strict=True)
            if kept
        ]

    def _hidden(self, found: Detections, recovered: Sequence[Face]) -> list[Face]:
        """Faces of the heads in which the middle of no other lies."""
        faces = [*known_faces(found).tolist(), *(face.box for face in recovered)]
        heads = found[found.labels == found.names.index(HEAD)]
        hidden = []
        for head, face, score in zip(heads.boxes, faces_in_heads(heads.boxes), heads.scores.tolist(), strict=True):
            if not any(_holds(head, centre(other)) for other in faces):
                hidden.append(Face(_box(face), score, "recovery", evidence=Evidence(HIDDEN, {HEAD: round(score, 4)})))
        return hidden

    @property
    def face_threshold(self) -> float:
        """Score from which a whole face is reported."""
        return self.thresholds.get(WHOLE_FACE, 1.0)

    def scene(self, found: Detections, width: int, height: int, name: str | None = None) -> Scene:
        """Detections as a scene: faces, parts, people, and whose is what; of the labels asked for."""
        return self.only(self.whole_scene(found, width, height, name))

    def only(self, scene: Scene) -> Scene:
        """The scene without the labels that were not asked for; people stay."""
        faces = tuple(_only(face, self.labels) for face in scene.faces)
        parts = [part for part in scene.parts if part.label in self.labels]
        if WHOLE_FACE not in self.labels:
            parts += (part for face in faces for part in face.parts)
            parts.sort(key=lambda part: -part.score)
            faces = ()
        return replace(scene, parts=tuple(parts), faces=faces)

    def whole_scene(
        self, found: Detections, width: int, height: int, name: str | None = None, recovered: Sequence[Face] = ()
    ) -> Scene:
        """:meth:`scene` with all labels, and with faces that a second look recovered."""
        rows = [
            (found.names[label], _box(box), float(score))
            for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True)
        ]
        faces = [Face(box, score) for label, box, score in rows if label == WHOLE_FACE] + list(recovered)
        parts = [Part(label, box, score) for label, box, score in rows if label != WHOLE_FACE]
        given_parts, given_faces, people = assign(parts, faces, width, height)
        return Scene(name, width, height, given_parts, given_faces, people)


def _box(box: NDArray[np.float32]) -> Box:
    # Two decimals: a hundredth of a pixel is far below what any detector resolves.
    x1, y1, x2, y2 = (round(float(value), 2) for value in box)
    return x1, y1, x2, y2


def _certainty(scene: Scene) -> float:
    return sum(part.score for part in detections(scene))


def _holds(box: NDArray[np.float32], point: tuple[float, float]) -> bool:
    return bool(box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3])


def _only(face: Face, labels: Collection[str]) -> Face:
    return replace(face, parts=tuple(part for part in face.parts if part.label in labels))
