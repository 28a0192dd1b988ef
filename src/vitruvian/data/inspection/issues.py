"""What is wrong with labels, as a list of findings that each name the picture and the annotation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.data.table import LabelTable

DEGENERATE = 1.0
"""Pixels; a box less wide or high than this holds nothing to see."""

OUTSIDE_TOLERANCE = 1.0
"""Pixels by which a box may reach over the picture's edge: rounding and 1-based pixels explain that much."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding.

    Attributes:
        kind: What is wrong, the same words for all findings of a kind: ``"box out of bounds"``.
        place: File name of the picture, as the data set has it.
        annotation: Id of the annotation, or None for the picture as a whole.
        detail: The numbers that show it.
    """

    kind: str
    place: str
    annotation: int | None
    detail: str


def count_issues(issues: Iterable[Issue]) -> tuple[tuple[str, int], ...]:
    """Findings by kind, commonest first."""
    return tuple(Counter(issue.kind for issue in issues).most_common())


def box_issues(dataset: Dataset, table: LabelTable) -> list[Issue]:
    """Boxes without a size, out of the picture, or labelled twice."""
    boxes, sizes = table.boxes, table.sizes[table.picture].astype(np.float32)
    sides = boxes[:, 2:] - boxes[:, :2]
    degenerate = (sides < DEGENERATE).any(axis=1) & ~table.ignore  # a speck to ignore is labelled as what it is
    over = np.maximum(-boxes[:, :2], boxes[:, 2:] - sizes).max(axis=1, initial=0.0)
    outside = over > OUTSIDE_TOLERANCE
    twice = _repeated(table)
    where = np.flatnonzero(degenerate | outside | twice)
    first = np.searchsorted(table.picture, np.arange(len(table.sizes)))
    issues: list[Issue] = []
    for row in where:
        picture = dataset.pictures[table.picture[row]]
        annotation = picture.annotations[row - first[table.picture[row]]]
        place = picture.file_name
        if degenerate[row]:
            detail = f"{annotation.label} {sides[row, 0]:.2f} x {sides[row, 1]:.2f} pixels"
            issues.append(Issue("degenerate box", place, annotation.id, detail))
        if outside[row]:
            issues.append(
                Issue("box out of bounds", place, annotation.id, f"{annotation.label} by {over[row]:.1f} pixels")
            )
        if twice[row]:
            issues.append(Issue("box labelled twice", place, annotation.id, annotation.label))
    return issues


def _repeated(table: LabelTable) -> np.typing.NDArray[np.bool_]:
    """True for a box that an earlier one of its picture and class equals to the tenth of a pixel."""
    keys = np.column_stack([table.picture, table.label, np.round(table.boxes * 10).astype(np.int64)])
    keys = np.ascontiguousarray(keys)
    whole = keys.view(np.dtype((np.void, keys.dtype.itemsize * keys.shape[1]))).ravel()
    _, first = np.unique(whole, return_index=True)
    repeated = np.ones(len(whole), bool)
    repeated[first] = False
    return repeated
