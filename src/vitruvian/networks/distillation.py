"""Holding on to what a model knew while it learns from labels that say nothing about most of it."""

from __future__ import annotations

import torch
from torch.nn import functional as F
from torchvision.ops import complete_box_iou_loss

from vitruvian.networks.assigner import Targets
from vitruvian.networks.detector import DetectorOutput
from vitruvian.networks.losses import background_at

_SAYS_SOMETHING = 0.1
"""Score from which the teacher's box is worth keeping."""


def distillation_loss(
    output: DetectorOutput, teacher: DetectorOutput, targets: Targets, known: torch.Tensor, box_weight: float = 2.0
) -> torch.Tensor:
    """How far predictions have moved from the teacher's wherever the labels are silent; a scalar, 0 where they agree.

    Learning without forgetting (Li and Hoiem, ECCV 2016) for partial labels: the labels have the say where a class is
    labelled or may count as background, the teacher has it everywhere else. Scores by the Kullback-Leibler divergence
    of the two Bernoulli distributions, boxes by the complete IoU, weighted by the teacher's score.

    Args:
        output: Predictions with gradients.
        teacher: Those of the model to hold on to, on the same pictures.
        targets: Labels; of them only where a class may count as background is looked at.
        known: ``(C,)`` bool, the classes that the teacher knows.
        box_weight: Of the boxes against the scores.
    """
    silent = ~background_at(output, targets) & known
    said = teacher.logits.float().sigmoid()
    entropy = F.binary_cross_entropy_with_logits(teacher.logits.float(), said, reduction="none")
    divergence = F.binary_cross_entropy_with_logits(output.logits.float(), said, reduction="none") - entropy
    found = silent & (said > _SAYS_SOMETHING)
    box = complete_box_iou_loss(output.boxes[found].float(), teacher.boxes[found].float()) * said[found]
    total: torch.Tensor = ((divergence * silent).sum() + box_weight * box.sum()) / said[found].sum().clamp(min=1.0)
    return total
