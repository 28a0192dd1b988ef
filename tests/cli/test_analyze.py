from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from vitruvian import Scene, __version__
from vitruvian.cli.main import app
from vitruvian.images import sample_picture


def vitruvian(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a good picture, one in a folder below it, and three that cannot be read."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    shutil.copy(sample_picture(), folder / "astronaut.jpg")
    Image.open(sample_picture()).resize((160, 160)).save(folder / "more" / "small.png")
    (folder / "empty.jpg").touch()
    (folder / "cut.jpg").write_bytes(sample_picture().read_bytes()[:5000])
    (folder / "text.png").write_text("no picture")
    return folder


def test_version() -> None:
    assert vitruvian("--version").stdout.strip() == f"vitruvian {__version__}"


def test_a_folder_gives_one_result_a_picture_and_one_line_a_failure(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = vitruvian("analyze", photos, "--out", out, "--draw")
    assert result.exit_code == 1
    written = sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file())
    assert written == ["astronaut.json", "astronaut.overlay.jpg", "more/small.json", "more/small.overlay.jpg"]
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3
    assert all(any(name in line for line in errors) for name in ("empty.jpg", "cut.jpg", "text.png"))
    scene = Scene.from_json((out / "astronaut.json").read_text())
    assert (scene.width, scene.height, len(scene.faces)) == (512, 512, 1)
    assert scene.people
    x1, y1, x2, y2 = scene.faces[0].box
    assert 160 < x1 < 225 < x2 < 310  # the astronaut's face
    assert 40 < y1 < 120 < y2 < 210


def test_a_rerun_goes_on_where_it_stopped(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    vitruvian("analyze", photos, "--out", out)
    (out / "astronaut.json").write_text("kept")
    (out / "more" / "small.json").unlink()
    result = vitruvian("analyze", photos, "--out", out)
    assert "1 analysed, 1 had results already" in result.stderr
    assert (out / "astronaut.json").read_text() == "kept"
    vitruvian("analyze", photos, "--out", out, "--overwrite")
    assert Scene.from_json((out / "astronaut.json").read_text()).people


def test_two_pictures_with_one_output_are_refused_and_the_rest_goes_on(photos: Path, tmp_path: Path) -> None:
    Image.open(sample_picture()).save(photos / "astronaut.png")
    result = vitruvian("analyze", photos, "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "astronaut.jpg" in result.stderr
    assert "astronaut.png" in result.stderr
    assert not (tmp_path / "out" / "astronaut.json").exists()
    assert (tmp_path / "out" / "more" / "small.json").exists()


def test_without_out_json_lines_go_to_stdout(photos: Path) -> None:
    result = vitruvian("analyze", photos / "astronaut.jpg", photos / "empty.jpg", photos / "more")
    assert result.exit_code == 1
    scenes = [Scene.from_json(line) for line in result.stdout.splitlines()]
    assert [Path(s.image or "").name for s in scenes] == ["astronaut.jpg", "small.png"]


def test_an_output_that_cannot_be_written_is_said_and_the_rest_goes_on(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "astronaut.json").mkdir(parents=True)
    result = vitruvian("analyze", photos / "astronaut.jpg", photos / "more", "--out", out)
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    assert (out / "small.json").is_file()


def test_coco_yolo_and_csv(photos: Path, tmp_path: Path) -> None:
    found = {}
    for form in ("coco", "yolo", "csv"):
        found[form] = tmp_path / form
        vitruvian("analyze", photos, "--out", found[form], "--format", form)
    results = json.loads((found["coco"] / "results.coco.json").read_text())
    images = json.loads((found["coco"] / "images.coco.json").read_text())
    assert {row["image_id"] for row in results} <= {row["id"] for row in images["images"]}
    assert len(json.loads((found["coco"] / "astronaut.json").read_text())) > 3
    classes = (found["yolo"] / "classes.txt").read_text().splitlines()
    first = (found["yolo"] / "astronaut.txt").read_text().splitlines()[0].split()
    assert 0 <= int(first[0]) < len(classes)
    with (found["csv"] / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {Path(row["image"]).name for row in rows} == {"astronaut.jpg", "small.png"}


def test_labels_and_threshold(photos: Path) -> None:
    line = vitruvian("analyze", photos / "astronaut.jpg", "--labels", "Human head,whole face").stdout
    scene = Scene.from_json(line)
    assert {part.label for part in scene.parts} == {"Human head"}
    assert scene.faces
    nothing = Scene.from_json(vitruvian("analyze", photos / "astronaut.jpg", "--threshold", 1).stdout)
    assert not nothing.parts
    assert not nothing.faces


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--labels", "Human tail"], "did you mean"),
        (["--labels", "face"], "whole face"),
        (["--labels", " ,"], "--labels names none"),
        (["--out", str(sample_picture())], "is a file, not a folder"),
        (["--model", "nothing"], "no model 'nothing'"),
        (["--device", "abacus"], "unknown device 'abacus'"),
        (["--device", "cuda"], "not available"),
        (["--draw"], "--draw needs --out"),
        (["--format", "yolo"], "needs --out"),
        (["--threshold", "2"], "--threshold"),
    ],
)
def test_wrong_options_are_said_in_one_line(arguments: list[str], said: str) -> None:
    import onnxruntime

    if "cuda" in arguments and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime has CUDA")
    result = vitruvian("analyze", sample_picture(), *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def test_nothing_to_do_is_an_error(tmp_path: Path) -> None:
    result = vitruvian("analyze", tmp_path / "none.jpg", "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert "none.jpg" in result.stderr


def test_models_are_listed_with_their_cards() -> None:
    listed = vitruvian("models").stdout
    assert "parts22  22 labels" in listed
    assert "second_look  1 label " in listed
    assert "Human nose" in vitruvian("models", "parts22").stdout
    assert json.loads(vitruvian("models", "parts22", "--json").stdout)["name"] == "parts22"


def coco_ids(out: Path) -> dict[str, set[int]]:
    """Ids under which each picture's results stand in the list of all, by the name that the pictures' list has."""
    names = {row["id"]: row["file_name"] for row in json.loads((out / "images.coco.json").read_text())["images"]}
    results = json.loads((out / "results.coco.json").read_text())
    alone = {name: json.loads((out / name).with_suffix(".json").read_text()) for name in names.values()}
    for number, name in names.items():
        assert [row for row in results if row["image_id"] == number] == alone[name]
    return {name: {row["image_id"] for row in rows} for name, rows in alone.items()}


def test_coco_ids_are_right_when_a_later_run_has_more_pictures(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    shutil.copy(sample_picture(), photos / "b.jpg")
    vitruvian("analyze", photos, "--out", out, "--format", "coco")
    assert coco_ids(out) == {"b.jpg": {1}}
    Image.open(sample_picture()).crop((0, 0, 400, 400)).save(photos / "a.png")
    assert "1 analysed, 1 had results" in vitruvian("analyze", photos, "--out", out, "--format", "coco").stderr
    assert coco_ids(out) == {"a.png": {1}, "b.jpg": {2}}


@pytest.mark.parametrize(("first", "then"), [("json", "coco"), ("coco", "json")])
def test_results_in_another_format_are_not_taken_for_these(first: str, then: str, tmp_path: Path) -> None:
    arguments = ("analyze", sample_picture(), "--out", tmp_path, "--format")
    vitruvian(*arguments, first)
    before = (tmp_path / "astronaut.json").read_text()
    result = vitruvian(*arguments, then)
    assert result.exit_code == 2
    assert f"astronaut.json: is not {then}" in result.stderr
    assert (tmp_path / "astronaut.json").read_text() == before
    assert vitruvian(*arguments, then, "--overwrite").exit_code == 0
    assert isinstance(json.loads((tmp_path / "astronaut.json").read_text()), dict if then == "json" else list)


@pytest.mark.parametrize(("name", "format"), [("results", "csv"), ("classes", "yolo"), ("images.coco", "coco")])
def test_a_picture_whose_result_would_be_that_of_all_is_refused(name: str, format: str, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    shutil.copy(sample_picture(), photos / f"{name}.jpg")
    shutil.copy(sample_picture(), photos / "other.jpg")
    for _ in range(2):
        result = vitruvian("analyze", photos, "--out", out, "--format", format)
        assert result.exit_code == 1
        assert f"{name}.jpg: its result would be {name}." in result.stderr
    if format == "csv":
        assert (out / "results.csv").read_text() == (out / "other.csv").read_text()
    vitruvian("analyze", photos, "--out", tmp_path / "json")
    assert (tmp_path / "json" / f"{name}.json").is_file()


def test_overlays_of_an_earlier_run_are_no_pictures_of_the_next(tmp_path: Path) -> None:
    shutil.copy(sample_picture(), tmp_path / "a.jpg")
    for _ in range(2):
        result = vitruvian("analyze", tmp_path, "--out", tmp_path / "out", "--draw")
        assert result.exit_code == 0
        written = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*"))
        assert written == ["a.json", "a.overlay.jpg"]
    assert "0 analysed, 1 had results" in result.stderr
    shutil.copy(sample_picture(), tmp_path / "my.overlay.jpg")  # not in the output folder: nobody drew it
    assert "1 analysed" in vitruvian("analyze", tmp_path, "--out", tmp_path / "out").stderr


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_a_name_that_is_no_text_is_written_as_json_has_it(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/odd\xff.jpg"))
    shutil.copy(sample_picture(), odd)
    result = vitruvian("analyze", tmp_path, "--out", tmp_path / "out", "--format", "csv")
    assert result.exit_code == 0, result.stderr
    with (tmp_path / "out" / "results.csv").open(encoding="utf-8", newline="") as file:
        assert {Path(row["image"]).name for row in csv.DictReader(file)} == {"odd\\udcff.jpg"}


def test_output_that_nobody_reads_ends_the_run_quietly() -> None:
    arguments = [sys.executable, "-m", "vitruvian", "analyze", *[str(sample_picture())] * 3, "--threads", "1000"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        errors = process.stderr.read()
    assert (process.returncode, errors) == (1, b"")
