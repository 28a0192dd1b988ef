"""The nouns: part classes, landmark protocols and skeletons, one frozen object each, shared by every other room."""

from vitruvian.taxonomy.colours import REGION_COLOURS, Colour, part_colour
from vitruvian.taxonomy.landmarks import (
    AAM73,
    IBUG68,
    IMM58,
    LANDMARK_PROTOCOLS,
    WFLW98,
    FacialPart,
    LandmarkProtocol,
    Outline,
    landmark_protocol,
)
from vitruvian.taxonomy.parts import BODY_PARTS, FACIAL_PARTS, PARTS, WHOLE_FACE, PartClass, PartTaxonomy, Region
from vitruvian.taxonomy.skeletons import AIC14, COCO17, LSP14, MPII16, SKELETONS, Skeleton, joint_map, skeleton

__all__ = [
    "AAM73",
    "AIC14",
    "BODY_PARTS",
    "COCO17",
    "FACIAL_PARTS",
    "IBUG68",
    "IMM58",
    "LANDMARK_PROTOCOLS",
    "LSP14",
    "MPII16",
    "PARTS",
    "REGION_COLOURS",
    "SKELETONS",
    "WFLW98",
    "WHOLE_FACE",
    "Colour",
    "FacialPart",
    "LandmarkProtocol",
    "Outline",
    "PartClass",
    "PartTaxonomy",
    "Region",
    "Skeleton",
    "joint_map",
    "landmark_protocol",
    "part_colour",
    "skeleton",
]
