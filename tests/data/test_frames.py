"""Frames are picked where the picture changes, not where it flickers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vitruvian.data.dataset import DataError, Dataset
from vitruvian.data.frames import Frame, pick_frames, read_frames, save_frames


def film() -> list[Frame]:
    """Ten frames of one scene under a flickering lamp with noise, then ten of another."""
    rng = np.random.default_rng(0)
    scenes = [np.kron(rng.integers(40, 200, (4, 4, 3)), np.ones((20, 20, 1))) for _ in range(2)]
    frames = []
    for number in range(20):
        lamp = 10 * (number % 2)
        noisy = scenes[number // 10] + lamp + rng.normal(0, 4, (80, 80, 3))
        frames.append(Frame(number, number / 25, np.clip(noisy, 0, 255).astype(np.uint8)))
    return frames


def test_one_frame_a_scene() -> None:
    assert [f.number for f in pick_frames(film())] == [0, 10]
    assert len(list(pick_frames(film(), change=0.0))) == 20
    assert [f.number for f in pick_frames(film(), most=1)] == [0]
    assert list(pick_frames([])) == []


def test_frames_are_held_one_at_a_time() -> None:
    alive = []

    def counting():
        for frame in film():
            alive.append(frame.number)
            yield frame

    assert next(pick_frames(counting())).number == 0
    assert alive == [0]


def test_saved_frames_are_a_data_set_grouped_by_video(tmp_path) -> None:
    dataset = save_frames(pick_frames(film()), "ward", tmp_path)
    dataset.save(tmp_path / "frames.json")
    again = Dataset.load(tmp_path / "frames.json")
    assert [p.file_name for p in again] == ["ward/000000.png", "ward/000010.png"]
    assert [p.attributes["video"] for p in again] == ["ward", "ward"]
    assert all(again.path(p).is_file() for p in again)


def write_video(path: Path, codec: str) -> Path:
    """Two scenes of ten frames."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV, which writes the video, is not installed")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 20, (80, 80))
    if not writer.isOpened():
        pytest.skip(f"OpenCV was built without the codec {codec}")
    for frame in film():
        writer.write(np.ascontiguousarray(frame.picture[:, :, ::-1]))
    writer.release()
    return path


def test_a_video_gives_its_frames_in_order_with_time_and_colour(tmp_path) -> None:
    frames = list(read_frames(write_video(tmp_path / "film.avi", "MJPG")))
    assert [f.number for f in frames] == list(range(20))
    assert [f.time for f in frames] == pytest.approx([i / 20 for i in range(20)])
    for found, drawn in zip(frames, film(), strict=True):
        assert found.picture.shape == (80, 80, 3)
        blocks = (f.picture.reshape(4, 20, 4, 20, 3).mean(axis=(1, 3)) for f in (found, drawn))
        assert np.abs(np.subtract(*blocks)).mean() < 12  # red and blue swapped would be some 60 apart
    assert [f.number for f in pick_frames(frames)] == [0, 10]


def run_frames(video: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """The verb in a process of its own: what the video library itself writes to stderr counts too."""
    program = "from vitruvian.cli.main import app; app()"
    command = [sys.executable, "-c", program, "data", "frames", str(video), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_verb_picks_the_scenes_of_a_video(tmp_path) -> None:
    done = run_frames(write_video(tmp_path / "film.avi", "MJPG"), tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "wrote 2 frames" in done.stdout
    dataset = Dataset.load(tmp_path / "out" / "frames.json")
    assert [(p.attributes["frame"], p.attributes["time"]) for p in dataset] == [(0, 0.0), (10, 0.5)]
    assert all(dataset.path(p).is_file() for p in dataset)


@pytest.mark.parametrize(
    ("name", "codec", "message"),
    [
        ("film.mkv", "MJPG", "breaks off after"),  # each frame stands by itself, so the first are there
        ("film.mp4", "mp4v", "not a video"),  # the index stands at the end, without which there is nothing
    ],
)
def test_a_truncated_video_is_one_error_line(tmp_path, name: str, codec: str, message: str) -> None:
    video = write_video(tmp_path / name, codec)
    whole = video.read_bytes()
    video.write_bytes(whole[: len(whole) * 6 // 10])
    done = run_frames(video, tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {video}: {message}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "frames.json").exists()


def test_what_is_no_video_is_named(tmp_path) -> None:
    pytest.importorskip("cv2")
    (tmp_path / "film.mp4").write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a video"):
        list(read_frames(tmp_path / "film.mp4"))
    with pytest.raises(DataError, match="no such file"):
        list(read_frames(tmp_path / "gone.mp4"))
