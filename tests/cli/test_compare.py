"""``vitruvian compare``: two prediction files, two run folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_evaluate import RUN, app, write_case


def test_two_prediction_files(tmp_path: Path) -> None:
    truth, good = write_case(tmp_path)
    _, bad = write_case(tmp_path, shift=18)
    arguments = ["compare", bad, good, "--truth", truth, "--draws", "20"]
    result = RUN.invoke(app(), [*arguments, "--report", str(tmp_path / "page"), "--format", "json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["names"] == ["found18", "found0"]
    assert found["overall"]["AP50"]["gain"]["value"] == pytest.approx(1)
    assert {p.stem for p in (tmp_path / "page").glob("*.png")} == {"arrows", "gains"}


def test_two_run_folders_need_no_truth(tmp_path: Path) -> None:
    for name, values in (("one", "1,2,3\n2,1,1.5\n"), ("two", "1,2,2.5\n2,1.2,1.3\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.csv").write_text("step,loss,val_loss\n" + values)
    result = RUN.invoke(
        app(), ["compare", str(tmp_path / "one"), str(tmp_path / "two"), "--report", str(tmp_path / "page")]
    )
    assert result.exit_code == 0, result.output
    assert "generalisation gap" in result.stdout
    assert "0.500" in result.stdout
    assert (tmp_path / "page" / "training.png").is_file()


def test_predictions_without_a_truth_and_folders_without_a_model_are_refused(tmp_path: Path) -> None:
    truth, found = write_case(tmp_path)
    result = RUN.invoke(app(), ["compare", found, found])
    assert (result.exit_code, "give --truth" in result.stderr) == (2, True)
    (tmp_path / "empty").mkdir()
    result = RUN.invoke(app(), ["compare", found, str(tmp_path / "empty"), "--truth", truth])
    assert (result.exit_code, "holds 0 .onnx models" in result.stderr) == (2, True)
