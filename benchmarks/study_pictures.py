"""Sheets of recovered faces, right ones and wrong ones, for the study of covered faces."""

from __future__ import annotations

import io
from collections.abc import Mapping

from PIL import Image, ImageDraw

from vitruvian.images import read_picture
from vitruvian.metrics.recovered_faces import Passes
from vitruvian.reports.face_study import FaceSets, recovered_examples
from vitruvian.reports.page import Figure
from vitruvian.taxonomy import WHOLE_FACE

_SIDE, _COLUMNS, _COUNT = 180, 6, 18
_LABELLED, _FOUND, _SURE = (26, 127, 55), (220, 90, 0), (30, 90, 200)


def recovered_sheets(sets: FaceSets, thresholds: Mapping[str, float | None]) -> list[Figure]:
    """For the first second look: what it recovers rightly and wrongly among hard faces, masks and empty pictures."""
    look = next(iter(sets.second))
    threshold = thresholds[look]
    passes = sets.passes()
    figures = []
    for name in ("medium", "hard", "masks", "nobody"):
        for right in (True, False):
            if threshold is None or name not in passes:
                continue
            sheet = _sheet(passes[name], look, threshold, right)
            if sheet is not None:
                kind = "right" if right else "wrong"
                caption = f"{name}: {kind} claims of {look!r}; labelled green, claimed orange, sure blue."
                figures.append(Figure(f"{name}_{kind}", sheet, caption))
    return figures


def _sheet(passes: Passes, look: str, threshold: float, right: bool) -> bytes | None:
    examples = recovered_examples(passes, look, threshold, _COUNT, right)
    if not examples:
        return None
    rows = -(-len(examples) // _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * _SIDE, rows * _SIDE), "white")
    for place, (index, box, score) in enumerate(examples):
        picture = passes.truth.pictures[index]
        image = Image.fromarray(read_picture(passes.truth.path(picture)))
        draw = ImageDraw.Draw(image)
        line = max(2, round(max(image.size) / 90))
        for annotation in picture.annotations:
            if annotation.label == WHOLE_FACE:
                draw.rectangle(annotation.box, outline=_LABELLED, width=line)
        for sure in passes.first.boxes[passes.first.image_ids == picture.id]:
            draw.rectangle(tuple(sure), outline=_SURE, width=line)
        draw.rectangle(tuple(box), outline=_FOUND, width=line)
        image.thumbnail((_SIDE - 4, _SIDE - 4))
        x, y = (place % _COLUMNS) * _SIDE, (place // _COLUMNS) * _SIDE
        sheet.paste(image, (x, y))
        ImageDraw.Draw(sheet).text((x + 3, y + 2), f"{score:.2f}", fill=_FOUND)
    stream = io.BytesIO()
    sheet.save(stream, "PNG", optimize=True)
    return stream.getvalue()
