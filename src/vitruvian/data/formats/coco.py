"""COCO boxes and keypoints, and all that is written like it: LVIS, FiftyOne and Roboflow exports, canonical json.

Specification: https://cocodataset.org/#format-data (``images``, ``annotations``, ``categories``); LVIS adds
``neg_category_ids`` and ``not_exhaustive_category_ids`` and names pictures by ``coco_url``
(https://www.lvisdataset.org/dataset); FiftyOne writes ``labels.json`` beside a folder ``data``
(https://docs.voxel51.com/user_guide/export_datasets.html#cocodetectiondataset).

A row is a category, an image or an annotation. An annotation without ``bbox`` gets the box around its labelled
keypoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vitruvian.data.dataset import DataError, Dataset, from_coco
from vitruvian.data.formats import _rows
from vitruvian.data.formats._files import read_json, starts_with
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._pictures import picture_size
from vitruvian.data.memory import collection_paused
from vitruvian.data.rejects import FileError, RowError, RowLog

EXPORTS = ("labels.json", "_annotations.coco.json")
"""Names that FiftyOne and Roboflow give the file in an exported folder."""

_KEYS = (b'"images"', b'"annotations"', b'"categories"')

Raw = dict[str, Any]


def json_file(path: Path) -> Path:
    """The file to read: ``path``, or the only COCO json in the folder ``path`` or its ``annotations``.

    Raises:
        FileError: if there are several.
    """
    found = _json_files(path)
    if len(found) > 1:
        raise FileError(path, f"holds several: {', '.join(file.name for file in found[:5])}; name one of them")
    return found[0] if found else path


def _json_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    named = [path / name for name in EXPORTS if (path / name).is_file()]
    return named[:1] or [f for place in (path, path / "annotations") for f in sorted(place.glob("*.json")) if _opens(f)]


def _opens(path: Path) -> bool:
    """True for a json whose first bytes open an object with a key of COCO's."""
    if path.suffix != ".json" or not path.is_file() or not starts_with(path, [b"{"], 64):
        return False
    return any(starts_with(path, [key]) for key in _KEYS)


def read_coco(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read COCO json; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    path = json_file(path)
    return build(load(path), path, options, log)


@collection_paused()
def load(path: Path) -> Raw:
    """Parsed COCO json with its three lists.

    Raises:
        FileError: if it is none.
    """
    raw: Raw = read_json(path)
    for key in ("images", "annotations", "categories"):
        if not isinstance(raw, dict) or not isinstance(raw.get(key), list):
            raise FileError(path, f"has no list {key!r}, so it is not COCO json")
    return raw


@collection_paused()
def build(raw: Raw, path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Check the rows of parsed COCO json one by one and build a data set of the good ones."""
    categories = _Rows(path, "category", log).keep(raw["categories"], _category)
    ids = {c["id"] for c in categories}
    points = {c["id"]: len(c["keypoints"]) for c in categories if c.get("keypoints")}
    images_dir = options.images_dir or guess_images_dir(path, raw["images"])
    images = _Rows(path, "image", log).keep(raw["images"], lambda row: _image(row, ids, images_dir))
    known = {image["id"] for image in images}
    annotations = _Rows(path, "annotation", log).keep(
        raw["annotations"], lambda row: _annotation(row, ids, points, known)
    )
    clean = {**raw, "categories": categories, "images": images, "annotations": annotations}
    try:
        return from_coco(clean, images_dir, options.exhaustive, where=str(path))
    except DataError as error:
        raise FileError(path, str(error).removeprefix(f"{path}: ")) from None


class _Rows:
    """Keeps the rows of one list that pass a check and whose ids are new."""

    def __init__(self, path: Path, kind: str, log: RowLog) -> None:
        self._path, self._kind, self._log = path, kind, log

    def keep(self, rows: list[Any], check: Callable[[Raw], Raw]) -> list[Raw]:
        kept: list[Raw] = []
        seen: set[int] = set()
        for position, row in enumerate(rows):
            try:
                if not isinstance(row, dict):
                    raise RowError(f"is no object but {_rows.shown(row)}")
                number = row.get("id")
                if type(number) is not int:
                    row["id"] = number = _rows.integer(_rows.field(row, "id"), "id")
                if number in seen:
                    raise RowError("occurs twice")
                kept.append(check(row))
                seen.add(number)
            except RowError as error:
                name = row.get("id") if isinstance(row, dict) else None
                place = f"{self._kind} at position {position}" if name is None else f"{self._kind} {_rows.shown(name)}"
                self._log.reject(self._path, place, str(error))
        self._log.accepted += len(kept)
        return kept


def _category(row: Raw) -> Raw:
    _rows.text(_rows.field(row, "name"), "name")
    names = row.get("keypoints") or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RowError("keypoints are not a list of names")
    return row


def _image(row: Raw, categories: set[int], images_dir: Path) -> Raw:
    if "file_name" not in row and isinstance(row.get("coco_url"), str):
        row["file_name"] = "/".join(row["coco_url"].rsplit("/", 2)[1:])
    row["file_name"] = _rows.file_name(_rows.field(row, "file_name"), "file_name")
    if row.get("width") is None or row.get("height") is None:
        row["width"], row["height"] = picture_size(images_dir / row["file_name"])
    elif row["width"] != 0 or row["height"] != 0:  # 0 x 0 is how canonical json says that nobody knows
        row["width"], row["height"] = (_rows.size(row[side], side) for side in ("width", "height"))
    for key in ("exhaustive_category_ids", "neg_category_ids", "not_exhaustive_category_ids"):
        if key in row:
            _known_ids(row[key], key, categories)
    for region in _list(row, "exhaustive_regions"):
        _rows.xywh_box(_rows.field(region, "bbox"), "exhaustive region")
        _known_ids(_rows.field(region, "category_ids"), "exhaustive region", categories)
    for box in _list(row, "ignore_regions"):
        _rows.xywh_box(box, "ignore region")
    if row.get("source") is not None:
        _rows.text(row["source"], "source")
    return row


def _list(row: Raw, key: str) -> list[Any]:
    value = row.get(key, [])
    if not isinstance(value, list):
        raise RowError(f"{key} is not a list")
    return value


def _known_ids(values: object, what: str, known: set[int]) -> None:
    if not isinstance(values, list):
        raise RowError(f"{what} is not a list")
    for value in values:
        if type(value) is not int or value not in known:
            raise RowError(f"{what} names an unknown category {_rows.shown(value)}")


def _annotation(row: Raw, categories: set[int], points: Mapping[int, int], images: set[int]) -> Raw:
    image, category = _rows.field(row, "image_id"), _rows.field(row, "category_id")
    if type(image) is not int or image not in images:
        raise RowError(f"image_id {_rows.shown(image)} is not among the accepted images")
    if type(category) is not int or category not in categories:
        raise RowError(f"category_id {_rows.shown(category)} is not among the accepted categories")
    if row.get("keypoints"):
        labelled = _rows.triples(row["keypoints"])
        if len(labelled) != points.get(category, len(labelled)):
            raise RowError(f"has {len(labelled)} keypoints where its category names {points[category]}")
        if row.get("bbox") is None:
            x1, y1, x2, y2 = _rows.points_box(labelled, "keypoints")
            row |= {"bbox": [x1, y1, x2 - x1, y2 - y1], "derived_from": "keypoints"}
    box = _rows.field(row, "bbox")
    if not _plain_box(box):
        x1, y1, x2, y2 = _rows.xywh_box(box)
        row["bbox"] = [x1, y1, x2 - x1, y2 - y1]
    if row.get("area") is not None and type(row["area"]) is not float:
        row["area"] = _rows.number(row["area"], "area")
    if row.get("iscrowd") not in (0, 1, None):
        raise RowError(f"iscrowd {_rows.shown(row['iscrowd'])} is not 0 or 1")
    if not isinstance(row.get("derived_from"), str | None):
        raise RowError("derived_from is not text")
    if not isinstance(row.get("attributes"), dict | None):
        raise RowError("attributes are no object")
    return row


def _plain_box(box: object) -> bool:
    """True for a good box as nearly all are; whatever else it may be is looked at closely elsewhere."""
    if type(box) is not list or len(box) != 4:
        return False
    x, y, w, h = box
    try:
        return -1e7 < x < 1e7 and -1e7 < y < 1e7 and 0 <= w < 1e7 and 0 <= h < 1e7 and bool not in map(type, box)
    except TypeError:
        return False


def guess_images_dir(path: Path, images: list[Any]) -> Path:
    """Where the pictures of a COCO file lie: the first of the usual folders that has the first picture."""
    folder = path.parent
    split = path.stem.rsplit("_", 1)[-1]  # instances_val2017.json lies in annotations/, beside val2017/
    usual = (folder / "images", folder / "data", folder, folder.parent / "images", folder.parent / split, folder.parent)
    names = [row["file_name"] for row in images[:1] if isinstance(row, dict) and isinstance(row.get("file_name"), str)]
    for candidate in usual:
        try:
            if names and (candidate / names[0]).is_file():
                return candidate
        except (OSError, ValueError):  # a hostile name: too long, or with a null character
            break
    return usual[0] if usual[0].is_dir() else folder


def is_coco(path: Path) -> bool:
    """True for a COCO json or a folder with some, but not for COCO-WholeBody."""
    files = [file for file in _json_files(path) if _opens(file)]
    return bool(files) and not (len(files) == 1 and is_wholebody(files[0]))


def is_wholebody(path: Path) -> bool:
    """True where ``face_kpts`` occurs anywhere in the file; the key comes behind all images."""
    try:
        with open(path, "rb") as file:
            tail = b""
            while chunk := file.read(2**20):
                if b'"face_kpts"' in tail + chunk:
                    return True
                tail = chunk[-16:]
    except OSError:
        pass
    return False


COCO = Format(
    name="coco",
    title="COCO boxes and keypoints json, LVIS, FiftyOne and Roboflow exports, canonical json",
    looks_for="a .json with images, annotations and categories, or a folder with one",
    sniff=is_coco,
    read=read_coco,
    takes="either",
    says_exhaustive=True,
)
