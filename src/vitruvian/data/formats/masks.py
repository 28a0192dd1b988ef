"""Label masks to boxes: PNG, ``.npy`` or ``.mat``, one mask a picture or one a part.

Layouts, ``root/images`` (or ``JPEGImages``, ``photos``) beside ``root/masks`` (or ``labels``, ``annotations``,
``SegmentationClass``, ``CelebAMask-HQ-mask-anno``):

* **one mask a picture**, of the picture's name: the value of a pixel is its class, 0 the background, 255 (in 8-bit
masks)
  "void". Classes are named by ``classes.txt`` or ``labels.txt`` (a line ``name``, the first being 0, or ``3 name`` or
  ``3:
  name``), or by a ``label_list.mat`` (Clothing Co-Parsing, whose ``.mat`` hold ``groundtruth``:
  https://github.com/bearpaw/clothing-co-parsing), else ``class_1``, ``class_2`` ...;
* **one mask a part**, ``{picture}_{part}.png`` with 0 and anything else (CelebAMask-HQ, ``00000_l_eye.png`` for picture
  ``0.jpg``: https://github.com/switchablenorms/CelebAMask-HQ): the class is the part.

A box is that of a connected component (8-neighbourhood) and has ``derived_from="mask"`` and the component's ``area``;
one of under 0.01 % of the mask is a speck, to be ignored. A mask says of every pixel what it is, so in the first
layout all classes are exhaustive; in the second the class of each mask is. A mask smaller or larger than its picture
but of the same shape, as in CelebAMask-HQ, is scaled to it. Pixel i covers i to i + 1. A row is a mask.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats._collect import Collector, Entry
from vitruvian.data.formats._files import LARGEST_ARRAY, extra, read_mat, read_npy, read_text
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.formats._pictures import PictureFolder, holds
from vitruvian.data.rejects import FileError, RowError, RowLog

PICTURE_FOLDERS = ("images", "JPEGImages", "photos", "CelebA-HQ-img")
MASK_FOLDERS = ("masks", "labels", "annotations", "SegmentationClass", "CelebAMask-HQ-mask-anno")
SUFFIXES = frozenset((".png", ".npy", ".mat"))
LABEL_LIST = "label_list.mat"
VOID = 255
SPECK = 1e-4
"""Share of the picture below which a component is a speck."""
_MOST_CLASSES = 10_000


def read_masks(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read label masks; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    pictures, masks = set_folders(path, options.images_dir)
    collector = Collector(pictures, log)
    names = class_names(path)
    whole: list[Entry] = []
    parts: dict[str, None] = {}
    for name in PictureFolder(masks, SUFFIXES).names:
        file = masks / name
        if file.name == LABEL_LIST:
            continue
        with log.row(file):
            entry, part = _picture_and_part(collector, name)
            mask = read_mask(file)
            scale = mask_scale(mask, entry)
            if part is None:
                for value in _classes(mask):
                    _components(collector, entry, names.get(value, f"class_{value}"), mask == value, scale)
                whole.append(entry)
            else:
                _components(collector, entry, part, mask != 0, scale)
                entry.exhaustive.add(part)
                parts.setdefault(part)
    named = [name for value, name in sorted(names.items()) if value != 0]
    labels = tuple(dict.fromkeys([*named, *parts, *collector.labels]))
    for entry in whole:
        entry.exhaustive.update(labels)
    return collector.dataset(labels)


def set_folders(path: Path, pictures: Path | None) -> tuple[Path, Path]:
    """Folders of the pictures (``pictures`` where it is given) and of the masks.

    Raises:
        FileError: where one is missing.
    """
    found, masks = _folders(path, pictures)
    if found is None or masks is None:
        raise FileError(
            path, f"has no folder of pictures ({PICTURE_FOLDERS[0]}) beside one of masks ({MASK_FOLDERS[0]})"
        )
    return found, masks


def _folders(path: Path, pictures: Path | None) -> tuple[Path | None, Path | None]:
    found = pictures or next((path / name for name in PICTURE_FOLDERS if (path / name).is_dir()), None)
    masks = (path / name for name in MASK_FOLDERS if holds(path / name, SUFFIXES))
    return found, next(masks, None)


def class_names(path: Path) -> dict[int, str]:
    """Class names by pixel value, from whichever list is there; empty without one.

    Raises:
        FileError: for a list that cannot be read.
    """
    for file in sorted(path.rglob(LABEL_LIST)):
        listed = read_mat(file).get("label_list")
        if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
            raise FileError(file, "has no label_list of names")
        return dict(enumerate(listed))
    for file in (path / "classes.txt", path / "labels.txt"):
        if file.is_file():
            lines = [line.strip() for line in read_text(file).splitlines() if line.strip()]
            numbered = [re.fullmatch(r"(\d{1,5})[\s:,]+(.+)", line) for line in lines]
            if all(numbered):
                return {int(match[1]): match[2].strip() for match in numbered if match}
            return dict(enumerate(lines))
    return {}


def read_mask(path: Path) -> NDArray[np.integer]:
    """A mask as ``(H, W)`` integers.

    Raises:
        RowError: when it has another shape or type; the reason names it.
        FileError: when it cannot be read.
    """
    if path.suffix == ".npy":
        array = np.asarray(read_npy(path))
    elif path.suffix == ".mat":
        planes = {k: v for k, v in read_mat(path).items() if getattr(v, "ndim", 0) == 2 and v.dtype.kind in "uib"}
        if len(planes) != 1 and "groundtruth" not in planes:
            raise RowError(f"has {len(planes)} variables that could be a mask, and none is called groundtruth")
        array = planes["groundtruth"] if "groundtruth" in planes else next(iter(planes.values()))
    else:
        array = _read_png(path)
    if array.ndim != 2 or not array.size or array.dtype.kind not in "uib":
        raise RowError(f"is no mask of whole numbers: it has shape {array.shape} of {array.dtype}")
    return array.astype(np.uint8) if array.dtype == bool else array


def _read_png(path: Path) -> NDArray[Any]:
    """Pixel values, for a palette picture the indices."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG",)) as image:
                if image.width * image.height > LARGEST_ARRAY:
                    raise RowError(f"is too large: {image.width} x {image.height}")
                return np.asarray(image)
    except RowError:
        raise
    except Exception as error:  # decoders of damaged files raise whatever they stumble over
        raise FileError(path, f"not a PNG: {str(error)[:80] or type(error).__name__}") from None


def _picture_and_part(collector: Collector, name: str) -> tuple[Entry, str | None]:
    """The picture of a mask, and the part that it is a mask of where its name says one."""
    stem = name.rpartition("/")[2].rpartition(".")[0]
    if collector.folder.find(stem) is not None:
        return collector.picture(stem), None
    for match in re.finditer("_", stem):
        picture, part = stem[: match.start()], stem[match.end() :]
        for candidate in (picture, str(int(picture)) if picture.isdecimal() else picture):
            if part and candidate and collector.folder.find(candidate) is not None:
                return collector.picture(candidate), part
    raise RowError(f"no picture {stem!r} is in {collector.folder.root}")


def mask_scale(mask: NDArray[Any], entry: Entry) -> float:
    """Pixels of the picture a pixel of its mask.

    Raises:
        RowError: when the two differ in shape.
    """
    height, width = mask.shape
    scale: float = entry.width / width
    if abs(entry.height - height * scale) > max(1.0, scale):
        raise RowError(f"is {width} x {height} where its picture is {entry.width} x {entry.height}")
    return scale


def _classes(mask: NDArray[np.integer]) -> list[int]:
    values = [int(v) for v in np.unique(mask) if v != 0 and not (v == VOID and mask.dtype == np.uint8)]
    if values and not 0 < values[0] <= values[-1] <= _MOST_CLASSES:
        raise RowError(f"has values from {values[0]} to {values[-1]}, not 0 to {_MOST_CLASSES}")
    return values


def _components(collector: Collector, entry: Entry, label: str, mask: NDArray[np.bool_], scale: float) -> None:
    ndimage = extra("scipy.ndimage", collector.folder.root)
    numbered, _ = ndimage.label(mask, structure=np.ones((3, 3), dtype=int))
    areas = np.bincount(numbered.ravel())[1:]
    for (rows, columns), area in zip(ndimage.find_objects(numbered), areas, strict=True):
        box = tuple(float(edge) * scale for edge in (columns.start, rows.start, columns.stop, rows.stop))
        collector.add(
            entry,
            label,
            (box[0], box[1], box[2], box[3]),
            ignore=bool(area < SPECK * mask.size),
            derived_from="mask",
            area=float(area) * scale**2,
        )


def is_masks(path: Path) -> bool:
    """True for a folder with pictures in one of the usual folders and masks in another."""
    return path.is_dir() and None not in _folders(path, None)


MASKS = Format(
    name="masks",
    title="Label masks (PNG, .npy, .mat), one a picture or one a part",
    looks_for="a folder with images/ and masks/ of .png, .npy or .mat",
    sniff=is_masks,
    read=read_masks,
    takes="folder",
)
