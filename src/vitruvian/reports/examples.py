"""Pictures that explain a number: labelled boxes and those of one or two models, side by side."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from vitruvian.data.dataset import Dataset, Picture
from vitruvian.images import ReadError, read_reduced
from vitruvian.metrics.comparison import ComparisonResult, PictureChange
from vitruvian.metrics.predictions import Predictions
from vitruvian.reports.page import Figure

_SIDE = 260
_LABELLED, _FOUND = (26, 127, 55), (188, 76, 0)

Limits = Mapping[str, float]


def example_figures(
    truth: Dataset,
    models: tuple[Predictions, Predictions],
    result: ComparisonResult,
    count: int = 4,
) -> tuple[Figure, ...]:
    """A sheet for each list of pictures of a comparison, as far as the picture files are there.

    A row is a model, a column a picture; labelled boxes are green, found ones orange, at each model's thresholds.

    Args:
        truth: The pictures.
        models: Predictions of A and of B.
        result: Their comparison; its classes tell each model's thresholds.
        count: Pictures a list.
    """
    limits: tuple[Limits, Limits] = (
        {c.label: c.first.threshold for c in result.classes},
        {c.label: c.second.threshold for c in result.classes},
    )
    figures = []
    for number, (title, changes) in enumerate(result.picture_lists(count).items()):
        png = _sheet(truth, models, limits, changes, "partial" not in result.protocol)
        if png is not None:
            rows = f"above {result.names[0]}, below {result.names[1]}"
            caption = f"{title}: {rows}; green is labelled, orange found."
            figures.append(Figure(f"examples_{number}", png, caption))
    return tuple(figures)


def _sheet(
    truth: Dataset,
    models: Sequence[Predictions],
    limits: Sequence[Limits],
    changes: Sequence[PictureChange],
    all_: bool,
) -> bytes | None:
    by_name = {p.file_name: p for p in truth.pictures}
    pictures = [by_name[c.file_name] for c in changes if truth.path(by_name[c.file_name]).is_file()]
    if not pictures:
        return None
    sheet = Image.new("RGB", (_SIDE * len(pictures), _SIDE * len(models)), "white")
    for row, (found, limit) in enumerate(zip(models, limits, strict=True)):
        kept = found.above(limit)
        for column, picture in enumerate(pictures):
            shown = frozenset(truth.labels) if all_ else picture.exhaustive
            tile = _drawn(truth.path(picture), picture, kept[kept.image_ids == picture.id], shown)
            sheet.paste(tile, (column * _SIDE, row * _SIDE))
    buffer = io.BytesIO()
    sheet.quantize(128).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _drawn(path: Path, picture: Picture, found: Predictions, shown: frozenset[str]) -> Image.Image:
    """One picture at the size of a tile with its judged boxes; a broken file is a grey tile."""
    try:
        pixels, width, height = read_reduced(path, _SIDE)
    except ReadError:
        return Image.new("RGB", (_SIDE, _SIDE), "grey")
    scale = (_SIDE - 8) / max(width, height)
    tile = Image.fromarray(pixels).resize((max(1, round(width * scale)), max(1, round(height * scale))))
    draw = ImageDraw.Draw(tile)
    for a in picture.annotations:
        if a.label in shown:
            draw.rectangle([v * scale for v in a.box], outline=_LABELLED, width=3)
    for box, label in zip(found.boxes.tolist(), found.labels, strict=True):
        if found.names[label] in shown:
            draw.rectangle([v * scale for v in box], outline=_FOUND, width=2)
            draw.text((box[0] * scale + 2, box[1] * scale), found.names[label], fill=_FOUND)
    return tile
