"""Picking the frames of a video that differ from one another, which are the ones worth labelling."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import DataError, Dataset, Picture
from vitruvian.images.resize import resize

SIDE = 32
"""Frames are compared as grey pictures of this many pixels a side: movement counts, noise does not."""

LEAST_SHARE = 0.9
"""Of the announced frames; some containers only estimate their number, but not so badly."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A frame of a video: its number from 0, its time in seconds, and ``(H, W, 3)`` uint8 RGB."""

    number: int
    time: float
    picture: NDArray[np.uint8]


def pick_frames(frames: Iterable[Frame], change: float = 0.06, most: int | None = None) -> Iterator[Frame]:
    """The first frame, then each that differs enough from the last one picked.

    Args:
        frames: In order; only one is held at a time.
        change: Mean absolute difference of the grey thumbnails, as a share of full brightness, after each is brought to
            the same mean, so that a flickering lamp is no change.
        most: Stop after so many.
    """
    last: NDArray[np.float32] | None = None
    picked = 0
    for frame in frames:
        small = resize(frame.picture, SIDE, SIDE).astype(np.float32).mean(axis=2) / 255
        small = small - small.mean()
        if last is None or float(np.abs(small - last).mean()) >= change:
            last = small
            picked += 1
            yield frame
            if most is not None and picked >= most:
                return


def quiet_ffmpeg() -> None:
    """Keep FFmpeg, which OpenCV reads video with, from writing lines of its own about damaged files to stderr.

    Heeded if it comes before the process's first video; a level that the user has set stays.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


def read_frames(path: Path) -> Iterator[Frame]:
    """The frames of a video, one at a time.

    Raises:
        DataError: without OpenCV, for a file that is no video, or, after the last frame that can be read, for one that
            breaks off.
    """
    quiet_ffmpeg()
    try:
        import cv2
    except ImportError:
        raise DataError(f"{path}: reading video needs OpenCV: pip install 'vitruvian[video]'") from None
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    capture: Any = cv2.VideoCapture(str(path))
    try:
        rate = float(capture.get(cv2.CAP_PROP_FPS)) or 25.0
        announced = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        number = 0
        while True:
            there, pixels = capture.read()
            if not there:
                break
            yield Frame(number, number / rate, np.ascontiguousarray(pixels[:, :, ::-1]))
            number += 1
    finally:
        capture.release()
    if number == 0:
        raise DataError(f"{path}: not a video, or in a codec that cannot be read")
    if number < LEAST_SHARE * announced:
        raise DataError(f"{path}: breaks off after {number} of {announced} frames: cut short or damaged")


def save_frames(frames: Iterable[Frame], name: str, folder: Path) -> Dataset:
    """Write frames as ``folder/images/NAME/000123.png`` and give the unlabelled data set of them.

    Pictures have the attributes ``video``, ``frame`` and ``time``; all frames of a video belong into one split
    (``data split --group attribute:video``).
    """
    from PIL import Image

    pictures = []
    for i, frame in enumerate(frames, start=1):
        file = f"{name}/{frame.number:06d}.png"
        path = folder / "images" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        Image.fromarray(frame.picture).save(partial, "PNG")
        os.replace(partial, path)
        height, width = frame.picture.shape[:2]
        about = {"video": name, "frame": frame.number, "time": round(frame.time, 3)}
        pictures.append(Picture(i, file, width, height, attributes=about))
    return Dataset((), tuple(pictures), folder / "images")
