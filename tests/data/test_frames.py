"""Frames are picked where the picture changes, not where it flickers."""

from __future__ import annotations

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


def test_what_is_no_video_is_named(tmp_path) -> None:
    pytest.importorskip("cv2")
    (tmp_path / "film.mp4").write_bytes(b"nothing")
    with pytest.raises(DataError, match="not a video"):
        list(read_frames(tmp_path / "film.mp4"))
    with pytest.raises(DataError, match="no such file"):
        list(read_frames(tmp_path / "gone.mp4"))
