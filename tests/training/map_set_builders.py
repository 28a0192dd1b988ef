"""A tiny set of activation maps with one face each, and a recipe that trains a tiny net on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.finders.map_dataset import EMPTY_ATTRIBUTE
from vitruvian.images import write_planes
from vitruvian.zoo.cards import MapPicture, MapsInput

LABELS = ("right face", "left face", "nose", "mouth")

RECIPE = """
name: tiny_maps
seed: 5
threads: 1
workers: 0
precision: "32"
input_size: 64
model:
  labels: [whole face]
  backbone: mobilenetv2_035
  pretrained: false
  in_channels: {channels}
  mean: [0.0]
  std: [0.25]
  width: 16
  depth: 1
data:
  cache_side: 64
  train: {{drawn: {{json: {folder}/maps.json, about: drawn, terms: none}}}}
  val: {{drawn: {{json: {folder}/maps.json}}}}
augment: {{mosaic: 0, zoom: [0.8, 1.2], flip: 0.5, occlude: 0}}
schedule:
  pictures: 800
  batch: 8
  sizes: [[0.0, 64]]
  validate_every: 0
  ema: 0.9
  learning_rate: 0.003
  backbone_rate: 1.0
"""


def map_input(labels: Sequence[str] = LABELS, kind: str = "stacked", method: str = "hirescam") -> MapsInput:
    """The record of such maps."""
    picture = MapPicture.model_validate({"kind": kind, "size": 64, "side": 48, "scale": 8.0})
    return MapsInput.model_validate(
        {"model": "told", "sha256": "0" * 64, "method": method, "labels": list(labels), "picture": picture}
    )


def map_set(folder: Path, reads: MapsInput, pictures: int = 12, suffix: str = ".npz", empty: int = 0) -> Dataset:
    """Maps of 48 x 40 in which the face is a bump: right face to the left of it, left face to the right."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:40, :48] + 0.5
    made = []
    for number in range(1, pictures + 1):
        side = rng.uniform(14, 24)
        x, y = rng.uniform(side / 2, 48 - side / 2), rng.uniform(side / 2, 40 - side / 2)
        shifts = {"right face": -side / 4, "left face": side / 4}
        planes = np.stack(
            [
                np.exp(-((columns - x - shifts.get(label, 0)) ** 2 + (rows - y) ** 2) / (side / 3) ** 2)
                for label in (reads.labels if reads.channels > 1 else ["face"])
            ],
            axis=2,
        )
        write_planes((0.9 * planes).astype(np.float32), folder / f"maps/{number}{suffix}")
        box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
        attributes = {EMPTY_ATTRIBUTE: True} if number <= empty else {}
        made.append(
            Picture(number, f"maps/{number}{suffix}", 48, 40, (Annotation("whole face", box, number),),
                    frozenset({"whole face"}), attributes=attributes)
        )  # fmt: skip
    dataset = Dataset(("whole face",), tuple(made), folder, attributes={"maps": reads.model_dump()})
    dataset.save(folder / "maps.json")
    return dataset


def map_recipe(folder: Path, channels: int) -> Path:
    """The recipe file for the maps in the folder."""
    path = folder / "tiny_maps.yaml"
    path.write_text(RECIPE.format(folder=folder, channels=channels))
    return path
