"""Activation maps of a first model as a picture for a second one to look at.

The first model has a map for every class and pyramid level. Each is rectified, cut to the picture (the border of the
letterbox goes), and resized to one size. The strongest level counts: each answers for objects of its own size, and the
sum of levels would favour sizes between two of them. Classes are then stacked, one channel each, or averaged into one
(the two ways of the occluded-face thesis, section 3.2.2).

Values are divided by a constant, never by the picture's own maximum: that would make a picture with nothing in it look
like one with a face, and would hide how sure the first model was, which is what the second one goes by.

* HiResCAM of a linear head is the logit above its bias, so it has a unit of its own.
* Grad-CAM++ weighs a channel by about the inverse of its mean activation: its values grow with the number of locations
  of the level, by which they are divided first. Where a channel's sum comes near ``-2 / w`` the weight has a pole; what
  lies beyond the constant is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from vitruvian.finders.detector import Detector, OutputWithMaps
from vitruvian.images import Letterbox, resize
from vitruvian.zoo import ModelError
from vitruvian.zoo.cards import MapPicture, MapsInput

SCALES = {"hirescam": 8.0, "gradcam++": 2.0}
"""What becomes 1. HiResCAM: a score of 0.97 where the bias says 0.01. Grad-CAM++: twice the number of locations, which
a clear face reaches. Of both, 99 % of values lie below."""

EMPTY = 0.125
"""A map none of whose classes gets beyond this share of the scale is empty: with HiResCAM no score reaches 0.03."""


@dataclass(frozen=True, slots=True, eq=False)
class MapImage:
    """Maps of one picture, as a picture.

    Attributes:
        planes: ``(H, W, C)`` float32 in 0..1; it shows what the original picture shows.
        peak: Largest value of any class before averaging and cutting off, in units of the scale.
    """

    planes: NDArray[np.float32]
    peak: float

    @property
    def empty(self) -> bool:
        """Whether the first model saw nothing, so that there is nothing to look at again."""
        return self.peak < EMPTY


class MapMaker:
    """Makes map pictures of what a detector gives.

    Args:
        detector: The first model; its file must give activation maps.
        method: ``hirescam`` or ``gradcam++``.
        kind: ``averaged`` or ``stacked``.
        labels: Classes of the detector whose maps are taken.
        side: Long side of the map picture in pixels; 0 takes a quarter of the detector's input size, two pixels for
            each location of the finest level: more would be interpolation, which the reader does itself.

    Attributes:
        reads: The record of all this, for the data set and for the card of the model that reads the maps.

    Raises:
        ModelError: when the detector does not look at pictures, has no such label or gives no maps; for a label named
            twice, an unknown method or kind, or a size or side that is too small.
    """

    def __init__(self, detector: Detector, method: str, kind: str, labels: Sequence[str], side: int = 0) -> None:
        if detector.card.reads is not None:
            raise ModelError(f"model {detector.card.name!r} reads activation maps, not pictures: name its first model")
        unknown = [label for label in labels if label not in detector.names]
        if unknown:
            known = ", ".join(detector.names)
            raise ModelError(f"model {detector.card.name!r} has no label {unknown[0]!r}; it has {known}")
        if not labels:
            raise ModelError("no label is asked for, so there is no map to make")
        if len(set(labels)) < len(labels):
            raise ModelError("a label is asked for twice")
        if method not in SCALES:
            raise ModelError(f"unknown method {method!r}: choose {' or '.join(SCALES)}")
        if kind not in ("averaged", "stacked"):
            raise ModelError(f"unknown kind {kind!r}: choose averaged or stacked")
        if not detector.map_strides:
            raise ModelError(f"model {detector.card.name!r} gives no activation maps: export it again")
        self._rows = [detector.names.index(label) for label in labels]
        # Few classes are active at one place, so their mean keeps to the lower half of the range.
        scale = SCALES[method] * (0.5 if kind == "averaged" else 1.0)
        picture = {"kind": kind, "size": detector.size, "side": side or detector.size // 4, "scale": scale}
        record = {
            "model": detector.card.name,
            "sha256": detector.card.sha256,
            "method": method,
            "labels": list(labels),
            "picture": picture,
        }
        try:
            self.reads = MapsInput.model_validate(record)
        except ValidationError as error:
            first = error.errors()[0]
            raise ModelError(f"no such map: {first['loc'][-1]} {first['input']}: {first['msg']}") from error

    def join(self, output: OutputWithMaps, letterbox: Letterbox, index: int = 0) -> MapImage:
        """The maps of one picture of a batch that has been through the network.

        Args:
            output: Of the detector.
            letterbox: How the picture was fitted.
            index: Of the picture in the batch.
        """
        levels = output.hirescam if self.reads.method == "hirescam" else output.gradcampp
        picture = self.reads.picture
        assert picture is not None
        width, height = map_size(letterbox.width, letterbox.height, picture)
        joined = np.zeros((height, width, len(self._rows)), dtype=np.float32)
        for stride, level in zip(output.strides, levels, strict=True):
            values = np.maximum(level[index][self._rows], 0).transpose(1, 2, 0)
            if self.reads.method == "gradcam++":
                values = values / np.float32(level.shape[-2] * level.shape[-1])
            x, y = letterbox.pad_x / stride, letterbox.pad_y / stride
            box = (x, y, x + letterbox.inner_width / stride, y + letterbox.inner_height / stride)
            np.maximum(joined, resize(np.ascontiguousarray(values, dtype=np.float32), width, height, box), out=joined)
        peak = float(joined.max()) / SCALES[self.reads.method]
        if picture.kind == "averaged":
            joined = joined.mean(axis=2, keepdims=True)
        return MapImage(np.clip(joined / np.float32(picture.scale), 0, 1).astype(np.float32), peak)


def map_size(width: int, height: int, picture: MapPicture) -> tuple[int, int]:
    """Width and height in pixels of the map of a picture of that size."""
    shrink = picture.side / max(width, height)
    return max(1, round(width * shrink)), max(1, round(height * shrink))
