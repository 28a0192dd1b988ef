"""Writing results below a folder: one file a picture, whole or not at all, and what joins them at the end."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vitruvian.images import PictureFile, draw_scene, output_conflicts, read_picture
from vitruvian.scene import Scene
from vitruvian.scene.converters import CSV_COLUMNS, to_coco, to_csv_rows, to_yolo

SUFFIXES = {"json": ".json", "coco": ".json", "yolo": ".txt", "csv": ".csv"}
OVERLAY_SUFFIX = ".overlay.jpg"
_JOINT = {"coco": ("results.coco.json", "images.coco.json"), "yolo": ("classes.txt",), "csv": ("results.csv",)}
"""Names of the files that concern all pictures, by format."""
_SMALLEST_OVERLAY = 640


class OtherFormatError(ValueError):
    """A folder holds results in another format under the very names that new ones would have."""


def clashes(files: Sequence[PictureFile], suffix: str, format: str) -> dict[Path, str]:
    """Files whose results would be written over each other, or over what concerns all pictures; with a line each.

    Args:
        files: Pictures, videos or both.
        suffix: Of their results.
        format: Of the run.
    """
    found = {path: str(conflict) for conflict in output_conflicts(files, suffix) for path in conflict.paths}
    for file in files:
        if str(file.output(suffix)) in _JOINT.get(format, ()):
            found.setdefault(file.path, f"{file.path}: its result would be {file.output(suffix)}, which is that of all")
    return found


def is_overlay(path: Path, folder: Path | None) -> bool:
    """Whether a picture or video is one that an earlier run drew into the output folder."""
    return folder is not None and path.stem.endswith(".overlay") and path.resolve().is_relative_to(folder.resolve())


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

    def check(self) -> None:
        """See to it that no result in the folder is taken for one that it is not.

        Raises:
            OtherFormatError: where COCO results lie in place of scenes, or the reverse.
        """
        for path in map(self.path, self.pictures):
            if path.suffix != ".json" or not path.is_file():
                continue
            with path.open("rb") as file:
                is_list = file.read(1) == b"["  # as COCO results are; a scene is an object
            if is_list != (self.format == "coco"):
                raise OtherFormatError(f"{path}: is not {self.format}; take another folder for --out, or --overwrite")

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
        _write(self.path(picture), _bytes(self._encoded(picture, scene)))

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
            texts = [self.path(picture).read_text(encoding="utf-8") for picture in present]
            rows = [row for text in texts for row in list(csv.reader(io.StringIO(text, newline="")))[1:]]
            _write(self.folder / "results.csv", _bytes(_csv([CSV_COLUMNS, *rows])))
        if self.format == "coco" and present:
            results = [row for picture in present for row in self._numbered(picture)]
            images = [{"id": self.ids[p.path], "file_name": str(p.relative)} for p in present]
            categories = [{"id": i, "name": name} for i, name in enumerate(self.names, start=1)]
            _write(self.folder / "results.coco.json", json.dumps(results).encode())
            _write(self.folder / "images.coco.json", json.dumps({"images": images, "categories": categories}).encode())

    def _numbered(self, picture: PictureFile) -> list[dict[str, Any]]:
        """A picture's COCO results under its id, which was another where an earlier run had other pictures."""
        number, path = self.ids[picture.path], self.path(picture)
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        if any(row["image_id"] != number for row in rows):
            rows = [{**row, "image_id": number} for row in rows]
            _write(path, (json.dumps(rows) + "\n").encode())
        return rows


def _bytes(text: str) -> bytes:
    """UTF-8; what of a file's name is not is escaped, as JSON does it."""
    return text.encode(errors="backslashreplace")


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
