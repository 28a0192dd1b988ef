"""Pictures in and out: reading them safely, the geometry of network inputs, and drawing what was found."""

from importlib.resources import files
from pathlib import Path

from vitruvian.images.discover import Discovery, OutputConflict, PictureFile, find_pictures, output_conflicts
from vitruvian.images.draw import draw_scene
from vitruvian.images.letterbox import PAD_VALUE, Crop, Letterbox
from vitruvian.images.planes import read_planes, write_planes
from vitruvian.images.read import Limits, ReadError, read_picture, read_reduced
from vitruvian.images.resize import resize

__all__ = [
    "PAD_VALUE",
    "Crop",
    "Discovery",
    "Letterbox",
    "Limits",
    "OutputConflict",
    "PictureFile",
    "ReadError",
    "draw_scene",
    "find_pictures",
    "output_conflicts",
    "read_picture",
    "read_planes",
    "read_reduced",
    "resize",
    "sample_picture",
    "write_planes",
]


def sample_picture() -> Path:
    """The picture that comes with the package, an astronaut (512 x 512, public domain; ``samples/README.md``)."""
    return Path(str(files(__name__))) / "samples" / "astronaut.jpg"
