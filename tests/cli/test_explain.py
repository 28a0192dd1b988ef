"""``vitruvian explain`` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from vitruvian import Analyzer
from vitruvian.cli.explain import Kind, _write
from vitruvian.cli.main import app
from vitruvian.explain import ActivationMaps, load_maps
from vitruvian.finders.detections import Detections
from vitruvian.finders.detector import Detector
from vitruvian.images import sample_picture
from vitruvian.zoo import find_model


@pytest.fixture
def explain(model_with_maps: Path, tmp_path: Path):  # type: ignore[no-untyped-def]
    def run(*arguments: object) -> Result:
        fixed = ["--model", str(model_with_maps), "--threads", "1", "--out", str(tmp_path / "out")]
        return CliRunner().invoke(app, ["explain", *(str(a) for a in arguments), *fixed])

    return run


def error_of(result: Result) -> str:
    lines = result.stderr.splitlines()
    assert result.exit_code == 2
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    return lines[0]


def first_found(result: Result) -> str:
    """Class of box 0 in the printed list."""
    number, name, _, _ = result.stdout.splitlines()[0].strip().split("  ")
    assert number == "0"
    return name


def test_a_drawing_of_what_was_found(explain, model_with_maps: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = explain(sample_picture())
    assert result.exit_code == 0, result.output
    assert first_found(result) in Detector(find_model(model_with_maps), threads=1).names
    drawing = np.asarray(Image.open(tmp_path / "out" / "astronaut.maps.png"))
    assert drawing.shape[2] == 3
    assert drawing.shape[0] > 700  # more than one line of tiles


@pytest.mark.parametrize("form", ["npz", "tiff"])
def test_maps_of_one_level_as_they_are(explain, tmp_path: Path, form: str) -> None:  # type: ignore[no-untyped-def]
    result = explain(sample_picture(), "--labels", "nose, mouth", "--layer", "tower.16", "--format", form)
    assert result.exit_code == 0, result.output
    found = load_maps(tmp_path / "out" / f"astronaut.maps.{form}", channels=2)
    assert found.names == ("nose", "mouth")
    assert found.maps.shape == (2, 26, 26)
    assert found.maps.min() < 0 < found.maps.max()


def test_averaged_and_one_file_a_class(explain, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    explain(sample_picture(), "--labels", "nose,whole face", "--maps", "per-class", "--format", "npz")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "astronaut.maps-nose.npz", "astronaut.maps-whole_face.npz"
    ]  # fmt: skip
    explain(sample_picture(), "--labels", "nose,whole face", "--maps", "averaged", "--format", "tiff")
    each = [load_maps(tmp_path / "out" / f"astronaut.maps-{n}.npz").maps for n in ("nose", "whole_face")]
    averaged = load_maps(tmp_path / "out" / "astronaut.maps.tiff", channels=1)
    np.testing.assert_allclose(averaged.maps, np.mean(each, axis=0), atol=1e-6)


def test_classes_that_only_signs_tell_apart_have_a_file_each(tmp_path: Path) -> None:
    names = ("left hand", "left_hand", "left/hand")
    made = ActivationMaps(np.arange(3, dtype=np.float32).reshape(3, 1, 1), names)
    written = list(_write(made, Kind.per_class, tmp_path / "a.maps.npz", None))
    assert [load_maps(path).names for path in written] == [(name,) for name in names]
    assert len(list(tmp_path.iterdir())) == 3


def test_why_a_box(explain, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = explain(sample_picture(), "--box", 0, "--format", "npz")
    assert result.exit_code == 0, result.output
    assert load_maps(tmp_path / "out" / "astronaut.box0.npz", channels=1).names == (first_found(result),)
    assert "there is no box 500" in error_of(explain(sample_picture(), "--box", 500))


def test_a_method_of_the_library(explain, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    result = explain(sample_picture(), "--labels", "nose", "--method", "eigencam", "--format", "npz")
    assert result.exit_code == 0, result.output
    assert load_maps(tmp_path / "out" / "astronaut.maps.npz").names == ("all classes",)


def test_the_list_is_what_analyze_finds_in_a_large_photograph_too(  # type: ignore[no-untyped-def]
    explain, model_with_maps: Path, tmp_path: Path
) -> None:
    Image.open(sample_picture()).resize((3001, 3001)).save(tmp_path / "large.jpg", quality=90)
    scene = Analyzer(model_with_maps, threads=1).analyze(tmp_path / "large.jpg")
    faces = [face for face in scene.faces if face.found_by == "first_pass"]
    parts = [*scene.parts, *(part for face in scene.faces for part in face.parts)]
    expected = [("whole face", face.score, face.box) for face in faces] + [(p.label, p.score, p.box) for p in parts]
    listed = [line.strip().split("  ") for line in explain(tmp_path / "large.jpg").stdout.splitlines()]
    assert sorted(line[1:] for line in listed if len(line) == 4) == sorted(
        [label, f"{score:.2f}", f"[{' '.join(f'{v:.0f}' for v in box)}]"] for label, score, box in expected
    )


def test_what_analyze_takes_back_is_marked(  # type: ignore[no-untyped-def]
    explain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decoded(self: Detector, *_: object) -> Detections:
        labels = np.asarray([self.names.index(name) for name in ("Human hand", "whole face")])
        boxes = np.asarray([[10, 10, 90, 90], [12, 12, 90, 90]], dtype=np.float32)
        return Detections(boxes, np.asarray([0.7, 0.6], dtype=np.float32), labels, self.names)

    monkeypatch.setattr(Detector, "decoded", decoded)
    hand, face, *_ = explain(sample_picture()).stdout.splitlines()
    assert hand.endswith("  Human hand  0.70  [10 10 90 90]")
    assert face.endswith("  whole face  0.60  [12 12 90 90]  (on a surer hand: analyze leaves it out)")


@pytest.mark.parametrize(
    ("arguments", "on_the_map"),
    [(("--maps", "averaged"), False), (("--method", "eigencam"), False), (("--box", 1), True)],
)
def test_the_picture_shows_boxes_whatever_the_map_is_of(  # type: ignore[no-untyped-def]
    explain, arguments: tuple[object, ...], on_the_map: bool
) -> None:
    result = explain(sample_picture(), *arguments)
    drawing = np.asarray(Image.open(result.stdout.splitlines()[-1].removeprefix("wrote ")))
    line = (drawing == (120, 255, 200)).all(axis=2)
    picture, drawn_map = np.hsplit(line, 2)
    assert picture.any()
    assert drawn_map.any() == on_the_map
    if on_the_map:
        np.testing.assert_array_equal(*(np.ptp(np.argwhere(half), axis=0) for half in (picture, drawn_map)))


def test_a_picture_with_no_activation(explain, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    Image.new("RGB", (200, 120), (90, 90, 90)).save(tmp_path / "grey.png")
    for form in ("png", "npz"):
        result = explain(tmp_path / "grey.png", "--labels", "Human ear", "--format", form)
        assert result.exit_code == 0, result.output
        assert result.stderr.splitlines() == [
            "nothing was found",
            "nothing in the picture speaks for any of these classes: the maps are empty",
        ]
        assert (tmp_path / "out" / f"grey.maps.{form}").is_file()
    maps = load_maps(tmp_path / "out" / "grey.maps.npz", channels=1)
    assert maps.names == ("Human ear",)
    assert not maps.maps.any()


def test_bad_input_is_one_line(explain, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "no.jpg").write_text("no picture")
    assert "no.jpg: not a picture" in error_of(explain(tmp_path / "no.jpg"))
    assert "did you mean 'nose'" in error_of(explain(sample_picture(), "--labels", "noes"))
    assert "did you mean 'tower.16'" in error_of(explain(sample_picture(), "--layer", "tower.6"))
    assert "no layer 'tower.²'; did you mean 'tower." in error_of(explain(sample_picture(), "--layer", "tower.²"))
    assert "did you mean 'backbone.8'" in error_of(explain(sample_picture(), "--layer", "backbone.9"))
    assert "there is no layer 'neck.8'" in error_of(explain(sample_picture(), "--layer", "neck.8"))
    assert "scorecam has no joined maps" in error_of(
        explain(sample_picture(), "--method", "scorecam", "--layer", "joined")
    )


def test_what_has_no_map_of_one_box_is_refused(explain) -> None:  # type: ignore[no-untyped-def]
    for arguments, reason in (
        (("--labels", "nose"), "--labels and --maps do not go with it"),
        (("--maps", "averaged"), "--labels and --maps do not go with it"),
        (("--layer", "joined"), "joined maps are of a class, not of one box"),
        (("--layer", "tower.9"), "did you mean 'tower."),
        (("--method", "eigencam"), "eigencam looks at no target"),
    ):
        assert reason in error_of(explain(sample_picture(), "--box", 0, *arguments))


def test_threads_are_those_of_the_library_too(explain) -> None:  # type: ignore[no-untyped-def]
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        explain(sample_picture(), "--labels", "nose", "--method", "gradcam")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_results_do_not_go_into_a_file(explain, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "out").touch()
    assert "out: is a file, not a folder" in error_of(explain(sample_picture()))


def test_the_closed_form_needs_no_torch(model_with_maps: Path, tmp_path: Path) -> None:
    program = "import sys; sys.modules['torch'] = None; from vitruvian.cli.main import app; app()"
    command = [sys.executable, "-c", program, "explain", str(sample_picture()), "--model", str(model_with_maps)]
    names = ("joined", *(f"{place}.{stride}" for place in ("backbone", "pyramid", "tower") for stride in (8, 16, 32)))
    layers = f"(layers: {', '.join(names)})"
    classes = ", ".join(find_model(model_with_maps).card.labels)
    unknown = f"error: there is no class 'noes'; did you mean 'nose'? There are {classes}"
    for arguments, code, line in (
        (("--labels", "nose"), 0, ""),
        (
            ("--labels", "nose", "--method", "gradcam"),
            2,
            "error: torch is not installed: pip install 'vitruvian[train]'",
        ),
        (("--layer", "towr.16"), 2, f"error: there is no layer 'towr.16'; did you mean 'tower.16'? {layers}"),
        (("--labels", "noes", "--method", "gradcam"), 2, unknown),
    ):
        done = subprocess.run(
            [*command, "--out", str(tmp_path), *arguments], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr.strip()) == (code, line)


def test_the_table_over_layers(explain, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    Image.open(sample_picture()).save(tmp_path / "a.png")
    (tmp_path / "labels.json").write_text(
        json.dumps({
            "images": [{"id": 1, "file_name": "a.png", "width": 512, "height": 512}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [178, 59, 93, 123]}],
            "categories": [{"id": 1, "name": "Human face"}],
        })
    )  # fmt: skip
    result = explain(tmp_path / "labels.json", "--table")
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()[1:]]
    assert len(rows) == 9
    energies = [float(row[1]) for row in rows]
    assert energies == sorted(energies, reverse=True)
    strange = (tmp_path / "labels.json").read_text().replace("Human face", "dog")
    (tmp_path / "dogs.json").write_text(strange)
    assert "its classes are not the model's: dog (the model's: " in error_of(explain(tmp_path / "dogs.json", "--table"))
