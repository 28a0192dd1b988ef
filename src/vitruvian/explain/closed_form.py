"""Maps that come with the detection, without a backward pass and without torch.

The model file computes them beside scores and boxes (:mod:`vitruvian.networks.activation_maps` has the formulas), each
pyramid level its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.explain.errors import ExplainError
from vitruvian.explain.maps import ActivationMaps, rows_of
from vitruvian.finders.detections import Detections
from vitruvian.finders.detector import Detector, OutputWithMaps
from vitruvian.finders.map_pictures import MapMaker
from vitruvian.images import Letterbox

METHODS = ("hirescam", "gradcam++")


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """One pass of a picture: what was found, and the maps of every class and level.

    Attributes:
        found: Detections at the model's thresholds, in pixels of the picture.
        letterbox: How the picture was fitted into the network's input.
        output: What the network gave, a batch of one.
    """

    found: Detections
    letterbox: Letterbox
    output: OutputWithMaps

    def level(self, stride: int, labels: Sequence[str], method: str = "hirescam") -> ActivationMaps:
        """The maps of one level as the network gave them: signed, covering the letterboxed input.

        Args:
            stride: Of the level.
            labels: Classes, one channel each.
            method: ``hirescam`` or ``gradcam++``.

        Raises:
            ExplainError: for a level, class or method that is not there.
        """
        if stride not in self.output.strides:
            raise ExplainError(f"there is no level {stride}; there are {', '.join(map(str, self.output.strides))}")
        if method not in METHODS:
            raise ExplainError(f"{method!r} has no closed form; {' and '.join(METHODS)} have")
        levels = self.output.hirescam if method == "hirescam" else self.output.gradcampp
        values = levels[self.output.strides.index(stride)][0]
        return ActivationMaps(values[rows_of(labels, self.found.names)], tuple(labels))


def explain_picture(
    detector: Detector, picture: NDArray[np.uint8], width: int | None = None, height: int | None = None
) -> Explained:
    """Detect and explain in one forward pass.

    Args:
        detector: Its file must give maps.
        picture: ``(H, W, 3)`` uint8 RGB.
        width, height: Size of the original where ``picture`` is a reduced copy; boxes are in its pixels.

    Raises:
        ModelError: when the model's file gives no maps.
        ExplainError: when the model does not look at pictures.
    """
    if detector.card.reads is not None:
        raise ExplainError(f"model {detector.card.name!r} reads activation maps, not pictures: explain its first model")
    output, letterbox = detector.dense(picture, width or picture.shape[1], height or picture.shape[0])
    found = detector.decoded(output.scores[0], output.boxes[0], letterbox)
    return Explained(found, letterbox, output)


def joined_levels(
    detector: Detector, explained: Explained, labels: Sequence[str], method: str = "hirescam"
) -> ActivationMaps:
    """The levels of each class joined, cut to the picture: where the strongest level sees how much of the class.

    Values are rectified and on a fixed scale, 1 being a sure find (:mod:`vitruvian.finders.map_pictures`), so that
    maps of different classes and pictures compare.

    Args:
        detector: That made ``explained``.
        explained: From :func:`explain_picture`.
        labels: Classes, one channel each.
        method: ``hirescam`` or ``gradcam++``.

    Returns:
        Maps in 0..1, their long side a quarter of that of the network's input.
    """
    rows_of(labels, detector.names)
    planes = MapMaker(detector, method, "stacked", labels).join(explained.output, explained.letterbox).planes
    return ActivationMaps(np.ascontiguousarray(planes.transpose(2, 0, 1)), tuple(labels))
