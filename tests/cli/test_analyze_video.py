from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import vitruvian
from vitruvian import Scene
from vitruvian.cli.main import app
from vitruvian.finders.video import AnalyzerEyes
from vitruvian.images import read_picture, resize, sample_picture
from vitruvian.images.video import Frame, Video, write_video
from vitruvian.zoo import Card, ModelFile, find_second_look

pytest.importorskip("av", reason="PyAV is not installed")
pytest.importorskip("trackers", reason="the package that tracks is not installed")

FRAMES, SIDE = 12, 192


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments] + ["--threads", "1", "--size", "192"])


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The astronaut, moving; in frames 5 and 6 she is behind a white wall."""
    picture = resize(read_picture(sample_picture()), 256, 256)
    path = tmp_path_factory.mktemp("videos") / "clip.mp4"
    with write_video(path, 25) as writer:
        for i in range(FRAMES):
            view = picture[:SIDE, 3 * i : 3 * i + SIDE].copy()
            if i in (5, 6):
                view[:] = 255
            writer.add(view, i / 25)
    return path


def scenes_of(path: Path) -> list[Scene]:
    return [Scene.from_json(line) for line in path.read_text().splitlines()]


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], list[int]]:
    """Notes the frames that are looked at; Ctrl-C at one of them."""
    seen: list[int] = []
    first = AnalyzerEyes.first
    stop: list[int | None] = [None]

    def noted(self: AnalyzerEyes, frame: Frame) -> object:
        if frame.number == stop[0]:
            raise KeyboardInterrupt
        seen.append(frame.number)
        return first(self, frame)

    monkeypatch.setattr(AnalyzerEyes, "first", noted)

    def at(number: int | None) -> list[int]:
        stop[0] = number
        seen.clear()
        return seen

    return at


def test_a_video_gives_a_scene_a_frame_with_times_tracks_and_a_filled_gap(clip: Path, tmp_path: Path) -> None:
    result = run("analyze", clip, "--out", tmp_path, "--draw", "--format", "csv")
    assert result.exit_code == 0, result.stderr
    written = sorted(p.name for p in tmp_path.iterdir())
    assert written == ["clip.csv", "clip.jsonl", "clip.overlay.mp4"]
    scenes = scenes_of(tmp_path / "clip.jsonl")
    assert [scene.time for scene in scenes] == pytest.approx(np.arange(FRAMES) / 25, abs=1e-4)
    assert [len(scene.faces) for scene in scenes] == [1] * FRAMES
    assert {scene.faces[0].track for scene in scenes} == {0}
    reasons = [None if s.faces[0].evidence is None else s.faces[0].evidence.reason for s in scenes]
    assert [reason == "motion" for reason in reasons] == [i in (5, 6) for i in range(FRAMES)]
    middles = [(scene.faces[0].box[0] + scene.faces[0].box[2]) / 2 for scene in scenes]
    assert np.diff(middles) == pytest.approx(-3, abs=2.5)  # she moves by 3 pixels a frame, behind the wall too
    with (tmp_path / "clip.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "face"]
    assert [(row["time"], row["track"]) for row in rows] == [(str(scene.time), "0") for scene in scenes]
    with Video(tmp_path / "clip.overlay.mp4") as video:
        drawn = list(video)
    assert [frame.time for frame in drawn] == pytest.approx(np.arange(FRAMES) / 25, abs=1e-4)
    assert max(drawn[0].picture.shape) == 640
    assert (drawn[5].picture < 128).any()  # something is drawn on the white frame


def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    clip: Path, tmp_path: Path, interrupted: Callable[[int | None], list[int]]
) -> None:
    run("analyze", clip, "--out", tmp_path / "whole")
    interrupted(8)
    stopped = run("analyze", clip, "--out", tmp_path / "parts")
    assert stopped.exit_code == 130
    partial = tmp_path / "parts" / "clip.jsonl.partial"
    assert not (tmp_path / "parts" / "clip.jsonl").exists()
    assert all(isinstance(Scene.from_json(line), Scene) for line in partial.read_text().splitlines())
    records = tmp_path / "parts" / "clip.seen.jsonl"
    with records.open("a") as file:
        file.write('{"frame": 8, "sce')  # a line cut short
    seen = interrupted(None)
    assert run("analyze", clip, "--out", tmp_path / "parts").exit_code == 0
    assert seen == [8, 9, 10, 11]
    assert (tmp_path / "parts" / "clip.jsonl").read_text() == (tmp_path / "whole" / "clip.jsonl").read_text()
    assert [p.name for p in (tmp_path / "parts").iterdir()] == ["clip.jsonl"]
    seen = interrupted(None)
    again = run("analyze", clip, "--out", tmp_path / "parts")
    assert "has its results already" in again.stderr
    assert seen == []
    table = run("analyze", clip, "--out", tmp_path / "parts", "--format", "csv")
    assert "has its results already" in table.stderr  # the table is made of what is there, whatever else is asked for
    assert (tmp_path / "parts" / "clip.csv").is_file()
    assert seen == []


def test_what_another_setting_saw_is_seen_again(
    clip: Path, tmp_path: Path, interrupted: Callable[[int | None], list[int]]
) -> None:
    interrupted(8)
    run("analyze", clip, "--out", tmp_path, "--every", 2)
    seen = interrupted(None)
    run("analyze", clip, "--out", tmp_path, "--every", 4)
    assert seen == [0, 4, 8]
    assert [scene.time for scene in scenes_of(tmp_path / "clip.jsonl")] == pytest.approx([0, 0.16, 0.32], abs=1e-4)
    wrong = run("analyze", clip, "--out", tmp_path, "--every", 2, "--draw")
    assert wrong.exit_code == 1
    assert "other frames" in wrong.stderr
    assert not (tmp_path / "clip.overlay.mp4").exists()


def test_what_another_second_look_saw_is_seen_again(
    clip: Path, tmp_path: Path, interrupted: Callable[[int | None], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(8)
    run("analyze", clip, "--out", tmp_path)

    def other(first: Card) -> ModelFile:
        second = find_second_look(first)
        assert second is not None
        assert second.card.fusion is not None
        fusion = second.card.fusion.model_copy(update={"bias": second.card.fusion.bias + 1})
        return ModelFile(second.path, second.card.model_copy(update={"fusion": fusion}))

    with monkeypatch.context() as patch:
        patch.setattr("vitruvian.finders.analyzer.find_second_look", other)
        seen = interrupted(2)
        run("analyze", clip, "--out", tmp_path)
        assert seen == [0, 1]
        seen = interrupted(None)
        run("analyze", clip, "--out", tmp_path)
        assert seen[0] == 2


def test_videos_that_fail_are_said_in_one_line_and_the_rest_goes_on(clip: Path, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    data = clip.read_bytes()
    (folder / "cut.mp4").write_bytes(data[: int(len(data) * 0.7)])
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("no video")
    (folder / "whole.mp4").write_bytes(data)
    (folder / "torn.mp4").write_bytes(data[: data.index(b"mdat") + 40])
    result = run("analyze", folder, "--out", tmp_path / "out", "--every", 3, "--draw")
    assert result.exit_code == 1
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 4
    assert "breaks off after" in errors[0]
    assert "empty.mp4: is empty" in errors[1]
    assert "text.mp4: not a video" in errors[2]
    assert "torn.mp4: no frame of it can be read" in errors[3]
    written = ["cut.jsonl", "cut.overlay.mp4", "whole.jsonl", "whole.overlay.mp4"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == written
    whole = scenes_of(tmp_path / "out" / "whole.jsonl")
    cut = scenes_of(tmp_path / "out" / "cut.jsonl")
    assert 0 < len(cut) < len(whole) == 4
    with Video(tmp_path / "out" / "cut.overlay.mp4") as video:
        assert [frame.time for frame in video] == pytest.approx([scene.time for scene in cut], abs=1e-4)


def test_scenes_name_the_video_as_the_run_that_ends_does(
    clip: Path, tmp_path: Path, interrupted: Callable[[int | None], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupted(8)
    run("analyze", clip, "--out", tmp_path)
    interrupted(None)
    monkeypatch.chdir(clip.parent)
    run("analyze", clip.name, "--out", tmp_path)
    assert {scene.image for scene in scenes_of(tmp_path / "clip.jsonl")} == {"clip.mp4"}


def test_what_was_made_of_earlier_scenes_goes_with_them(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ("--out", tmp_path, "--every", 3, "--draw", "--format", "csv")
    run("analyze", clip, *made)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vitruvian.cli.video._write_table", killed)
        run("analyze", clip, *made, "--threshold", 0.99, "--overwrite")
    assert [p.name for p in tmp_path.iterdir()] == ["clip.jsonl"]
    run("analyze", clip, *made)
    with (tmp_path / "clip.csv").open() as file:
        assert [row for row in csv.DictReader(file) if row["kind"] == "part"] == []
    assert (tmp_path / "clip.overlay.mp4").is_file()


def test_an_overlay_is_only_drawn_of_the_frames_that_the_scenes_are_of(clip: Path, tmp_path: Path) -> None:
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    for name, count, shape in (("longer", 3, picture), ("shorter", 1, picture), ("larger", 2, picture.repeat(2, 0))):
        with write_video(tmp_path / "video.mp4", 25) as writer:
            for i in range(2):
                writer.add(picture, i / 25)
        run("analyze", tmp_path / "video.mp4", "--out", tmp_path / name)
        with write_video(tmp_path / "video.mp4", 25) as writer:
            for i in range(count):
                writer.add(shape, i / 25)
        result = run("analyze", tmp_path / "video.mp4", "--out", tmp_path / name, "--draw")
        assert result.exit_code == 1
        assert "other frames" in result.stderr, name
        assert [p.name for p in (tmp_path / name).iterdir()] == ["video.jsonl"]


def test_a_video_and_a_picture_of_one_name_do_not_share_a_table(clip: Path, tmp_path: Path) -> None:
    for name in ("film.jpg", "alone.jpg"):
        (tmp_path / name).write_bytes(sample_picture().read_bytes())
    (tmp_path / "film.mp4").write_bytes(clip.read_bytes())
    result = run("analyze", tmp_path, "--out", tmp_path / "out", "--format", "csv", "--every", 6)
    assert result.exit_code == 1
    assert "film.mp4" in result.stderr
    assert "film.jpg" in result.stderr
    assert "would be written to the same film.csv" in result.stderr
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["alone.csv", "results.csv"]
    lines = run("analyze", tmp_path, "--out", tmp_path / "lines", "--every", 6)
    assert lines.exit_code == 0
    assert sorted(p.name for p in (tmp_path / "lines").iterdir()) == ["alone.json", "film.json", "film.jsonl"]


@pytest.mark.parametrize("form", ["coco", "yolo"])
def test_formats_without_a_place_for_times_are_refused(clip: Path, tmp_path: Path, form: str) -> None:
    second = tmp_path / "second.mp4"
    second.write_bytes(clip.read_bytes())
    result = run("analyze", clip, second, "--out", tmp_path / "out", "--format", form)
    assert result.exit_code == 1
    for line, video in zip(result.stderr.splitlines(), (clip, second), strict=True):
        assert line.startswith(f"error: {video}: --format {form} has no place")
    assert not (tmp_path / "out").exists()


def test_to_standard_output_and_labels_and_one_face(clip: Path) -> None:
    result = run("analyze", clip, "--every", 6, "--labels", "Human head", "--one-face")
    scenes = [Scene.from_json(line) for line in result.stdout.splitlines()]
    assert len(scenes) == 2
    assert {part.label for scene in scenes for part in scene.parts} == {"Human head"}
    assert not any(scene.faces for scene in scenes)


def test_when_nobody_reads_standard_output_any_more_it_ends(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(self: Scene) -> str:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(Scene, "to_json", closed)
    result = run("analyze", clip, sample_picture(), "--every", 6)
    assert (result.exit_code, result.stderr) == (1, "")


def test_in_python_scenes_come_one_by_one(clip: Path, tmp_path: Path) -> None:
    scenes = vitruvian.analyze_video(clip, every=4, analyzer=vitruvian.Analyzer(threads=1, size=192))
    first = next(scenes)
    assert (first.width, first.height, first.image) == (SIDE, SIDE, str(clip))
    assert len(list(scenes)) == 2
    with pytest.raises(ValueError, match="every 0-th"):
        next(vitruvian.analyze_video(clip, every=0))


def test_without_the_extra_one_line_says_what_to_install(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("trackers", "av"):
        monkeypatch.setitem(sys.modules, package, None)
        result = run("analyze", clip, "--out", tmp_path)
        assert result.exit_code in (1, 2)
        assert "pip install 'vitruvian[video]'" in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
