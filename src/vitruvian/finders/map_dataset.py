"""Data sets of activation maps: for every picture the first model's maps in a file, and where the faces lie in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path, PurePosixPath

import numpy as np

from vitruvian.data.dataset import Annotation, Box, DataError, Dataset, ExhaustiveRegion, Picture
from vitruvian.data.records import Records, request_key
from vitruvian.data.rejects import RowLog
from vitruvian.finders.detector import Detector
from vitruvian.finders.map_pictures import EMPTY, MapMaker, map_size
from vitruvian.images import ReadError, read_reduced, write_planes
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.zoo import ModelError
from vitruvian.zoo.cards import MapsInput

EMPTY_ATTRIBUTE = "empty_map"
"""Attribute of a picture in whose map there is nothing."""


@dataclass(frozen=True, slots=True)
class MapDataset:
    """What was made.

    Attributes:
        dataset: The map pictures with their labels; ``attributes["maps"]`` records how they were made.
        empty: How many of them are empty.
        log: Pictures that could not be read.
    """

    dataset: Dataset
    empty: int
    log: RowLog


def write_map_datasets(
    dataset: Dataset,
    detector: Detector,
    makers: Mapping[Path, MapMaker],
    label: str = WHOLE_FACE,
    suffix: str = ".npz",
    on_picture: Callable[[], None] = lambda: None,
) -> dict[Path, MapDataset]:
    """Write the maps of every picture to ``<folder>/maps`` and their labels to ``<folder>/maps.json``.

    Boxes of one label, exhaustive regions and ignore regions are carried over in pixels of the map picture. What is
    finished counts when the call is repeated in the same way. A picture that cannot be read is set aside.

    Args:
        dataset: Pictures with labels.
        detector: The first model; each picture goes through it once.
        makers: What maps to make of its output, by folder.
        label: Class that is kept.
        suffix: ``.npz`` or ``.tiff``.
        on_picture: Called after each picture.

    Raises:
        DataError: when the data set lacks the label, or a picture's name leads out of its folder.
        ModelError: when it holds activation maps in place of pictures.
    """
    check_reads(None, dataset)
    if label not in dataset.labels:
        raise DataError(f"{dataset.images_dir}: no class {label!r}; there are {', '.join(dataset.labels)}")
    log, ids = RowLog(), {folder: count(1) for folder in makers}
    pictures: dict[Path, list[Picture]] = {folder: [] for folder in makers}
    with ExitStack() as stack:
        records = {folder: stack.enter_context(Records(folder / "maps.records.jsonl", folder)) for folder in makers}
        for picture in dataset:
            name, source = _written(picture, suffix), dataset.path(picture)
            try:
                rows = _mapped(source, name, detector, makers, records)
            except ReadError as error:
                log.reject(source, "", str(error).removeprefix(f"{source}: "))
            except FileNotFoundError:
                log.reject(source, "", "no such file")
            else:
                log.accepted += 1
                for folder, maker in makers.items():
                    pictures[folder].append(_on_map(picture, name, rows[folder], maker.reads, label, ids[folder]))
            on_picture()
    results = {}
    for folder, maker in makers.items():
        attributes = {**dataset.attributes, "maps": maker.reads.model_dump()}
        result = Dataset((label,), tuple(pictures[folder]), folder, attributes=attributes)
        result.save(folder / "maps.json")
        results[folder] = MapDataset(result, sum(is_empty(picture) for picture in result), log)
    return results


def _mapped(
    source: Path, name: str, detector: Detector, makers: Mapping[Path, MapMaker], records: Mapping[Path, Records]
) -> dict[Path, tuple[int, int, float]]:
    """Write those maps of a picture that are not there yet: width and height of the picture, peak of each map."""
    requests = {folder: request_key(source, maker.reads.model_dump_json()) for folder, maker in makers.items()}
    rows = {folder: records[folder].finished(name, request) for folder, request in requests.items()}
    missing = [folder for folder, row in rows.items() if row is None]
    if missing:
        pixels, width, height = read_reduced(source, detector.size)
        letterbox = detector.letterbox(width, height)
        canvas = letterbox.apply(pixels, detector.card.preprocessing.pad_value)
        output = detector.run_with_maps(detector.prepare(canvas))
        for folder in missing:
            made = makers[folder].join(output, letterbox)
            write_planes(made.planes, folder / name)
            rows[folder] = [width, height, round(made.peak, 4)]
            records[folder].add(name, requests[folder], rows[folder])
    return {folder: (int(row[0]), int(row[1]), float(row[2])) for folder, row in rows.items() if row is not None}


def maps_of(dataset: Dataset) -> MapsInput | None:
    """How the maps of a data set were made; None for a set of ordinary pictures.

    Raises:
        DataError: when its record of that cannot be understood.
    """
    record = dataset.attributes.get("maps")
    if record is None:
        return None
    try:
        return MapsInput.model_validate(record)
    except ValueError as error:
        raise DataError(f"{dataset.images_dir}: the record 'maps' is damaged: {' '.join(str(error).split())}") from None


def is_empty(picture: Picture) -> bool:
    """Whether the picture is a map in which there is nothing."""
    return bool(picture.attributes.get(EMPTY_ATTRIBUTE))


def check_reads(wanted: MapsInput | None, dataset: Dataset) -> None:
    """Check that a model can look at the pictures of a data set.

    Raises:
        ModelError: when it reads maps and they are none, or other ones.
    """
    held = maps_of(dataset)
    if wanted is None or wanted.picture is None:
        if held is not None:
            raise ModelError(f"{dataset.images_dir}: holds activation maps, and the model looks at pictures")
        return
    if held is None:
        raise ModelError(f"{dataset.images_dir}: holds pictures, and the model looks at activation maps of them")
    differing = [
        f"{name} {getattr(held, name)!r} (the model: {getattr(wanted, name)!r})"
        for name in MapsInput.model_fields
        if getattr(held, name) != getattr(wanted, name)
    ]
    if differing:
        raise ModelError(f"{dataset.images_dir}: holds maps of another making: {'; '.join(differing)}")


def _written(picture: Picture, suffix: str) -> str:
    path = PurePosixPath(picture.file_name)
    if path.is_absolute() or ".." in path.parts:
        raise DataError(f"{picture.file_name}: a picture's name must not lead out of its folder")
    return f"maps/{path}{suffix}"


def _on_map(
    picture: Picture, name: str, row: tuple[int, int, float], reads: MapsInput, label: str, ids: Iterator[int]
) -> Picture:
    """The picture's labels in pixels of its map."""
    assert reads.picture is not None
    original_width, original_height, peak = row
    width, height = map_size(original_width, original_height, reads.picture)
    factor = np.array([width / original_width, height / original_height] * 2)

    def scaled(box: Box) -> Box:
        x1, y1, x2, y2 = (np.asarray(box, dtype=np.float64) * factor).tolist()
        return x1, y1, x2, y2

    def moved(annotation: Annotation) -> Annotation:
        # A mask of what covers the face is in the original's pixels, and so are keypoints and area.
        attributes = {k: v for k, v in annotation.attributes.items() if k != "occlusion_mask"}
        box = scaled(annotation.box)
        return replace(annotation, box=box, id=next(ids), keypoints=None, area=None, attributes=attributes)

    about = {"map_of": picture.file_name, "map_of_size": [original_width, original_height], "map_peak": peak}
    if peak < EMPTY:
        about[EMPTY_ATTRIBUTE] = True
    return Picture(
        picture.id,
        name,
        width,
        height,
        tuple(moved(a) for a in picture.annotations if a.label == label),
        picture.exhaustive & {label},
        tuple(ExhaustiveRegion(scaled(r.box), r.labels & {label})
              for r in picture.exhaustive_regions if label in r.labels),
        tuple(scaled(box) for box in picture.ignore_regions),
        picture.source,
        {**picture.attributes, **about},
    )  # fmt: skip
