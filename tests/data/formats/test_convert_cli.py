"""``vitruvian data convert``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from format_builders import build_coco, build_yolo, text
from typer.testing import CliRunner

from vitruvian.cli import data_convert
from vitruvian.data.dataset import Dataset


def run(*arguments: str | Path) -> tuple[int, str]:
    app = typer.Typer()
    app.callback()(lambda: None)
    data_convert.register(app)
    result = CliRunner().invoke(app, ["convert", *map(str, arguments)])
    return result.exit_code, result.output


def test_yolo_to_canonical(tmp_path: Path) -> None:
    code, output = run(build_yolo(tmp_path / "set"), "--out", tmp_path / "out.json")
    assert code == 0
    assert "as yolo: 3 pictures, 4 annotations, 2 labels; 4 of 4 rows accepted" in output
    assert len(Dataset.load(tmp_path / "out.json", tmp_path / "set")) == 3
    assert not (tmp_path / "out.json.rejects.jsonl").exists()


def test_broken_rows_go_to_a_file_and_are_counted(tmp_path: Path) -> None:
    build_yolo(tmp_path / "set")
    broken = text(tmp_path / "set" / "labels" / "train" / "a.txt", "0 0.5 0.5 0.5 0.5\n7 0 0 0 0\n")
    code, output = run(tmp_path / "set", "--to", "coco", "--out", tmp_path / "out.json")
    assert code == 0
    assert "rejected 1 rows" in output
    (line,) = (tmp_path / "out.json.rejects.jsonl").read_text().splitlines()
    assert json.loads(line) == {"file": str(broken), "place": "line 2", "reason": "class 7 is not among the 2 classes"}


def test_strict_stops_with_one_line_and_writes_nothing(tmp_path: Path) -> None:
    build_yolo(tmp_path / "set")
    text(tmp_path / "set" / "labels" / "train" / "a.txt", "7 0 0 0 0\n")
    code, output = run(tmp_path / "set", "--strict", "--out", tmp_path / "out.json")
    assert code == 2
    assert output.startswith("error: ")
    assert output.count("\n") == 1
    assert not (tmp_path / "out.json").exists()


def test_losses_are_warned_of_and_pictures_linked(tmp_path: Path) -> None:
    code, output = run(build_coco(tmp_path), "--from", "coco", "--to", "yolo", "--out", tmp_path / "yolo", "--link")
    assert code == 0
    assert "warning: 1 annotations to be ignored are left out" in output
    assert (tmp_path / "yolo" / "images" / "train" / "a.png").is_file()


def test_progress_goes_to_a_terminal_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build_yolo(tmp_path / "set")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    _, output = run(tmp_path / "set", "--out", tmp_path / "out.json")
    assert "reading rows" not in output
    monkeypatch.setenv("FORCE_COLOR", "1")  # by which Rich takes anything for a terminal
    code, output = run(tmp_path / "set", "--out", tmp_path / "out.json")
    assert code == 0
    assert re.search(r"reading rows\S* \S*4", output)
