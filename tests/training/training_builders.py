"""A tiny labelled set of drawn pictures and a recipe that trains a tiny net on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

RECIPE = """
name: tiny
seed: 3
threads: 1
workers: 0
precision: "32"
input_size: 64
model: {{labels: [square, disc], backbone: mobilenetv2_035, pretrained: false, width: 16, depth: 1}}
data:
  cache_side: 96
  train: {{drawn: {{json: {folder}/drawn.json, about: drawn, terms: none}}}}
  val: {{drawn: {{json: {folder}/drawn.json}}}}
schedule: {{pictures: 48, batch: 4, sizes: [[0.0, 64]], validate_every: 24, ema: 0.5}}
"""


def drawn_set(folder: Path, pictures: int = 8) -> Path:
    """Bright squares and discs on noise; disc is labelled exhaustively in the even pictures only."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    for number in range(1, pictures + 1):
        canvas = rng.integers(0, 60, (64, 80, 3), dtype=np.uint8)
        x, y, side = (int(v) for v in rng.integers((4, 4, 16), (30, 30, 30)))
        canvas[y : y + side, x : x + side] = (220, 40, 40)
        rows, columns = np.ogrid[:64, :80]
        canvas[(rows - 44) ** 2 + (columns - 64) ** 2 <= 100] = (40, 40, 220)
        Image.fromarray(canvas).save(folder / "images" / f"{number}.png")
        exhaustive = [1, 2] if number % 2 == 0 else [1]
        source = "even" if number % 2 == 0 else "odd"
        images.append({"id": number, "file_name": f"{number}.png", "width": 80, "height": 64,
                       "source": source, "exhaustive_category_ids": exhaustive})  # fmt: skip
        boxes = [(1, [x, y, side, side])] + ([(2, [54, 34, 20, 20])] if number % 2 == 0 else [])
        for category, box in boxes:
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": category, "bbox": box})
    categories = [{"id": 1, "name": "square"}, {"id": 2, "name": "disc"}]
    path = folder / "drawn.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def drawn_recipe(folder: Path) -> Path:
    """The recipe file, with its data beside it."""
    drawn_set(folder)
    path = folder / "tiny.yaml"
    path.write_text(RECIPE.format(folder=folder))
    return path
