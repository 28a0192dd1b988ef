"""The part detector: one stage, no anchors, a box for every class at every location.

Boxes of different parts share their centres (nose, face, head and hair do), so a location that could answer for one
object only would have to drop the others. Here every location predicts a score *and* a box for each class; classes then
never compete, each can be assigned, trained and left out by itself, and partial labels need no special case.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from vitruvian.networks.backbones import Backbone

if TYPE_CHECKING:
    from vitruvian.networks.map_reader import MapBackbone


@dataclass(frozen=True, slots=True)
class DetectorOutput:
    """Dense predictions of a batch; N is the number of locations of all pyramid levels, C the number of classes.

    Attributes:
        logits: ``(B, N, C)`` class scores before the sigmoid.
        boxes: ``(B, N, C, 4)`` ``xyxy`` in pixels of the network's input.
        centers: ``(N, 2)`` x, y of the locations, pixels of the input.
        strides: ``(N,)`` pixels between neighbouring locations.
    """

    logits: torch.Tensor
    boxes: torch.Tensor
    centers: torch.Tensor
    strides: torch.Tensor


def conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, SiLU; the picture shrinks by ``stride``."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.SiLU(inplace=True),
    )


class Pyramid(nn.Module):
    """Path-aggregation pyramid (Liu et al., PANet, CVPR 2018) with additions in place of concatenations.

    Forward: backbone maps to as many maps of ``width`` channels at the same strides.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(conv_bn(c, width, 1) for c in channels)
        self.top_down = nn.ModuleList(conv_bn(width, width) for _ in channels[:-1])
        self.down = nn.ModuleList(conv_bn(width, width, 3, 2) for _ in channels[:-1])
        self.bottom_up = nn.ModuleList(conv_bn(width, width) for _ in channels[:-1])

    def forward(self, features: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        maps = [lateral(f) for lateral, f in zip(self.lateral, features, strict=True)]
        for i in range(len(maps) - 2, -1, -1):
            above = nn.functional.interpolate(maps[i + 1], scale_factor=2.0, mode="nearest")
            maps[i] = self.top_down[i](maps[i] + above)
        for i in range(1, len(maps)):
            maps[i] = self.bottom_up[i - 1](maps[i] + self.down[i - 1](maps[i - 1]))
        return maps


class Tower(nn.Module):
    """Convolutions shared by all levels with batch norms of their own (Lyu et al., RTMDet, 2022)."""

    def __init__(self, width: int, depth: int, levels: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(depth))
        self.norms = nn.ModuleList(nn.ModuleList(nn.BatchNorm2d(width) for _ in range(depth)) for _ in range(levels))

    def forward(self, feature: torch.Tensor, level: int) -> torch.Tensor:
        norms = self.norms[level]
        assert isinstance(norms, nn.ModuleList)
        for conv, norm in zip(self.convs, norms, strict=True):
            feature = nn.functional.silu(norm(conv(feature)))
        return feature


class Detector(nn.Module):
    """Backbone, pyramid and one head.

    The class score is ``score`` (a 1x1 convolution) of the last feature map of its tower, so a class activation map is
    the product of its weights and that map: no backward pass is needed.

    Args:
        backbone: Gives maps at strides 8, 16 and 32: features of a picture, or another detector's activation maps.
        labels: Class names in output order.
        width: Channels of pyramid and head.
        depth: 3x3 convolutions in each of the two towers.
    """

    def __init__(
        self, backbone: Backbone | MapBackbone, labels: Sequence[str], width: int = 96, depth: int = 2
    ) -> None:
        super().__init__()
        self.labels = tuple(labels)
        self.backbone = backbone
        self.pyramid = Pyramid(backbone.channels, width)
        levels = len(backbone.channels)
        self.score_tower = Tower(width, depth, levels)
        self.box_tower = Tower(width, depth, levels)
        self.score = nn.Conv2d(width, len(self.labels), 1)
        self.box = nn.Conv2d(width, 4 * len(self.labels), 1)
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.normal_(self.box.weight, std=0.01)
        assert self.score.bias is not None
        assert self.box.bias is not None
        # A score of 0.01 to begin with, since most locations hold nothing, and boxes four strides wide.
        nn.init.constant_(self.score.bias, -math.log(99.0))
        nn.init.constant_(self.box.bias, math.log(2.0))

    def forward(self, images: torch.Tensor) -> DetectorOutput:
        """Dense predictions for ``(B, channels, H, W)`` normalised pictures; H and W are multiples of 32."""
        return self.head(self.score_features(images))

    def score_features(self, images: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Last feature maps of the score and box towers, level by level, each ``(B, width, h, w)``."""
        return self.towers(self.backbone(images))

    def towers(self, features: Sequence[torch.Tensor]) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The same from the backbone's maps."""
        maps = self.pyramid(features)
        return [(self.score_tower(m, i), self.box_tower(m, i)) for i, m in enumerate(maps)]

    def head(self, features: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> DetectorOutput:
        """Scores and boxes from the towers' last feature maps."""
        logits, boxes, centers, strides = [], [], [], []
        for (score_map, box_map), stride in zip(features, self.backbone.strides, strict=True):
            height, width = score_map.shape[-2:]
            # Full precision: a box edge is wanted to a fraction of a stride, which bfloat16 does not resolve.
            with torch.autocast(score_map.device.type, enabled=False):
                score = self.score(score_map.float()).flatten(2).transpose(1, 2)
                raw = self.box(box_map.float()).flatten(2).transpose(1, 2)
            distances = raw.clamp(max=6.0).exp().unflatten(2, (-1, 4)) * stride
            center = _centers(height, width, stride, score_map.device)
            xy = center[None, :, None, :]
            boxes.append(torch.cat((xy - distances[..., :2], xy + distances[..., 2:]), dim=-1))
            logits.append(score)
            centers.append(center)
            strides.append(torch.full_like(center[:, 0], stride))
        return DetectorOutput(torch.cat(logits, 1), torch.cat(boxes, 1), torch.cat(centers), torch.cat(strides))


def _centers(height: int, width: int, stride: int, device: torch.device) -> torch.Tensor:
    y = (torch.arange(height, device=device, dtype=torch.float32) + 0.5) * stride
    x = (torch.arange(width, device=device, dtype=torch.float32) + 0.5) * stride
    return torch.stack((x[None, :].expand(height, width), y[:, None].expand(height, width)), dim=-1).reshape(-1, 2)
