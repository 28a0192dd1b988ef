"""``vitruvian maps``: map data sets by the command, and its one-line errors."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from vitruvian.cli.main import app
from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.finders import Detector
from vitruvian.finders.map_dataset import maps_of
from vitruvian.images import read_planes, sample_picture
from vitruvian.zoo import find_model

FACE = (175.0, 75.0, 280.0, 190.0)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    with Image.open(sample_picture()) as picture:
        picture.save(tmp_path / "images" / "astronaut.png")
    (tmp_path / "images" / "broken.png").write_bytes(b"nothing")
    pictures = tuple(
        Picture(i, name, 512, 512, (Annotation("face", FACE, i),), frozenset({"face"}))
        for i, name in enumerate(("astronaut.png", "broken.png"), start=1)
    )
    Dataset(("face",), pictures, tmp_path / "images").save(tmp_path / "labels.json")
    return tmp_path / "labels.json"


def test_maps_of_both_kinds_in_one_run(labels: Path, tmp_path: Path) -> None:
    if not Detector(find_model(), threads=1).map_strides:
        pytest.skip("the shipped model gives no activation maps")
    kinds = ["--kind", "averaged", "--kind", "stacked", "--rename", "face=whole face", "--threads", "1"]
    result = CliRunner().invoke(app, ["maps", str(labels), "--out", str(tmp_path / "o"), "--format", "tiff", *kinds])
    assert result.exit_code == 0, result.output
    assert "1 maps, channels: 10, empty: 0" in result.output
    for kind, channels in (("averaged", 1), ("stacked", 10)):
        made = Dataset.load(tmp_path / "o" / f"hirescam_{kind}" / "maps.json")
        assert maps_of(made) is not None
        [picture] = made.pictures
        planes = read_planes(made.path(picture), channels).max(axis=2)
        x1, y1, x2, y2 = (int(v) for v in picture.annotations[0].box)
        assert planes[y1:y2, x1:x2].mean() > 3 * planes[y2 + 10 :].mean()
    assert "broken.png" in (tmp_path / "o" / "maps.rejects.jsonl").read_text()
    with Image.open(sample_picture()) as picture:
        picture.save(tmp_path / "images" / "broken.png")
    result = CliRunner().invoke(app, ["maps", str(labels), "--out", str(tmp_path / "o"), "--format", "tiff", *kinds])
    assert result.exit_code == 0, result.output
    assert "2 maps, channels: 10, empty: 0" in result.output
    assert not (tmp_path / "o" / "maps.rejects.jsonl").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--labels", "nose,snout"], "has no label 'snout'"),
        (["--labels", "nose,nose"], "asked for twice"),
        (["--model", "nobody"], "no model 'nobody'"),
        (["--side", "4"], "side 4: Input should be greater than or equal to 8"),
        (["--size", "16"], "size 16: Input should be greater than or equal to 32"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(labels: Path, tmp_path: Path, options: list[str], reason: str) -> None:
    result = CliRunner().invoke(app, ["maps", str(labels), "--out", str(tmp_path / "o"), *options])
    assert result.exit_code == 2
    assert reason in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
