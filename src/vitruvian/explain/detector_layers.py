"""A detector under the ``grad-cam`` library: its layers by name, and what can be asked of it.

Layers are named ``<place>.<stride>``: ``tower`` is the last feature map of the score tower, of which the scores are a
linear function, ``pyramid`` the map that the tower reads, ``backbone`` the map that the pyramid reads. At ``tower`` and
``pyramid`` a class's target is the sum of its logits over that level's locations; the backbone feeds all levels, so
there it is the sum over all locations.

"Why this box" has a target of its own: the one logit, before the sigmoid, of the box's class at the location that made
it. At the tower its gradient is zero outside that location, which says nothing new; ``backbone.8``, which every path
through the network crosses, shows where in the picture the evidence lay. Needs the extra ``train``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vitruvian.explain.errors import ExplainError
from vitruvian.explain.layers import check_layer, layer_names
from vitruvian.explain.library import WITHOUT_TARGET, Target, library_maps
from vitruvian.explain.maps import ActivationMaps, rows_of
from vitruvian.images import Letterbox
from vitruvian.networks.detector import Detector
from vitruvian.training.initial import load_detector
from vitruvian.zoo.cards import Card

BOX_LAYER = "backbone.8"


class ExplainedDetector(nn.Module):
    """A detector whose feature maps can be looked at.

    Args:
        detector: Any; put into evaluation mode.
        card: Of its model: how pictures are prepared.

    Attributes:
        layers: Modules that give a feature map each, by name.

    Forward: normalised ``(B, 3, H, W)`` to ``(B, N, C)`` logits, locations level by level, finest first.
    """

    def __init__(self, detector: Detector, card: Card) -> None:
        super().__init__()
        self.detector = detector.eval()
        self.card = card
        self.strides = tuple(detector.backbone.strides)
        # The tower is shared by the levels and so runs three times; places of its own tell the levels apart.
        self.layers = {name: nn.Identity() for name in layer_names(self.strides)}
        self._places = nn.ModuleList(self.layers.values())

    @classmethod
    def load(cls, model: str) -> ExplainedDetector:
        """From a model's name or file.

        Raises:
            ModelError, WeightsError: when it cannot be found, or is not a detector that looks at pictures.
        """
        return cls(*load_detector(model))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        levels = range(len(self.strides))
        maps = [self._at("backbone", i, m) for i, m in enumerate(self.detector.backbone(images))]
        maps = [self._at("pyramid", i, m) for i, m in enumerate(self.detector.pyramid(maps))]
        maps = [self._at("tower", i, self.detector.score_tower(maps[i], i)) for i in levels]
        return torch.cat([self.detector.score(m).flatten(2).transpose(1, 2) for m in maps], dim=1)

    def _at(self, place: str, level: int, values: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layers[f"{place}.{self.strides[level]}"](values)
        return found

    def prepare(self, picture: NDArray[np.uint8], letterbox: Letterbox) -> torch.Tensor:
        """A picture as the network's normalised input ``(1, C, H, W)``."""
        canvas = letterbox.apply(picture, self.card.preprocessing.pad_value)
        architecture = self.card.architecture
        mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (architecture.mean, architecture.std))
        return (torch.from_numpy(canvas.copy()).permute(2, 0, 1)[None].float() / 255 - mean) / std

    def layer(self, name: str) -> nn.Module:
        """The layer of a name.

        Raises:
            ExplainError: when there is none; the nearest one is named.
        """
        check_layer(name, self.layers)
        return self.layers[name]

    def targets(self, layer: str, labels: Sequence[str], inputs: torch.Tensor) -> dict[str, Target]:
        """The sum of each class's logits over the locations that belong to a layer."""
        begin, end = self.locations(layer, inputs)
        rows = rows_of(labels, self.detector.labels)
        return {label: _Logits(begin, end, row) for label, row in zip(labels, rows, strict=True)}

    def locations(self, layer: str, inputs: torch.Tensor) -> tuple[int, int]:
        """Begin and end of the locations that belong to a layer, for an input of that size."""
        place, _, stride = layer.partition(".")
        counts = [(inputs.shape[2] // s) * (inputs.shape[3] // s) for s in self.strides]
        if place == "backbone":
            return 0, sum(counts)
        level = self.strides.index(int(stride))
        return sum(counts[:level]), sum(counts[: level + 1])


class _Logits:
    """The sum of one class's logits over a range of locations."""

    def __init__(self, begin: int, end: int, row: int) -> None:
        self.begin, self.end, self.row = begin, end, row

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        return logits[self.begin : self.end, self.row].sum()


def detector_maps(
    network: ExplainedDetector, inputs: torch.Tensor, layer: str, labels: Sequence[str], method: str
) -> ActivationMaps:
    """The maps of classes at one layer, by the library.

    Args:
        network: The detector.
        inputs: From :meth:`ExplainedDetector.prepare`.
        layer: ``tower.8`` and so on.
        labels: Classes, one channel each.
        method: A key of :data:`vitruvian.explain.library.CLASSES`.

    Returns:
        Signed maps that cover the letterboxed input.

    Raises:
        ExplainError: for a layer, class or method that is not there.
    """
    return library_maps(network, inputs, [network.layer(layer)], network.targets(layer, labels, inputs), method)[0]


def box_maps(
    network: ExplainedDetector,
    inputs: torch.Tensor,
    location: int,
    label: str,
    layer: str = BOX_LAYER,
    method: str = "hirescam",
) -> ActivationMaps:
    """Why a box was found: the map of the one logit that made it.

    Args:
        network: The detector.
        inputs: From :meth:`ExplainedDetector.prepare`.
        location: Index among all locations; :func:`vitruvian.explain.boxes.location_of` finds it.
        label: Class of the box.
        layer: Where to look.
        method: As for :func:`detector_maps`, but for those that look at no target.

    Raises:
        ExplainError: as :func:`detector_maps`, when the layer is of another level than the location, or for a method
            whose map would be the same for every box.
    """
    if method in WITHOUT_TARGET:
        raise ExplainError(f"{method} looks at no target, so it cannot say why one box was found: choose another")
    module = network.layer(layer)
    begin, end = network.locations(layer, inputs)
    if not begin <= location < end:
        raise ExplainError(f"layer {layer} has no influence on that box: another level made it")
    [row] = rows_of([label], network.detector.labels)
    return library_maps(network, inputs, [module], {label: _Logits(location, location + 1, row)}, method)[0]
