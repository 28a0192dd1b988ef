"""``vitruvian adapt`` says in one line what it cannot do; what it does is tested with the training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from vitruvian.cli.main import app


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Six pictures; ``head`` is labelled in five of them."""
    rows, annotations = [], []
    for number in range(1, 7):
        Image.fromarray(np.full((32, 48, 3), 20 * number, dtype=np.uint8)).save(tmp_path / f"{number}.png")
        rows.append({"id": number, "file_name": f"{number}.png", "width": 48, "height": 32})
        if number < 6:
            annotations.append({"id": number, "image_id": number, "category_id": 1, "bbox": [4, 4, 20, 20]})
    path = tmp_path / "set.json"
    path.write_text(json.dumps({"images": rows, "annotations": annotations, "categories": [{"id": 1, "name": "head"}]}))
    return path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "--rename 'head=Human"),
        (["--labels", "hed"], "the nearest is 'head'"),
        (["--rename", "head=Human head", "--pictures", "9"], "9 pictures are asked for"),
        (["--rename", "head=Human head", "--pictures", "3"], "at least 5"),
        (["--rename", "head"], "is not OLD=NEW"),
        (["--model", "nobody"], "no model 'nobody'"),
        (["--from", "nothing"], "unknown format 'nothing'"),
    ],
)
def test_errors_are_one_line(labelled: Path, options: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["adapt", str(labelled), "--out", str(labelled.parent / "out"), *options])
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_run_is_not_overwritten(labelled: Path) -> None:
    last = labelled.parent / "out" / "checkpoints" / "last.ckpt"
    last.parent.mkdir(parents=True)
    last.write_bytes(b"")
    result = CliRunner().invoke(app, ["adapt", str(labelled), "--out", str(labelled.parent / "out")])
    assert result.exit_code == 2
    assert "resume it (--resume)" in result.stderr
