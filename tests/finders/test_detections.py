from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vitruvian.finders.detections import _SUPPRESSION, Detections, box_iou, decode, suppress


def random_boxes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 60, (count, 2))
    boxes = np.concatenate((low, low + rng.uniform(2, 40, (count, 2))), axis=1).astype(np.float32)
    return boxes, rng.permutation(count).astype(np.float32) / max(count, 1), rng.integers(0, 3, count)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 400), st.integers(0, 10_000), st.sampled_from([0.3, 0.6]))
def test_suppression_agrees_with_torchvision(count: int, seed: int, iou: float) -> None:
    torch = pytest.importorskip("torch")
    from torchvision.ops import batched_nms

    boxes, scores, labels = random_boxes(count, seed)
    ours = suppress(boxes, scores, labels, iou)
    theirs = batched_nms(torch.from_numpy(boxes), torch.from_numpy(scores), torch.from_numpy(labels), iou)
    assert ours.tolist() == theirs.tolist()


def test_of_boxes_that_score_alike_the_first_stays_and_labels_do_not_suppress_each_other() -> None:
    boxes = np.tile(np.array([[10, 10, 20, 20], [10, 10, 21, 20]], dtype=np.float32), (3, 1))
    labels = np.array([7, 7, 2, 2, 7, 5])
    assert suppress(boxes, np.full(6, 0.5, dtype=np.float32), labels, 0.5).tolist() == [0, 2, 5]
    assert suppress(boxes[:1], np.ones(1, dtype=np.float32), labels[:1], 0.5).tolist() == [0]
    assert suppress(boxes[:0], np.ones(0, dtype=np.float32), labels[:0], 0.5).tolist() == []


def test_the_file_of_suppression_is_one_node_of_the_standard() -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(_SUPPRESSION))
    onnx.checker.check_model(model)
    assert [(node.domain, node.op_type, list(node.input)) for node in model.graph.node] == [
        ("", "NonMaxSuppression", ["boxes", "scores", "most", "iou"])
    ]
    assert not model.graph.initializer


def test_iou_worked_case() -> None:
    """10x10 against the same moved by 5: overlap 50, union 150."""
    box = np.array([0, 0, 10, 10], dtype=np.float32)
    others = np.array([[5, 0, 15, 10], [20, 20, 30, 30], [0, 0, 10, 10]], dtype=np.float32)
    assert box_iou(box, others).tolist() == pytest.approx([1 / 3, 0, 1])


def test_decode_applies_a_threshold_a_class_and_keeps_the_best() -> None:
    scores = np.array([[0.9, 0.4], [0.85, 0.1], [0.2, 0.35]], dtype=np.float32)
    boxes = np.zeros((3, 2, 4), dtype=np.float32)
    boxes[:, :, 2:] = 10
    boxes[2, :, [0, 2]] += 50
    found = decode(scores, boxes, ("a", "b"), np.array([0.5, 0.3], dtype=np.float32))
    assert [(found.names[i], round(float(s), 2)) for i, s in zip(found.labels, found.scores, strict=True)] == [
        ("a", 0.9),  # 0.85 at the same place is a duplicate
        ("b", 0.4),
        ("b", 0.35),
    ]
    assert len(decode(scores, boxes, ("a", "b"), 0.1, most=2)) == 2
    assert len(decode(scores, boxes, ("a", "b"), 0.95)) == 0


def test_more_candidates_than_can_be_kept() -> None:
    rng = np.random.default_rng(0)
    scores = rng.uniform(0.1, 1, (5000, 1)).astype(np.float32)
    low = rng.uniform(0, 4000, (5000, 1, 2))
    boxes = np.concatenate((low, low + 5), axis=2).astype(np.float32)
    found = decode(scores, boxes, ("a",), 0.05, most=10)
    assert len(found) == 10
    assert found.scores[0] == scores.max()
    assert (np.diff(found.scores) <= 0).all()


def test_thresholds_by_label_filter() -> None:
    found = Detections(np.zeros((2, 4), np.float32), np.array([0.6, 0.5], np.float32), np.array([0, 1]), ("a", "b"))
    assert found.above({"a": 0.7}).labels.tolist() == [1]
    assert len(found.above(0.55)) == 1
