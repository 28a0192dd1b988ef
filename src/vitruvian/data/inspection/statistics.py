"""Numbers about the labels of a data set, without opening a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.inspection.missing import estimate_missing, implied_missing
from vitruvian.data.table import LabelTable, imbalance_ratio

ENOUGH_PICTURES, ENOUGH_BOXES = 1_500, 10_000
"""A class: YOLO's rule of thumb for training data, as the occluded-face thesis quotes it (section 3.3)."""

SMALL, MEDIUM = 32.0**2, 96.0**2
"""Square pixels up to which COCO calls a box small and medium."""

GRID = 12
"""Cells along each side of the map of box centres."""

_MOST_COUNTED = 20
"""Boxes a picture from which on pictures are counted together."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Minimum, quartiles, maximum and mean of some numbers; all zero where there are none."""

    minimum: float
    lower: float
    median: float
    upper: float
    maximum: float
    mean: float

    @classmethod
    def of(cls, values: NDArray[np.generic]) -> Spread:
        """Summarise ``(N,)`` numbers."""
        if len(values) == 0:
            return cls(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        numbers = np.asarray(values, dtype=np.float64)
        low, lower, median, upper, high = (float(q) for q in np.quantile(numbers, (0, 0.25, 0.5, 0.75, 1)))
        return cls(low, lower, median, upper, high, float(numbers.mean()))


@dataclass(frozen=True, slots=True)
class ClassStatistics:
    """One class of a data set.

    Attributes:
        name: Its label.
        boxes: Boxes that count; ``ignored`` ones do not.
        derived: Of these, how many nobody drew.
        pictures: Pictures with at least one.
        exhaustive: Pictures in which every instance is labelled; ``regional``: in a region only.
        missing: Estimate of unlabelled instances in all other pictures, or None where nothing tells.
        missing_basis: What the estimate rests on, in words.
        implied: Pictures that must show one by the hierarchy of the body, and neither label nor deny it.
        contradicted: Pictures that promise every instance, have none, and label a part that lies on one.
        width, height: Pixels.
        relative_area: Share of the picture's area.
        aspect: Width over height.
        small, medium, large: Boxes below 32², below 96² and from 96² square pixels on, as COCO counts.
        enough_pictures, enough_boxes: Against the rule of thumb of 1,500 pictures and 10,000 boxes.
    """

    name: str
    boxes: int
    ignored: int
    derived: int
    pictures: int
    exhaustive: int
    regional: int
    missing: float | None
    missing_basis: str
    implied: int
    contradicted: int
    width: Spread
    height: Spread
    relative_area: Spread
    aspect: Spread
    small: int
    medium: int
    large: int
    enough_pictures: bool
    enough_boxes: bool


@dataclass(frozen=True, slots=True)
class SourceCoverage:
    """How many pictures of a source declare a class exhaustive, and how many boxes of it they have; in label order."""

    source: str
    pictures: int
    exhaustive: tuple[int, ...]
    boxes: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class LabelStatistics:
    """All about the labels of one data set.

    Attributes:
        pictures, boxes: How many; boxes without those to ignore.
        empty: Pictures without a box.
        imbalance: Boxes of the commonest class over those of the rarest that has any.
        classes: In label order.
        per_picture: Boxes a picture.
        per_picture_histogram: ``(22,)`` pictures with 0, 1, ... 20 boxes, and with more.
        width, height: Of the pictures, as the labels state them.
        centres: ``(C, 12, 12)`` boxes by where their centre lies, rows downwards.
        together: ``(C, C)`` pictures that show both classes; its diagonal, pictures that show the class.
        sources: Coverage by source.
    """

    pictures: int
    boxes: int
    empty: int
    imbalance: float
    classes: tuple[ClassStatistics, ...]
    per_picture: Spread
    per_picture_histogram: NDArray[np.int64]
    width: Spread
    height: Spread
    centres: NDArray[np.int64]
    together: NDArray[np.int64]
    sources: tuple[SourceCoverage, ...]


def label_statistics(table: LabelTable) -> LabelStatistics:
    """Count everything that the labels alone tell."""
    counts = table.counts()
    shown = counts > 0
    per_picture = counts.sum(axis=1)
    kept = ~table.ignore
    return LabelStatistics(
        pictures=len(table.sizes),
        boxes=int(kept.sum()),
        empty=int((per_picture == 0).sum()),
        imbalance=imbalance_ratio(counts.sum(axis=0)),
        classes=_classes(table, counts),
        per_picture=Spread.of(per_picture),
        per_picture_histogram=np.bincount(np.minimum(per_picture, _MOST_COUNTED + 1), minlength=_MOST_COUNTED + 2),
        width=Spread.of(table.sizes[:, 0]),
        height=Spread.of(table.sizes[:, 1]),
        centres=_centres(table, kept),
        together=(shown.astype(np.float64).T @ shown.astype(np.float64)).astype(np.int64),
        sources=_coverage(table, counts),
    )


def _classes(table: LabelTable, counts: NDArray[np.int64]) -> tuple[ClassStatistics, ...]:
    missing = estimate_missing(table.labels, counts, table.exhaustive)
    implied, contradicted = implied_missing(table.labels, counts, table.exhaustive)
    sides = np.maximum(table.boxes[:, 2:] - table.boxes[:, :2], 0)
    order = np.argsort(table.label, kind="stable")
    ends = np.searchsorted(table.label[order], np.arange(len(table.labels) + 1))
    found = []
    for i, name in enumerate(table.labels):
        rows = order[ends[i] : ends[i + 1]]
        ignored = int(table.ignore[rows].sum())
        rows = rows[~table.ignore[rows]]
        width, height = sides[rows, 0], sides[rows, 1]
        area = width * height
        pictures = int((counts[:, i] > 0).sum())
        found.append(
            ClassStatistics(
                name=name,
                boxes=len(rows),
                ignored=ignored,
                derived=int(table.derived[rows].sum()),
                pictures=pictures,
                exhaustive=int(table.exhaustive[:, i].sum()),
                regional=int((table.regional[:, i] & ~table.exhaustive[:, i]).sum()),
                missing=missing[i].boxes,
                missing_basis=missing[i].basis,
                implied=int(implied[i]),
                contradicted=int(contradicted[i]),
                width=Spread.of(width),
                height=Spread.of(height),
                relative_area=Spread.of(area / np.maximum(table.sizes[table.picture[rows]].prod(axis=1), 1)),
                aspect=Spread.of(width[height > 0] / height[height > 0]),
                small=int((area < SMALL).sum()),
                medium=int(((area >= SMALL) & (area < MEDIUM)).sum()),
                large=int((area >= MEDIUM).sum()),
                enough_pictures=pictures >= ENOUGH_PICTURES,
                enough_boxes=len(rows) >= ENOUGH_BOXES,
            )
        )
    return tuple(found)


def _centres(table: LabelTable, kept: NDArray[np.bool_]) -> NDArray[np.int64]:
    boxes, picture, label = table.boxes[kept], table.picture[kept], table.label[kept]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / np.maximum(table.sizes[picture], 1)
    column, row = np.clip((centre * GRID).astype(np.int64), 0, GRID - 1).T
    flat = np.bincount((label * GRID + row) * GRID + column, minlength=len(table.labels) * GRID * GRID)
    return flat.reshape(len(table.labels), GRID, GRID)


def _coverage(table: LabelTable, counts: NDArray[np.int64]) -> tuple[SourceCoverage, ...]:
    rows = []
    for i, name in enumerate(table.sources):
        mine = table.source == i
        rows.append(
            SourceCoverage(
                name,
                int(mine.sum()),
                tuple(int(v) for v in table.exhaustive[mine].sum(axis=0)),
                tuple(int(v) for v in counts[mine].sum(axis=0)),
            )
        )
    return tuple(rows)
