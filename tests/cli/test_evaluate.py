"""``vitruvian evaluate`` from files to numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from vitruvian.cli import calibrate, compare, evaluate

RUN = CliRunner()


def app() -> typer.Typer:
    made = typer.Typer()
    for verb in (evaluate, calibrate, compare):
        verb.register(made)
    return made


def write_case(folder: Path, shift: float = 0.0) -> tuple[str, str]:
    """Twelve pictures of one head each; the first eight are exhaustive for heads. All heads are found, shifted."""
    images = [
        {"id": i, "file_name": f"{i}.png", "width": 99, "height": 99, "source": "street" if i % 2 else "studio",
         "exhaustive_category_ids": [7] if i <= 8 else []}
        for i in range(1, 13)
    ]  # fmt: skip
    boxes = [{"id": i, "image_id": i, "category_id": 7, "bbox": [10, 10, 40, 40]} for i in range(1, 9)]
    truth = {"images": images, "annotations": boxes, "categories": [{"id": 7, "name": "head"}]}
    found = [
        {"image_id": i, "category_id": 7, "bbox": [10 + shift, 10, 40, 40], "score": 0.5 + 0.03 * i}
        for i in range(1, 13)
    ]
    paths = folder / "val.json", folder / f"found{shift:g}.json"
    for path, value in zip(paths, (truth, found), strict=True):
        path.write_text(json.dumps(value))
    return str(paths[0]), str(paths[1])


def test_numbers_in_every_format(tmp_path: Path) -> None:
    truth, found = write_case(tmp_path)
    base = ["evaluate", "--truth", truth, "--predictions", found]
    table = RUN.invoke(app(), base)
    assert table.exit_code == 0, table.output
    assert "boxes-partial" in table.stdout
    assert "4 detections lie where their class is not judged" in table.stdout
    assert "### By class" in RUN.invoke(app(), [*base, "--format", "markdown"]).stdout
    listed = json.loads(RUN.invoke(app(), [*base, "--format", "json"]).stdout)
    assert listed[0]["summary"]["ap50"] == pytest.approx(1)
    assert listed[0]["naive"]["ap50"] < 1


def test_folder_pooling_renaming_intervals_slices_and_page(tmp_path: Path) -> None:
    truth, found = write_case(tmp_path)
    pair = ["--truth", truth, "--predictions", found]
    extra = [
        "--bootstrap",
        "20",
        "--slice",
        "source",
        "--rename",
        "head=whole face",
        "--report",
        str(tmp_path / "page"),
    ]
    result = RUN.invoke(app(), ["evaluate", "--truth", str(tmp_path), "--predictions", found, *pair, *extra])
    assert result.exit_code == 0, result.output
    assert "Boxes: 24 pictures, 16 boxes" in result.stdout
    assert "whole face" in result.stdout
    assert "20 bootstrap draws" in result.stdout
    assert "Slices by source" in result.stdout
    assert (tmp_path / "page" / "index.html").is_file()


def test_other_protocols(tmp_path: Path) -> None:
    truth, found = write_case(tmp_path)
    base = ["evaluate", "--truth", truth, "--predictions", found]
    recall = RUN.invoke(app(), [*base, "--protocol", "labelled-recall", "--threshold", "0.6"])
    assert "all           8      5   0.625" in recall.stdout, recall.stdout  # scores 0.62 to 0.74 of pictures 4 to 8
    (tmp_path / "card.json").write_text('{"thresholds": {"head": 0.7}}')
    recall = RUN.invoke(app(), [*base, "--protocol", "labelled-recall", "--thresholds", str(tmp_path / "card.json")])
    assert "all           8      2   0.250" in recall.stdout, recall.stdout
    ratio = RUN.invoke(app(), [*base, "--protocol", "detection-ratio", "--training", truth])
    assert ratio.exit_code == 0
    names = RUN.invoke(app(), ["evaluate", "--protocols"])
    assert names.exit_code == 0
    assert "pose-aic" in names.stdout


def test_activity_tables(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("file,label\na.png,run\nb.png,sit\n")
    (tmp_path / "found.csv").write_text("file,run,sit\na.png,0.9,0.1\nb.png,0.6,0.4\n")
    arguments = ["--truth", str(tmp_path / "truth.csv"), "--predictions", str(tmp_path / "found.csv")]
    result = RUN.invoke(app(), ["evaluate", *arguments, "--protocol", "activity", "--bootstrap", "20"])
    assert result.exit_code == 0, result.output
    assert "WARNING: never predicted" in result.stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--protocol", "mAP"], "unknown protocol 'mAP'"),
        (["--model", "x"], "give either --predictions or --model"),
        (["--predictions", "x"], "1 truths need as many predictions, not 2"),
        (["--rename", "head"], "not OLD=NEW"),
        (["--protocol", "false-boxes"], "without people"),
        (["--protocol", "faces-recovered"], "second pass"),
        (["--protocol", "labelled-recall", "--bootstrap", "9"], "has no intervals"),
        (["--protocol", "pose-oks"], "does not name its keypoints"),
        (["--joints", "crow9"], "crow9"),
        (["--exhaustive", "tail"], "tail"),
        (["--thresholds", "nowhere.json"], "nowhere.json: cannot be read"),
    ],
)
def test_mistakes_are_one_line_and_exit_two(tmp_path: Path, change: list[str], message: str) -> None:
    truth, found = write_case(tmp_path)
    result = RUN.invoke(app(), ["evaluate", "--truth", truth, "--predictions", found, *change])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_bad_files_are_named(tmp_path: Path) -> None:
    truth, _ = write_case(tmp_path)
    bad = tmp_path / "bad.json"
    bad.write_text('[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 0.1}]')
    result = RUN.invoke(app(), ["evaluate", "--truth", truth, "--predictions", str(bad)])
    assert (result.exit_code, "bad.json: row 0: unknown category_id 1" in result.stderr) == (2, True)
    result = RUN.invoke(app(), ["evaluate", "--truth", str(tmp_path / "none.json"), "--predictions", str(bad)])
    assert (result.exit_code, "none.json: cannot be read" in result.stderr) == (2, True)
