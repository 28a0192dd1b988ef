"""Recognising layouts, the options they take, and what holds for every reader, on good and on damaged sets."""

from __future__ import annotations

import math
import random
import shutil
import tempfile
from pathlib import Path

import pytest
from format_builders import BUILDERS, build_coco, build_voc, build_yolo, picture, text
from hypothesis import given, settings
from hypothesis import strategies as st

from vitruvian.data.dataset import DataError, Dataset, from_coco, to_coco
from vitruvian.data.formats import ReadResult, list_formats, read
from vitruvian.data.rejects import RowLog

LABEL_SUFFIXES = {".json", ".txt", ".csv", ".xml", ".pts", ".asf", ".yaml", ".mat"}
GARBAGE = (
    "nan", "-inf", "1e999", "-1", "", "x", "0.5", "9" * 400, "../../etc/passwd", "/etc/passwd", "null", "[]", "{}", "]",
    '"', "<", "&a;", "{", "true", "\0", "é", "1 2 3", ",,,",
)  # fmt: skip


def assert_sound(dataset: Dataset) -> None:
    """What every data set keeps to, whatever it was read from."""
    ids = [a.id for p in dataset for a in p.annotations]
    assert len(ids) == len(set(ids))
    assert len({p.id for p in dataset}) == len({p.file_name for p in dataset}) == len(dataset)
    for p in dataset:
        assert not p.file_name.startswith("/")
        assert ".." not in p.file_name.split("/")
        assert p.exhaustive <= set(dataset.labels)
        for a in p.annotations:
            assert a.label in dataset.labels
            assert all(map(math.isfinite, a.box))
            assert a.box[0] <= a.box[2]
            assert a.box[1] <= a.box[3]
            if a.keypoints is not None:
                assert a.keypoints.shape[1:] == (3,)
                assert set(a.keypoints[:, 2].tolist()) <= {0.0, 1.0, 2.0}
                assert len(a.keypoints) == len(dataset.keypoint_names.get(a.label, a.keypoints))
    again = from_coco(to_coco(dataset), dataset.images_dir)
    assert to_coco(again) == to_coco(dataset)


def read_or_line(path: Path, format_name: str, strict: bool = False) -> ReadResult | str:
    """What was read, or the error line."""
    try:
        return read(path, format_name, strict)
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_layout_is_recognised_and_read_whole(name: str, tmp_path: Path) -> None:
    format_name, build = BUILDERS[name]
    result = read(build(tmp_path / "set"))
    assert result.format == format_name
    assert result.rejects == ()
    assert result.rows == result.accepted > 0
    assert_sound(result.dataset)


def test_every_format_has_a_built_set_except_video() -> None:
    assert {known.name for known in list_formats()} - {name for name, _ in BUILDERS.values()} == {"video"}


@pytest.mark.parametrize("name", [name for name in BUILDERS if name != "cofw"])  # which takes a process a reading
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), garbage=st.sampled_from(GARBAGE))
def test_a_damaged_set_is_read_or_refused_but_never_crashes(name: str, seed: int, garbage: str) -> None:
    format_name, build = BUILDERS[name]
    with tempfile.TemporaryDirectory() as folder:
        path = build(Path(folder) / "set")
        damage(Path(folder), random.Random(seed), garbage)
        result = read_or_line(path, format_name)
        if isinstance(result, str):
            assert "\n" not in result
            assert isinstance(read_or_line(path, format_name, strict=True), str)
            return
        assert result.rows == result.accepted + len(result.rejects)
        assert all(r.file and r.reason for r in result.rejects)
        assert_sound(result.dataset)
        if result.rejects:
            with pytest.raises(DataError) as caught:
                read(path, format_name, strict=True)
            assert str(caught.value) == str(result.rejects[0])
        else:
            assert to_coco(read(path, format_name, strict=True).dataset) == to_coco(result.dataset)


def damage(folder: Path, rng: random.Random, garbage: str) -> None:
    """Replace, drop or double a piece of one label file; of a binary one, bytes."""
    files = sorted(f for f in folder.rglob("*") if f.suffix in LABEL_SUFFIXES)
    if not files:
        files = sorted(f for f in folder.rglob("*.png"))
    file = rng.choice(files)
    raw = file.read_bytes()
    if file.suffix in (".mat", ".png"):
        at = rng.randrange(len(raw))
        file.write_bytes(rng.choice((raw[:at], raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :])))
        return
    lines = raw.decode().split("\n")
    at = rng.randrange(len(lines))
    words = lines[at].split(" ") if file.suffix != ".csv" else lines[at].split(",")
    where = rng.randrange(len(words))
    words[where] = garbage
    joined = (" " if file.suffix != ".csv" else ",").join(words)
    lines[at : at + 1] = rng.choice(([joined], [], [lines[at], lines[at]], [joined], [garbage], [joined]))
    file.write_bytes("\n".join(lines).encode())


@pytest.mark.parametrize("suffix", [".json", ".xml", ".mat", ".yaml", ".csv", ".txt"])
def test_random_bytes_are_refused_with_one_line(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"joints{suffix}"
    file.write_bytes(random.Random(0).randbytes(5000))
    for known in list_formats():
        result = read_or_line(file, known.name)
        assert isinstance(result, str), known.name
        assert str(tmp_path) in result, known.name


def test_nothing_known_lists_what_was_looked_for(tmp_path: Path) -> None:
    text(tmp_path / "notes.md", "hello")
    with pytest.raises(DataError, match="none of the known formats") as caught:
        read(tmp_path)
    assert all(known.name in str(caught.value) for known in list_formats())


def test_a_set_that_fits_two_layouts_names_both(tmp_path: Path) -> None:
    build_coco(tmp_path)
    build_voc(tmp_path)
    with pytest.raises(DataError, match="could be coco or voc; name the format"):
        read(tmp_path)
    assert read(tmp_path, "voc").format == "voc"


def test_missing_paths_unknown_formats_and_foreign_options_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "nothing")
    with pytest.raises(DataError, match="unknown format 'cocoa'; known are coco"):
        read(tmp_path, "cocoa")
    with pytest.raises(DataError, match="format yolo takes no classes"):
        read(build_yolo(tmp_path / "set"), classes=["head"])


def test_exhaustive_can_be_declared(tmp_path: Path) -> None:
    path = build_yolo(tmp_path / "set")
    assert all(p.exhaustive == {"head", "hand"} for p in read(path).dataset)
    assert all(p.exhaustive == frozenset() for p in read(path, exhaustive="none").dataset)
    assert all(p.exhaustive == {"head"} for p in read(path, exhaustive=["head"]).dataset)
    with pytest.raises(DataError, match="'foot'"):
        read(path, exhaustive=["foot"])


def test_sizes_follow_exif_orientation(tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    picture(tmp_path / "set" / "a.jpg", 80, 60, exif=exif)
    only = read(tmp_path / "set").dataset.pictures[0]
    assert (only.width, only.height) == (60, 80)


def test_a_strict_log_stops_and_a_lenient_one_counts() -> None:
    log = RowLog()
    with log.row("f", "line 1"):
        pass
    log.reject("f", "line 2", "broken")
    assert (log.rows, log.accepted, [str(r) for r in log.rejects]) == (2, 1, ["f: line 2: broken"])
    with pytest.raises(DataError, match="f: line 2: broken"):
        RowLog(strict=True).reject("f", "line 2", "broken")
    with pytest.raises(ZeroDivisionError), log.row("f"):
        raise ZeroDivisionError
    assert log.rows == 2


def test_copies_of_builders_are_independent(tmp_path: Path) -> None:
    first = build_coco(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert read(first).dataset.fingerprint() == read(tmp_path / "two" / "labels.json").dataset.fingerprint()
