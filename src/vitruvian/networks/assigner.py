"""Which locations answer for which labelled box: task-aligned assignment, one class at a time.

Feng et al., TOOD: Task-aligned One-stage Object Detection, ICCV 2021, sections 3.2 and 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vitruvian.networks.detector import DetectorOutput

_APPROXIMATE_QUALITY = 0.8
"""Score that the best location for an approximate box is asked for, whatever its IoU."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Labelled boxes of a batch, laid end to end; G in number.

    Attributes:
        image: ``(G,)`` int64 index of the picture in the batch.
        label: ``(G,)`` int64 class index.
        boxes: ``(G, 4)`` float32 ``xyxy`` in pixels of the network's input.
        background: ``(B, C, H / 8, W / 8)`` bool; where a class may count as background.
        approximate: ``(G,)`` bool; whose outline is a guess, so that the IoU with it says little.
    """

    image: torch.Tensor
    label: torch.Tensor
    boxes: torch.Tensor
    background: torch.Tensor
    approximate: torch.Tensor

    def to(self, device: torch.device) -> Targets:
        """The same on another device."""
        fields = (self.image, self.label, self.boxes, self.background, self.approximate)
        return Targets(*(t.to(device, non_blocking=True) for t in fields))


@dataclass(frozen=True, slots=True)
class Assignment:
    """Chosen pairs of location and box; P in number.

    Attributes:
        image, location, label: ``(P,)`` int64 indices into the dense predictions.
        target: ``(P,)`` int64 index of the labelled box.
        quality: ``(P,)`` float32 in 0..1, the score that the location should give: its alignment, scaled so that the
            best location of a box is asked for its IoU, and that of an approximate box for a fixed score.
    """

    image: torch.Tensor
    location: torch.Tensor
    label: torch.Tensor
    target: torch.Tensor
    quality: torch.Tensor


def pairwise_rows_iou(boxes: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """IoU of ``(G, N, 4)`` boxes with the ``(G, 4)`` box of their row: ``(G, N)``."""
    low = torch.maximum(boxes[..., :2], target[:, None, :2])
    high = torch.minimum(boxes[..., 2:], target[:, None, 2:])
    overlap = (high - low).clamp(min=0).prod(-1)
    area = (boxes[..., 2:] - boxes[..., :2]).prod(-1)
    target_area = (target[:, 2:] - target[:, :2]).prod(-1)
    return overlap / (area + target_area[:, None] - overlap).clamp(min=1e-9)


@torch.no_grad()
def assign(output: DetectorOutput, targets: Targets, candidates: int = 10, beta: float = 6.0) -> Assignment:
    """Assign to every labelled box the ``candidates`` best aligned locations inside it.

    Alignment is score * IoU ** ``beta`` (TOOD, equation 3, alpha = 1); for an approximate box ``beta`` is 1, as with a
    high power chance would choose. A location that several boxes of one class want goes to the one it overlaps most;
    boxes of different classes do not compete. A box that holds no location's centre takes part through the square of
    one stride around its centre.
    """
    device = output.logits.device
    if len(targets.boxes) == 0:
        empty = torch.zeros(0, dtype=torch.int64, device=device)
        return Assignment(empty, empty, empty, empty, torch.zeros(0, device=device))
    scores = output.logits.detach()[targets.image, :, targets.label].float().sigmoid()
    iou = pairwise_rows_iou(output.boxes.detach()[targets.image, :, targets.label].float(), targets.boxes)
    center = (targets.boxes[:, :2] + targets.boxes[:, 2:]) / 2
    half = (targets.boxes[:, 2:] - targets.boxes[:, :2]) / 2
    reach = torch.maximum(half[:, None, :], output.strides[None, :, None] / 2)
    inside = ((output.centers[None] - center[:, None]).abs() <= reach).all(-1)
    fit = torch.where(targets.approximate[:, None], iou, iou.pow(beta))
    alignment = torch.where(inside, scores * fit, -1.0)
    count = min(candidates, alignment.shape[1])
    # Early on every IoU may be zero; the nearest centres then break the tie.
    distance = (output.centers[None] - center[:, None]).norm(dim=-1) / half.norm(dim=-1, keepdim=True).clamp(min=1.0)
    best = (alignment - 1e-9 * distance).topk(count, dim=1).indices
    target = torch.arange(len(targets.boxes), device=device)[:, None].expand_as(best)
    keep = inside.gather(1, best)
    target, location = target[keep], best[keep]
    overlap = iou[target, location]

    slots = output.logits.shape[1] * output.logits.shape[2]
    key = targets.image[target] * slots + location * output.logits.shape[2] + targets.label[target]
    strongest = torch.full((output.logits.shape[0] * slots,), -1.0, device=device)
    strongest.scatter_reduce_(0, key, overlap, "amax")
    wins = overlap >= strongest[key]
    order = torch.full((output.logits.shape[0] * slots,), -1, dtype=torch.int64, device=device)
    order[key[wins]] = target[wins]  # equal overlaps: one of them stays
    wins &= order[key] == target
    target, location = target[wins], location[wins]

    alignment = alignment[target, location].clamp(min=0)
    peak = torch.zeros(len(targets.boxes), device=device).scatter_reduce_(0, target, alignment, "amax")
    peak_iou = torch.zeros(len(targets.boxes), device=device).scatter_reduce_(0, target, iou[target, location], "amax")
    peak_iou = torch.where(targets.approximate, _APPROXIMATE_QUALITY, peak_iou)
    quality = alignment / peak[target].clamp(min=1e-9) * peak_iou[target]
    return Assignment(targets.image[target], location, targets.label[target], target, quality)
