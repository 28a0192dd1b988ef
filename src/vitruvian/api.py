"""The one-call interface."""

from __future__ import annotations

import os
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
