"""Video in and out: the frames of a file, upright and at their right times, and files that play everywhere.

PyAV (the libraries of FFmpeg) decodes and encodes. It tells the time of every frame, where OpenCV counts on a constant
rate, and writes H.264. Only containers of video are let through to it: playlists, which name other files and addresses
to read, are not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.images.read import Limits, ReadError
from vitruvian.images.resize import resize

if TYPE_CHECKING:
    import av

VIDEO_SUFFIXES = frozenset((".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".mts", ".m2ts", ".3gp"))
"""Suffixes (lower case) of what is read as a video."""

VIDEO_LIMITS = Limits(max_pixels=8192 * 8192, max_bytes=256 * 2**30)
"""A video is read frame by frame, so it is the size of the frame that counts."""

LEAST_SHARE = 0.9
"""Of the announced time; some containers only estimate it, but not so badly."""

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegvideo,mpegts"
_CLOCK = Fraction(1, 90_000)
"""Times are written in these units, which hold those of all usual rates."""
_QUALITY = "23"


class VideoError(ReadError):
    """A video that cannot be read or written; the message is one line ``place: reason``."""


class CutShort(VideoError):
    """A video that ends before its announced end; raised after its last frame that can be read.

    Attributes:
        frames: Number of frames there were.
        announced: Number of frames that there should be, by the time that the file announces.
    """

    def __init__(self, path: Path, frames: int, announced: int) -> None:
        super().__init__(f"{path}: breaks off after {frames} of {announced} frames: cut short or damaged")
        self.frames, self.announced = frames, announced


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame of a video: its number from 0, its time in seconds, and ``(H, W, 3)`` uint8 RGB, upright."""

    number: int
    time: float
    picture: NDArray[np.uint8]


def _av(place: object) -> Any:
    try:
        import av
        import av.logging
    except ImportError:
        raise VideoError(f"{place}: video needs PyAV: pip install 'vitruvian[video]'") from None
    av.logging.set_level(None)  # damaged files are spoken of in errors, not in lines of FFmpeg's own
    return av


class Video:
    """A video file that is open for reading; use it in a ``with`` statement.

    Args:
        path: The file.
        limits: Largest frame and file to accept; both are checked before anything is decoded.

    Attributes:
        rate: Frames a second, on average; of a Matroska file whose rate varies, the usual one.
        length: Number of frames that the file announces, in some containers estimated; 0 where it says nothing.

    Raises:
        VideoError: when it cannot be read as a video.

    >>> with Video("clip.mp4") as video:  # doctest: +SKIP
    ...     times = [frame.time for frame in video]
    """

    def __init__(self, path: str | os.PathLike[str], limits: Limits = VIDEO_LIMITS) -> None:
        self.path = Path(path)
        av = _av(self.path)
        _check_file(self.path, limits)
        self._limits = limits
        self._started = self._damaged = False
        self._packets = 0
        self._end: float | None = None
        options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
        try:
            self._container: Any = av.open(str(self.path), options=options)
        except (av.error.FFmpegError, ValueError) as error:
            raise VideoError(f"{self.path}: not a video, or its first bytes are damaged: {_reason(error)}") from None
        if not self._container.streams.video:
            self.close()
            raise VideoError(f"{self.path}: has no pictures in it")
        self._stream = self._container.streams.video[0]
        if self._stream.codec_context is None:
            self.close()
            raise VideoError(f"{self.path}: in a codec that cannot be read")
        self._stream.thread_type = "AUTO"
        try:
            self._check_size(self._stream.codec_context.width, self._stream.codec_context.height)
        except VideoError:
            self.close()
            raise
        self.rate = float(self._stream.average_rate or self._stream.guessed_rate or 25)
        self.length = self._stream.frames or round(self._seconds() * self.rate)

    def __enter__(self) -> Video:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        """All frames; see :meth:`frames`."""
        return self.frames()

    def frames(self, every: int = 1) -> Iterator[Frame]:
        """Each ``every``-th frame in order, one at a time, from the first; all of them at the first one's size.

        Raises:
            CutShort: after the last frame, where the file ends early.
            VideoError: if no frame can be read, or one is larger than the limits.
        """
        number, start, last = 0, 0.0, -1 / self.rate
        shape: tuple[int, ...] = ()
        for decoded in self._decoded():
            self._check_size(decoded.width, decoded.height)
            time = decoded.time
            if number == 0:
                start = time or 0.0
            # A frame without a time, or one that goes back in time, follows its predecessor at the average rate.
            seconds = last + 1 / self.rate if time is None or time - start < last else time - start
            if number % every == 0:
                upright = np.rot90(decoded.to_ndarray(format="rgb24"), round(decoded.rotation / 90))
                picture: NDArray[np.uint8] = np.ascontiguousarray(upright, dtype=np.uint8)
                shape = shape or picture.shape
                if picture.shape != shape:
                    picture = resize(picture, shape[1], shape[0])
                yield Frame(number, seconds, picture)
            number, last = number + 1, seconds
        if number == 0:
            raise VideoError(f"{self.path}: no frame of it can be read: damaged, or in a codec that is not known")
        announced = self._announced(self._packets if self._damaged else number)
        if number < LEAST_SHARE * announced or (self._damaged and number < announced):
            raise CutShort(self.path, number, announced)

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """Decoded frames; what is damaged is passed over and noted."""
        av = _av(self.path)
        if self._started:
            try:
                self._container.seek(0)
            except av.error.FFmpegError as error:
                raise VideoError(f"{self.path}: can be read only once: {_reason(error)}") from None
        self._started, self._damaged, self._packets, self._end = True, False, 0, None
        packets = self._container.demux(*([self._stream] if self._tells_its_time else []))
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                packet, self._damaged = None, True
            if packet is None:
                break
            self._note_end(packet)
            if packet.stream_index != self._stream.index:
                continue
            self._damaged |= packet.is_corrupt
            self._packets += packet.size > 0 and not packet.is_discard
            try:
                yield from packet.decode()
            except av.error.FFmpegError:
                self._damaged = True

    @property
    def _tells_its_time(self) -> bool:
        """Whether the pictures have a duration of their own, or only the file as a whole, with its sound."""
        return self._stream.duration is not None and self._stream.time_base is not None

    def _seconds(self) -> float:
        if self._tells_its_time:
            return float(self._stream.duration * self._stream.time_base)
        return (self._container.duration or 0) / 1e6

    def _note_end(self, packet: Any) -> None:
        time = packet.pts if packet.pts is not None else packet.dts
        if time is None or packet.time_base is None:
            return
        least = 1 / self.rate if packet.stream_index == self._stream.index else 0.0
        end = float(time * packet.time_base) + max(float((packet.duration or 0) * packet.time_base), least)
        self._end = end if self._end is None else max(self._end, end)

    def _announced(self, number: int) -> int:
        """How many frames there should be, if there are so many in the time that was reached.

        :attr:`length` is no measure of that: in MP4 it includes what an edit leaves out, and where it is duration times
        rate, the rate may vary and the sound go on longer. In AVI it is right, and the duration a guess by the bytes.
        """
        seconds = self._seconds()
        counted = self._stream.frames and "mp4" not in self._container.format.name
        if counted or not seconds or self._end is None:
            return self.length
        # Matroska, which knows only the duration of the whole file, counts it from zero, not from the first frame.
        start = self._stream.start_time if self._tells_its_time else 0
        reached = self._end - float((start or 0) * (self._stream.time_base or 0))
        return round(number * max(1.0, seconds / reached)) if reached > 0 else self.length

    def _check_size(self, width: int, height: int) -> None:
        if min(width, height) < 1:
            raise VideoError(f"{self.path}: has no pixels ({width} x {height})")
        if width * height > self._limits.max_pixels:
            raise VideoError(
                f"{self.path}: too large: frames of {width} x {height}, the limit is {self._limits.max_pixels:,} pixels"
            )


def _check_file(path: Path, limits: Limits) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise VideoError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise VideoError(f"{path}: cannot be read: {error}") from None
    if not path.is_file():
        raise VideoError(f"{path}: is not a regular file")
    if size == 0:
        raise VideoError(f"{path}: is empty")
    if size > limits.max_bytes:
        raise VideoError(f"{path}: too large: {size:,} bytes, the limit is {limits.max_bytes:,}")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


class VideoWriter:
    """Writes frames as H.264 in MP4, with their times; made by :func:`write_video`."""

    def __init__(self, container: Any, rate: float, repeatable: bool = False) -> None:
        self._container, self._rate = container, rate
        self._options = {"crf": _QUALITY, "preset": "veryfast"} | ({"x264-params": "no-mbtree=1"} if repeatable else {})
        self._stream: Any = None
        self._last = -1

    def add(self, picture: NDArray[np.uint8], time: float) -> None:
        """Add an ``(H, W, 3)`` uint8 RGB frame, of the first one's size, that is shown from ``time`` seconds on."""
        import av

        height, width = picture.shape[0] + picture.shape[0] % 2, picture.shape[1] + picture.shape[1] % 2
        if (height, width) != picture.shape[:2]:  # the colour planes of H.264 are half as large: sides must be even
            picture = np.pad(picture, ((0, height - picture.shape[0]), (0, width - picture.shape[1]), (0, 0)), "edge")
        if self._stream is None:
            self._stream = self._container.add_stream("h264", rate=Fraction(self._rate).limit_denominator(1001))
            self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
            self._stream.options = self._options
            self._stream.codec_context.time_base = _CLOCK
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        self._last = max(round(time / _CLOCK), self._last + 1)
        frame.pts, frame.time_base = self._last, _CLOCK
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> None:
        """Write what the encoder still holds."""
        if self._stream is not None:
            self._container.mux(self._stream.encode(None))


@contextmanager
def write_video(path: Path, rate: float, repeatable: bool = False) -> Iterator[VideoWriter]:
    """A writer of an MP4 file at ``path``, which appears whole or not at all.

    Args:
        path: The file; its folder is made.
        rate: Frames a second, roughly: players are told, the times of the frames count.
        repeatable: The same frames make the same file, a larger one: x264's macroblock tree is left out, which gives
            the same frames other bits from one run to the next.

    Raises:
        VideoError: when it cannot be written.
    """
    av = _av(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        # The index goes to the front, so that a browser can start to play before it has everything.
        with av.open(str(partial), "w", format="mp4", options={"movflags": "faststart"}) as container:
            writer = VideoWriter(container, rate, repeatable)
            yield writer
            writer.finish()
        os.replace(partial, path)
    except av.error.FFmpegError as error:
        raise VideoError(f"{path}: cannot be written: {_reason(error)}") from None
    finally:
        partial.unlink(missing_ok=True)
