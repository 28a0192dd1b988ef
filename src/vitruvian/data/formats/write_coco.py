"""Writing COCO: for COCO's own tools, and as CVAT and Label Studio read it.

``coco`` is canonical json with the category ids of the source and ``segmentation`` and ``track_id`` where COCO has
them; readers of COCO pass over what they do not know, so nothing is lost.

``cvat`` (https://docs.cvat.ai/docs/manual/advanced/formats/format-coco/) is a folder with
``annotations/instances_default.json``, with keypoints ``annotations/person_keypoints_default.json``, and pictures in
``images/default``. ``label_studio`` is one json for ``label-studio-converter import coco``
(https://github.com/HumanSignal/label-studio-converter). Both take plain COCO only: ``segmentation`` must be there,
attributes are single values, and a crowd without a mask is refused or left out, so what is to be ignored says so in an
attribute.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vitruvian.data.dataset import Dataset, to_coco
from vitruvian.data.formats._writing import (
    Placing,
    WriteResult,
    all_annotations,
    counted,
    partial_labels,
    place,
    write_json,
)

_TOP = ("segmentation", "track_id")
"""Attributes that COCO and PoseTrack keep in the annotation itself."""


def write_coco(dataset: Dataset, path: Path) -> WriteResult:
    """Write one COCO json that :func:`vitruvian.data.formats.read` reads back to the same data set."""
    write_json(path, with_source_ids(dataset))
    return WriteResult(path, ())


def with_source_ids(dataset: Dataset) -> dict[str, Any]:
    """Canonical json in which categories have the ids of the file that the data set was read from.

    A label without one, such as one that was merged in, gets the next free id.
    """
    raw = to_coco(dataset)
    ids = {name: dataset.category_ids[name] for name in dataset.labels if name in dataset.category_ids}
    free = max(ids.values(), default=0) + 1
    for name in dataset.labels:
        if name not in ids:
            ids[name] = free
            free += 1
    new = {category["id"]: ids[category["name"]] for category in raw["categories"]}
    for category in raw["categories"]:
        category["id"] = new[category["id"]]
    for image in raw["images"]:
        image["exhaustive_category_ids"] = sorted(new[i] for i in image["exhaustive_category_ids"])
        for region in image.get("exhaustive_regions", ()):
            region["category_ids"] = sorted(new[i] for i in region["category_ids"])
    for row in raw["annotations"]:
        row["category_id"] = new[row["category_id"]]
        attributes = row.get("attributes", {})
        row |= {key: attributes.pop(key) for key in _TOP if key in attributes}
        if not attributes:
            row.pop("attributes", None)
    return raw


def write_cvat(dataset: Dataset, path: Path, pictures: Placing = "none") -> WriteResult:
    """Write a folder that CVAT imports as "COCO 1.0" and, with keypoints, "COCO Keypoints 1.0"."""
    raw, losses = _plain(dataset)
    posed = [row for row in raw["annotations"] if "keypoints" in row]
    boxes = [{k: v for k, v in row.items() if k not in ("keypoints", "num_keypoints")} for row in raw["annotations"]]
    write_json(path / "annotations" / "instances_default.json", raw | {"annotations": boxes})
    if posed:
        categories = [c | {"skeleton": c.get("skeleton", [])} for c in raw["categories"] if "keypoints" in c]
        keypoints = raw | {"annotations": posed, "categories": categories}
        write_json(path / "annotations" / "person_keypoints_default.json", keypoints)
    if pictures == "link":
        for picture in dataset:
            place(dataset.path(picture), path / "images" / "default" / picture.file_name)
    return WriteResult(path, losses)


def write_label_studio(dataset: Dataset, path: Path) -> WriteResult:
    """Write one json for ``label-studio-converter import coco``."""
    raw, losses = _plain(dataset)
    write_json(path, raw)
    return WriteResult(path, losses)


def _plain(dataset: Dataset) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Plain COCO as annotation tools read it, and what it cannot hold."""
    raw = to_coco(dataset)
    structured = "{} attributes that are no single values are left out"
    losses = partial_labels(dataset) | {
        "{} annotations to be ignored have the attribute 'ignore' instead of iscrowd": sum(
            a.ignore for a in all_annotations(dataset)
        ),
        structured: 0,
    }
    for row in raw["annotations"]:
        attributes = row.pop("attributes", {})
        simple = {k: v for k, v in attributes.items() if isinstance(v, str | int | float)}
        row["segmentation"] = attributes.get("segmentation", [])
        losses[structured] += sum(k not in simple and k != "segmentation" for k in attributes)
        if row.pop("iscrowd"):
            simple["ignore"] = True
        if "derived_from" in row:
            simple["derived_from"] = row.pop("derived_from")
        row |= {"iscrowd": 0, "attributes": {"occluded": False} | simple}
    images = [
        {key: image[key] for key in ("id", "file_name", "width", "height")} | {"license": 0} for image in raw["images"]
    ]
    keys = ("id", "name", "supercategory", "keypoints", "skeleton")
    categories = [{"supercategory": ""} | {k: c[k] for k in keys if k in c} for c in raw["categories"]]
    return {
        "licenses": [{"id": 0, "name": "", "url": ""}],
        "info": {"description": "", "version": "", "year": "", "contributor": "", "date_created": "", "url": ""},
        "categories": categories,
        "images": images,
        "annotations": raw["annotations"],
    }, counted(losses)
