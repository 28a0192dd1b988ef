"""dlib's XML: boxes with parts, as made by imglab and as the iBUG 300-W landmarks are handed round.

Specification: http://dlib.net/imaging.html and ``image_metadata_stylesheet.xsl``: ``<dataset><images><image file width
height><box top left width height [ignore] [occluded] [truncated] [difficult] [pose]><label/><part name x y/>``. Pixels
are 0-based and a box covers ``width`` of them, so ``right = left + width``. Parts are ordered by name; the box is the
drawn one, not the points'. Every box without label is a ``face`` when it has parts, else an ``object``. ``ignore``
boxes are to be ignored. A class without parts is exhaustive, as dlib's detector training takes it; one with parts (the
300-W faces) is not, as its boxes are there for the landmarks. A row is a ``box``.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector, Entry
from vitruvian.data.formats._files import read_xml, starts_with
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._landmarks import landmark_names
from vitruvian.data.rejects import FileError, RowError, RowLog

_FLAGS = ("occluded", "truncated", "difficult")


def read_dlib_xml(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read a dlib XML; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    xml = read_xml(path, 2**30)
    images = xml.root.find("images")
    if xml.root.tag != "dataset" or images is None:
        raise FileError(path, "is no <dataset> with <images>, so it is not dlib's XML")
    collector = Collector(options.images_dir or path.parent, log)
    parts: dict[str, tuple[str, ...]] = {}
    entries = []
    for image in images.iter("image"):
        try:
            entry = collector.picture(_rows.file_name(image.get("file"), "file"), needs_size=False)
            if not entry.width and image.get("width"):
                entry.width, entry.height = (_rows.size(image.get(side), side) for side in ("width", "height"))
        except RowError as error:
            log.reject(path, f"line {xml.lines[image]}", str(error))
            continue
        entries.append(entry)
        for box in image.iter("box"):
            with log.row(path, f"line {xml.lines[box]}"):
                _box(collector, entry, box, parts)
    drawn = [label for label in collector.labels if label not in parts]
    for entry in entries:
        entry.exhaustive.update(drawn)
    names = {k: landmark_names(len(v)) if all(n.isdigit() for n in v) else v for k, v in parts.items()}
    return collector.dataset(keypoint_names=names)


def _box(collector: Collector, entry: Entry, box: ET.Element, parts: dict[str, tuple[str, ...]]) -> None:
    points = {part.get("name", ""): part for part in box.iter("part")}
    label_element = box.find("label")
    label = "face" if points else "object"
    if label_element is not None:
        label = _rows.text((label_element.text or "").strip(), "label")
    left, top, width, height = (_rows.number(box.get(side), side) for side in ("left", "top", "width", "height"))
    xyxy = _rows.xywh_box([left, top, width, height], "box")
    keypoints = None
    if points:
        names = tuple(sorted(points))
        if label in parts and parts[label] != names:
            raise RowError(f"has {len(names)} parts where the first {label} has {len(parts[label])}, or others")
        xy = [[_rows.number(points[name].get(axis), f"part {name}") for axis in "xy"] for name in names]
        keypoints = _rows.keypoints(xy, np.full(len(names), 2))
        parts[label] = names
    attributes: dict[str, object] = {flag: True for flag in _FLAGS if box.get(flag) == "1"}
    if box.get("pose") is not None:
        attributes["pose"] = _rows.number(box.get("pose"), "pose")
    collector.add(entry, label, xyxy, ignore=box.get("ignore") == "1", keypoints=keypoints, attributes=attributes)


DLIB_XML = Format(
    name="dlib_xml",
    title="dlib / imglab XML with boxes and parts",
    looks_for="an .xml that begins with <dataset>",
    sniff=lambda path: path.suffix == ".xml" and path.is_file() and starts_with(path, [b"<dataset", b"<images"]),
    read=read_dlib_xml,
    takes="file",
)
