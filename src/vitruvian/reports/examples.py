"""Pictures that explain a number: labelled boxes and those of one or two models."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from vitruvian.data.dataset import Dataset, Picture
from vitruvian.images import ReadError, read_reduced
from vitruvian.metrics.box_result import BoxResult
from vitruvian.metrics.comparison import ComparisonResult, f1_by_picture, limits_of
from vitruvian.metrics.judging import BoxProtocol, judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.presence import FalseBoxes
from vitruvian.metrics.result import Result
from vitruvian.reports.page import Figure

_SIDE, _GAP, _COLUMNS = 260, 8, 4
_JUDGED: dict[str, BoxProtocol] = {"boxes-partial": "partial", "boxes-coco": "coco"}
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
        names = [change.file_name for change in changes]
        rows = [(found, limit, names) for found, limit in zip(models, limits, strict=True)]
        png = _sheet(truth, rows, None if "partial" in result.protocol else frozenset(truth.labels))
        if png is not None:
            order = f"above {result.names[0]}, below {result.names[1]}"
            caption = f"{title}: {order}; green is labelled, orange found."
            figures.append(Figure(f"examples_{number}", png, caption))
    return tuple(figures)


def worst_pictures(
    truth: Dataset, found: Predictions, result: Result, thresholds: float | Limits, count: int = 8
) -> tuple[Figure, ...]:
    """The pictures on which a model does worst, as far as the picture files are there; none for other kinds of result.

    Args:
        truth: The pictures.
        found: Predictions.
        result: Of box averages (lowest F1 first, equal ones as the truth lists them) or of false boxes (most first).
        thresholds: Of the boxes that are drawn and judged. A label without one takes that of its highest F1, and in
            pictures without people every box.
        count: Pictures at most.
    """
    shown: frozenset[str] | None
    limits: Limits = thresholds if isinstance(thresholds, Mapping) else dict.fromkeys(found.names, thresholds)
    if isinstance(result, FalseBoxes):
        names = [name for name, _ in result.worst[:count]]
        shown, caption = frozenset(found.names), "Pictures without people that have most boxes, all of them wrong."
    elif isinstance(result, BoxResult) and result.protocol in _JUDGED:
        matches = match(judge(truth, found, _JUDGED[result.protocol]), ious=(0.5,))
        chosen = limits_of(matches, limits)
        limits = dict(zip(truth.labels, chosen.tolist(), strict=True))
        names = [truth.pictures[i].file_name for i in np.argsort(f1_by_picture(matches, chosen), kind="stable")[:count]]
        shown = None if "partial" in result.protocol else frozenset(truth.labels)
        caption = "Pictures of the lowest F1, worst first; green is labelled, orange found."
    else:
        return ()
    rows = [(found, limits, names[i : i + _COLUMNS]) for i in range(0, len(names), _COLUMNS)]
    png = _sheet(truth, rows, shown)
    return () if png is None else (Figure("worst", png, caption),)


def _sheet(
    truth: Dataset, rows: Sequence[tuple[Predictions, Limits, Sequence[str]]], shown: frozenset[str] | None
) -> bytes | None:
    """Rows of pictures by file name, each with its model's boxes of ``shown`` labels (None: exhaustive ones)."""
    by_name = {p.file_name: p for p in truth.pictures}
    lines = [
        (found.above(limits), [by_name[name] for name in names if truth.path(by_name[name]).is_file()])
        for found, limits, names in rows
    ]
    named = len(truth.labels if shown is None else shown) > 1
    tiles = [
        [
            _drawn(
                truth.path(picture),
                picture,
                kept[kept.image_ids == picture.id],
                picture.exhaustive if shown is None else shown,
                named,
            )
            for picture in pictures
        ]
        for kept, pictures in lines
        if pictures
    ]
    if not tiles:
        return None
    heights = [max(tile.height for tile in line) + _GAP for line in tiles]
    sheet = Image.new("RGB", (_SIDE * max(map(len, tiles)), sum(heights)), "white")
    for row, line in enumerate(tiles):
        for column, tile in enumerate(line):
            sheet.paste(tile, (column * _SIDE, sum(heights[:row])))
    buffer = io.BytesIO()
    sheet.quantize(256).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _drawn(path: Path, picture: Picture, found: Predictions, shown: frozenset[str], named: bool) -> Image.Image:
    """One picture at the size of a tile with its judged boxes, named or bare; a broken file is a grey tile."""
    try:
        pixels, width, height = read_reduced(path, _SIDE)
    except ReadError:
        return Image.new("RGB", (_SIDE - _GAP, _SIDE - _GAP), "grey")
    scale = (_SIDE - _GAP) / max(width, height)
    tile = Image.fromarray(pixels).resize((max(1, round(width * scale)), max(1, round(height * scale))))
    draw = ImageDraw.Draw(tile)
    for a in picture.annotations:
        if a.label in shown:
            draw.rectangle([v * scale for v in a.box], outline=_LABELLED, width=3)
    for box, label in zip(found.boxes.tolist(), found.labels, strict=True):
        if found.names[label] in shown:
            draw.rectangle([v * scale for v in box], outline=_FOUND, width=2)
            if named:
                place = (box[0] * scale + 2, max(0.0, box[1] * scale - 11))
                draw.rectangle(draw.textbbox(place, found.names[label]), fill="white")
                draw.text(place, found.names[label], fill=_FOUND)
    return tile
