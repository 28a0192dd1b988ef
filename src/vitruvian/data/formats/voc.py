"""Pascal VOC XML, with person layout: heads, hands and feet of a person.

Specification: Everingham and Winn, The PASCAL VOC 2012 Development Kit, section 2.3 and "Annotation":
``Annotations/*.xml`` with ``filename``, ``size`` and ``object`` (``name``, ``bndbox``, ``pose``, ``truncated``,
``occluded``, ``difficult``, ``part`` with its own ``name`` and ``bndbox``, ``actions``); ``JPEGImages``;
``ImageSets/{Main,Layout}/{train,val,test}.txt``. The top left pixel is (1, 1) and a box includes its last pixels, so
``xyxy = xmin - 1, ymin - 1, xmax, ymax``. Difficult objects are to be ignored. Every object of the classes is
labelled, so they are exhaustive; parts are there for some people only, so they are not. A part's attribute ``person``
is the id of its object. A row is an ``object``.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from vitruvian.data.dataset import Box, Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector, Entry
from vitruvian.data.formats._files import read_text, read_xml
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._pictures import PictureFolder
from vitruvian.data.rejects import FileError, RowError, RowLog

SETS = ("Main", "Layout")
SPLITS = ("train", "val", "test")
_FLAGS = ("truncated", "occluded")


def read_voc(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read Pascal VOC; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    folder, root = (path / "Annotations", path) if (path / "Annotations").is_dir() else (path, path.parent)
    places = (options.images_dir, root / "JPEGImages", root / "images", folder)
    collector = Collector(next(place for place in places if place is not None and place.is_dir()), log)
    splits = _splits(root)
    if options.split is not None and options.split not in splits.values():
        raise FileError(root, f"its ImageSets name no pictures of {options.split!r}")
    parts: set[str] = set()
    entries = []
    for name in PictureFolder(folder, frozenset((".xml",))).names:
        split = splits.get(name.removesuffix(".xml"))
        if options.split not in (None, split):
            continue
        file = folder / name
        try:
            xml = read_xml(file)
            entry = _picture(collector, xml.root, name)
        except FileError as error:
            log.reject(file, "", error.reason)
            continue
        except RowError as error:
            log.reject(file, "", str(error))
            continue
        entries.append(entry)
        if split:
            entry.attributes["split"] = split
        for item in xml.root.findall("object"):
            with log.row(file, f"line {xml.lines[item]}"):
                _object(collector, entry, item, parts)
    drawn = [label for label in collector.labels if label not in parts]
    for entry in entries:
        entry.exhaustive.update(drawn)
    return collector.dataset()


def _splits(root: Path) -> dict[str, str]:
    """The part of each picture; ``trainval`` says nothing new."""
    found: dict[str, str] = {}
    for kind in SETS:
        for split in SPLITS:
            file = root / "ImageSets" / kind / f"{split}.txt"
            if file.is_file():
                for line in read_text(file).splitlines():
                    if line.strip():
                        found.setdefault(line.split()[0], split)
    return found


def _picture(collector: Collector, root: ET.Element, name: str) -> Entry:
    if root.tag != "annotation":
        raise RowError(f"its root is <{root.tag[:40]}>, not <annotation>")
    given = root.findtext("filename")
    picture = _rows.file_name(given.strip()) if given and given.strip() else name.removesuffix(".xml") + ".jpg"
    entry = collector.picture(picture, needs_size=False)
    size = root.find("size")
    if not entry.width and size is not None and (size.findtext("width") or "0").strip() != "0":
        entry.width, entry.height = (
            _rows.size((size.findtext(side) or "").strip(), side) for side in ("width", "height")
        )
    if root.findtext("source/database"):
        entry.attributes["database"] = root.findtext("source/database")
    return entry


def _object(collector: Collector, entry: Entry, item: ET.Element, parts: set[str]) -> None:
    label, box = _name(item), _box(item)
    pieces = [(_name(part), _box(part)) for part in item.findall("part")]
    attributes: dict[str, Any] = {flag: True for flag in _FLAGS if _flag(item, flag)}
    pose = (item.findtext("pose") or "").strip()
    if pose and pose != "Unspecified":
        attributes["pose"] = pose
    actions = item.find("actions")
    if actions is not None:
        attributes["actions"] = [action.tag for action in actions if (action.text or "").strip() == "1"]
    difficult = _flag(item, "difficult")
    if difficult:
        attributes["difficult"] = True
    number = collector.add(entry, label, box, ignore=difficult, attributes=attributes)
    for name, part_box in pieces:
        parts.add(name)
        collector.add(entry, name, part_box, ignore=difficult, attributes={"person": number})


def _name(item: ET.Element) -> str:
    return _rows.text((item.findtext("name") or "").strip(), "name")


def _flag(item: ET.Element, flag: str) -> bool:
    value = (item.findtext(flag) or "0").strip()
    if value not in ("0", "1"):
        raise RowError(f"{flag} {_rows.shown(value)} is not 0 or 1")
    return value == "1"


def _box(item: ET.Element) -> Box:
    edges = [(item.findtext(f"bndbox/{edge}") or "").strip() for edge in ("xmin", "ymin", "xmax", "ymax")]
    x1, y1, x2, y2 = _rows.xyxy_box(edges, "bndbox")
    return x1 - 1, y1 - 1, x2, y2


def is_voc(path: Path) -> bool:
    """True for a folder with ``Annotations``, or one whose first XML is a VOC annotation."""
    if not path.is_dir():
        return False
    folder = path / "Annotations" if (path / "Annotations").is_dir() else path
    first = next(iter(sorted(folder.glob("*.xml"))), None)
    try:
        return first is not None and read_xml(first).root.tag == "annotation"
    except FileError:
        return False


VOC = Format(
    name="voc",
    title="Pascal VOC XML, with person-layout parts",
    looks_for="a folder with Annotations/*.xml",
    sniff=is_voc,
    read=read_voc,
    takes="folder",
    options=frozenset(("images_dir", "split", "exhaustive")),
)
