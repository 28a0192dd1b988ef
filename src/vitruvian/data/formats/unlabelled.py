"""Pictures without labels: any folder (Hand Over Face and its like), or the frames of a video.

Nothing is exhaustive. The frames of a video are written to ``images_dir`` as ``{video}/{frame:06d}.png``, each
``every``-th of them, unless they are there; pictures have the attributes ``video``, ``frame`` and ``time`` in seconds.
A row is a picture; the place where a video breaks off is a broken one.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats._collect import Collector
from vitruvian.data.formats._files import extra
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._pictures import PICTURE_SUFFIXES, holds
from vitruvian.data.frames import LEAST_SHARE, quiet_ffmpeg
from vitruvian.data.rejects import FileError, RowLog

VIDEO_SUFFIXES = frozenset((".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg"))


def read_pictures(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read a folder of pictures; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    collector = Collector(path, log)
    for name in collector.folder.names:
        with log.row(path / name):
            collector.picture(name)
    return collector.dataset()


def read_video(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read a video's frames; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    from PIL import Image

    if options.images_dir is None:
        raise FileError(path, "is a video: name a folder to write its frames to")
    every = options.every or 1
    if every < 1:
        raise FileError(path, f"every {every}-th frame makes no sense")
    quiet_ffmpeg()
    cv2 = extra("cv2", path)
    folder = options.images_dir / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    capture = cv2.VideoCapture(str(path))
    try:
        rate = float(capture.get(cv2.CAP_PROP_FPS))
        announced = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        frame, kept = 0, []
        while capture.grab():
            if frame % every == 0:
                with log.row(path, f"frame {frame}"):
                    file = folder / f"{frame:06d}.png"
                    if not file.exists():
                        _, pixels = capture.retrieve()
                        partial = file.with_name(file.name + ".partial")
                        Image.fromarray(pixels[:, :, ::-1]).save(partial, "PNG")
                        os.replace(partial, file)
                    kept.append(frame)
            frame += 1
    finally:
        capture.release()
    if not frame:
        raise FileError(path, "not a video, or in a codec that cannot be read")
    if frame < LEAST_SHARE * announced:
        log.reject(path, f"frame {frame}", f"breaks off here of {announced} frames: cut short or damaged")
    collector = Collector(options.images_dir, log)
    for frame in kept:
        about: dict[str, Any] = {"video": path.stem, "frame": frame} | ({"time": frame / rate} if rate > 0 else {})
        collector.picture(f"{path.stem}/{frame:06d}.png").attributes |= about
    return collector.dataset()


PICTURES = Format(
    name="pictures",
    title="A folder of pictures without labels",
    looks_for="a folder with pictures and nothing that labels them",
    sniff=lambda path: holds(path, PICTURE_SUFFIXES),
    read=read_pictures,
    takes="folder",
    options=frozenset(),
)

VIDEO = Format(
    name="video",
    title="A video without labels, frame by frame",
    looks_for="a video file",
    sniff=lambda path: path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES,
    read=read_video,
    takes="file",
    options=frozenset(("images_dir", "every")),
)
