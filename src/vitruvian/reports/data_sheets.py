"""Contact sheets of a data set: crops of every class, and whole pictures of every source with their labels drawn."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from vitruvian.data.dataset import Annotation, Box, Dataset, Picture
from vitruvian.data.derive.geometry import scale
from vitruvian.images.read import ReadError, read_picture
from vitruvian.taxonomy.colours import part_colour

if TYPE_CHECKING:
    from PIL import Image

Item = TypeVar("Item")

CROP_SCALE = 1.6
"""A crop shows this many times the box, so that one sees whether the box is right."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A picture of many tiles: what it shows, and its JPEG bytes."""

    title: str
    jpeg: bytes


def class_sheets(dataset: Dataset, tiles: int = 12, side: int = 120) -> list[Sheet]:
    """One sheet a class: ``tiles`` boxes picked evenly by hash, each cropped with its surroundings."""
    candidates: dict[str, list[tuple[Picture, Annotation]]] = {name: [] for name in dataset.labels}
    for picture in dataset:
        for annotation in picture.annotations:
            if not annotation.ignore:
                candidates[annotation.label].append((picture, annotation))
    sheets = []
    for name, found in candidates.items():
        images = []
        for picture, annotation in pick(found, tiles, lambda item: f"{item[0].file_name} {item[1].id}"):
            image = _open(dataset, picture)
            if image is not None:
                images.append(_crop(image, annotation.box, part_colour(name), side))
        if images:
            sheets.append(Sheet(f"{name}: {len(images)} of {len(found):,} boxes", _tile(images, side, tiles)))
    return sheets


def source_sheets(dataset: Dataset, tiles: int = 8, side: int = 220) -> list[Sheet]:
    """One sheet a source: ``tiles`` whole pictures with every label drawn."""
    candidates: dict[str, list[Picture]] = {}
    for picture in dataset:
        candidates.setdefault(picture.source or "unnamed", []).append(picture)
    sheets = []
    for name, found in candidates.items():
        opened = ((p, _open(dataset, p)) for p in pick(found, tiles, lambda p: p.file_name))
        images = [_labelled(image, picture, side) for picture, image in opened if image is not None]
        if images:
            sheets.append(Sheet(f"{name}: {len(images)} of {len(found):,} pictures", _tile(images, side, 4)))
    return sheets


def annotation_sheet(rows: Sequence[tuple[Dataset, Sequence[tuple[Picture, Annotation]]]], tiles: int) -> bytes:
    """One row of crops for each data set, the same annotations by place in the list; JPEG bytes."""
    side = 160
    least = min((len(found) for _, found in rows), default=0)
    places = pick(range(least), tiles, str)
    images = []
    for dataset, found in rows:
        for picture, annotation in (found[i] for i in places):
            image = _open(dataset, picture)
            if image is not None:
                images.append(_crop(image, annotation.box, part_colour(annotation.label), side))
    return _tile(images, side, len(places)) if images else b""


def labelled_tile(dataset: Dataset, picture: Picture, side: int) -> Image.Image | None:
    """A square tile of a whole picture with every label drawn; None where it does not open."""
    image = _open(dataset, picture)
    return None if image is None else _labelled(image, picture, side)


def pick(items: Sequence[Item], count: int, name: Callable[[Item], str]) -> list[Item]:
    """``count`` items by the hash of their names: the same ones whatever else is added to the set."""
    return sorted(items, key=lambda item: hashlib.sha256(name(item).encode()).digest())[:count]


def _open(dataset: Dataset, picture: Picture) -> Image.Image | None:
    from PIL import Image

    try:
        return Image.fromarray(read_picture(dataset.path(picture)))
    except ReadError:  # the report lists files that do not open
        return None


def _crop(image: Image.Image, box: Box, colour: tuple[int, int, int], side: int) -> Image.Image:
    from PIL import Image, ImageDraw

    half = max(box[2] - box[0], box[3] - box[1], 8.0) / 2
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    window = scale((middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half), CROP_SCALE)
    zoom = side / (window[2] - window[0])
    matrix = (1 / zoom, 0, window[0], 0, 1 / zoom, window[1])
    if zoom < 1:  # Pillow's affine transform does not antialias, so shrink first
        smaller = image.resize((max(round(image.width * zoom), 1), max(round(image.height * zoom), 1)))
        image, matrix = smaller, (1, 0, window[0] * zoom, 0, 1, window[1] * zoom)
    tile = image.transform(
        (side, side), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR, fillcolor=(90, 90, 90)
    )
    corners = tuple((v - window[i % 2]) * zoom for i, v in enumerate(box))
    ImageDraw.Draw(tile).rectangle(_at_least_a_pixel(corners), outline=colour, width=2)
    return tile


def _labelled(image: Image.Image, picture: Picture, side: int) -> Image.Image:
    from PIL import Image, ImageDraw

    zoom = side / max(image.size)
    small = image.resize((max(round(image.width * zoom), 1), max(round(image.height * zoom), 1)))
    draw = ImageDraw.Draw(small)
    for annotation in picture.annotations:
        corners = tuple(v * zoom for v in annotation.box)
        colour = (128, 128, 128) if annotation.ignore else part_colour(annotation.label)
        draw.rectangle(_at_least_a_pixel(corners), outline=colour, width=2)
        if annotation.keypoints is not None:
            for x, y, state in np.asarray(annotation.keypoints) * (zoom, zoom, 1):
                if state > 0:
                    draw.ellipse((x - 1, y - 1, x + 1, y + 1), fill=(255, 60, 60) if state == 1 else (60, 255, 90))
    tile = Image.new("RGB", (side, side), (90, 90, 90))
    tile.paste(small, ((side - small.width) // 2, (side - small.height) // 2))
    return tile


def _at_least_a_pixel(corners: Sequence[float]) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = corners
    return x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)


def _tile(images: Iterable[Image.Image], side: int, columns: int) -> bytes:
    from PIL import Image

    tiles = list(images)
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * (side + 4), rows * (side + 4)), (255, 255, 255))
    for i, tile in enumerate(tiles):
        sheet.paste(tile, (i % columns * (side + 4) + 2, i // columns * (side + 4) + 2))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
