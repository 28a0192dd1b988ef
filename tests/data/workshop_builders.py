"""Small data sets that the tests of the data workshop start from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitruvian.data.dataset import Annotation, Box, Dataset, Picture


def make_picture(
    number: int,
    boxes: Iterable[tuple[str, Box]] = (),
    exhaustive: Iterable[str] = (),
    size: tuple[int, int] = (200, 160),
    name: str | None = None,
    source: str | None = None,
    **attributes: Any,
) -> Picture:
    annotations = tuple(Annotation(label, box, number * 1000 + i) for i, (label, box) in enumerate(boxes))
    return Picture(
        number,
        name or f"{number:04d}.png",
        *size,
        annotations,
        frozenset(exhaustive),
        source=source,
        attributes=attributes,
    )


def make_dataset(
    labels: Sequence[str],
    pictures: Iterable[Picture],
    folder: Path = Path("images"),
    keypoint_names: Mapping[str, tuple[str, ...]] | None = None,
) -> Dataset:
    return Dataset(tuple(labels), tuple(pictures), folder, keypoint_names or {})


def write_pictures(dataset: Dataset, seed: int = 0) -> None:
    """Give every picture a file: smooth random colours, different for each."""
    rng = np.random.default_rng(seed)
    for picture in dataset:
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        path = dataset.path(picture)
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse.resize((picture.width, picture.height), Image.Resampling.BICUBIC).save(path)


def ibug_face(centre: tuple[float, float] = (100.0, 80.0), half: float = 40.0) -> np.ndarray:
    """68 plausible landmarks of a frontal face, all visible: the subject's right is at small x."""
    points = np.zeros((68, 3), np.float32)
    angles = np.linspace(np.pi, 0, 17)
    points[:17, 0], points[:17, 1] = np.cos(angles), 0.1 + 0.9 * np.sin(angles)
    points[17:22, 0], points[17:22, 1] = np.linspace(-0.85, -0.2, 5), (-0.84, -0.9, -0.92, -0.9, -0.86)
    points[22:27, 0], points[22:27, 1] = np.linspace(0.2, 0.85, 5), (-0.86, -0.9, -0.92, -0.9, -0.84)
    points[27:31, 1] = np.linspace(-0.5, 0.1, 4)
    points[31:36, 0], points[31:36, 1] = np.linspace(-0.2, 0.2, 5), 0.2
    ring = np.array([(-1, 0), (-0.4, -0.6), (0.4, -0.6), (1, 0), (0.4, 0.6), (-0.4, 0.6)]) * (0.18, 0.12)
    points[36:42, :2], points[42:48, :2] = np.add(ring, (-0.45, -0.5)), np.add(ring, (0.45, -0.5))
    turn = np.linspace(np.pi, 3 * np.pi, 13)[:-1]
    points[48:60, 0], points[48:60, 1] = 0.35 * np.cos(turn), 0.55 + 0.15 * np.sin(turn)
    turn = np.linspace(np.pi, 3 * np.pi, 9)[:-1]
    points[60:68, 0], points[60:68, 1] = 0.25 * np.cos(turn), 0.55 + 0.05 * np.sin(turn)
    points[:, :2] = points[:, :2] * half + centre
    points[:, 2] = 2
    return points
