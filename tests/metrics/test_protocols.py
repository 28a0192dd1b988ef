"""The register of protocols, how results print, and training logs."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from metric_builders import dataset, person, picture, poses, predictions, random_predictions, random_truth

from vitruvian.metrics import MetricError, Options, Predictions, Table, evaluate, list_protocols
from vitruvian.metrics.result import plain, shown
from vitruvian.metrics.training_log import compare_training, read_training_log
from vitruvian.taxonomy import AIC14, MPII16

A, B = (10.0, 10.0, 50.0, 50.0), (100.0, 100.0, 150.0, 150.0)


def _case(name: str) -> tuple:
    """A truth, predictions and options that protocol ``name`` can measure."""
    subject = next(p.subject for p in list_protocols() if p.name == name)
    if subject in ("pose", "landmarks"):
        skeleton = MPII16 if name == "pose-pckh" else AIC14
        count = 68 if subject == "landmarks" else len(skeleton)
        points = np.column_stack([np.random.default_rng(1).uniform(0, 99, (count, 2)), np.full(count, 2)])
        truth = dataset(("person",), picture(1, annotations=(person(1, points),)))
        if subject == "pose":
            truth = replace(truth, keypoint_names={"person": skeleton.joints})
        return truth, poses([(1, points, 0.9)]), Options()
    if name == "faces-wider":
        easy = dataset(("face",), picture(1, [("face", A)], ["face"]))
        easy = easy.map(
            lambda p: replace(
                p, annotations=tuple(replace(a, attributes={"difficulty": "easy"}) for a in p.annotations)
            )
        )
        return easy, predictions(("face",), (1, "face", A, 0.9)), Options()
    if name == "faces-in-heads":
        heads = dataset(("Human head",), picture(1, [("Human head", A)]))
        return heads, predictions(("whole face",), (1, "whole face", A, 0.9)), Options()
    truth = dataset(
        ("whole face", "head"),
        picture(1, [("head", A)], ["whole face", "head"], attributes={"light": "day"}),
        picture(2, [], ["whole face", "head"]),
    )
    found = predictions(truth.labels, (1, "head", A, 0.9), (2, "head", B, 0.6))
    options = Options(attribute="light", training=truth, recovered=predictions(truth.labels, (1, "whole face", A, 0.9)))
    return truth, found, options


@pytest.mark.parametrize("name", [p.name for p in list_protocols()])
def test_every_protocol_runs_and_prints(name: str) -> None:
    result = evaluate(name, *_case(name))
    assert result.evaluator
    assert result.headline()
    assert all(isinstance(v, float | int) for v in result.headline().values())
    for text in (result.text(), result.markdown()):
        assert result.protocol in text
        assert result.evaluator in text
        assert all(table.title in text for table in result.tables())
    loaded = json.loads(result.json())
    assert loaded["protocol"] == result.protocol
    assert loaded["evaluator"] == result.evaluator


def test_names_are_unique_and_an_unknown_one_lists_them() -> None:
    names = [p.name for p in list_protocols()]
    assert len(set(names)) == len(names)
    with pytest.raises(MetricError, match=r"unknown protocol 'mAP'.*boxes-partial"):
        evaluate("mAP", dataset(("a",)), Predictions.empty(("a",)))


def test_options_that_a_protocol_needs_are_asked_for() -> None:
    truth, found = random_truth(1), random_predictions(random_truth(1), 1)
    with pytest.raises(MetricError, match="training set"):
        evaluate("detection-ratio", truth, found)
    with pytest.raises(MetricError, match="second pass"):
        evaluate("faces-recovered", truth, found)


def test_the_partial_protocol_prints_the_naive_number_beside_its_own() -> None:
    truth = dataset(("head",), picture(1, [("head", A)], ["head"]), picture(2))
    found = predictions(("head",), (1, "head", A, 0.8), (2, "head", A, 0.9))
    text = evaluate("boxes-partial", truth, found).text()
    rows = {line.split("  ")[0]: line.split() for line in text.splitlines()}
    assert "1.000" in rows["boxes-partial"]
    assert "0.500" in rows["naive (unlabelled is wrong)"]


def test_tables_line_up_and_escape() -> None:
    table = Table("T", ("name", "n", "x"), (("a|b", 12, 0.5), ("c", 3, None)))
    assert table.text().splitlines() == ["T", "name   n      x", "a|b   12  0.500", "c      3    n/a"]
    assert table.markdown().splitlines()[-2:] == ["| a\\|b | 12 | 0.500 |", "| c | 3 | n/a |"]
    with pytest.raises(ValueError, match="2 cells in a row of 3"):
        Table("T", ("a", "b", "c"), (("x", 1),))


def test_json_values_are_plain() -> None:
    value = {"a": np.float64("nan"), "b": np.arange(2), "c": (1, math.inf), "d": frozenset({"x"}), 5: np.int64(7)}
    assert plain(value) == {"a": None, "b": [0, 1], "c": [1, None], "d": ["x"], "5": 7}
    assert shown(float("nan")) == "n/a"


def test_training_logs_give_the_best_step_and_the_gap(tmp_path: Path) -> None:
    """Best fitness at step 20, where the validation loss is 1.4 and the training loss 1.0."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.csv").write_text(
        "step,loss,val_loss,fitness\n10,2.0,,\n10,,2.2,0.3\n20,1.0,,\n20,,1.4,0.5\n30,0.5,,\n30,,1.6,0.4\n"
    )
    log = read_training_log(run)
    assert log.best_step == 20
    assert log.generalisation_gap == pytest.approx(0.4)
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "metrics.csv").write_text("step,loss\n10,2.0\n")
    both = compare_training([run, bare])
    assert any("bare" in note for note in both.notes)
    assert math.isnan(both.runs[1].best_step)
    assert "n/a" in both.text()


def test_a_resumed_run_is_read_from_its_first_step(tmp_path: Path) -> None:
    """Resumed at steps 90 and 900: three files, of which the names do not sort as the steps do.

    What was logged for steps 95 and 950 before the resumptions was undone, and step 90 was logged anew. The best
    fitness that stands, 0.8 at step 80, lies in the first file; validation loss is 1.5 there and training loss 1.1.
    """
    run = tmp_path / "run"
    run.mkdir()
    (run / "metrics.until-step-90.csv").write_text(
        "step,loss,val_loss,fitness\n40,3,,\n80,1.1,1.5,0.8\n90,9,,\n95,9,9,0.9\n"
    )
    (run / "metrics.until-step-900.csv").write_text("step,loss\n90,1.0\n800,0.7\n950,9\n")
    (run / "metrics.csv").write_text("step,loss,fitness,val_loss\n1000,0.5,0.7,1.6\n")
    log = read_training_log(run)
    assert log.train_loss is not None
    assert log.val_loss is not None
    assert log.train_loss.steps.tolist() == [40, 80, 90, 800, 1000]
    assert log.train_loss.values.tolist() == [3, 1.1, 1.0, 0.7, 0.5]
    assert log.val_loss.steps.tolist() == [80, 1000]
    assert log.best_step == 80
    assert log.generalisation_gap == pytest.approx(0.4)
    (run / "metrics.csv").unlink()
    with pytest.raises(MetricError, match=r"metrics\.csv: cannot be read"):
        read_training_log(run)


@pytest.mark.parametrize(
    ("text", "message"), [("a,b\n1,2\n", "neither a 'step'"), ("step,loss\n1,x\n", "column 'loss'")]
)
def test_logs_that_are_none_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(MetricError, match=message):
        read_training_log(tmp_path)
    with pytest.raises(MetricError, match="cannot be read"):
        read_training_log(tmp_path / "nowhere")
