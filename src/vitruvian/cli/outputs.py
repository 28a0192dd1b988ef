"""Writing results below a folder: one file a picture, whole or not at all, and what joins them at the end."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from vitruvian.images import PictureFile, draw_scene, read_picture
from vitruvian.scene import Scene
from vitruvian.scene.converters import CSV_COLUMNS, to_coco, to_csv_rows, to_yolo

SUFFIXES = {"json": ".json", "coco": ".json", "yolo": ".txt", "csv": ".csv"}
OVERLAY_SUFFIX = ".overlay.jpg"
_SMALLEST_OVERLAY = 640


class Outputs:
    """Results of one run.

    Args:
        folder: Made when first needed.
        format: ``json`` (a scene), ``coco`` (COCO results), ``yolo`` or ``csv``.
        draw: Also write overlays.
        names: Labels in the order of class numbers, for COCO and YOLO.
        pictures: All pictures of the run. A picture's COCO id is the number that is its file's name, if all have one,
            else its position from 1.

    What concerns all pictures is written by :meth:`finish`: ``results.coco.json`` (one list for an evaluator) with
    ``images.coco.json`` (the pictures and categories that its ids refer to), ``results.csv``, or the ``classes.txt``
    that YOLO's class numbers are lines of.
    """

    def __init__(
        self, folder: Path, format: str, draw: bool, names: Sequence[str], pictures: Sequence[PictureFile]
    ) -> None:
        self.folder, self.format, self.draw, self.names = folder, format, draw, tuple(names)
        self.pictures = tuple(pictures)
        stems = [picture.relative.stem for picture in self.pictures]
        numbered = all(stem.isascii() and stem.isdigit() for stem in stems) and len({*map(int, stems)}) == len(stems)
        self.ids = {
            picture.path: int(stem) if numbered else position
            for position, (picture, stem) in enumerate(zip(self.pictures, stems, strict=True), start=1)
        }

    def path(self, picture: PictureFile) -> Path:
        """Where a picture's result lies."""
        return self.folder / picture.output(SUFFIXES[self.format])

    def overlay(self, picture: PictureFile) -> Path:
        """Where a picture's overlay lies."""
        return self.folder / picture.output(OVERLAY_SUFFIX)

    def done(self, picture: PictureFile) -> bool:
        """Whether the picture has everything that this run would write."""
        return self.path(picture).is_file() and (not self.draw or self.overlay(picture).is_file())

    def write(self, picture: PictureFile, scene: Scene) -> None:
        """Write a picture's overlay, then its result.

        Raises:
            OSError: when that is not possible.
        """
        if self.draw:
            from PIL import Image

            pixels = draw_scene(read_picture(picture.path), scene, min_side=_SMALLEST_OVERLAY)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
            _write(self.overlay(picture), buffer.getvalue())
        _write(self.path(picture), self._encoded(picture, scene).encode())

    def _encoded(self, picture: PictureFile, scene: Scene) -> str:
        if self.format == "coco":
            return json.dumps(to_coco(scene, self.ids[picture.path], self.names)) + "\n"
        if self.format == "yolo":
            return to_yolo(scene, self.names)
        if self.format == "csv":
            return _csv([CSV_COLUMNS, *to_csv_rows(scene)])
        return scene.to_json(indent=2) + "\n"

    def finish(self) -> None:
        """Write what concerns all pictures, from the results that lie in the folder.

        Raises:
            OSError: when that is not possible.
        """
        present = [picture for picture in self.pictures if self.path(picture).is_file()]
        if self.format == "yolo" and present:
            _write(self.folder / "classes.txt", ("\n".join(self.names) + "\n").encode())
        if self.format == "csv" and present:
            tables = [list(csv.reader(io.StringIO(self.path(p).read_text(), newline=""))) for p in present]
            rows = [row for table in tables for row in table[1:]]
            _write(self.folder / "results.csv", _csv([CSV_COLUMNS, *rows]).encode())
        if self.format == "coco" and present:
            results = [row for picture in present for row in json.loads(self.path(picture).read_text())]
            images = [{"id": self.ids[p.path], "file_name": str(p.relative)} for p in present]
            categories = [{"id": i, "name": name} for i, name in enumerate(self.names, start=1)]
            _write(self.folder / "results.coco.json", json.dumps(results).encode())
            _write(self.folder / "images.coco.json", json.dumps({"images": images, "categories": categories}).encode())


def _csv(rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
