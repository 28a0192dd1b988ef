"""vitruvian finds people's parts in pictures: body parts, faces and facial parts, offline, on a plain CPU.

>>> import vitruvian
>>> from vitruvian.images import sample_picture
>>> scene = vitruvian.analyze(sample_picture())
>>> sorted({part.label for part in scene.parts if part.label == "Human head"})
['Human head']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitruvian.api import analyze, analyze_video
    from vitruvian.finders import Analyzer
    from vitruvian.images import draw_scene, read_picture
    from vitruvian.scene import Face, Part, Person, Scene
    from vitruvian.zoo import find_model, list_models

__version__ = "0.1.0"

# Loaded where they are first used, so that importing the package costs nothing.
_HOMES = {
    "Analyzer": "vitruvian.finders",
    "Face": "vitruvian.scene",
    "Part": "vitruvian.scene",
    "Person": "vitruvian.scene",
    "Scene": "vitruvian.scene",
    "analyze": "vitruvian.api",
    "analyze_video": "vitruvian.api",
    "draw_scene": "vitruvian.images",
    "find_model": "vitruvian.zoo",
    "list_models": "vitruvian.zoo",
    "read_picture": "vitruvian.images",
}

__all__ = [
    "Analyzer",
    "Face",
    "Part",
    "Person",
    "Scene",
    "__version__",
    "analyze",
    "analyze_video",
    "draw_scene",
    "find_model",
    "list_models",
    "read_picture",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vitruvian' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
