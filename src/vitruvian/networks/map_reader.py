"""The second look: a detector whose picture is another detector's activation maps.

The class scores of a :class:`~vitruvian.networks.detector.Detector` are linear in its last feature maps, so the maps of
all its classes come with the forward pass. A small detector that reads them, all levels and classes together, sees what
the first one's decision at a single location throws away: which parts agree with each other, and where.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from vitruvian.networks.activation_maps import Method, activation_maps
from vitruvian.networks.detector import Detector
from vitruvian.networks.errors import WeightsError


class MapBackbone(nn.Module):
    """A frozen detector in the place of a backbone: gives its activation maps as features.

    Args:
        first: The trained detector; its weights and batch statistics stay as they are.
        labels: Classes whose maps are given, one channel each, in this order.
        method: ``hirescam`` or ``gradcam++``; the maps are signed, as they are before ReLU and normalisation.

    Raises:
        WeightsError: for a label that the detector does not have.

    Forward: ``(B, channels, H, W)`` normalised pictures to one ``(B, len(labels), H / s, W / s)`` for each stride s.
    """

    def __init__(self, first: Detector, labels: Sequence[str], method: Method = "hirescam") -> None:
        super().__init__()
        unknown = [label for label in labels if label not in first.labels]
        if unknown:
            raise WeightsError(f"the first model has no label {unknown[0]!r}; it has {', '.join(first.labels)}")
        self.first = first.requires_grad_(False)
        self.rows = [first.labels.index(label) for label in labels]
        self.method: Method = method
        self.strides: list[int] = list(first.backbone.strides)
        self.channels: list[int] = [len(labels)] * len(self.strides)

    def train(self, mode: bool = True) -> MapBackbone:
        """The first detector never trains."""
        super().train(mode)
        self.first.eval()
        return self

    @torch.no_grad()
    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        features = self.first.score_features(images)
        # Full precision, as the exported maps are.
        with torch.autocast(images.device.type, enabled=False):
            return [activation_maps(score_map.float(), self.first.score, self.method)[:, self.rows]
                    for score_map, _ in features]  # fmt: skip
