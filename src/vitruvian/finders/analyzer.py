"""The pipeline: a picture in, a scene out."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.assign import assign
from vitruvian.finders.detections import Detections
from vitruvian.finders.detector import Detector
from vitruvian.finders.errors import LabelError
from vitruvian.images import Limits, read_reduced
from vitruvian.scene import Box, Face, Part, Scene
from vitruvian.zoo import DEFAULT_MODEL, find_model

if TYPE_CHECKING:
    from PIL import Image

WHOLE_FACE = "whole face"
"""The label that makes :attr:`Scene.faces`."""


class Analyzer:
    """Finds every part of the people in pictures; load it once, use it for many.

    Args:
        model: Name, path or address of a model (:func:`vitruvian.zoo.find_model`).
        threshold: One score for all labels in place of the card's, or one a label for some of them.
        labels: Report only these; all by default. What is left out still helps to tell whose part is whose.
        device: ``cpu``, ``cuda``, ``coreml`` or ``auto``.
        size: Long side of the network's input; 0 takes the model's own.
        threads: CPU threads; 0 leaves the choice to onnxruntime.
        limits: Largest file and picture to accept.

    Raises:
        ModelError, DeviceError: when the model cannot be loaded.
        LabelError: for a label that the model does not have.
        ValueError: for a threshold outside 0..1.

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
    ) -> None:
        self.detector = Detector(find_model(model), device, threads, size)
        known = self.detector.names
        wanted = threshold if isinstance(threshold, Mapping) else {}
        for label in (*(labels or ()), *wanted):
            if label not in known:
                near = difflib.get_close_matches(label, known, n=1, cutoff=0.0)
                raise LabelError(f"the model has no label {label!r}; did you mean {near[0]!r}?")
        for value in wanted.values() if wanted else () if threshold is None else (threshold,):
            if not 0 <= value <= 1:  # type: ignore[operator]
                raise ValueError(f"a threshold lies within 0..1, not at {value}")
        self.thresholds: float | Mapping[str, float]
        if threshold is None or isinstance(threshold, Mapping):
            self.thresholds = {**self.detector.card.thresholds, **wanted}
        else:
            self.thresholds = threshold
        # A threshold of the user's own is taken at its word, for lone parts too.
        self.lone = {} if threshold is not None else self.detector.card.lone_thresholds
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
        pixels, width, height = read_reduced(picture, self.detector.size, self.limits)
        if name is None and isinstance(picture, str | os.PathLike):
            name = os.fspath(picture)
        found = self.detector.detect(pixels, width, height, self.thresholds)
        return self.scene(found, width, height, name)

    def _believed(self, parts: Sequence[Part], faces: Sequence[Face]) -> list[Part]:
        """Parts with another kind of part of the same person beside them, and lone ones that are sure enough.

        A leg that is one brings its person along; where nothing else of anybody is in view it is more often a chair's.
        """
        kinds: dict[int, set[str]] = {}
        for person, label in [(p.person, p.label) for p in parts] + [(f.person, WHOLE_FACE) for f in faces]:
            if person is not None:
                kinds.setdefault(person, set()).add(label)
        return [
            part
            for part in parts
            if (part.person is not None and len(kinds[part.person]) > 1) or part.score >= self.lone.get(part.label, 0.0)
        ]

    def scene(self, found: Detections, width: int, height: int, name: str | None = None) -> Scene:
        """Detections as a scene: faces, parts, people, and whose is what."""
        rows = [
            (found.names[label], _box(box), float(score))
            for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True)
        ]
        faces = [Face(box, score) for label, box, score in rows if label == WHOLE_FACE]
        parts = [Part(label, box, score) for label, box, score in rows if label != WHOLE_FACE]
        given_parts, given_faces, people = assign(parts, faces, width, height)
        believed = self._believed(given_parts, given_faces)
        if len(believed) < len(given_parts):
            given_parts, given_faces, people = assign([*believed, *_all(given_faces)], faces, width, height)
        return Scene(
            name,
            width,
            height,
            tuple(part for part in given_parts if part.label in self.labels),
            tuple(_only(face, self.labels) for face in given_faces) if WHOLE_FACE in self.labels else (),
            people,
        )


def _all(faces: Sequence[Face]) -> list[Part]:
    return [part for face in faces for part in face.parts]


def _box(box: NDArray[np.float32]) -> Box:
    # Two decimals: a hundredth of a pixel is far below what any detector resolves.
    x1, y1, x2, y2 = (round(float(value), 2) for value in box)
    return x1, y1, x2, y2


def _only(face: Face, labels: Collection[str]) -> Face:
    from dataclasses import replace

    return replace(face, parts=tuple(part for part in face.parts if part.label in labels))
