"""Holding on to the teacher: silent where labels speak, zero where nothing moved, and pulling back where it did."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vitruvian.networks.assigner import Targets
from vitruvian.networks.detector import DetectorOutput
from vitruvian.networks.distillation import distillation_loss

KNOWN = torch.tensor([True, True, False])


def predictions(seed: int) -> DetectorOutput:
    """Four locations at stride 8 of a picture of 16 pixels, three classes."""
    generator = torch.Generator().manual_seed(seed)
    centers = torch.tensor([[4.0, 4.0], [12.0, 4.0], [4.0, 12.0], [12.0, 12.0]])
    distances = 2 + 6 * torch.rand((1, 4, 3, 4), generator=generator)
    middle = centers[None, :, None, :]
    boxes = torch.cat((middle - distances[..., :2], middle + distances[..., 2:]), dim=-1)
    return DetectorOutput(torch.randn((1, 4, 3), generator=generator), boxes, centers, torch.full((4,), 8.0))


def labels(background: torch.Tensor) -> Targets:
    none = torch.zeros(0, dtype=torch.int64)
    return Targets(none, none, torch.zeros(0, 4), background, none.bool())


@pytest.fixture
def background() -> torch.Tensor:
    """Class 0 is labelled in the left half; of classes 1 and 2 nothing is said."""
    background = torch.zeros(1, 3, 2, 2, dtype=torch.bool)
    background[0, 0, :, 0] = True
    return background


def test_agreement_costs_nothing(background: torch.Tensor) -> None:
    said = predictions(0)
    assert distillation_loss(said, said, labels(background), KNOWN) == pytest.approx(0, abs=1e-6)
    assert distillation_loss(predictions(1), said, labels(background), KNOWN) > 0.01


def test_only_what_the_labels_leave_open_and_the_teacher_knows_is_held(background: torch.Tensor) -> None:
    said, moved = predictions(0), predictions(1)
    logits, boxes = moved.logits.requires_grad_(), moved.boxes.requires_grad_()
    distillation_loss(replace(moved, logits=logits, boxes=boxes), said, labels(background), KNOWN).backward()
    assert logits.grad is not None
    assert boxes.grad is not None
    held = torch.tensor([[False, True, False], [True, True, False], [False, True, False], [True, True, False]])
    assert torch.equal(logits.grad[0] != 0, held)
    assert (boxes.grad[0][~held] == 0).all()
    sure = held & (said.logits[0].sigmoid() > 0.1)
    assert (boxes.grad[0][sure].abs().sum(-1) > 0).all()
    # downhill leads back to the teacher
    assert torch.equal(logits.grad[0][held] > 0, (moved.logits > said.logits)[0][held])


def test_the_pull_equals_the_divergence_of_two_coins(background: torch.Tensor) -> None:
    """Oracle: torch's own Kullback-Leibler divergence of Bernoulli distributions."""
    said, moved = predictions(0), replace(predictions(0), logits=predictions(1).logits)
    held = torch.zeros(4, 3, dtype=torch.bool)
    held[:, 1] = True
    held[[1, 3], 0] = True
    teacher, student = (torch.distributions.Bernoulli(logits=o.logits[0][held]) for o in (said, moved))
    scores = said.logits[0][held].sigmoid()
    expected = torch.distributions.kl_divergence(teacher, student).sum() / scores[scores > 0.1].sum().clamp(min=1)
    assert distillation_loss(moved, said, labels(background), KNOWN) == pytest.approx(float(expected), rel=1e-4)


def test_a_teacher_that_saw_nothing_gives_a_finite_loss() -> None:
    said = replace(predictions(0), logits=torch.full((1, 4, 3), -8.0))
    loss = distillation_loss(predictions(1), said, labels(torch.zeros(1, 3, 2, 2, dtype=torch.bool)), KNOWN)
    assert torch.isfinite(loss)
