"""The boxes of a scene as one flat list, for formats that know no faces and no people."""

from __future__ import annotations

from collections.abc import Sequence

from vitruvian.scene.checks import SceneError
from vitruvian.scene.scene import Scene
from vitruvian.scene.types import Part
from vitruvian.taxonomy import WHOLE_FACE


def detections(scene: Scene) -> tuple[Part, ...]:
    """Every box of a scene: its parts, then each face as :data:`WHOLE_FACE` followed by the face's parts.

    The boxes of people are left out: they are those of the bodies among the parts, or made of other parts.
    """
    flat = list(scene.parts)
    for face in scene.faces:
        flat.append(Part(WHOLE_FACE, face.box, face.score, None, face.person))
        flat += face.parts
    return tuple(flat)


def class_index(label: str, names: Sequence[str]) -> int:
    """Position of a label in a model's or data set's list of classes.

    Raises:
        SceneError: if it is not in the list; nothing is left out silently.
    """
    try:
        return names.index(label)
    except ValueError:
        raise SceneError(f"label {label!r} is not among the {len(names)} classes to convert to") from None
