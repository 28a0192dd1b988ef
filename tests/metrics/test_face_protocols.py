"""WIDER FACE, breakdown by occlusion, recovered faces."""

from __future__ import annotations

import math

import pytest
from metric_builders import dataset, picture, predictions, random_predictions, random_truth

from vitruvian.data.dataset import Annotation, Box
from vitruvian.metrics import MetricError, Predictions, evaluate_boxes
from vitruvian.metrics.breakdown import evaluate_breakdown
from vitruvian.metrics.recovery import evaluate_recovery
from vitruvian.metrics.wider import evaluate_wider

A, B, C = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 150.0, 150.0), (0.0, 150.0, 30.0, 190.0)
FACE = ("face",)


def face(number: int, box: Box, **attributes: object) -> Annotation:
    return Annotation("face", box, number, attributes=attributes)


def test_wider_worked_case() -> None:
    """Two faces in one picture, an easy and a hard one, and a wrong box between them in score.

    Easy and medium: one face; its detection comes first, so AP 1; the hard face's detection is ignored.
    Hard: two faces; precision 1 up to recall 1/2, then 2/3: AP 1/2 + 1/2 * 2/3 = 5/6.
    """
    truth = dataset(FACE, picture(1, annotations=(face(1, A, difficulty="easy"), face(2, B, difficulty="hard"))))
    found = predictions(FACE, (1, "face", A, 0.9), (1, "face", C, 0.6), (1, "face", B, 0.3))
    result = evaluate_wider(truth, found)
    assert result.ap == pytest.approx({"easy": 1, "medium": 1, "hard": 5 / 6})
    assert result.faces == {"easy": 1, "medium": 1, "hard": 2}


def test_wider_counts_a_second_detection_of_a_face_as_wrong_unless_the_face_is_ignored() -> None:
    """Two detections of A before B's: precision 1, 1/2, 2/3, AP 1/2 + 1/2 * 2/3. A is no face of level medium: 1."""
    both = dataset(FACE, picture(1, annotations=(face(1, A, difficulty="easy"), face(2, B, difficulty="easy"))))
    found = predictions(FACE, (1, "face", A, 0.9), (1, "face", A, 0.8), (1, "face", B, 0.3))
    assert evaluate_wider(both, found).ap["easy"] == pytest.approx(5 / 6)
    split = dataset(FACE, picture(1, annotations=(face(1, A, difficulty="hard"), face(2, B, difficulty="easy"))))
    assert evaluate_wider(split, found).ap["easy"] == pytest.approx(1)


def test_wider_passes_over_pictures_without_a_face() -> None:
    truth = dataset(FACE, picture(1, annotations=(face(1, A, difficulty="easy"),)), picture(2))
    found = predictions(FACE, (2, "face", A, 0.95), (1, "face", A, 0.5))
    assert evaluate_wider(truth, found).ap["easy"] == pytest.approx(1)
    assert evaluate_boxes(truth, found, "coco").summary.ap50 == pytest.approx(0.5)  # COCO does not


def test_wider_needs_one_class_and_difficulties() -> None:
    with pytest.raises(MetricError, match="one class"):
        evaluate_wider(dataset(("a", "b"), picture(1)), Predictions.empty(("a", "b")))
    with pytest.raises(MetricError, match="difficulty"):
        evaluate_wider(dataset(FACE, picture(1, [("face", A)])), Predictions.empty(FACE))


def test_breakdown_worked_case() -> None:
    """A weakly covered face found at 0.9, a heavily covered one at 0.3, and a wrong box at 0.6.

    Weak: the right one comes first, the heavy face's detection is ignored, AP50 1. Heavy: wrong, right: AP50 1/2.
    """
    pictures = (
        picture(1, exhaustive=FACE, annotations=(face(1, A, occlusion_degree="weak"),)),
        picture(2, exhaustive=FACE, annotations=(face(2, B, occlusion_degree="heavy"),)),
    )
    found = predictions(FACE, (1, "face", A, 0.9), (2, "face", B, 0.3), (2, "face", C, 0.6))
    result = evaluate_breakdown(dataset(FACE, *pictures), found)
    rows = {d.value: d for d in result.degrees}
    whole = 51 / 101 + 50 / 101 * 2 / 3  # 51 of the 101 levels lie at a recall of at most 1/2
    assert {k: d.ap50 for k, d in rows.items()} == pytest.approx({"weak": 1, "heavy": 0.5, "all": whole})
    assert (rows["weak"].at.recall, rows["heavy"].at.recall) == (1, 0)
    assert rows["all"].ap50 == pytest.approx(evaluate_boxes(dataset(FACE, *pictures), found).summary.ap50)


def test_breakdown_of_everything_is_coco() -> None:
    truth = random_truth(4).map(lambda p: p)
    found = random_predictions(truth, 4)
    with pytest.raises(MetricError, match="occlusion_degree"):
        evaluate_breakdown(truth, found)
    stated = dataset(
        truth.labels, *(picture(p.id, exhaustive=truth.labels, annotations=p.annotations,
                                attributes={"occlusion_degree": p.id % 2}) for p in truth)
    )  # fmt: skip
    result, summary = evaluate_breakdown(stated, found), evaluate_boxes(stated, found).summary
    assert result.degrees[-1].ap == pytest.approx(summary.ap)
    assert sum(d.boxes for d in result.degrees[:-1]) == result.degrees[-1].boxes


def test_recovery_gives_the_thesis_row() -> None:
    """Table 8, HiResCAM (10 class) on MERL-RAV: 25 pictures, 10 detections, 4 right: coverage 40 %, precision 40 %.

    Five more pictures were found by the first pass; a second-pass box there does not count.
    """
    truth = dataset(FACE, *(picture(i, [("face", A)]) for i in range(1, 31)))
    first = predictions(FACE, *((i, "face", A, 0.8) for i in range(26, 31)), (1, "face", A, 0.2))
    rows = [(i, "face", A if i <= 4 else B, 0.6) for i in range(1, 11)]
    second = predictions(FACE, *rows, (30, "face", A, 0.9), (20, "face", A, 0.4))
    result = evaluate_recovery(truth, first, second, "face")
    assert (result.pictures, result.found_first, result.remaining, result.examined) == (30, 5, 25, 25)
    assert (result.detections, result.right, result.recovered) == (10, 4, 10)
    assert (result.coverage, result.precision) == (0.4, 0.4)
    assert (result.faces, result.faces_first, result.faces_both) == (30, 5, 9)
    assert evaluate_recovery(truth, first, second, "face", examined=range(1, 21)).coverage == 0.5


def test_recovery_without_labels_counts_and_names_a_sample() -> None:
    truth = dataset(FACE, *(picture(i) for i in range(1, 31)))
    first, second = predictions(FACE, (1, "face", A, 0.9)), predictions(FACE, (2, "face", A, 0.9))
    result = evaluate_recovery(truth, first, second, "face", sample=3)
    assert (result.remaining, result.recovered, result.right, result.faces) == (29, 1, None, None)
    assert math.isnan(result.precision)
    assert result.review[0] == ("2.png",)
    assert len(result.review[1]) == 3
    assert not {"1.png", "2.png"} & set(result.review[1])
    assert result.review == evaluate_recovery(truth, first, second, "face", sample=3).review
    with pytest.raises(MetricError, match="tail"):
        evaluate_recovery(truth, first, second, "tail")


def test_what_lies_in_an_ignore_region_is_no_wrong_recovery() -> None:
    """Picture 1: the face and one in an ignore region; picture 2: a face to ignore; picture 3: a wrong one."""
    truth = dataset(
        FACE,
        picture(1, [("face", A)], FACE, ignore_regions=(C,)),
        picture(2, exhaustive=FACE, annotations=(Annotation("face", B, 2, ignore=True),)),
        picture(3, [("face", A)], FACE),
    )
    second = predictions(
        FACE, (1, "face", A, 0.9), (1, "face", C, 0.8), (2, "face", B, 0.8), (3, "face", B, 0.7), (3, "face", A, 0.3)
    )
    result = evaluate_recovery(truth, Predictions.empty(FACE), second, "face")
    assert (result.detections, result.right, result.faces) == (2, 1, 2)
    assert result.precision == 0.5
