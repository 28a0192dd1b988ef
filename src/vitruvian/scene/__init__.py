"""What the system says about a picture: typed results, their published JSON, and converters to other formats."""

from vitruvian.scene.checks import Box, SceneError
from vitruvian.scene.scene import SCHEMA_VERSION, Scene, json_schema
from vitruvian.scene.types import Activity, Evidence, Face, FoundBy, HeadPose, Part, Person, Side

__all__ = [
    "SCHEMA_VERSION",
    "Activity",
    "Box",
    "Evidence",
    "Face",
    "FoundBy",
    "HeadPose",
    "Part",
    "Person",
    "Scene",
    "SceneError",
    "Side",
    "json_schema",
]
