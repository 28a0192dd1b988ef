"""Whole faces of heads whose nose is labelled: approximate, for sets of infants that box heads and noses only.

The nose is near the middle of the face from brows to chin whichever way the head is turned, and a face seen from the
front is about 0.62 times as wide and high as the head with its cap of hair. An infant lies on its side, or upside down
in the picture, as often as not; a rule that went by "below the forehead" would be wrong there.

A head without a nose is one from behind, where every nose in view is labelled: all of 45 such infants that were looked
at show the back of the head. Nothing else teaches that hair with an ear beside it is not a covered face.
"""

from __future__ import annotations

from dataclasses import replace

from vitruvian.data.dataset import Annotation, Box, DataError, Dataset, Picture
from vitruvian.taxonomy import WHOLE_FACE

HEAD, NOSE = "Human head", "Human nose"

_SHARE = 0.62
"""Side of the face over the square root of the head box's area; chosen by eye on infants in every position."""


def derive_faces_from_noses(dataset: Dataset) -> Dataset:
    """Add a ``whole face`` for each labelled nose that lies in exactly one labelled head.

    The box is a square around the middle of the nose, cut off where the head ends. It carries
    ``derived_from="nose and head"``. Where heads and noses are fully labelled and no nose is in view, whole faces are
    exhaustive: there is none. Elsewhere they are not, as the boxes are approximate.

    Raises:
        DataError: when the data set has no heads or no noses.
    """
    for label in (HEAD, NOSE):
        if label not in dataset.labels:
            raise DataError(f"{dataset.images_dir}: no class {label!r}; there are {', '.join(dataset.labels)}")
    number = max((a.id for p in dataset.pictures for a in p.annotations), default=0)

    def change(picture: Picture) -> Picture:
        nonlocal number
        heads = [a for a in picture.annotations if a.label == HEAD and not a.ignore]
        added = []
        for nose in picture.annotations:
            if nose.label != NOSE or nose.ignore:
                continue
            x, y = (nose.box[0] + nose.box[2]) / 2, (nose.box[1] + nose.box[3]) / 2
            around = [h.box for h in heads if h.box[0] <= x <= h.box[2] and h.box[1] <= y <= h.box[3]]
            if len(around) == 1:
                number += 1
                added.append(Annotation(WHOLE_FACE, _face(x, y, around[0]), number, derived_from="nose and head"))
        exhaustive = picture.exhaustive | ({WHOLE_FACE} if from_behind(picture) else set())
        return replace(picture, annotations=(*picture.annotations, *added), exhaustive=exhaustive)

    labels = dataset.labels if WHOLE_FACE in dataset.labels else (*dataset.labels, WHOLE_FACE)
    return dataset.map(change, labels=labels)


def from_behind(picture: Picture) -> bool:
    """Whether all heads turn their backs on the camera: heads and noses are fully labelled, and no nose is in view."""
    return picture.exhaustive >= {HEAD, NOSE} and not any(a.label in (NOSE, WHOLE_FACE) for a in picture.annotations)


def _face(x: float, y: float, head: Box) -> Box:
    x1, y1, x2, y2 = head
    half = _SHARE * ((x2 - x1) * (y2 - y1)) ** 0.5 / 2
    return (max(x - half, x1), max(y - half, y1), min(x + half, x2), min(y + half, y2))
