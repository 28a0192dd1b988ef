"""Activity against scikit-learn, and the tables that it is read from."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from vitruvian.metrics import Classified, MetricError, evaluate_activity, load_classified
from vitruvian.metrics.classification import top_k

LABELS = ("climb", "dance", "run", "sit", "swim", "sleep")


def outcome(seed: int = 0, scores: bool = True, count: int = 300) -> Classified:
    generator = np.random.default_rng(seed)
    truth = generator.choice(5, count, p=[0.5, 0.2, 0.15, 0.1, 0.05])  # nobody sleeps
    logits = generator.normal(0, 1, (count, 6))
    logits[np.arange(count), truth] += 1
    logits[:, 4] -= 10  # swimming is never predicted
    likely = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    files = tuple(f"{i}.png" for i in range(count))
    return Classified(LABELS, files, truth, likely.argmax(1), likely if scores else None)


@pytest.mark.filterwarnings("ignore:y_pred contains classes")
def test_numbers_are_those_of_scikit_learns_report() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    case = outcome()
    result = evaluate_activity(case)
    present = [0, 1, 2, 3, 4]
    report = metrics.classification_report(
        case.truth, case.chosen, labels=present, target_names=LABELS[:5], output_dict=True, zero_division=0
    )
    for row in result.classes[:4]:
        expected = report[row.label]
        assert (row.precision, row.recall, row.f1, row.support) == pytest.approx(
            (expected["precision"], expected["recall"], expected["f1-score"], expected["support"])
        )
    macro, weighted, micro = result.averages
    for mean, name in ((macro, "macro avg"), (weighted, "weighted avg")):
        expected = report[name]
        assert (mean.precision, mean.recall, mean.f1) == pytest.approx(
            (expected["precision"], expected["recall"], expected["f1-score"])
        )
    assert micro.f1 == result.top1 == pytest.approx(metrics.accuracy_score(case.truth, case.chosen))
    assert result.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(case.truth, case.chosen))
    np.testing.assert_array_equal(result.confusion, metrics.confusion_matrix(case.truth, case.chosen, labels=range(6)))
    assert case.scores is not None
    assert result.top5 == pytest.approx(metrics.top_k_accuracy_score(case.truth, case.scores, k=5, labels=range(6)))
    assert top_k(case.scores, case.truth, 6) == 1


def test_a_class_that_is_never_predicted_is_warned_of() -> None:
    """The activity seed's case: everything taken for one class; accuracy 0.2, macro F1 0.33 / 21 classes."""
    truth = np.array([14] * 72 + [i % 20 if i % 20 != 14 else 20 for i in range(289)])
    labels = tuple(f"class {i}" for i in range(21))
    case = Classified(labels, tuple(map(str, range(361))), truth, np.full(361, 14))
    result = evaluate_activity(case)
    assert (round(result.top1, 2), round(result.averages[0].f1, 3)) == (0.20, round(2 * 72 / (361 + 72) / 21, 3))
    assert result.notes[0].startswith("WARNING: never predicted")
    assert result.notes[0].count("class ") == 20
    assert math.isnan(result.classes[0].precision)
    assert math.isnan(result.top5)
    assert result.reliability is None


def test_classes_without_pictures_are_not_applicable() -> None:
    result = evaluate_activity(outcome())
    assert math.isnan(result.classes[5].recall)
    assert any("sleep" in note and "n/a" in note for note in result.notes)
    assert any("swim" in note for note in result.notes)


TRUTH = "file,label\na.png,run\nb.png,sit\n"


def _load(tmp_path: Path, found: str, name: str = "found.csv", truth: str = TRUTH) -> Classified:
    (tmp_path / "truth.csv").write_text(truth)
    (tmp_path / name).write_text(found)
    return load_classified(tmp_path / "truth.csv", tmp_path / name)


def test_the_three_kinds_of_predictions_agree(tmp_path: Path) -> None:
    hard = _load(tmp_path, "file,label\nb.png,run\na.png,run\n")
    soft = _load(tmp_path, "file,run,sit\na.png,0.9,0.1\nb.png,0.6,0.4\n")
    rows = [
        {"file": "a.png", "scores": {"run": 0.9, "sit": 0.1}},
        {"file": "b.png", "scores": {"sit": 0.4, "run": 0.6}},
    ]
    mapped = _load(tmp_path, json.dumps(rows), "found.json")
    for case in (hard, soft, mapped):
        assert case.labels == ("run", "sit")
        assert case.files == ("a.png", "b.png")
        assert (case.truth.tolist(), case.chosen.tolist()) == ([0, 1], [0, 0])
    assert hard.scores is None
    assert soft.scores is not None
    assert mapped.scores is not None
    np.testing.assert_array_equal(soft.scores, mapped.scores)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ("file,run,sit\na.png,0.9,0.1\n", "no prediction for 1 pictures of the truth, e.g. 'b.png'"),
        ("file,label\na.png,run\nb.png,sit\nc.png,sit\n", "not in the truth, e.g. 'c.png'"),
        ("file,label\na.png,run\na.png,run\n", "line 3: 'a.png' occurs twice"),
        ("file,label\na.png,fly\nb.png,sit\n", "unknown class 'fly'"),
        ("file,run,sit\na.png,nan,0.1\nb.png,1,0\n", "line 2: run: score is nan"),
        ("file,run,sit\na.png,x,0.1\nb.png,1,0\n", "'x' is not a number"),
        ("file,run\na.png,1\nb.png,1,0\n", "line 3: has not as many fields"),
        ("name,run\na.png,1\n", "no column 'file'"),
        ("file,run,fly\na.png,1,0\nb.png,1,0\n", "'a.png' has no score for 'sit'"),
    ],
)
def test_bad_tables_are_named(tmp_path: Path, found: str, message: str) -> None:
    with pytest.raises(MetricError, match=message):
        _load(tmp_path, found)


def test_a_truth_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MetricError, match="has no rows"):
        _load(tmp_path, "file,label\n", truth="file,label\n")
    with pytest.raises(MetricError, match=r"truth\.csv: line 3: 'a.png' occurs twice"):
        _load(tmp_path, "file,label\n", truth="file,label\na.png,run\na.png,sit\n")
