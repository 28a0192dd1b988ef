"""Boxes of body parts from masks whose values name smaller parts: an arm is its upper and its lower half."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation

SPECK = 1e-4
"""Share of the mask below which a piece is a speck: labelled, but to be ignored."""


def mask_parts(
    mask: NDArray[np.integer], parts: Mapping[str, Collection[int]], instances: NDArray[np.integer] | None = None
) -> tuple[Annotation, ...]:
    """Boxes of the connected pieces of each part.

    Args:
        mask: ``(H, W)`` integers, the value naming what a pixel shows.
        parts: The values that make up a part: ``{"Human arm": (3, 4)}`` for upper and lower arm.
        instances: ``(H, W)`` integers that tell persons apart, 0 for nobody; pieces never join over two persons, and
            carry the attribute ``person``. Without it touching persons share a piece.

    Returns:
        One annotation a piece (8-neighbourhood), ids from 1, with its ``area`` and ``derived_from="part mask"``; a
        piece of less than 0.01 % of the mask is to be ignored. Pixel i covers i to i + 1.
    """
    from scipy.ndimage import find_objects, label

    found: list[Annotation] = []
    people = np.unique(instances[instances > 0]).tolist() if instances is not None else [None]
    for name, values in parts.items():
        shown = np.isin(mask, list(values))
        for person in people:
            mine = shown if instances is None else shown & (instances == person)
            pieces, _ = label(mine, structure=np.ones((3, 3)))
            areas = np.bincount(pieces.ravel())
            for number, place in enumerate(find_objects(pieces), start=1):
                rows, columns = place
                box = (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
                area = float(areas[number])
                attributes = {} if person is None else {"person": int(person)}
                found.append(
                    Annotation(name, box, len(found) + 1, area < SPECK * mask.size, None, "part mask", area, attributes)
                )
    return tuple(found)
