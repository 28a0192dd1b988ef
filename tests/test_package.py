from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import vitruvian
from vitruvian.images import ReadError, read_picture, sample_picture


def loaded_by(program: str) -> set[str]:
    """Top-level modules that a program leaves loaded in a fresh interpreter."""
    code = f"{program}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_by("import vitruvian")
    assert not loaded & {"numpy", "PIL", "onnxruntime", "torch", "pydantic", "typer"}


def test_analysing_never_loads_torch_or_an_extra() -> None:
    loaded = loaded_by(f"import vitruvian; vitruvian.analyze({str(sample_picture())!r})")
    assert not loaded & {"torch", "scipy", "matplotlib", "cv2", "sklearn", "yaml", "supervision"}


def test_the_command_starts_without_extras() -> None:
    loaded = loaded_by("import vitruvian.cli.main")
    assert not loaded & {"torch", "scipy", "matplotlib", "cv2", "sklearn", "yaml", "supervision", "lightning"}


def test_every_public_name_exists() -> None:
    for name in vitruvian.__all__:
        assert getattr(vitruvian, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        vitruvian.nothing  # noqa: B018


def test_labels_given_as_one_text_are_not_read_letter_by_letter() -> None:
    with pytest.raises(ValueError, match="labels are a list of names, not the text 'Human hand'"):
        vitruvian.Analyzer(labels="Human hand")


def test_path_bytes_array_and_pillow_give_the_same_scene() -> None:
    path = sample_picture()
    scenes = [
        vitruvian.analyze(source)
        for source in (path, str(path), path.read_bytes(), read_picture(path), Image.open(path))
    ]
    assert scenes[0].image == str(path)
    assert scenes[2].image is None
    assert all(scene.parts == scenes[0].parts and scene.faces == scenes[0].faces for scene in scenes)


def test_a_large_copy_gives_the_same_people_in_its_own_pixels() -> None:
    """Twelve megapixels: decoded reduced where the format allows, boxes in the large picture's pixels."""
    small = vitruvian.analyze(sample_picture())
    with Image.open(sample_picture()) as picture:
        large = vitruvian.analyze(np.asarray(picture.resize((3500, 3500), Image.Resampling.BICUBIC)))
    assert (large.width, len(large.faces)) == (3500, len(small.faces))
    scale = 3500 / 512
    np.testing.assert_allclose(np.array(large.faces[0].box) / scale, small.faces[0].box, atol=4)


def test_mirroring_swaps_the_sides_of_what_is_told() -> None:
    picture = read_picture(sample_picture())
    straight = vitruvian.analyze(picture)
    mirrored = vitruvian.analyze(np.ascontiguousarray(picture[:, ::-1]))
    for label in ("Human eye",):
        one = {p.side: p.box for p in straight.parts if p.label == label and p.side}
        other = {p.side: p.box for p in mirrored.parts if p.label == label and p.side}
        assert one.keys() == other.keys() == {"left", "right"}
        x1, y1, x2, y2 = one["left"]
        np.testing.assert_allclose(other["right"], (512 - x2, y1, 512 - x1, y2), atol=4)


def test_bad_arguments() -> None:
    with pytest.raises(ReadError):
        vitruvian.analyze("no-such-file.jpg")
    with pytest.raises(ValueError, match=r"within 0\.\.1"):
        vitruvian.Analyzer(threshold=1.5)
    with pytest.raises(ValueError, match="did you mean 'Human nose'"):
        vitruvian.Analyzer(threshold={"Human nos": 0.5})
