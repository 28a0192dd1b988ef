"""The verbs of ``vitruvian data`` end to end, on small sets: what they write, what they print, how they fail."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from vitruvian.cli import data
from vitruvian.data.dataset import Dataset

app = typer.Typer()
data.register(app)
runner = CliRunner()


@app.callback()
def _root() -> None: ...


def run(*arguments: object, code: int = 0) -> str:
    result = runner.invoke(app, ["data", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Twelve pictures of a face each, every second with an eye, half of them exhaustive for eyes."""
    rng = np.random.default_rng(0)
    images, annotations = [], []
    (tmp_path / "images").mkdir()
    for i in range(1, 13):
        name = f"person{i % 4}_{i}.png"
        pixels = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((260, 240))
        pixels.save(tmp_path / "images" / name)
        images.append(
            {
                "id": i,
                "file_name": name,
                "width": 260,
                "height": 240,
                "exhaustive_category_ids": [1, 2] if i < 7 else [1],
                "label": "calm" if i > 1 else "rare",
            }
        )
        annotations.append({"id": i, "image_id": i, "category_id": 1, "bbox": [60, 40, 120, 140]})
        if i % 2:
            annotations.append({"id": 100 + i, "image_id": i, "category_id": 2, "bbox": [90, 80, 30, 15]})
    categories = [{"id": 1, "name": "Human face"}, {"id": 2, "name": "Human eye"}]
    file = tmp_path / "train.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return file


def test_inspect_prints_every_table_and_writes_one_page(labels: Path, tmp_path: Path) -> None:
    printed = run("inspect", labels, "--out", tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    numbers = json.loads((tmp_path / "report" / "inspection.json").read_text())
    assert numbers["splits"][0]["labels"]["boxes"] == 18
    assert numbers["complete"] is True
    for title in ("overview", "classes", "labelled where", "box sizes", "by source", "quality issues"):
        assert f"train: {title}" in printed
        assert f"<h3>train: {title}</h3>" in page
    assert "Human eye" in page
    assert "data:image/jpeg;base64," in page
    assert "http" not in page.replace("http-equiv", "")  # loads nothing from elsewhere
    assert "imbalance ratio 2.00" in printed


def test_inspect_escapes_names(labels: Path, tmp_path: Path) -> None:
    raw = json.loads(labels.read_text())
    raw["categories"][0]["name"] = "<script>alert(1)</script>"
    labels.write_text(json.dumps(raw))
    run("inspect", labels, "--out", tmp_path / "report", "--no-pictures")
    assert "<script>" not in (tmp_path / "report" / "index.html").read_text()


def test_balance_writes_the_choice_and_its_lists(labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "balanced.json"
    printed = run(
        "balance", labels, "--target", 6, "--out", out, "--oversample", "Human eye=3", "--repeat-threshold", 1
    )
    assert "12 pictures before" in printed
    assert "6 chosen" in printed
    assert len(Dataset.load(out)) == 6
    assert len(out.with_suffix(".list.txt").read_text().splitlines()) == 18
    assert out.with_suffix(".repeat.csv").read_text().startswith("file,repeat\nperson")


def test_split_keeps_groups_and_earlier_places(labels: Path, tmp_path: Path) -> None:
    group = r"pattern:(person\d)_"
    printed = run(
        "split", labels, "--into", "train=50,val=50", "--group", group, "--put", "val=person0", "--out", tmp_path / "s"
    )
    assert "4 groups" in printed
    parts = {name: Dataset.load(tmp_path / "s" / f"{name}.json") for name in ("train", "val")}
    persons = {name: {p.file_name[:7] for p in part} for name, part in parts.items()}
    assert "person0" in persons["val"]
    assert not persons["train"] & persons["val"]
    assert sum(map(len, parts.values())) == 12
    run(
        "split", labels, "--into", "train=50,val=50", "--by", "boxes", "--keep", tmp_path / "s", "--out", tmp_path / "t"
    )
    assert (tmp_path / "s" / "val.json").read_text() == (tmp_path / "t" / "val.json").read_text()
    printed = run("split", labels, "--into", "train=50,val=30,test=20", "--by", "classes", "--out", tmp_path / "u")
    assert "rare (1)" in printed


def test_merge_renames_and_keeps_promises(labels: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    raw = json.loads(labels.read_text())
    for image in raw["images"]:
        image["file_name"] = "copy_" + image["file_name"]
        del image["exhaustive_category_ids"]
    raw["categories"][0]["name"] = "face"
    other.write_text(json.dumps(raw))
    out = tmp_path / "merged.json"
    run("merge", labels, other, "--rename", "face=Human face", "--partial", other, "--out", out)
    merged = Dataset.load(out)
    assert merged.labels == ("Human face", "Human eye")
    assert [p.exhaustive for p in merged][11:13] == [{"Human face"}, frozenset()]
    run("merge", labels, other, "--rename", "beard=x", "--out", out, code=2)


def test_derive_and_occlude(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(60, 180, 68), rng.uniform(50, 170, 68), np.full(68, 2)])
    box = [60, 50, 120, 120]
    raw = {
        "images": [{"id": 1, "file_name": "one.png", "width": 240, "height": 220}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": box, "keypoints": points.ravel().tolist()}],
        "categories": [{"id": 1, "name": "face", "keypoints": [f"p{i}" for i in range(68)]}],
    }
    file = tmp_path / "faces.json"
    file.write_text(json.dumps(raw))
    Image.new("RGB", (240, 220), (180, 140, 120)).save(tmp_path / "one.png")
    assert "eyes" in run("derive", file, "--out", tmp_path / "parts.json")
    assert len(Dataset.load(tmp_path / "parts.json").pictures[0].annotations) == 11
    printed = run("occlude", file, "--levels", "none,medium", "--out", tmp_path / "occluded")
    assert (tmp_path / "occluded" / "contact_sheet.jpg").stat().st_size > 1000
    assert "medium" in printed
    assert (tmp_path / "occluded" / "images" / "medium" / "one.png").is_file()
    written = tmp_path / "occluded" / "images" / "medium" / "one.png"
    first = written.stat().st_mtime_ns
    assert run("occlude", file, "--levels", "none,medium", "--out", tmp_path / "occluded") == printed
    assert written.stat().st_mtime_ns == first
    run("occlude", file, "--levels", "medium", "--out", tmp_path / "occluded", "--overwrite")
    assert written.stat().st_mtime_ns > first
    assert "levels are" in run("occlude", file, "--levels", "extreme", "--out", tmp_path / "x", code=2)
    assert "right_shoulder" in run("derive", file, "--what", "limbs", "--out", tmp_path / "x", code=2)


def test_derive_from_masks(tmp_path: Path) -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[5:10, 5:20], mask[10:20, 15:20] = 3, 4
    for name, pixels in (("images/a.png", np.zeros((30, 40, 3), np.uint8)), ("masks/a.png", mask)):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "masks" / "b.png").write_bytes(b"nothing")
    out = tmp_path / "parts.json"
    printed = run("derive", tmp_path, "--what", "mask-parts", "--part", "Human arm=3,4", "--out", out)
    assert "rejected 1 rows" in printed
    assert "b.png" in (tmp_path / "parts.json.rejects.jsonl").read_text()
    [picture] = Dataset.load(out)
    [arm] = picture.annotations
    assert (arm.label, arm.box, arm.derived_from) == ("Human arm", (5, 5, 20, 20), "part mask")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("inspect", "missing.json"), "cannot be read"),
        (("split", "LABELS", "--into", "train=x"), "share 'x' is not a number"),
        (("split", "LABELS", "--into", "train"), "is not NAME=VALUE"),
        (("split", "LABELS", "--group", "colour:red"), "none of attribute:NAME"),
        (("split", "LABELS", "--put", "val=nobody"), "no group"),
        (("balance", "LABELS", "--oversample", "Human eye=many"), "not a whole number"),
        (("balance", "LABELS", "--max-boxes", "1", "--min-side", "0", "--oversample", "beard=2"), "'beard'"),
        (("merge", "LABELS", "--same", "looks"), "none of path, content"),
        (("merge", "LABELS", "--recipe", "soup"), "wflw-merl"),
        (("derive", "LABELS"), "no annotation of class 'face' has landmarks"),
        (("derive", "LABELS", "--what", "wings"), "none of facial-parts"),
        (("derive", "LABELS", "--what", "mask-parts"), "needs --part"),
        (("derive", "LABELS", "--what", "mask-parts", "--part", "arm=3"), "has no folder of pictures"),
        (("derive", "LABELS", "--what", "mask-parts", "--part", "arm=3", "--exhaustive", "all"), "says nothing"),
        (("derive", "LABELS", "--part", "arm=3"), "for --what mask-parts"),
    ],
)
def test_bad_requests_are_one_line(labels: Path, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    filled = [str(labels) if a == "LABELS" else a for a in arguments]
    printed = run(*filled, "--out", tmp_path / "out.json", code=2)
    assert message in printed
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1


def test_show_writes_a_gallery(labels: Path, tmp_path: Path) -> None:
    run("show", labels, "--out", tmp_path / "gallery")
    page = (tmp_path / "gallery" / "index.html").read_text()
    assert page.count("<figure") == 12
    assert len(list((tmp_path / "gallery" / "thumbnails").glob("*.jpg"))) == 12
    assert "person1_1.png" in page


def test_proposals_go_out_and_come_back_exhaustive(labels: Path, tmp_path: Path) -> None:
    found = [{"image_id": 8, "category_id": 2, "bbox": [90, 80, 30, 15], "score": 0.9}]
    predictions = tmp_path / "predictions.json"
    predictions.write_text(json.dumps(found))
    tool = tmp_path / "tool"
    printed = run("propose", labels, "--predictions", predictions, "--to", "cvat", "--out", tool)
    assert "6 pictures with 1 proposals" in printed
    corrected = tool / "annotations" / "instances_default.json"
    out = tmp_path / "complete.json"
    printed = run("complete", labels, "--corrected", corrected, "--labels", "Human eye", "--out", out)
    assert "6 pictures reviewed, 1 instances added, 0 removed" in printed
    done = {p.id: p for p in Dataset.load(out)}
    assert all("Human eye" in p.exhaustive for p in done.values())
    assert [a.box for a in done[8].annotations if a.label == "Human eye"] == [(90, 80, 120, 95)]
    predictions.write_text("[{}")
    assert "not valid JSON" in run("propose", labels, "--predictions", predictions, "--out", tool, code=2)
    assert "open-images can" in run("fetch", "nothing", "--classes", "x", "--out", tool, code=2)
