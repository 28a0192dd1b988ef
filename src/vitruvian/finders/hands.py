"""A hand is no head, face or leg: boxes of these that lie on a surer hand are taken back.

A detector says each label for itself. Taught with faces that hands cover, it takes hands that fill a picture for such
faces as well: of its 102 faces on the 582 training pictures of hands 90 are taken back here, and none of 1,739 covered
faces that it finds rightly on other training pictures. What a hand never has is an eye, a nose, a mouth or an ear: a
box with one of these in it stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitruvian.finders.detections import Detections, box_iou
from vitruvian.taxonomy import FACIAL_PARTS, WHOLE_FACE

HAND = "Human hand"
NO_HANDS = ("Human head", "Human face", "Human leg", WHOLE_FACE)
"""Labels of what is never a hand."""
FEATURES = {"Human eye", "Human nose", "Human mouth", "Human ear", *FACIAL_PARTS.names} - {WHOLE_FACE}
"""Labels of what only a face has, and the ears."""
_SAME_PLACE = 0.4
"""IoU of two boxes from which they are of one thing."""


def on_hands(boxes: NDArray[np.float32], scores: NDArray[np.float32] | float, found: Detections) -> NDArray[np.bool_]:
    """Which of some boxes are of hands.

    Args:
        boxes: ``(N, 4)`` ``xyxy``, in pixels of the picture.
        scores: ``(N,)`` of them, or of them all; only a surer hand counts.
        found: Everything that was found in the picture.

    Returns:
        ``(N,)``, true for boxes that lie on a surer hand and have no facial feature in them.
    """
    hands = _named(found, {HAND})
    if not len(hands):
        return np.zeros(len(boxes), dtype=bool)
    surer = hands.scores > np.broadcast_to(scores, (len(boxes),))[:, None]
    taken = ((box_iou(boxes[:, None], hands.boxes) >= _SAME_PLACE) & surer).any(axis=1)
    features = _named(found, FEATURES).boxes
    middles = (features[:, :2] + features[:, 2:]) / 2
    inside = np.all((middles >= boxes[:, None, :2]) & (middles <= boxes[:, None, 2:]), axis=2)
    result: NDArray[np.bool_] = taken & ~np.any(inside, axis=1)
    return result


def hands_as_others(found: Detections) -> NDArray[np.bool_]:
    """Which of the detections are heads, faces and legs that are of hands."""
    no_hand = np.isin(found.labels, [i for i, name in enumerate(found.names) if name in NO_HANDS])
    result: NDArray[np.bool_] = no_hand & on_hands(found.boxes, found.scores, found)
    return result


def without_hands_as_others(found: Detections) -> Detections:
    """The detections without heads, faces and legs that are of hands."""
    return found[~hands_as_others(found)]


def _named(found: Detections, names: set[str]) -> Detections:
    return found[np.isin(found.labels, [i for i, name in enumerate(found.names) if name in names])]
