"""The one-call interface."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from vitruvian.finders import Analyzer
from vitruvian.scene import Scene

if TYPE_CHECKING:
    from PIL import Image


@lru_cache(maxsize=1)
def _default() -> Analyzer:
    return Analyzer()


def analyze(picture: str | os.PathLike[str] | bytes | NDArray[Any] | Image.Image) -> Scene:
    """Find every part of the people in a picture with the default model, which is loaded once.

    For other thresholds, labels, models or devices make an :class:`vitruvian.Analyzer`.

    Args:
        picture: Path, encoded bytes, array or Pillow image; see :func:`vitruvian.read_picture`.

    Raises:
        ReadError: when the picture cannot be read.
    """
    return _default().analyze(picture)


def analyze_video(
    path: str | os.PathLike[str], every: int = 1, one_face: bool = False, analyzer: Analyzer | None = None
) -> Iterator[Scene]:
    """Analyse a video frame by frame: faces and people keep the number of their track, and lost faces are looked for.

    Scenes come as they are finished, a few frames late, and none is kept; see :mod:`vitruvian.finders.video`.

    Args:
        path: The file.
        every: Look at every n-th frame only.
        one_face: Keep one face a frame, that of the surest track.
        analyzer: What looks at the frames; by default the default model.

    Raises:
        VideoError: when the file cannot be read.
        CutShort: after the last scene, when it ends early.
        TrackingError: without the package that tracks.
        ValueError: if ``every`` is below 1.
    """
    from vitruvian.finders.video import AnalyzerEyes, VideoOptions, watch
    from vitruvian.images.video import Video

    if every < 1:
        raise ValueError(f"every {every}-th frame cannot be looked at")
    with Video(path) as video:
        eyes = AnalyzerEyes(analyzer or _default(), os.fspath(path))
        yield from watch(video.frames(every), eyes, video.rate / every, VideoOptions(one_face))
