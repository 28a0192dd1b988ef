"""COCO-WholeBody: a person with 133 keypoints, and boxes of the face and the hands.

Specification: https://github.com/jin-s13/COCO-WholeBody/blob/master/data_format.md. Keypoints are joined in the
published
order: body 17, foot 6, face 68, left hand 21, right hand 21. ``face_box``, ``lefthand_box`` and ``righthand_box``
become annotations ``face``, ``left hand`` and ``right hand`` with the attributes ``person`` (id of the person) and
``valid`` (the points in it are labelled); only persons are exhaustive, as a face or hand has a box only where it is
clear enough.

The third value of a face or hand point is a confidence in some releases: any that is not 0, 1 or 2 becomes 1, and the
published values are kept in the attribute ``face_kpts_visibility`` and so on. A row is an entry of the json.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.data.formats import _rows, coco
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.rejects import RowError, RowLog
from vitruvian.taxonomy import COCO17

PARTS = {"foot_kpts": 6, "face_kpts": 68, "lefthand_kpts": 21, "righthand_kpts": 21}
"""Fields of keypoints beside the body's own, in order, and how many each has."""

BOXES = {"face": "face", "lefthand": "left hand", "righthand": "right hand"}
"""Prefix of a part's fields and the label of its box."""

KEYPOINT_NAMES = (
    *COCO17.joints,
    *(f"{side}_{point}" for side in ("left", "right") for point in ("big_toe", "small_toe", "heel")),
    *(f"face_{i}" for i in range(68)),
    *(f"left_hand_{i}" for i in range(21)),
    *(f"right_hand_{i}" for i in range(21)),
)


def read_wholebody(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read COCO-WholeBody json; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    raw = coco.load(path)
    for category in raw["categories"]:
        if isinstance(category, dict) and category.get("name") == "person":
            category["keypoints"] = list(KEYPOINT_NAMES)
    kept = []
    for row in raw["annotations"]:
        try:
            if isinstance(row, dict) and "face_kpts" in row:
                _join(row)
            kept.append(row)
        except RowError as error:
            log.reject(path, f"annotation {_rows.shown(row.get('id'))}", str(error))
    people = coco.build({**raw, "annotations": kept}, path, options, log)
    ids = count(max((a.id for picture in people for a in picture.annotations), default=0) + 1)

    def with_parts(picture: Picture) -> Picture:
        found: list[Annotation] = []
        for person in picture.annotations:
            found += _split(person, ids)
        return replace(picture, annotations=tuple(found))

    labels = people.labels + tuple(label for label in BOXES.values() if label not in people.labels)
    return people.map(with_parts, labels)


def _join(row: dict[str, Any]) -> None:
    """Append the points of foot, face and hands to the body's, and check the boxes."""
    body = row.get("keypoints") or [0] * 51
    joined = [*_rows.numbers(body, "keypoints", 51)]
    for name, points in PARTS.items():
        values = _rows.numbers(_rows.field(row, name), name, 3 * points)
        if any(v not in (0.0, 1.0, 2.0) for v in values[2::3]):
            row[f"{name}_visibility"] = values[2::3]
            values[2::3] = [v if v in (0.0, 1.0, 2.0) else 1.0 for v in values[2::3]]
        joined += values
        del row[name]
    row["keypoints"] = joined
    for prefix in BOXES:
        _rows.xywh_box(_rows.field(row, f"{prefix}_box"), f"{prefix}_box")


def _split(person: Annotation, ids: count[int]) -> list[Annotation]:
    """The person without the boxes of its parts, then these; an empty box means that there is none."""
    kept = dict(person.attributes)
    parts = []
    for prefix, label in BOXES.items():
        if f"{prefix}_box" not in kept:
            continue
        box = _rows.xywh_box(kept.pop(f"{prefix}_box"))
        valid = bool(kept.pop(f"{prefix}_valid", False))
        if box[2] > box[0] and box[3] > box[1]:
            parts.append(Annotation(label, box, next(ids), attributes={"person": person.id, "valid": valid}))
    return [replace(person, attributes=kept), *parts]


WHOLEBODY = Format(
    name="coco_wholebody",
    title="COCO-WholeBody json: 133 keypoints, boxes of faces and hands",
    looks_for="a COCO .json whose annotations have face_kpts",
    sniff=lambda path: path.suffix == ".json" and path.is_file() and coco.is_wholebody(path),
    read=read_wholebody,
    takes="file",
)
