"""From a box back to the place in the network that made it."""

from __future__ import annotations

import numpy as np

from vitruvian.explain.closed_form import Explained
from vitruvian.explain.errors import ExplainError


def location_of(explained: Explained, box: int) -> int:
    """The location whose score and box became a detection.

    Args:
        explained: Of the picture.
        box: Index of the detection, from 0, best score first.

    Returns:
        Index among the locations of all levels, finest level first, row by row.

    Raises:
        ExplainError: when there is no such detection.
    """
    found, output = explained.found, explained.output
    if not 0 <= box < len(found):
        some = f"boxes 0 to {len(found) - 1}" if len(found) else "nothing was found"
        raise ExplainError(f"there is no box {box}: {some}")
    label = int(found.labels[box])
    # Non-maximum suppression keeps scores as they are, but not where they come from; equal scores differ in their box.
    same = np.flatnonzero(output.scores[0, :, label] == found.scores[box])
    edges = np.asarray([explained.letterbox.width, explained.letterbox.height] * 2)
    boxes = np.clip(explained.letterbox.boxes_to_original(output.boxes[0, same, label]), 0, edges)
    return int(same[np.abs(boxes - found.boxes[box]).sum(axis=1).argmin()])
