"""Contact sheets of the comparison of face detectors, to see that every detector's boxes are where they belong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from face_measures import adjusted
from face_tables import Contestant
from PIL import Image, ImageDraw

from vitruvian.data.dataset import Dataset, Picture
from vitruvian.images import read_picture
from vitruvian.metrics import Predictions
from vitruvian.reports.occluded_faces import OccludedFaces

TILE = 200


def save_sheets(contestants: Sequence[Contestant], pictures: OccludedFaces, most: int, folder: Path) -> None:
    """One sheet a detector, one row a set: labels green, what it found at its threshold red, adjusted blue."""
    first: dict[str, tuple[str, int]] = {}
    for degree, seed in pictures.covered:
        first.setdefault(degree, (degree, seed))
    folder.mkdir(parents=True, exist_ok=True)
    for c in contestants:
        rows = [(pictures.covered[key], c.found.covered[key], c.to_faces) for key in first.values()]
        rows += [(pictures.masks, c.found.masks, c.to_masks), (pictures.heads, c.found.heads, None)]
        sheet = Image.new("RGB", (TILE * most, TILE * len(rows)), "black")
        for row, (dataset, everything, box) in enumerate(rows):
            found = everything.above(c.threshold)
            fair = adjusted(found, box)
            index = found.picture_index(dataset)
            for column, picture in enumerate(dataset.pictures[:most]):
                mine = index == column
                sheet.paste(_tile(dataset, picture, found[mine], fair[mine]), (TILE * column, TILE * row))
        sheet.save(folder / f"{c.name.replace(' ', '_')}.png")


def _tile(dataset: Dataset, picture: Picture, found: Predictions, fair: Predictions) -> Image.Image:
    pixels = read_picture(dataset.path(picture))
    scale = TILE / max(pixels.shape[:2])
    tile = Image.fromarray(pixels).resize((int(pixels.shape[1] * scale), int(pixels.shape[0] * scale)))
    draw = ImageDraw.Draw(tile)
    for boxes, colour in ((picture.boxes(), "lime"), (fair.boxes, "deepskyblue"), (found.boxes, "red")):
        for box in np.asarray(boxes) * scale:
            draw.rectangle([float(v) for v in box], outline=colour)
    for points in found.keypoints if found.keypoints is not None else ():
        for number, (x, y, known) in enumerate(points):
            if known > 0:
                draw.text((x * scale - 2, y * scale - 5), str(number), fill="yellow")
    for box, score in zip(found.boxes * scale, found.scores, strict=True):
        draw.text((float(box[0]) + 2, float(box[1]) + 1), f"{score:.2f}", fill="red")
    return tile
