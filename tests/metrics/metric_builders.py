"""Small data sets and predictions for the tests of the metrics room."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vitruvian.data.dataset import Annotation, Box, Dataset, Picture
from vitruvian.metrics import Predictions

BoxOf = tuple[str, Box]


def picture(number: int, boxes: Iterable[BoxOf] = (), exhaustive: Iterable[str] = (), **more: Any) -> Picture:
    """A picture ``number`` with boxes; annotation ids are unique by construction."""
    annotations = tuple(Annotation(label, box, 1000 * number + i) for i, (label, box) in enumerate(boxes))
    more = {"annotations": annotations, **more}
    return Picture(number, f"{number}.png", 200, 200, exhaustive=frozenset(exhaustive), **more)


def dataset(labels: Sequence[str], *pictures: Picture) -> Dataset:
    return Dataset(tuple(labels), tuple(pictures), Path("."))


def predictions(names: Sequence[str], *rows: tuple[int, str, Box, float]) -> Predictions:
    """Rows of (picture id, label, box, score)."""
    ids, labels, boxes, scores = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Predictions(ids, np.array(boxes).reshape(-1, 4), scores, [names.index(label) for label in labels], names)


def random_truth(
    seed: int, pictures: int = 12, labels: Sequence[str] = ("a", "b", "c"), crowds: bool = True
) -> Dataset:
    """Boxes of all sizes, some to ignore, in pictures that are exhaustive for every class."""
    generator = np.random.default_rng(seed)
    made, number = [], 0
    for i in generator.permutation(pictures) + 1:
        annotations = []
        for _ in range(generator.integers(0, 9)):
            number += 1
            corner, side = generator.integers(0, 150, 2), generator.integers(4, 190, 2)
            box = (*corner.tolist(), *(corner + side).tolist())
            label = str(generator.choice(labels[:-1] if len(labels) > 2 else labels))
            annotations.append(Annotation(label, box, number, ignore=bool(crowds and generator.random() < 0.15)))
        made.append(picture(int(i), exhaustive=labels, annotations=tuple(annotations)))
    return dataset(labels, *made)


def random_predictions(truth: Dataset, seed: int, spurious: int = 6) -> Predictions:
    """Jittered copies of the truth, some of a wrong class, and boxes of nothing; scores have many ties."""
    generator = np.random.default_rng(seed + 1000)
    rows = []
    for p in truth.pictures:
        for a in p.annotations:
            for _ in range(generator.integers(0, 3)):
                box = np.array(a.box) + generator.normal(0, 3 + 0.06 * (a.box[2] - a.box[0]), 4)
                rows.append((p.id, a.label if generator.random() < 0.9 else str(generator.choice(truth.labels)), box))
        for _ in range(generator.integers(0, spurious)):
            corner = generator.uniform(0, 150, 2)
            rows.append(
                (p.id, str(generator.choice(truth.labels)), np.hstack([corner, corner + generator.uniform(4, 90)]))
            )
    boxes = np.array([box for _, _, box in rows]).reshape(-1, 4)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
    return Predictions(
        [i for i, _, _ in rows],
        boxes,
        generator.integers(1, 40, len(rows)) / 40,
        [truth.labels.index(label) for _, label, _ in rows],
        truth.labels,
    )


def person(number: int, points: Any, box: Box | None = None, **more: Any) -> Annotation:
    """A labelled person or face with ``(K, 3)`` keypoints."""
    keypoints = np.asarray(points, dtype=np.float32)
    low, high = keypoints[:, :2].min(0), keypoints[:, :2].max(0)
    return Annotation("person", box or (*low.tolist(), *high.tolist()), number, keypoints=keypoints, **more)


def poses(rows: Sequence[tuple[int, Any, float]], label: str = "person") -> Predictions:
    """Rows of (picture id, (K, 2) or (K, 3) points, score)."""
    points = [np.asarray(p, dtype=np.float64) for _, p, _ in rows]
    full = np.stack([p if p.shape[1] == 3 else np.column_stack([p, np.ones(len(p))]) for p in points])
    boxes = np.concatenate([full[..., :2].min(1), full[..., :2].max(1)], axis=1)
    return Predictions([i for i, _, _ in rows], boxes, [s for _, _, s in rows], [0] * len(rows), (label,), full)
