"""``vitruvian compare``: two prediction files, two run folders."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
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


def test_activity_tables(tmp_path: Path) -> None:
    """A takes every picture for run, B is right throughout: top-1 0.5 and 1."""
    (tmp_path / "truth.csv").write_text(
        "file,label\n" + "".join(f"{i}.png,{'run' if i % 2 else 'sit'}\n" for i in range(20))
    )
    (tmp_path / "a.csv").write_text("file,label\n" + "".join(f"{i}.png,run\n" for i in range(20)))
    arguments = [
        "compare",
        str(tmp_path / "a.csv"),
        str(tmp_path / "truth.csv"),
        "--truth",
        str(tmp_path / "truth.csv"),
    ]
    result = RUN.invoke(
        app(), [*arguments, "--protocol", "activity", "--format", "json", "--report", str(tmp_path / "page")]
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["names"], found["overall"]["top-1"]["gain"]["value"]) == (["a", "truth"], 0.5)
    assert found["overall"]["top-1"]["gain"]["low"] > 0
    assert {p.stem for p in (tmp_path / "page").glob("*.png")} == {"confusion_a", "confusion_b"}


def test_landmark_files(tmp_path: Path) -> None:
    """Ten faces of 68 points with outer eye corners 100 apart; A is 20 pixels off, B 2: NME 20 and 2 %."""
    points = np.random.default_rng(0).uniform(0, 200, (68, 2))
    points[36], points[45] = (50, 80), (150, 80)

    def flat(shift: float) -> list[float]:
        return np.column_stack([points[:, 0], points[:, 1] + shift, np.full(68, 2)]).ravel().tolist()

    rows = [{"id": i, "image_id": i, "category_id": 1, "bbox": [0, 0, 200, 200]} for i in range(1, 11)]
    truth = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 200, "height": 200} for i in range(1, 11)],
        "annotations": [{**row, "keypoints": flat(0), "num_keypoints": 68} for row in rows],
        "categories": [{"id": 1, "name": "face"}],
    }
    (tmp_path / "val.json").write_text(json.dumps(truth))
    for name, shift in (("a", 20), ("b", 2)):
        found = [{**row, "score": 0.9, "keypoints": flat(shift)} for row in rows]
        (tmp_path / f"{name}.json").write_text(json.dumps([{k: v for k, v in r.items() if k != "id"} for r in found]))
    arguments = ["compare", str(tmp_path / "a.json"), str(tmp_path / "b.json"), "--truth", str(tmp_path / "val.json")]
    result = RUN.invoke(
        app(), [*arguments, "--protocol", "landmarks-corners", "--draws", "9", "--report", str(tmp_path / "page")]
    )
    assert result.exit_code == 0, result.output
    assert "NME %             20.000  2.000     -18.000" in result.stdout, result.stdout
    assert {p.stem for p in (tmp_path / "page").glob("*.png")} == {"cumulative_error_a", "cumulative_error_b"}
    refused = RUN.invoke(app(), [*arguments, "--protocol", "confusion"])
    assert (refused.exit_code, "confusion has no paired comparison" in refused.stderr) == (2, True)
    refused = RUN.invoke(app(), [*arguments, "--protocol", "pose-oks", "--joints", "crow9"])
    assert (refused.exit_code, "crow9" in refused.stderr) == (2, True)


def test_predictions_without_a_truth_and_folders_without_a_model_are_refused(tmp_path: Path) -> None:
    truth, found = write_case(tmp_path)
    result = RUN.invoke(app(), ["compare", found, found])
    assert (result.exit_code, "give --truth" in result.stderr) == (2, True)
    (tmp_path / "empty").mkdir()
    result = RUN.invoke(app(), ["compare", found, str(tmp_path / "empty"), "--truth", truth])
    assert (result.exit_code, "holds 0 .onnx models" in result.stderr) == (2, True)
