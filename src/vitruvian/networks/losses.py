"""The detector's loss on partial labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F
from torchvision.ops import complete_box_iou_loss

from vitruvian.networks.assigner import Assignment, Targets, assign
from vitruvian.networks.detector import DetectorOutput


@dataclass(frozen=True, slots=True)
class DetectionLoss:
    """Terms of the loss, scalars.

    Attributes:
        score: Quality focal loss of the class scores.
        box: Complete-IoU loss of the assigned boxes.
        total: What is minimised.
    """

    score: torch.Tensor
    box: torch.Tensor
    total: torch.Tensor


def detection_loss(output: DetectorOutput, targets: Targets, box_weight: float = 2.0) -> DetectionLoss:
    """Loss of dense predictions against partial labels.

    Scores are trained towards the quality of their box (quality focal loss with exponent 2; Li et al., Generalized
    Focal Loss, NeurIPS 2020, equation 2), boxes by the complete IoU (Zheng et al., AAAI 2020). Both sums are divided by
    the sum of the target qualities. Where ``targets.background`` is False, a location without a labelled box adds
    nothing, whatever it predicts.
    """
    assignment = assign(output, targets)
    quality, weight = _score_targets(output, targets, assignment)
    scores = output.logits.sigmoid()
    focus = (quality - scores.detach()).square() * weight
    score = (F.binary_cross_entropy_with_logits(output.logits, quality, reduction="none") * focus).sum()
    boxes = output.boxes[assignment.image, assignment.location, assignment.label]
    box = (complete_box_iou_loss(boxes, targets.boxes[assignment.target]) * assignment.quality).sum()
    norm = assignment.quality.sum().clamp(min=1.0)
    return DetectionLoss((score / norm).detach(), (box / norm).detach(), (score + box_weight * box) / norm)


def _score_targets(
    output: DetectorOutput, targets: Targets, assignment: Assignment
) -> tuple[torch.Tensor, torch.Tensor]:
    """``(B, N, C)`` wanted scores and weights: 1 where a class is labelled or may count as background, else 0."""
    weight = background_at(output, targets).to(output.logits.dtype, copy=True)
    quality = torch.zeros_like(output.logits)
    index = (assignment.image, assignment.location, assignment.label)
    quality[index] = assignment.quality.to(quality.dtype)
    weight[index] = 1.0
    return quality, weight


def background_at(output: DetectorOutput, targets: Targets) -> torch.Tensor:
    """``(B, N, C)`` bool: where each location lies, may the class count as background?"""
    columns = (output.centers[:, 0] / 8).long().clamp(max=targets.background.shape[3] - 1)
    rows = (output.centers[:, 1] / 8).long().clamp(max=targets.background.shape[2] - 1)
    return targets.background[:, :, rows, columns].transpose(1, 2)
