"""Labels that follow from others: facial parts from landmarks, limbs and persons from joints, parts from masks."""

from vitruvian.data.derive.facial import derive_facial_parts
from vitruvian.data.derive.limbs import derive_limbs, derive_persons
from vitruvian.data.derive.masks import derive_mask_parts, mask_parts
from vitruvian.data.derive.noses import derive_faces_from_noses, from_behind

__all__ = [
    "derive_faces_from_noses",
    "derive_facial_parts",
    "derive_limbs",
    "derive_mask_parts",
    "derive_persons",
    "from_behind",
    "mask_parts",
]
