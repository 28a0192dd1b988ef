"""A static gallery of a data set: every picture with its labels drawn, a page at a time."""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from vitruvian.data.dataset import DataError, Dataset
from vitruvian.reports.data_page import page_html
from vitruvian.reports.data_sheets import labelled_tile

PER_PAGE = 100
SIDE = 300


def write_gallery(dataset: Dataset, folder: Path, title: str, on_picture: Callable[[], None] = lambda: None) -> Path:
    """Write ``index.html``, ``page_2.html`` ... and thumbnails into a folder; returns the first page.

    A picture that does not open is listed without a thumbnail.
    """
    thumbnails = folder / "thumbnails"
    thumbnails.mkdir(parents=True, exist_ok=True)
    count = max(-(-len(dataset) // PER_PAGE), 1)
    names = ["index.html", *(f"page_{i}.html" for i in range(2, count + 1))]
    links = " ".join(f'<a href="{name}">{i}</a>' for i, name in enumerate(names, start=1))
    for number, name in enumerate(names):
        figures = []
        for i, picture in enumerate(dataset.pictures[number * PER_PAGE : (number + 1) * PER_PAGE]):
            file = thumbnails / f"{number * PER_PAGE + i:06d}.jpg"
            tile = labelled_tile(dataset, picture, SIDE)
            shown = "<p>does not open</p>"
            if tile is not None:
                buffer = io.BytesIO()
                tile.save(buffer, "JPEG", quality=85)
                file.write_bytes(buffer.getvalue())
                shown = f'<img loading="lazy" alt="{escape(picture.file_name)}" src="thumbnails/{file.name}">'
            labels = ", ".join(sorted({a.label for a in picture.annotations})) or "no label"
            exhaustive = ", ".join(sorted(picture.exhaustive)) or "nothing"
            caption = f"{escape(picture.file_name)}<br>{escape(labels)}<br>exhaustive: {escape(exhaustive)}"
            figures.append(f'<figure style="width:{SIDE}px">{shown}<figcaption>{caption}</figcaption></figure>')
            on_picture()
        body = f'<nav>{links}</nav><div class="grid">{"".join(figures)}</div><nav>{links}</nav>'
        (folder / name).write_text(page_html(title, body), encoding="utf-8")
    return folder / "index.html"


def hand_to_fiftyone(dataset: Dataset, name: str) -> None:
    """Make a FiftyOne data set of this name and open its window until it is closed.

    Raises:
        DataError: if FiftyOne is not installed.
    """
    try:
        fiftyone: Any = importlib.import_module("fiftyone")
    except ImportError:
        raise DataError("handing over needs FiftyOne: pip install fiftyone") from None
    made = fiftyone.Dataset(name, overwrite=True)
    samples = []
    for picture in dataset:
        sample = fiftyone.Sample(filepath=str(dataset.path(picture).resolve()), tags=sorted(picture.exhaustive))
        boxes = []
        for a in picture.annotations:
            x1, y1, x2, y2 = a.box
            share = [x1 / picture.width, y1 / picture.height, (x2 - x1) / picture.width, (y2 - y1) / picture.height]
            boxes.append(fiftyone.Detection(label=a.label, bounding_box=share))
        sample["ground_truth"] = fiftyone.Detections(detections=boxes)
        samples.append(sample)
    made.add_samples(samples)
    fiftyone.launch_app(made).wait()
