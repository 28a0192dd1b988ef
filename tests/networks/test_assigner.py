from __future__ import annotations

import pytest
import torch
from torchvision.ops import box_iou

from vitruvian.networks.assigner import Targets, assign, pairwise_rows_iou
from vitruvian.networks.detector import DetectorOutput
from vitruvian.networks.losses import detection_loss


def dense(classes: int = 2, size: int = 64, batch: int = 1, seed: int = 0) -> DetectorOutput:
    """Predictions on a stride-8 grid: boxes 24 px wide around their location, random scores."""
    generator = torch.Generator().manual_seed(seed)
    side = size // 8
    axis = (torch.arange(side) + 0.5) * 8
    centers = torch.stack((axis.repeat(side), axis.repeat_interleave(side)), dim=-1)
    boxes = torch.cat((centers - 12, centers + 12), dim=-1)[None, :, None].expand(batch, -1, classes, -1)
    logits = torch.randn(batch, side * side, classes, generator=generator)
    return DetectorOutput(logits, boxes.clone(), centers, torch.full((side * side,), 8.0))


def targets(rows: list[tuple[int, int, tuple[float, float, float, float]]], background: bool = True,
            classes: int = 2, batch: int = 1, approximate: bool = False) -> Targets:  # fmt: skip
    return Targets(
        torch.tensor([r[0] for r in rows], dtype=torch.int64),
        torch.tensor([r[1] for r in rows], dtype=torch.int64),
        torch.tensor([r[2] for r in rows], dtype=torch.float32).reshape(-1, 4),
        torch.full((batch, classes, 8, 8), background),
        torch.full((len(rows),), approximate),
    )


def test_iou_agrees_with_torchvision() -> None:
    generator = torch.Generator().manual_seed(1)
    low = torch.rand(5, 7, 2, generator=generator) * 50
    boxes = torch.cat((low, low + 1 + torch.rand(5, 7, 2, generator=generator) * 40), -1)
    wanted = boxes[:, 0]
    for row in range(5):
        torch.testing.assert_close(
            pairwise_rows_iou(boxes, wanted)[row], box_iou(boxes[row], wanted[row : row + 1])[:, 0]
        )


def test_chosen_locations_lie_inside_and_answer_for_the_right_class() -> None:
    output = dense()
    found = assign(output, targets([(0, 1, (8, 8, 40, 40))]))
    assert len(found.location) == 10
    assert found.label.unique().tolist() == [1]
    centers = output.centers[found.location]
    assert ((centers > 8) & (centers < 40)).all()
    best = found.quality.argmax()
    iou = pairwise_rows_iou(output.boxes[:, :, 1], torch.tensor([[8.0, 8, 40, 40]]))[0]
    assert torch.isclose(found.quality[best], iou[found.location].max())
    assert (found.quality <= iou[found.location].max() + 1e-6).all()


def test_an_approximate_box_asks_for_a_fixed_score_and_not_for_a_close_fit() -> None:
    output, box = dense(), (8.0, 8.0, 40.0, 40.0)
    found = assign(output, targets([(0, 1, box)], approximate=True))
    assert len(found.location) == 10
    assert float(found.quality.max()) == pytest.approx(0.8)
    iou = pairwise_rows_iou(output.boxes[:, :, 1], torch.tensor([box]))[0]
    told = output.logits[0, :, 1].sigmoid() * iou
    torch.testing.assert_close(found.quality, 0.8 * told[found.location] / told[found.location].max())
    centers = output.centers
    inside = ((centers > 8) & (centers < 40)).all(-1)
    assert set(found.location.tolist()) == set(torch.where(inside, told, -1.0).topk(10).indices.tolist())


def test_classes_do_not_compete_but_boxes_of_one_class_do() -> None:
    box, beside = (8.0, 8.0, 40.0, 40.0), (10.0, 10.0, 44.0, 44.0)
    output = dense()
    alone = assign(output, targets([(0, 0, box)]))
    both = assign(output, targets([(0, 0, box), (0, 1, beside)]))
    assert sorted(both.location[both.label == 0].tolist()) == sorted(alone.location.tolist())
    rivals = assign(output, targets([(0, 0, box), (0, 0, beside)]))
    assert len(set(rivals.location.tolist())) == len(rivals.location)
    assert set(rivals.target.tolist()) == {0, 1}


def test_a_box_between_locations_still_gets_one() -> None:
    found = assign(dense(), targets([(0, 0, (7.0, 7.0, 9.0, 9.0))]))
    assert len(found.location) >= 1


def test_order_of_boxes_changes_nothing() -> None:
    rows = [(0, 0, (8, 8, 40, 40)), (0, 0, (12, 12, 50, 50)), (1, 1, (0, 0, 30, 30))]
    output = dense(batch=2)
    one, other = assign(output, targets(rows, batch=2)), assign(output, targets(rows[::-1], batch=2))
    pairs = sorted(zip(one.image.tolist(), one.location.tolist(), one.target.tolist(), strict=True))
    mirrored = zip(other.image.tolist(), other.location.tolist(), (2 - other.target).tolist(), strict=True)
    assert pairs == sorted(mirrored)


def test_no_boxes_no_assignment_but_background_is_learnt() -> None:
    output = dense()
    logits = output.logits.requires_grad_()
    loss = detection_loss(output, targets([]))
    loss.total.backward()
    assert (logits.grad > 0).all()


def test_an_unlabelled_class_adds_nothing_where_it_may_be_in_view() -> None:
    output = dense()
    logits = output.logits.requires_grad_()
    wanted = targets([(0, 0, (8, 8, 40, 40))])
    wanted.background[0, 1] = False
    wanted.background[0, 0, :, 5:] = False
    detection_loss(output, wanted).total.backward()
    gradient = logits.grad[0]
    right = output.centers[:, 0] > 40
    assert (gradient[:, 1] == 0).all()
    assert (gradient[right, 0] == 0).all()
    assert (gradient[~right, 0] != 0).all()


def test_a_labelled_box_counts_even_where_background_does_not() -> None:
    output = dense()
    logits, boxes = output.logits.requires_grad_(), output.boxes.requires_grad_()
    detection_loss(output, targets([(0, 1, (8, 8, 44, 40))], background=False)).total.backward()
    assert (logits.grad[0, :, 1] != 0).sum() == 10
    assert (logits.grad[0, :, 0] == 0).all()
    assert (boxes.grad[0, :, 1].abs().sum(-1) > 0).sum() == 10
    assert (boxes.grad[0, :, 0] == 0).all()


def test_the_loss_falls_as_predictions_approach_the_truth() -> None:
    torch.manual_seed(0)
    output = dense()
    logits = torch.nn.Parameter(output.logits.clone())
    boxes = torch.nn.Parameter(output.boxes.clone())
    wanted = targets([(0, 0, (8, 8, 40, 40)), (0, 1, (20, 20, 60, 60))])
    optimizer = torch.optim.Adam([logits, boxes], lr=0.3)
    losses = []
    for _ in range(60):
        loss = detection_loss(DetectorOutput(logits, boxes, output.centers, output.strides), wanted)
        optimizer.zero_grad()
        loss.total.backward()
        optimizer.step()
        losses.append(float(loss.total))
    assert losses[-1] < 0.25 * losses[0]
    best = logits[0, :, 0].argmax()
    assert pairwise_rows_iou(boxes[:, best : best + 1, 0], wanted.boxes[:1])[0, 0] > 0.8
