"""Boxes of body parts from masks whose values name smaller parts: an arm is its upper and its lower half."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, DataError, Dataset
from vitruvian.data.formats._collect import Collector
from vitruvian.data.formats._pictures import PictureFolder
from vitruvian.data.formats.masks import LABEL_LIST, SUFFIXES, class_names, mask_scale, read_mask, set_folders
from vitruvian.data.rejects import RowError, RowLog

SPECK = 1e-4
"""Share of the mask below which a piece is a speck: labelled, but to be ignored."""


def mask_parts(
    mask: NDArray[np.integer], parts: Mapping[str, Collection[int]], instances: NDArray[np.integer] | None = None
) -> tuple[Annotation, ...]:
    """Boxes of the connected pieces of each part.

    Args:
        mask: ``(H, W)`` integers, the value naming what a pixel shows.
        parts: The values that make up a part: ``{"Human arm": (3, 4)}`` for upper and lower arm.
        instances: ``(H, W)`` integers that tell persons apart, 0 for nobody; pieces never join over two persons, and
            carry the attribute ``person``. Without it touching persons share a piece.

    Returns:
        One annotation a piece (8-neighbourhood), ids from 1, with its ``area`` and ``derived_from="part mask"``; a
        piece of less than 0.01 % of the mask is to be ignored. Pixel i covers i to i + 1.
    """
    from scipy.ndimage import find_objects, label

    found: list[Annotation] = []
    people = np.unique(instances[instances > 0]).tolist() if instances is not None else [None]
    for name, values in parts.items():
        shown = np.isin(mask, list(values))
        for person in people:
            mine = shown if instances is None else shown & (instances == person)
            pieces, _ = label(mine, structure=np.ones((3, 3)))
            areas = np.bincount(pieces.ravel())
            for number, place in enumerate(find_objects(pieces), start=1):
                rows, columns = place
                box = (float(columns.start), float(rows.start), float(columns.stop), float(rows.stop))
                area = float(areas[number])
                attributes = {} if person is None else {"person": int(person)}
                found.append(
                    Annotation(name, box, len(found) + 1, area < SPECK * mask.size, None, "part mask", area, attributes)
                )
    return tuple(found)


def derive_mask_parts(
    path: Path,
    parts: Mapping[str, Collection[str]],
    log: RowLog,
    images_dir: Path | None = None,
    people: Path | None = None,
) -> Dataset:
    """Boxes of parts from a folder of label masks, one mask a picture, as :mod:`vitruvian.data.formats.masks` reads it.

    Args:
        path: Folder of ``images`` and ``masks``.
        parts: For a part, the names (of ``classes.txt`` or ``label_list.mat``) or pixel values of what makes it up.
        log: Takes broken masks; a row is a mask.
        images_dir: Folder of the pictures, if elsewhere.
        people: Folder of masks of the same names and sizes that tell persons apart, see :func:`mask_parts`.

    Returns:
        A data set of the parts in the order given. A mask says of every pixel what it is, so all parts are exhaustive.

    Raises:
        DataError: for a folder without pictures or masks, or a class that the set does not name.
    """
    pictures, masks = set_folders(path, images_dir)
    values = _values(parts, class_names(path), path)
    collector = Collector(pictures, log)
    persons = PictureFolder(people, SUFFIXES) if people is not None else None
    for name in PictureFolder(masks, SUFFIXES).names:
        file = masks / name
        if file.name == LABEL_LIST:
            continue
        with log.row(file):
            stem = name.rpartition("/")[2].rpartition(".")[0]
            entry = collector.picture(stem)
            mask = read_mask(file)
            scale = mask_scale(mask, entry)
            instances = _instances(persons, stem, mask) if persons is not None else None
            for found in mask_parts(mask, values, instances):
                x1, y1, x2, y2 = (edge * scale for edge in found.box)
                collector.add(
                    entry,
                    found.label,
                    (x1, y1, x2, y2),
                    ignore=found.ignore,
                    derived_from=found.derived_from,
                    area=(found.area or 0.0) * scale**2,
                    attributes=found.attributes,
                )
            entry.exhaustive.update(parts)
    return collector.dataset(tuple(parts))


def _instances(persons: PictureFolder, stem: str, mask: NDArray[np.integer]) -> NDArray[np.integer]:
    found = persons.find(stem)
    if found is None:
        raise RowError(f"no mask {stem!r} of the persons is in {persons.root}")
    instances = read_mask(persons.root / found)
    if instances.shape != mask.shape:
        raise RowError(f"has shape {mask.shape} where its mask of the persons has {instances.shape}")
    return instances


def _values(parts: Mapping[str, Collection[str]], names: Mapping[int, str], path: Path) -> dict[str, tuple[int, ...]]:
    """Pixel values of the parts."""
    by_name: dict[str, list[int]] = {}
    for value, name in names.items():
        by_name.setdefault(name, []).append(value)

    def known(text: str, part: str) -> Iterable[int]:
        if text in by_name:
            return by_name[text]
        if text.isdecimal() and 0 < int(text) <= np.iinfo(np.int32).max:
            return (int(text),)
        listed = ", ".join(by_name) or "no names, so give pixel values"
        raise DataError(f"{path}: {part} is made up of {text!r}, which is no class of the masks; there are {listed}")

    return {part: tuple(value for text in texts for value in known(text, part)) for part, texts in parts.items()}
