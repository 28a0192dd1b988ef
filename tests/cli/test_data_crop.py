"""``vitruvian data crop`` on the sample picture: crops, ignore regions, and one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from vitruvian.cli import data
from vitruvian.data.dataset import Dataset
from vitruvian.images import sample_picture

app = typer.Typer()
data.register(app)


@app.callback()
def _root() -> None: ...


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["data", "crop", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """The astronaut, of whom a patch on the sleeve, and not the face, is labelled as one."""
    truth = {
        "images": [{"id": 1, "file_name": sample_picture().name, "width": 512, "height": 512}],
        "annotations": [{"id": 4, "image_id": 1, "category_id": 1, "bbox": [150, 190, 160, 200]}],
        "categories": [{"id": 1, "name": "whole face"}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(truth))
    return tmp_path / "labels.json"


def test_faces_that_a_model_finds_are_ignored(labels: Path, tmp_path: Path) -> None:
    folder = sample_picture().parent
    said = run(labels, "--images", folder, "--out", tmp_path / "out", "--model", "parts22", "--exhaustive", "none")
    assert "wrote 1 crops with 1 ignore regions" in said
    [crop] = Dataset.load(tmp_path / "out" / "labels.json")
    assert crop.attributes["crop"] == [70, 90, 320, 400]
    assert crop.exhaustive == frozenset({"whole face"})
    [(x1, y1, x2, y2)] = crop.ignore_regions
    assert y1 < 40 < y2 <= 120  # the astronaut's chin, at the top of this crop
    assert x1 < 150 < x2
    plain = run(labels, "--images", folder, "--out", tmp_path / "plain", "--factor", "1.5")
    assert "1 crops with 0 ignore regions" in plain


def test_what_is_wrong_is_one_line(labels: Path, tmp_path: Path) -> None:
    out = ("--images", sample_picture().parent, "--out", tmp_path / "out")
    for more, message in (
        (("--label", "nose"), "no class 'nose'"),
        (("--factor", "0.5"), "factor"),
        (("--derive", "limbs"), "--derive 'limbs' is not facial-parts"),
        (("--derive", "facial-parts"), "no class has keypoints"),
        (("--model", "nothing"), "no model 'nothing'"),
    ):
        said = run(labels, *out, *more, code=2)
        assert message in said
        assert said.strip().count("\n") == 0
    assert "cannot be read" in run(tmp_path / "gone.json", *out, code=2)
