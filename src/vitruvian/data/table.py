"""The labels of a data set as columns: what counting, balancing and splitting work on.

A million boxes take about 30 MB here, so that every statistic is one pass of numpy over a few arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset


@dataclass(frozen=True, slots=True, eq=False)
class LabelTable:
    """Boxes and pictures of a data set as arrays.

    Attributes:
        labels: Class names; ``label`` indexes them.
        sources: Names of the sources that occur; ``source`` indexes them.
        picture: ``(N,)`` int64, index of each box's picture.
        label: ``(N,)`` int64, index of its class.
        boxes: ``(N, 4)`` float32 ``xyxy`` pixels.
        ignore: ``(N,)`` bool.
        derived: ``(N,)`` bool, True where a box was computed from other labels.
        sizes: ``(P, 2)`` int64, width and height of each picture.
        exhaustive: ``(P, C)`` bool, True where every instance of a class is labelled in the whole picture.
        regional: ``(P, C)`` bool, True where a class is exhaustive in a region of the picture only.
        source: ``(P,)`` int64, index of each picture's source.
    """

    labels: tuple[str, ...]
    sources: tuple[str, ...]
    picture: NDArray[np.int64]
    label: NDArray[np.int64]
    boxes: NDArray[np.float32]
    ignore: NDArray[np.bool_]
    derived: NDArray[np.bool_]
    sizes: NDArray[np.int64]
    exhaustive: NDArray[np.bool_]
    regional: NDArray[np.bool_]
    source: NDArray[np.int64]

    @classmethod
    def of(cls, dataset: Dataset) -> LabelTable:
        """Tabulate a data set."""
        index = {name: i for i, name in enumerate(dataset.labels)}
        pictures = len(dataset)
        total = sum(len(p.annotations) for p in dataset)
        names: dict[str, int] = {}
        table = cls(
            labels=dataset.labels,
            sources=(),
            picture=np.zeros(total, np.int64),
            label=np.zeros(total, np.int64),
            boxes=np.zeros((total, 4), np.float32),
            ignore=np.zeros(total, bool),
            derived=np.zeros(total, bool),
            sizes=np.zeros((pictures, 2), np.int64),
            exhaustive=np.zeros((pictures, len(index)), bool),
            regional=np.zeros((pictures, len(index)), bool),
            source=np.zeros(pictures, np.int64),
        )
        row = 0
        for i, picture in enumerate(dataset):
            table.sizes[i] = picture.width, picture.height
            table.source[i] = names.setdefault(picture.source or "unnamed", len(names))
            table.exhaustive[i, [index[name] for name in picture.exhaustive]] = True
            for region in picture.exhaustive_regions:
                table.regional[i, [index[name] for name in region.labels]] = True
            if not picture.annotations:
                continue
            end = row + len(picture.annotations)
            table.picture[row:end] = i
            table.label[row:end] = [index[a.label] for a in picture.annotations]
            table.boxes[row:end] = [a.box for a in picture.annotations]
            table.ignore[row:end] = [a.ignore for a in picture.annotations]
            table.derived[row:end] = [a.derived_from is not None for a in picture.annotations]
            row = end
        object.__setattr__(table, "sources", tuple(names))
        return table

    def counts(self) -> NDArray[np.int64]:
        """``(P, C)`` boxes of each class in each picture, without those to ignore."""
        kept = ~self.ignore
        classes = len(self.labels)
        flat = self.picture[kept] * classes + self.label[kept]
        return np.bincount(flat, minlength=len(self.sizes) * classes).reshape(len(self.sizes), classes)


def imbalance_ratio(boxes: NDArray[np.int64]) -> float:
    """Boxes of the commonest class over those of the rarest that has any; 1.0 where none has.

    >>> imbalance_ratio(np.array([40, 10, 0]))
    4.0
    """
    present = boxes[boxes > 0]
    return float(present.max() / present.min()) if len(present) else 1.0
