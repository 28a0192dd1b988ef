"""The part classes that vitruvian finds: 12 body parts of Open Images and 10 facial parts.

Body parts keep the display names and the order of the body-part study on Open Images V4. Their hierarchy follows the
body: an eye lies in a face, a face in a head, a head on a body; it tells training where an unlabelled class cannot be
(no eye outside a head where every head is labelled) and tells the pipeline what belongs to whom.

Facial parts are those of a thesis on occluded faces: five prominent parts and five of their unions, all defined by
the 68-point iBUG protocol. ``left`` and ``right`` are the subject's own sides.
``Human face`` is the skin from forehead to chin (taught by CelebAMask-HQ and Clothing Co-Parsing); ``whole face`` is
the box from brows to chin and from cheek to cheek (taught by 68-point landmarks and by boxes of masked faces).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Region = Literal["face", "head", "arm", "leg", "body"]


@dataclass(frozen=True, slots=True)
class PartClass:
    """One class of part.

    Attributes:
        name: Label as it stands in results, e.g. ``"Human eye"``.
        parent: Label of the smallest class that contains it, or None at the top.
        paired: True when a person has a left and a right one, so that a result may carry a side.
        region: Part of the body it lies on; drawing colours by it.
        mirror: Label of its mirror image; its own unless the label names a side.
    """

    name: str
    parent: str | None
    paired: bool
    region: Region
    mirror: str


def _part(name: str, parent: str | None, region: Region, paired: bool = False, mirror: str | None = None) -> PartClass:
    return PartClass(name, parent, paired, region, mirror or name)


@dataclass(frozen=True)
class PartTaxonomy:
    """An ordered, closed set of part classes with its hierarchy.

    Raises:
        ValueError: if a name occurs twice, or a parent or mirror is not among the classes.
    """

    classes: tuple[PartClass, ...]

    def __post_init__(self) -> None:
        names = self.names
        if len(set(names)) != len(names):
            raise ValueError(f"part names occur twice: {sorted({n for n in names if names.count(n) > 1})}")
        for part in self.classes:
            for other in (part.parent, part.mirror):
                if other is not None and other not in names:
                    raise ValueError(f"{part.name}: {other!r} is not a class of this taxonomy")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Labels in order; a label's position is its index in a model that carries this taxonomy."""
        return tuple(part.name for part in self.classes)

    def __getitem__(self, name: str) -> PartClass:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __len__(self) -> int:
        return len(self.classes)

    @cached_property
    def _by_name(self) -> dict[str, PartClass]:
        return {part.name: part for part in self.classes}

    def ancestors(self, name: str) -> tuple[str, ...]:
        """Labels that contain ``name``, nearest first.

        >>> PARTS.ancestors("Human eye")
        ('Human face', 'Human head', 'Human body')
        """
        found: list[str] = []
        parent = self[name].parent
        while parent is not None:
            found.append(parent)
            parent = self[parent].parent
        return tuple(found)


BODY_PARTS = PartTaxonomy(
    (
        _part("Human face", "Human head", "face"),
        _part("Human hand", "Human arm", "arm", paired=True),
        _part("Human arm", "Human body", "arm", paired=True),
        _part("Human leg", "Human body", "leg", paired=True),
        _part("Human head", "Human body", "head"),
        _part("Human eye", "Human face", "face", paired=True),
        _part("Human ear", "Human head", "head", paired=True),
        _part("Human nose", "Human face", "face"),
        _part("Human mouth", "Human face", "face"),
        _part("Human foot", "Human leg", "leg", paired=True),
        _part("Human hair", "Human head", "head"),
        _part("Human body", None, "body"),
    )
)
"""The 12 human body-part classes of Open Images V4, with display names."""

WHOLE_FACE = "whole face"
"""The face as a box from brows to chin: what faces are called in every scene, set and model here."""

_FACIAL = (
    ("eyes", True, "eyes"),
    ("nose", False, "nose"),
    (WHOLE_FACE, False, WHOLE_FACE),
    ("right face", False, "left face"),
    ("left face", False, "right face"),
    ("brows", False, "brows"),
    ("left eye face", False, "right eye face"),
    ("right eye face", False, "left eye face"),
    ("eyes nose", False, "eyes nose"),
    ("mouth", False, "mouth"),
)


def _facial(top: str | None) -> tuple[PartClass, ...]:
    return tuple(
        _part(name, top if name == WHOLE_FACE else WHOLE_FACE, "face", paired, mirror)
        for name, paired, mirror in _FACIAL
    )


FACIAL_PARTS = PartTaxonomy(_facial(None))
"""The 10 facial parts of the occluded-face thesis (section 4.1); ``eyes`` is a single eye, either one."""

PARTS = PartTaxonomy(BODY_PARTS.classes + _facial("Human head"))
"""All 22 labels in the order of the shipped detector: body parts, then facial parts."""
