"""The part detector at work: one picture in, its detections out. numpy and onnxruntime only."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import Detections, decode
from vitruvian.finders.errors import DeviceError
from vitruvian.images import Letterbox
from vitruvian.zoo import ModelError, ModelFile

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "coreml": "CoreMLExecutionProvider"}


MapMethod = Literal["hirescam", "gradcam++"]


@dataclass(frozen=True, slots=True, eq=False)
class OutputWithMaps:
    """Dense predictions of a batch with the class activation maps that they came from.

    A map of class c and level s belongs to the sum of the class's logits over that level's locations; it is signed:
    before ReLU, normalisation and resizing (:mod:`vitruvian.networks.activation_maps`).

    Attributes:
        scores: ``(B, N, C)`` in 0..1; locations level by level, each in row order.
        boxes: ``(B, N, C, 4)`` ``xyxy`` in pixels of the input.
        strides: Pixels between neighbouring locations, one a level, finest first.
        hirescam: ``(B, C, H / s, W / s)`` float32 for each stride s; empty where it was not asked for.
        gradcampp: The same of Grad-CAM++.
    """

    scores: NDArray[np.float32]
    boxes: NDArray[np.float32]
    strides: tuple[int, ...]
    hirescam: tuple[NDArray[np.float32], ...]
    gradcampp: tuple[NDArray[np.float32], ...]


class Detector:
    """A detector that is loaded and ready.

    Args:
        model: From :func:`vitruvian.zoo.find_model`.
        device: ``cpu``, ``cuda``, ``coreml``, or ``auto`` for the best that onnxruntime offers here.
        threads: CPU threads; 0 leaves the choice to onnxruntime.
        size: Long side of the network's input in pixels; 0 takes the card's. Larger finds smaller parts, and is slower.

    Raises:
        DeviceError: when onnxruntime has no such device here.
        ModelError: when the file cannot be loaded or is not what its card says, or takes the activation maps of every
            level in place of a picture.
        ValueError: for a size below 0.

    Attributes:
        thresholds: Of every label: the card's, 0.5 where it has none.
    """

    def __init__(self, model: ModelFile, device: str = "cpu", threads: int = 0, size: int = 0) -> None:
        import onnxruntime as ort

        self.card = model.card
        reads = model.card.reads
        if reads is not None and reads.picture is None:
            raise ModelError(f"model {model.card.name!r} looks at activation maps of {reads.model!r}, not at pictures")
        if size < 0:
            raise ValueError(f"the size of the input is a number of pixels, or 0 for the model's own, not {size}")
        self.names = tuple(model.card.labels)
        self.thresholds = {name: model.card.thresholds.get(name, 0.5) for name in self.names}
        self.size = size or model.card.preprocessing.size
        options = ort.SessionOptions()
        options.intra_op_num_threads = min(threads, os.cpu_count() or threads)  # more would wait for each other
        options.log_severity_level = 3
        # Threads that wait for the next picture would take the processor from what comes after the network.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        self._session = open_session(model, options, _providers(device))
        self._input = self._session.get_inputs()[0].name
        outputs = [output.name for output in self._session.get_outputs()]
        self.map_strides = tuple(sorted(int(n.rpartition("_")[2]) for n in outputs if n.startswith("hirescam_")))
        """Strides of the levels that the file gives activation maps of; empty for a file without."""
        # Without this onnxruntime computes every output of the graph, asked for or not.
        self._only_asked = ort.RunOptions()
        self._only_asked.only_execute_path_to_fetches = True

    @staticmethod
    def prepare(canvas: NDArray[np.uint8]) -> NDArray[np.float32]:
        """``(H, W, C)`` uint8 to the network's ``(1, C, H, W)`` float32 in 0..1."""
        images: NDArray[np.float32] = np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], dtype=np.float32)
        images *= np.float32(1 / 255)
        return images

    def run(self, images: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The network alone.

        Args:
            images: ``(B, C, H, W)`` float32 in 0..1, H and W multiples of the stride.

        Returns:
            ``(B, N, labels)`` scores and ``(B, N, labels, 4)`` ``xyxy`` boxes in pixels of the input.
        """
        scores, boxes = self._session.run(["scores", "boxes"], {self._input: images}, self._only_asked)
        return scores, boxes

    def run_with_maps(
        self, images: NDArray[np.float32], methods: Collection[MapMethod] = ("hirescam", "gradcam++")
    ) -> OutputWithMaps:
        """The network with its class activation maps, in the same pass.

        Args:
            images: As for :meth:`run`.
            methods: Maps that are wanted; the others are left empty and not computed.

        Raises:
            ModelError: when the file gives no maps.
        """
        if not self.map_strides:
            raise ModelError(
                f"model {self.card.name!r} gives no activation maps: its file was written before they were part of it; "
                "export it again"
            )
        names = [f"hirescam_{s}" for s in self.map_strides if "hirescam" in methods]
        further = [f"gradcampp_{s}" for s in self.map_strides if "gradcam++" in methods]
        wanted = ["scores", "boxes", *names, *further]
        scores, boxes, *maps = self._session.run(wanted, {self._input: images}, self._only_asked)
        return OutputWithMaps(scores, boxes, self.map_strides, tuple(maps[: len(names)]), tuple(maps[len(names) :]))

    def dense(
        self,
        picture: NDArray[np.uint8],
        width: int,
        height: int,
        methods: Collection[MapMethod] = ("hirescam", "gradcam++"),
    ) -> tuple[OutputWithMaps, Letterbox]:
        """:meth:`run_with_maps` of one picture, and how it was fitted; see :meth:`detect` for the arguments."""
        letterbox = self.letterbox(width, height)
        canvas = letterbox.apply(picture, self.card.preprocessing.pad_value)
        return self.run_with_maps(self.prepare(canvas), methods), letterbox

    def detect(
        self,
        picture: NDArray[np.uint8],
        width: int | None = None,
        height: int | None = None,
        thresholds: float | Mapping[str, float] | None = None,
        size: int = 0,
    ) -> Detections:
        """Find parts in one picture.

        Args:
            picture: ``(H, W, C)`` uint8, C as the model has it (3: RGB).
            width, height: Size of the original where ``picture`` is a reduced copy; boxes are in its pixels.
            thresholds: Lowest score, one for all labels or one a label; None takes the card's.
            size: Long side of the network's input for this picture; 0 takes the detector's.

        Returns:
            Boxes clipped to the picture, best score first.
        """
        if picture.shape[2] != self.card.architecture.in_channels:
            wanted = f"{self.card.architecture.in_channels} channels ({self.card.preprocessing.channels})"
            raise ModelError(f"model {self.card.name!r} reads {wanted}, the picture has {picture.shape[2]}")
        width, height = width or picture.shape[1], height or picture.shape[0]
        letterbox = self.letterbox(width, height, size)
        scores, boxes = self.run(self.prepare(letterbox.apply(picture, self.card.preprocessing.pad_value)))
        return self.decoded(scores[0], boxes[0], letterbox, thresholds)

    def letterbox(self, width: int, height: int, size: int = 0) -> Letterbox:
        """How a picture of that size is fitted into the network's input; ``size`` as for :meth:`detect`."""
        return Letterbox.fit(width, height, size or self.size, self.card.preprocessing.stride)

    def decoded(
        self,
        scores: NDArray[np.float32],
        boxes: NDArray[np.float32],
        letterbox: Letterbox,
        thresholds: float | Mapping[str, float] | None = None,
    ) -> Detections:
        """Dense predictions of one letterboxed picture as detections in it; see :meth:`detect`."""
        chosen = self.thresholds if thresholds is None else thresholds
        limits: float | NDArray[np.float32]
        if isinstance(chosen, Mapping):
            limits = np.asarray([chosen.get(name, 0.5) for name in self.names], dtype=np.float32)
        else:
            limits = chosen
        found = decode(scores, boxes, self.names, limits, self.card.nms_iou)
        return restored(found, letterbox)


def open_session(model: ModelFile, options: Any, providers: Sequence[str]) -> Any:
    """A model's file in onnxruntime.

    Raises:
        ModelError: when it cannot be loaded, or has not the outputs that its card speaks of.
    """
    import onnxruntime as ort

    try:
        session = ort.InferenceSession(str(model.path), options, providers=list(providers))
    except Exception as error:  # onnxruntime's own errors have no base in common but this
        raise ModelError(f"{model.path}: onnxruntime cannot load it: {' '.join(str(error).split())[:200]}") from error
    shapes = {output.name: output.shape for output in session.get_outputs()}
    if not {"scores", "boxes"} <= shapes.keys():
        raise ModelError(f"{model.path}: gives {', '.join(shapes)}, not the scores and boxes of a detector")
    labels = shapes["scores"][-1]
    if isinstance(labels, int) and labels != len(model.card.labels):
        raise ModelError(f"{model.path}: scores {labels} labels, its card names {len(model.card.labels)}")
    return session


def restored(found: Detections, letterbox: Letterbox) -> Detections:
    """Detections in the pixels of the picture that was letterboxed, clipped to it."""
    edges = np.asarray([letterbox.width, letterbox.height] * 2, dtype=np.float32)
    boxes = np.clip(letterbox.boxes_to_original(found.boxes), 0, edges)
    return Detections(boxes, found.scores, found.labels, found.names)


def _providers(device: str) -> list[str]:
    import onnxruntime as ort

    here = ort.get_available_providers()
    if device == "auto":
        return [_PROVIDERS[name] for name in ("cuda", "coreml", "cpu") if _PROVIDERS[name] in here]
    if device not in _PROVIDERS:
        raise DeviceError(f"unknown device {device!r}: choose auto, {', '.join(_PROVIDERS)}")
    if _PROVIDERS[device] not in here:
        raise DeviceError(f"device {device!r} is not available: this onnxruntime offers {', '.join(here)}")
    return [_PROVIDERS[device]]
