"""Picking the frames of a video that differ from one another, which are the ones worth labelling."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import DataError, Dataset, Picture
from vitruvian.images.resize import resize
from vitruvian.images.video import Frame, Video, VideoError

SIDE = 32
"""Frames are compared as grey pictures of this many pixels a side: movement counts, noise does not."""


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


def read_frames(path: Path) -> Iterator[Frame]:
    """The frames of a video, one at a time.

    Raises:
        DataError: without PyAV, for a file that is no video, or, after the last frame that can be read, for one that
            breaks off.
    """
    try:
        with Video(path) as video:
            yield from video
    except VideoError as error:
        raise DataError(str(error)) from None


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
