"""The one canonical data set: pictures with boxes and keypoints, and for every picture what its labels leave out.

On disk it is COCO json with three additions, all optional:

* ``images[].exhaustive_category_ids``: classes of which *every* instance in the picture is labelled. Any other class
  may be visible and unlabelled, so its absence means nothing. LVIS says the same with ``neg_category_ids`` and
  ``not_exhaustive_category_ids``, which are read too; Open Images' verified image-level labels map onto it.
* ``images[].exhaustive_regions``: ``[{"bbox": [x, y, w, h], "category_ids": [...]}]``, the same promise for a part of
  the picture only (a crop around the one labelled face, say).
* ``images[].ignore_regions``: ``[[x, y, w, h], ...]``; what lies there is judged by nobody.

Boxes are float ``xyxy`` pixels of the picture inside the code and ``xywh`` in the file.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.memory import collection_paused

Box = tuple[float, float, float, float]
"""``(x1, y1, x2, y2)`` in pixels of the original picture."""


_GUESSED = ("joints", "nose and head")
"""What a box was computed from where its outline is a guess."""


class DataError(ValueError):
    """A data set that cannot be read; the message names the file, the place and the reason."""


@dataclass(frozen=True, slots=True, eq=False)
class Annotation:
    """One labelled instance.

    Attributes:
        label: Name of its class.
        box: ``xyxy`` pixels.
        id: Unique within the data set.
        ignore: True for a crowd, a group or a speck: neither found nor missed counts (COCO's ``iscrowd``).
        keypoints: ``(K, 3)`` float32 of x, y, visibility (0 unlabelled, 1 hidden, 2 visible), or None.
        derived_from: What the box was computed from where nobody drew it (``"landmarks"``, ``"part mask"``), else None.
        area: Square pixels as published (of a mask, say), or None where it is the box's.
        attributes: Anything else the source says: ``occluded``, ``truncated``, ``depiction``, ``person`` ...
    """

    label: str
    box: Box
    id: int
    ignore: bool = False
    keypoints: NDArray[np.float32] | None = None
    derived_from: str | None = None
    area: float | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def approximate(self) -> bool:
        """Whether the outline is a guess: the box tells where something is, not where it ends."""
        return self.derived_from in _GUESSED


@dataclass(frozen=True, slots=True)
class ExhaustiveRegion:
    """A part of a picture in which every instance of ``labels`` is labelled."""

    box: Box
    labels: frozenset[str]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture with its labels.

    Attributes:
        id: Unique within the data set.
        file_name: Path below the data set's picture folder, with forward slashes.
        width, height: Size in pixels after EXIF orientation; 0 where the source gives none and the file is missing.
        annotations: Its instances.
        exhaustive: Labels of which every instance in the picture is annotated.
        exhaustive_regions: The same for parts of the picture.
        ignore_regions: Boxes that nobody is judged by.
        source: Where the picture comes from; metrics are reported per source.
        attributes: Anything else (``video``, ``pose``, ``activity``, ``license`` ...).
    """

    id: int
    file_name: str
    width: int
    height: int
    annotations: tuple[Annotation, ...] = ()
    exhaustive: frozenset[str] = frozenset()
    exhaustive_regions: tuple[ExhaustiveRegion, ...] = ()
    ignore_regions: tuple[Box, ...] = ()
    source: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def boxes(self) -> NDArray[np.float32]:
        """``(N, 4)`` float32 ``xyxy`` of its annotations, ``(0, 4)`` where there are none."""
        return np.asarray([a.box for a in self.annotations], dtype=np.float32).reshape(-1, 4)

    @property
    def original(self) -> str:
        """Name of the photograph that it is a crop or a covered copy of, its own where it is none: all pictures of one
        photograph are learnt from, or measured on, together."""
        return str(self.attributes.get("original", self.file_name))


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Pictures, the closed list of labels they use, and where the picture files lie.

    Attributes:
        labels: Class names; the order gives the category ids written to disk (1-based).
        pictures: In file order.
        images_dir: Folder that ``Picture.file_name`` starts from.
        keypoint_names: For a label with keypoints, the name of each.
        category_ids: For a label, its id in the file that was read (prediction files speak of it); empty where there
            was no file, and the ids are those that :meth:`save` would write.
        label_attributes: For a label, anything else the source says: ``supercategory``, ``skeleton`` ...
        attributes: Anything else the source says of the whole set: ``info``, ``licenses`` ...
    """

    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    images_dir: Path
    keypoint_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    category_ids: Mapping[str, int] = field(default_factory=dict)
    label_attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pictures)

    def __iter__(self) -> Iterator[Picture]:
        return iter(self.pictures)

    def path(self, picture: Picture) -> Path:
        """Where the picture's file lies."""
        return self.images_dir / picture.file_name

    def map(self, change: Callable[[Picture], Picture | None], labels: Sequence[str] | None = None) -> Dataset:
        """A data set of changed pictures; those for which ``change`` returns None are left out."""
        pictures = tuple(new for new in map(change, self.pictures) if new is not None)
        return replace(self, pictures=pictures, labels=tuple(labels) if labels is not None else self.labels)

    def fingerprint(self) -> str:
        """SHA-256 of the canonical json: two data sets with one fingerprint teach and measure the same."""
        text = json.dumps(to_coco(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    @collection_paused()
    def load(
        cls,
        path: str | os.PathLike[str],
        images_dir: str | os.PathLike[str] | None = None,
        exhaustive: str | Collection[str] = "file",
    ) -> Dataset:
        """Read canonical json, COCO or LVIS.

        Args:
            path: The json file.
            images_dir: Folder of the pictures; by default ``images`` beside the file, or the file's own folder.
            exhaustive: What to hold for exhaustively labelled in pictures that do not say: ``"all"`` classes (what
                plain COCO means), ``"none"``, or a list of labels. ``"file"`` takes a picture's own word, and ``"all"``
                if no picture of the file has one.

        Raises:
            DataError: when the file is missing, is no COCO json, or contradicts itself; the message says where.
        """
        path = Path(path)
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise DataError(f"{path}: not valid JSON: {error}") from error
        if images_dir is None:
            images_dir = path.parent / "images" if (path.parent / "images").is_dir() else path.parent
        return from_coco(raw, Path(images_dir), exhaustive, where=str(path))

    @collection_paused()
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write canonical json; the file appears whole or not at all."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_text(json.dumps(to_coco(self)), encoding="utf-8")
        os.replace(partial, path)


_LISTS = ("images", "annotations", "categories")
_IMAGE_FIELDS = {
    "id", "file_name", "width", "height", "source", "exhaustive_category_ids", "exhaustive_regions", "ignore_regions",
    "neg_category_ids", "not_exhaustive_category_ids",
}  # fmt: skip
_ANNOTATION_FIELDS = {
    "id", "image_id", "category_id", "bbox", "iscrowd", "keypoints", "num_keypoints", "derived_from", "area",
    "attributes",
}  # fmt: skip


def _xyxy(xywh: Sequence[float]) -> Box:
    x, y, w, h = (float(v) for v in xywh)
    return x, y, x + w, y + h


def _xywh(box: Box) -> list[float]:
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def from_coco(
    raw: Mapping[str, Any], images_dir: Path, exhaustive: str | Collection[str] = "file", where: str = "COCO json"
) -> Dataset:
    """Build a data set from parsed COCO json; see :meth:`Dataset.load` for the arguments and errors."""
    for key in _LISTS:
        if not isinstance(raw, Mapping) or not isinstance(raw.get(key), list):
            raise DataError(f"{where}: has no list {key!r}, so it is not COCO json")
    names: dict[int, str] = {}
    keypoint_names: dict[str, tuple[str, ...]] = {}
    label_attributes: dict[str, dict[str, Any]] = {}
    for category in raw["categories"]:
        if category["id"] in names or category["name"] in names.values():
            raise DataError(f"{where}: category {category['name']!r} (id {category['id']}) occurs twice")
        names[category["id"]] = category["name"]
        if category.get("keypoints"):
            keypoint_names[category["name"]] = tuple(category["keypoints"])
        if more := {k: v for k, v in category.items() if k not in ("id", "name", "keypoints")}:
            label_attributes[category["name"]] = more
    labels = tuple(names.values())

    def label(category_id: int, place: str) -> str:
        try:
            return names[category_id]
        except KeyError:
            raise DataError(f"{where}: {place} has unknown category id {category_id}") from None

    by_picture: dict[int, list[Annotation]] = {}
    seen: set[int] = set()
    for row in raw["annotations"]:
        place = f"annotation {row.get('id')}"
        if row["id"] in seen:
            raise DataError(f"{where}: {place} occurs twice")
        seen.add(row["id"])
        by_picture.setdefault(row["image_id"], []).append(_annotation(row, label(row["category_id"], place), where))

    says = any("exhaustive_category_ids" in p or "neg_category_ids" in p for p in raw["images"])
    default: frozenset[str]
    if exhaustive == "all" or (exhaustive == "file" and not says):
        default = frozenset(labels)
    elif exhaustive in ("none", "file"):
        default = frozenset()
    else:
        default = frozenset(exhaustive)
        if unknown := default - set(labels):
            raise DataError(f"{where}: exhaustive labels {sorted(unknown)} are not among its categories")
    pictures = []
    ids: set[int] = set()
    for row in raw["images"]:
        place = f"picture {row.get('id')} ({row.get('file_name')})"
        if row["id"] in ids:
            raise DataError(f"{where}: {place} occurs twice")
        ids.add(row["id"])
        annotations = tuple(by_picture.pop(row["id"], ()))
        pictures.append(
            Picture(
                id=row["id"],
                file_name=row["file_name"],
                width=int(row["width"]),
                height=int(row["height"]),
                annotations=annotations,
                exhaustive=_exhaustive(row, annotations, default, partial(label, place=place)),
                exhaustive_regions=tuple(
                    ExhaustiveRegion(_xyxy(r["bbox"]), frozenset(label(i, place) for i in r["category_ids"]))
                    for r in row.get("exhaustive_regions", ())
                ),
                ignore_regions=tuple(_xyxy(box) for box in row.get("ignore_regions", ())),
                source=row.get("source"),
                attributes={k: v for k, v in row.items() if k not in _IMAGE_FIELDS},
            )
        )
    if by_picture:
        raise DataError(f"{where}: annotations refer to unknown pictures, e.g. id {next(iter(by_picture))}")
    category_ids = {name: i for i, name in names.items()}
    attributes = {k: v for k, v in raw.items() if k not in _LISTS}
    return Dataset(labels, tuple(pictures), images_dir, keypoint_names, category_ids, label_attributes, attributes)


def _annotation(row: Mapping[str, Any], label: str, where: str) -> Annotation:
    place = f"{where}: annotation {row['id']}"
    box = _xyxy(row["bbox"]) if len(row.get("bbox", ())) == 4 else None
    if box is None or not all(map(math.isfinite, box)):
        raise DataError(f"{place} has no finite bbox [x, y, width, height]")
    if box[2] < box[0] or box[3] < box[1]:
        raise DataError(f"{place} has a negative width or height")
    keypoints = None
    if row.get("keypoints"):
        if len(row["keypoints"]) % 3:
            raise DataError(f"{place}: keypoints are not triples of x, y, visibility")
        keypoints = np.asarray(row["keypoints"], dtype=np.float32).reshape(-1, 3)
    extra = {k: v for k, v in row.items() if k not in _ANNOTATION_FIELDS} | dict(row.get("attributes") or {})
    return Annotation(
        label, box, row["id"], bool(row.get("iscrowd")), keypoints, row.get("derived_from"), row.get("area"), extra
    )


def _exhaustive(
    row: Mapping[str, Any], annotations: Sequence[Annotation], default: frozenset[str], label: Callable[[int], str]
) -> frozenset[str]:
    if "exhaustive_category_ids" in row:
        return frozenset(label(i) for i in row["exhaustive_category_ids"])
    if "neg_category_ids" in row:  # LVIS: verified absent, and present unless marked as not exhaustive
        present = {a.label for a in annotations} - {label(i) for i in row.get("not_exhaustive_category_ids", ())}
        return frozenset(present | {label(i) for i in row["neg_category_ids"]})
    return default


def to_coco(dataset: Dataset) -> dict[str, Any]:
    """The canonical json of a data set; :func:`from_coco` reads it back to the same pictures."""
    ids = {name: i for i, name in enumerate(dataset.labels, start=1)}
    images, annotations = [], []
    for picture in dataset.pictures:
        row: dict[str, Any] = dict(picture.attributes) | {
            "id": picture.id,
            "file_name": picture.file_name,
            "width": picture.width,
            "height": picture.height,
            "exhaustive_category_ids": sorted(ids[name] for name in picture.exhaustive),
        }
        if picture.source is not None:
            row["source"] = picture.source
        if picture.exhaustive_regions:
            row["exhaustive_regions"] = [
                {"bbox": _xywh(r.box), "category_ids": sorted(ids[name] for name in r.labels)}
                for r in picture.exhaustive_regions
            ]
        if picture.ignore_regions:
            row["ignore_regions"] = [_xywh(box) for box in picture.ignore_regions]
        images.append(row)
        annotations += [_annotation_row(a, picture.id, ids[a.label]) for a in picture.annotations]
    categories = [{**dataset.label_attributes.get(name, {}), "id": i, "name": name} for name, i in ids.items()]
    for category in categories:
        if category["name"] in dataset.keypoint_names:
            category["keypoints"] = list(dataset.keypoint_names[category["name"]])
    return {**dataset.attributes, "images": images, "annotations": annotations, "categories": categories}


def _annotation_row(annotation: Annotation, image_id: int, category_id: int) -> dict[str, Any]:
    x, y, w, h = _xywh(annotation.box)
    row: dict[str, Any] = {
        "id": annotation.id,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": [x, y, w, h],
        "area": w * h if annotation.area is None else annotation.area,
        "iscrowd": int(annotation.ignore),
    }
    if annotation.keypoints is not None:
        row["keypoints"] = [float(v) for v in annotation.keypoints.ravel()]
        row["num_keypoints"] = int((annotation.keypoints[:, 2] > 0).sum())
    if annotation.derived_from is not None:
        row["derived_from"] = annotation.derived_from
    if annotation.attributes:
        row["attributes"] = dict(annotation.attributes)
    return row
