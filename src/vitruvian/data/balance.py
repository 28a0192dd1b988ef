"""Box-balanced sampling: choose pictures so that every class has about as many boxes, and count shared pictures once.

The body-part study on Open Images picked pictures class by class from the ratio of boxes a picture; classes share
pictures, so its 2,000 boxes a class became 2,170 to 4,194. Here the choice is made over unique pictures: each is worth
the boxes that are still wanted, less half of those that overshoot, and the best is taken until every target is met.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import DataError, Dataset, Picture
from vitruvian.data.table import LabelTable, imbalance_ratio

OVERSHOOT_COST = 0.5
"""Of a box too many against a box that is wanted; above 1 a picture with one wanted and one surplus box is avoided."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to leave out before choosing.

    Attributes:
        max_boxes: Pictures with more boxes than this go (the seed kept fewer than 10); None keeps all.
        min_side: Boxes with a shorter side become boxes to ignore: the instance is there, but too small to learn from.
        groups: False drops pictures that hold a group or crowd (boxes to ignore in the source).
    """

    max_boxes: int | None = None
    min_side: float = 0.0
    groups: bool = True

    def apply(self, dataset: Dataset) -> Dataset:
        """The data set that is left."""
        return dataset.map(self._picture)

    def _picture(self, picture: Picture) -> Picture | None:
        if not self.groups and any(a.ignore for a in picture.annotations):
            return None
        annotations = tuple(
            replace(a, ignore=True)
            if min(a.box[2] - a.box[0], a.box[3] - a.box[1]) < self.min_side and not a.ignore
            else a
            for a in picture.annotations
        )
        if self.max_boxes is not None and sum(not a.ignore for a in annotations) > self.max_boxes:
            return None
        return replace(picture, annotations=annotations)


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """One class before and after.

    Attributes:
        name: Its label.
        boxes_before, boxes_after, pictures_before, pictures_after: Counts; boxes to ignore do not count.
        target: Boxes wanted: the target, or all there are where there are fewer.
        pictures_alone: Pictures that the class alone would take, from its boxes a picture.
    """

    name: str
    boxes_before: int
    boxes_after: int
    pictures_before: int
    pictures_after: int
    target: int
    pictures_alone: int


@dataclass(frozen=True, slots=True)
class Balance:
    """A chosen part of a data set.

    Attributes:
        dataset: The pictures chosen, in the order of the original.
        classes: In label order.
        imbalance_before, imbalance_after: Boxes of the commonest class over those of the rarest that has any.
        filtered: Pictures that the filters left out.
    """

    dataset: Dataset
    classes: tuple[ClassBalance, ...]
    imbalance_before: float
    imbalance_after: float
    filtered: int


def balance(dataset: Dataset, target: int, filters: Filters = Filters(), seed: int = 0) -> Balance:
    """Choose pictures for ``target`` boxes of every class.

    Which of equally good pictures is taken goes by a hash of the seed and the file name. A class with fewer boxes than
    the target is taken whole.

    Raises:
        DataError: if the target is not positive or no picture is left to choose from.
    """
    if target < 1:
        raise DataError(f"a target of {target} boxes a class is not positive")
    kept = filters.apply(dataset)
    if not kept.pictures:
        raise DataError(f"{dataset.images_dir}: the filters leave no picture of {len(dataset)}")
    before = LabelTable.of(dataset).counts()
    counts = LabelTable.of(kept).counts()
    wanted = np.minimum(counts.sum(axis=0), target)
    chosen = _choose(counts, wanted, _tie_breakers(kept, seed))
    after = counts[chosen]
    result = replace(kept, pictures=tuple(kept.pictures[i] for i in chosen))
    classes = []
    for i, name in enumerate(dataset.labels):
        pictures = int((counts[:, i] > 0).sum())
        ratio = counts[:, i].sum() / pictures if pictures else 1.0
        classes.append(
            ClassBalance(
                name,
                int(before[:, i].sum()),
                int(after[:, i].sum()),
                int((before[:, i] > 0).sum()),
                int((after[:, i] > 0).sum()),
                int(wanted[i]),
                int(np.ceil(wanted[i] / ratio)),
            )
        )
    ratios = imbalance_ratio(before.sum(axis=0)), imbalance_ratio(after.sum(axis=0))
    return Balance(result, tuple(classes), *ratios, len(dataset) - len(kept))


def _tie_breakers(dataset: Dataset, seed: int) -> list[bytes]:
    return [hashlib.sha256(f"{seed} {p.file_name}".encode()).digest() for p in dataset]


def _choose(counts: NDArray[np.int64], wanted: NDArray[np.int64], ties: list[bytes]) -> list[int]:
    """Indices of the chosen pictures, ascending.

    A picture's worth only falls while others are chosen, so a heap with stale worths needs to look again only at its
    top (lazy greedy; Minoux 1978).
    """
    weights = 1.0 / np.maximum(wanted, 1)
    deficit = wanted.astype(np.float64)

    def worth(i: int) -> tuple[float, float]:
        useful = np.minimum(counts[i], deficit)
        surplus = counts[i] - useful
        return float(useful @ weights), float((useful - OVERSHOOT_COST * surplus) @ weights)

    heap = [(-worth(i)[1], ties[i], i) for i in range(len(counts)) if counts[i].any()]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and deficit.any():
        _, tie, i = heapq.heappop(heap)
        useful, now = worth(i)
        if useful == 0:
            continue
        if heap and -now > heap[0][0]:
            heapq.heappush(heap, (-now, tie, i))
            continue
        chosen.append(i)
        deficit = np.maximum(deficit - counts[i], 0.0)
    return sorted(_without_needless(chosen, counts, wanted))


def _without_needless(chosen: list[int], counts: NDArray[np.int64], wanted: NDArray[np.int64]) -> list[int]:
    """Take back early choices that later ones made needless, the fullest pictures first."""
    spare = counts[chosen].sum(axis=0) - wanted
    kept = set(chosen)
    for i in sorted(chosen, key=lambda i: -int(counts[i].sum())):
        if (counts[i] <= spare).all():
            spare -= counts[i]
            kept.remove(i)
    return list(kept)


def repeat_factors(dataset: Dataset, threshold: float) -> NDArray[np.float64]:
    """How often each picture should be shown an epoch so that rare classes are seen more.

    ``r = max over its classes of max(1, sqrt(threshold / f))``, where ``f`` is the share of pictures with the class
    (Gupta et al., LVIS, 2019, appendix B); 1 for a picture without boxes.

    Returns:
        ``(P,)`` float64, each at least 1.
    """
    shown = LabelTable.of(dataset).counts() > 0
    frequency = np.maximum(shown.mean(axis=0), 1e-12) if len(shown) else np.ones(len(dataset.labels))
    factor = np.maximum(1.0, np.sqrt(threshold / frequency))
    factors: NDArray[np.float64] = np.where(shown, factor, 1.0).max(axis=1, initial=1.0)
    return factors


def oversampling(dataset: Dataset, times: Mapping[str, int]) -> NDArray[np.int64]:
    """How often each picture stands in a list that repeats pictures of some classes, such as ``{"Human arm": 3}``.

    Returns:
        ``(P,)`` int64; a picture with several of the classes takes the largest of their factors.

    Raises:
        DataError: for a label that the data set lacks, or a factor below 1.
    """
    for name, factor in times.items():
        if name not in dataset.labels or factor < 1:
            raise DataError(f"cannot repeat {name!r} {factor} times: labels are {', '.join(dataset.labels)}")
    return np.array(
        [max((times.get(a.label, 1) for a in p.annotations if not a.ignore), default=1) for p in dataset], np.int64
    )
