"""Where an unlabelled class may count as background: the rule that makes partial labels safe to train on.

A class counts as absent at a place only if the labels say so:

1. the class is exhaustively labelled in the picture, or in a region that holds the place;
2. a class that contains it is exhaustively labelled and the place lies outside all its boxes: where every head is
   labelled, there is no eye anywhere else;
3. the place lies inside a labelled box of the class itself, so what is there is known;

and never inside an ignore region or a box of the class that is marked as ignored. Everywhere else an unlabelled object
may be in view, and a detector that finds it must not be punished.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Box, Picture
from vitruvian.taxonomy.parts import PARTS

_ANCESTOR_MARGIN = 0.15
"""Share of a container's width and height added on each side: hair and hands stick out of the boxes drawn for them."""


def background_map(
    picture: Picture, labels: Sequence[str], xs: NDArray[np.float32], ys: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """For each class, where in the picture it may count as background.

    Args:
        picture: The picture with its labels.
        labels: Class names.
        xs, ys: ``(W,)`` and ``(H,)`` coordinates of the places to ask for, pixels of the picture.

    Returns:
        ``(len(labels), H, W)`` bool. Places outside the picture hold nothing, so they are background for every class.
    """
    result = np.zeros((len(labels), len(ys), len(xs)), dtype=bool)
    by_label: dict[str, list[Box]] = {}
    for annotation in picture.annotations:
        by_label.setdefault(annotation.label, []).append(annotation.box)

    def inside(boxes: Sequence[Box], margin: float = 0.0) -> NDArray[np.bool_]:
        covered = np.zeros((len(ys), len(xs)), dtype=bool)
        for x1, y1, x2, y2 in boxes:
            dx, dy = margin * (x2 - x1), margin * (y2 - y1)
            columns = (xs >= x1 - dx) & (xs <= x2 + dx)
            rows = (ys >= y1 - dy) & (ys <= y2 + dy)
            covered |= rows[:, None] & columns[None, :]
        return covered

    for index, label in enumerate(labels):
        if label in picture.exhaustive:
            result[index] = True
        else:
            for ancestor in PARTS.ancestors(label) if label in PARTS else ():
                if ancestor in picture.exhaustive:
                    result[index] |= ~inside(by_label.get(ancestor, ()), _ANCESTOR_MARGIN)
            result[index] |= inside([region.box for region in picture.exhaustive_regions if label in region.labels])
            result[index] |= inside(by_label.get(label, ()))
        ignored = [a.box for a in picture.annotations if a.ignore and a.label == label]
        if ignored or picture.ignore_regions:
            result[index] &= ~inside([*ignored, *picture.ignore_regions])
    outside = ((ys < 0) | (ys > picture.height))[:, None] | ((xs < 0) | (xs > picture.width))[None, :]
    return result | outside
