"""Pictures without labels: any folder (Hand Over Face and its like), or the frames of a video.

Nothing is exhaustive. The frames of a video are written to ``images_dir`` as ``{video}/{frame:06d}.png``, each
``every``-th of them, unless they are there; pictures have the attributes ``video``, ``frame`` and ``time`` in seconds.
A row is a picture; the place where a video breaks off is a broken one.
"""

from __future__ import annotations

from pathlib import Path

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats._collect import Collector
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._pictures import PICTURE_SUFFIXES, holds
from vitruvian.data.records import save_png
from vitruvian.data.rejects import FileError, RowLog
from vitruvian.images.video import VIDEO_SUFFIXES, CutShort, Video, VideoError


def read_pictures(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read a folder of pictures; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    collector = Collector(path, log)
    for name in collector.folder.names:
        with log.row(path / name):
            collector.picture(name)
    return collector.dataset()


def read_video(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read a video's frames; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    if options.images_dir is None:
        raise FileError(path, "is a video: name a folder to write its frames to")
    every = options.every or 1
    if every < 1:
        raise FileError(path, f"every {every}-th frame makes no sense")
    folder = options.images_dir / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    kept: dict[int, float] = {}
    try:
        with Video(path) as video:
            for frame in video.frames(every):
                with log.row(path, f"frame {frame.number}"):
                    file = folder / f"{frame.number:06d}.png"
                    if not file.exists():
                        save_png(frame.picture, file)
                    kept[frame.number] = frame.time
    except CutShort as error:
        reason = f"breaks off here of {error.announced} frames: cut short or damaged"
        log.reject(path, f"frame {error.frames}", reason)
    except VideoError as error:
        raise FileError(path, str(error).removeprefix(f"{path}: ")) from None
    collector = Collector(options.images_dir, log)
    for number, time in kept.items():
        about = {"video": path.stem, "frame": number, "time": round(time, 6)}
        collector.picture(f"{path.stem}/{number:06d}.png").attributes |= about
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
