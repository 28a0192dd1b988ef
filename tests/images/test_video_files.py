"""Reading and writing video; OpenCV, which reads and writes it by other means, is the outside oracle."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from vitruvian.images.read import Limits
from vitruvian.images.video import CutShort, Video, VideoError, write_video

cv2 = pytest.importorskip("cv2", reason="OpenCV, the oracle, is not installed")
av = pytest.importorskip("av", reason="PyAV is not installed")

WIDTH, HEIGHT = 80, 64


def pictures(count: int) -> list[NDArray[np.uint8]]:
    """Grey pictures that get brighter, with a red corner at the upper left and a blue edge below."""
    found = []
    for i in range(count):
        picture = np.full((HEIGHT, WIDTH, 3), 40 + 8 * i, dtype=np.uint8)
        picture[:32, :32] = (200, 20, 20)
        picture[48:] = (20, 20, 200)
        found.append(picture)
    return found


def by_opencv(path: Path, frames: list[NDArray[np.uint8]]) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 20, (WIDTH, HEIGHT))
    for picture in frames:
        writer.write(picture[:, :, ::-1])
    writer.release()
    return path


def opencv_reads(path: Path) -> list[NDArray[np.uint8]]:
    capture = cv2.VideoCapture(str(path))
    found = []
    while True:
        there, picture = capture.read()
        if not there:
            return found
        found.append(picture[:, :, ::-1])


def by_pyav(path: Path, times: Sequence[float], sound: float = 0) -> Path:
    """A file of noisy pictures at these times, with so many seconds of silence."""
    rng = np.random.default_rng(0)
    clock = Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.codec_context.time_base = WIDTH, HEIGHT, "yuvj420p", clock
        voice = container.add_stream("pcm_s16le", rate=8000) if sound else None
        for i, time in enumerate(times):
            pixels = rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = i, clock
            for packet in stream.encode(frame):  # the encoder takes no two at one time, the file does
                packet.pts = packet.dts = round(time * 1000)
                container.mux(packet)
            if voice is not None and (time <= sound or i == len(times) - 1):
                until = min(times[i + 1], sound) if i + 1 < len(times) else sound
                silence = np.zeros((1, max(1, round((until - time) * 8000))), dtype=np.int16)
                heard = av.AudioFrame.from_ndarray(silence, format="s16", layout="mono")
                heard.sample_rate, heard.pts = 8000, round(time * 8000)
                container.mux(voice.encode(heard))
    return path


def trimmed(path: Path, start: float) -> Path:
    """The MP4 from ``start`` seconds on as phones cut it: all frames stay, an edit list leaves the first ones out."""
    result = path.with_name("trimmed.mp4")
    with av.open(str(path)) as whole, av.open(str(result), "w") as container:
        stream = container.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                shift = round(start / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                container.mux(packet)
    return result


def turned(path: Path, matrix: tuple[int, int, int, int]) -> Path:
    """The video with this rotation in its metadata (the matrix in the track's header, 16.16 fixed point)."""
    data = bytearray(path.read_bytes())
    place = data.find(b"tkhd") + 44
    a, b, c, d = (v * 65536 for v in matrix)
    data[place : place + 36] = np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], ">i4").tobytes()
    result = path.with_name(f"turned{matrix[0]}{matrix[1]}.mp4")
    result.write_bytes(data)
    return result


def test_frames_are_those_that_opencv_reads(tmp_path: Path) -> None:
    path = by_opencv(tmp_path / "a.mp4", pictures(10))
    with Video(path) as video:
        frames = list(video)
        assert (video.rate, video.length) == (20, 10)
    assert [frame.number for frame in frames] == list(range(10))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(10) / 20)
    for frame, expected in zip(frames, opencv_reads(path), strict=True):
        assert np.abs(frame.picture.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("matrix", [(0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)])
def test_rotation_metadata_is_honoured(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    path = turned(by_opencv(tmp_path / "a.mp4", pictures(2)), matrix)
    with Video(path) as video:
        first = next(iter(video)).picture
    expected = opencv_reads(path)[0]
    assert first.shape == expected.shape
    assert np.abs(first.astype(int) - expected).mean() < 2
    assert first.shape == ((WIDTH, HEIGHT, 3) if matrix[0] == 0 else (HEIGHT, WIDTH, 3))


def test_each_second_frame_is_the_frame_it_says(tmp_path: Path) -> None:
    path = by_opencv(tmp_path / "a.mp4", pictures(9))
    with Video(path) as video:
        some = list(video.frames(2))
    with Video(path) as video:
        whole = list(video)
    assert [frame.number for frame in some] == [0, 2, 4, 6, 8]
    for frame in some:
        assert frame.time == whole[frame.number].time
        assert (frame.picture == whole[frame.number].picture).all()


def test_times_of_a_variable_rate_survive_writing_and_reading(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.08, 0.5, 0.54, 1.2, 1.3]
    with write_video(tmp_path / "a.mp4", 25) as writer:
        for picture, time in zip(pictures(7), times, strict=True):
            writer.add(picture, time)
    with Video(tmp_path / "a.mp4") as video:
        frames = list(video)
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-4)
    brightness = [float(frame.picture[40, 60].mean()) for frame in frames]
    assert brightness == pytest.approx([40 + 8 * i for i in range(7)], abs=4)


def test_odd_sides_are_padded_and_opencv_plays_what_is_written(tmp_path: Path) -> None:
    with write_video(tmp_path / "a.mp4", 25) as writer:
        for i in range(3):
            writer.add(np.full((41, 31, 3), (200, 30, 30), np.uint8), i / 25)
    played = opencv_reads(tmp_path / "a.mp4")
    assert [picture.shape for picture in played] == [(42, 32, 3)] * 3
    assert np.abs(played[0].astype(int) - (200, 30, 30)).max() < 12


def test_a_repeatable_file_is_written_without_what_makes_it_differ(tmp_path: Path) -> None:
    """x264 says in the file how it was set."""
    for repeatable, tree in ((True, b"mbtree=0"), (False, b"mbtree=1")):
        with write_video(tmp_path / "a.mp4", 25, repeatable) as writer:
            for i, picture in enumerate(pictures(5)):
                writer.add(picture, i / 25)
        data = (tmp_path / "a.mp4").read_bytes()
        if b"x264" not in data:
            pytest.skip("another encoder of H.264")
        assert tree in data


def test_what_is_written_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def interrupted() -> None:
        with write_video(tmp_path / "a.mp4", 25) as writer:
            writer.add(pictures(1)[0], 0)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_video_that_breaks_off_gives_its_frames_and_then_says_so(tmp_path: Path, share: float) -> None:
    rng = np.random.default_rng(0)
    with write_video(tmp_path / "a.mp4", 25) as writer:
        for i in range(40):
            writer.add(rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8), i / 25)
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: int(len(data) * share)])
    found: list[int] = []
    with Video(tmp_path / "cut.mp4") as video, pytest.raises(CutShort, match=r"cut\.mp4: breaks off after \d+ of 40"):
        found.extend(frame.number for frame in video)
    assert 0 < len(found) < 40
    assert found == list(range(len(found)))


@pytest.mark.parametrize(
    ("times", "sound"),
    [
        (np.arange(25) / 25, 5),
        (np.concatenate([np.arange(20) / 25, 1 + np.arange(20)]), 0),
        (5 + np.arange(25) / 25, 0),
        ([0, 0.04, 0.08, 0.08, 0.08, 0.08, 0.12], 0),
    ],
    ids=["its sound is longer", "its rate varies", "it starts late", "frames have the same time"],
)
def test_a_whole_matroska_file_is_not_taken_for_a_cut_one(tmp_path: Path, times: Sequence[float], sound: float) -> None:
    path = by_pyav(tmp_path / "a.mkv", times, sound)
    with Video(path) as video:
        found = [frame.time for frame in video]
        assert found == pytest.approx(np.asarray(times) - times[0], abs=1e-3)
        assert [frame.time for frame in video] == found  # a second time too


def test_a_matroska_file_with_sound_that_breaks_off_says_so(tmp_path: Path) -> None:
    data = by_pyav(tmp_path / "a.mkv", list(np.arange(50) / 25), 2).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    with Video(tmp_path / "cut.mkv") as video, pytest.raises(CutShort) as said:
        list(video)
    assert 15 < said.value.frames < 35
    assert said.value.announced == pytest.approx(50, abs=1)


def test_frames_that_an_edit_leaves_out_are_not_missed(tmp_path: Path) -> None:
    with write_video(tmp_path / "a.mp4", 25) as writer:
        for i, picture in enumerate(pictures(20)):
            writer.add(picture, i / 25)
    with Video(trimmed(tmp_path / "a.mp4", 0.48)) as video:
        frames = list(video)
    assert [frame.time for frame in frames] == pytest.approx(np.arange(8) / 25, abs=1e-3)
    brightness = [float(frame.picture[40, 60].mean()) for frame in frames]
    assert brightness == pytest.approx([40 + 8 * i for i in range(12, 20)], abs=4)


def test_a_file_that_cannot_be_wound_back_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = by_opencv(tmp_path / "a.mp4", pictures(5))

    class Forward:
        """The container, but for its ``seek``."""

        def __init__(self, container: object) -> None:
            self.inner = container

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

        def seek(self, offset: int) -> None:
            raise av.error.PermissionError(1, "Operation not permitted")

    with Video(path) as video:
        monkeypatch.setattr(video, "_container", Forward(video._container))
        assert len(list(video)) == 5
        with pytest.raises(VideoError, match=r"a\.mp4: can be read only once"):
            list(video)


def test_what_is_no_video_is_said_in_one_line(tmp_path: Path) -> None:
    whole = by_opencv(tmp_path / "a.mp4", pictures(5)).read_bytes()
    files = {"empty.mp4": b"", "text.mp4": b"no video" * 100, "headless.mp4": whole[: len(whole) // 2]}
    files["list.mp4"] = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\na.mp4\n#EXT-X-ENDLIST\n"
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(VideoError, match=name) as said:
            Video(tmp_path / name)
        assert "\n" not in str(said.value)
    with pytest.raises(VideoError, match="no such file"):
        Video(tmp_path / "none.mp4")
    with pytest.raises(VideoError, match="not a regular file"):
        Video(tmp_path)


def test_limits_are_checked_before_decoding(tmp_path: Path) -> None:
    path = by_opencv(tmp_path / "a.mp4", pictures(2))
    with pytest.raises(VideoError, match="80 x 64, the limit is 5,119 pixels"):
        Video(path, Limits(max_pixels=80 * 64 - 1))
    with pytest.raises(VideoError, match="bytes, the limit is"):
        Video(path, Limits(max_bytes=path.stat().st_size - 1))
    Video(path, Limits(max_pixels=80 * 64, max_bytes=path.stat().st_size)).close()
