"""The part detector at work: one picture in, its detections out. numpy and onnxruntime only."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import Detections, decode
from vitruvian.finders.errors import DeviceError
from vitruvian.images import Letterbox
from vitruvian.zoo import ModelError, ModelFile

_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider", "coreml": "CoreMLExecutionProvider"}


class Detector:
    """A detector that is loaded and ready.

    Args:
        model: From :func:`vitruvian.zoo.find_model`.
        device: ``cpu``, ``cuda``, ``coreml``, or ``auto`` for the best that onnxruntime offers here.
        threads: CPU threads; 0 leaves the choice to onnxruntime.
        size: Long side of the network's input in pixels; 0 takes the card's. Larger finds smaller parts, and is slower.

    Raises:
        DeviceError: when onnxruntime has no such device here.
        ModelError: when the file cannot be loaded.
    """

    def __init__(self, model: ModelFile, device: str = "cpu", threads: int = 0, size: int = 0) -> None:
        import onnxruntime as ort

        self.card = model.card
        self.names = tuple(model.card.labels)
        self.size = size or model.card.preprocessing.size
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(str(model.path), options, providers=_providers(device))
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"{model.path}: onnxruntime cannot load it: {' '.join(str(error).split())[:200]}"
            ) from error
        self._input = self._session.get_inputs()[0].name

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
        scores, boxes = self._session.run(None, {self._input: images})
        return scores, boxes

    def detect(
        self,
        picture: NDArray[np.uint8],
        width: int | None = None,
        height: int | None = None,
        thresholds: float | Mapping[str, float] | None = None,
    ) -> Detections:
        """Find parts in one picture.

        Args:
            picture: ``(H, W, C)`` uint8, C as the model has it (3: RGB).
            width, height: Size of the original where ``picture`` is a reduced copy; boxes are in its pixels.
            thresholds: Lowest score, one for all labels or one a label; None takes the card's.

        Returns:
            Boxes clipped to the picture, best score first.
        """
        width, height = width or picture.shape[1], height or picture.shape[0]
        letterbox = Letterbox.fit(width, height, self.size, self.card.preprocessing.stride)
        scores, boxes = self.run(self.prepare(letterbox.apply(picture, self.card.preprocessing.pad_value)))
        chosen = self.card.thresholds if thresholds is None else thresholds
        limits: float | NDArray[np.float32]
        if isinstance(chosen, Mapping):
            limits = np.asarray([chosen.get(name, 0.5) for name in self.names], dtype=np.float32)
        else:
            limits = chosen
        found = decode(scores[0], boxes[0], self.names, limits, self.card.nms_iou)
        restored = letterbox.boxes_to_original(found.boxes)
        edges = np.asarray([width, height, width, height], dtype=np.float32)
        return Detections(np.clip(restored, 0, edges), found.scores, found.labels, found.names)


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
