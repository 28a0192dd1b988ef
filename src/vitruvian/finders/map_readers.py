"""Ways of finding whole faces in the activation maps of a first pass; each is a :data:`MapReader`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import Detections, decode, suppress
from vitruvian.finders.detector import Detector, OutputWithMaps, open_session
from vitruvian.finders.face_geometry import FACE_FROM_PART, face_from_parts, strongest_region
from vitruvian.finders.map_pictures import MapMaker
from vitruvian.images import Letterbox
from vitruvian.taxonomy import FACIAL_PARTS, WHOLE_FACE
from vitruvian.zoo import ModelError, ModelFile

Found = tuple[NDArray[np.float32], NDArray[np.float32]]
"""``(N, 4)`` ``xyxy`` boxes in pixels of the first model's input, and their ``(N,)`` scores."""

MapReader = Callable[[OutputWithMaps, Letterbox, float], Found]
"""What the first pass gave for one picture, how the picture was fitted, and the lowest score, to faces."""

_UNSURE_PART = 0.05


def reader_of(first: Detector, second: ModelFile, threads: int = 0) -> MapReader:
    """The reader that a model of task ``second look`` is.

    Raises:
        ModelError: when it does not read the activation maps of this very file.
    """
    reads = second.card.reads
    if reads is None or reads.sha256 != first.card.sha256:
        raise ModelError(f"model {second.card.name!r} does not read the activation maps of {first.card.name!r}")
    if reads.picture is None:
        return LevelReader(first, second)
    return PictureReader(first, second, threads)


class LevelReader:
    """A small network that takes the maps of every level as they are, at feature resolution."""

    def __init__(self, first: Detector, second: ModelFile) -> None:
        import onnxruntime as ort

        reads = second.card.reads
        assert reads is not None
        options = ort.SessionOptions()
        # One thread: the network is tiny, and the waiting threads of two sessions take each other's processor.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = open_session(second, options, ["CPUExecutionProvider"])
        self._channels = [first.names.index(label) for label in reads.labels]
        self._method = reads.method
        self._nms_iou = second.card.nms_iou

    def __call__(self, output: OutputWithMaps, letterbox: Letterbox, threshold: float) -> Found:
        levels = output.hirescam if self._method == "hirescam" else output.gradcampp
        feeds = {f"maps_{s}": level[:, self._channels] for s, level in zip(output.strides, levels, strict=True)}
        scores, boxes = self._session.run(["scores", "boxes"], feeds)
        found = decode(scores[0], boxes[0], (WHOLE_FACE,), threshold, self._nms_iou)
        return found.boxes, found.scores


class PictureReader:
    """A detector that looks at the maps of all levels joined to one picture, as the occluded-face thesis does."""

    def __init__(self, first: Detector, second: ModelFile, threads: int = 0) -> None:
        reads = second.card.reads
        assert reads is not None
        assert reads.picture is not None
        self._maker = MapMaker(first, reads.method, reads.picture.kind, reads.labels, reads.picture.side)
        self._detector = Detector(second, threads=threads)

    def __call__(self, output: OutputWithMaps, letterbox: Letterbox, threshold: float) -> Found:
        maps = self._maker.join(output, letterbox)
        if maps.empty:
            return np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.float32)
        planes = np.rint(maps.planes * 255).astype(np.uint8)  # as map files are read
        found = self._detector.detect(planes, letterbox.width, letterbox.height, threshold)
        return letterbox.boxes_to_letterbox(found.boxes), found.scores


class MapFree:
    """No reader at all: on every level one face at most, where the mean map is strongest, if the parts there agree."""

    def __init__(self, first: Detector) -> None:
        self._names = first.names
        self._nms_iou = first.card.nms_iou
        self._parts = [i for i, name in enumerate(first.names) if name in FACIAL_PARTS.names]
        self._telling = np.flatnonzero([name in FACE_FROM_PART for name in first.names])

    def __call__(self, output: OutputWithMaps, letterbox: Letterbox, threshold: float) -> Found:
        parts = self._sights(output)
        faces = []
        for level, stride in zip(output.hirescam, output.strides, strict=True):
            region = strongest_region(np.maximum(level[0][self._parts], 0).mean(axis=0), stride)
            face = None if region is None else face_from_parts(parts, region)
            if face is not None and face[4] >= threshold:
                faces.append(face)
        found, values = np.split(np.asarray(faces, dtype=np.float32).reshape(-1, 5), [4], axis=1)
        values = values[:, 0]
        kept = suppress(found, values, np.zeros(len(values), dtype=np.int64), self._nms_iou)
        return found[kept], values[kept]

    def _sights(self, output: OutputWithMaps) -> Detections:
        """Every sight of a part that tells where its face is, best first; duplicates do not matter where it is read."""
        rows, columns = np.nonzero(output.scores[0][:, self._telling] >= _UNSURE_PART)
        labels = self._telling[columns]
        scores = output.scores[0][rows, labels]
        order = np.argsort(-scores, kind="stable")
        rows, labels = rows[order], labels[order]
        return Detections(output.boxes[0][rows, labels], scores[order], labels, self._names)
