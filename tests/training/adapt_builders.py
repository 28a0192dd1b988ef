"""Two tiny settings: red squares and blue discs, which a base model learns, and one with white squares, in which only
the squares are labelled though the discs are still there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

BASE_RECIPE = """
name: base
seed: 1
threads: 1
workers: 0
precision: "32"
input_size: 64
model: {{labels: [square, disc], backbone: mobilenetv2_035, pretrained: false, width: 24, depth: 1}}
data: {{cache_side: 96, train: {{old: {{json: {folder}/old.json, about: drawn, terms: none}}}}}}
augment: {{zoom: [0.9, 1.1], mosaic: 0, grey: 0, occlude: 0}}
schedule: {{pictures: {pictures}, batch: 8, sizes: [[0.0, 64]], learning_rate: 0.006, ema: 0.8, validate_every: 0}}
"""


def setting(folder: Path, name: str, pictures: int, new: bool = False, labels: tuple[str, ...] | None = None) -> Path:
    """A COCO file of so many pictures, 64 x 64, each with a square in its left half and a disc in its right one.

    ``labels`` are those that are in the file: both in the old setting, the square alone in the new one.
    """
    rng = np.random.default_rng([len(name), *name.encode()])
    labels = labels or (("square",) if new else ("square", "disc"))
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows, annotations = [], []
    for number in range(1, pictures + 1):
        canvas = rng.integers(0, 50, (64, 64, 3), dtype=np.uint8)
        x, y, side = (int(v) for v in rng.integers((2, 4, 14), (12, 36, 20)))
        canvas[y : y + side, x : x + side] = (220, 220, 200) if new else (220, 40, 40)
        u, v, radius = (int(value) for value in rng.integers((44, 14, 7), (52, 50, 11)))
        ys, xs = np.ogrid[:64, :64]
        canvas[(ys - v) ** 2 + (xs - u) ** 2 <= radius**2] = (40, 40, 220)
        Image.fromarray(canvas).save(folder / "images" / f"{name}_{number}.png")
        rows.append({"id": number, "file_name": f"{name}_{number}.png", "width": 64, "height": 64})
        boxes = {"square": [x, y, side, side], "disc": [u - radius, v - radius, 2 * radius, 2 * radius]}
        for category, label in enumerate(labels, start=1):
            box = boxes["disc" if label == "disc" else "square"]
            row = {"id": len(annotations) + 1, "image_id": number, "category_id": category, "bbox": box}
            annotations.append(row)
    categories = [{"id": i, "name": label} for i, label in enumerate(labels, start=1)]
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"images": rows, "annotations": annotations, "categories": categories}))
    return path
