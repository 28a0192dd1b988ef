"""Which layer gives the most useful maps: measured on labelled pictures. Needs the extra ``train``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import DataError, Dataset, Picture
from vitruvian.explain.detector_layers import ExplainedDetector, detector_maps
from vitruvian.explain.maps import rows_of
from vitruvian.explain.pointing import Pointing, box_mask, pointing
from vitruvian.images import Letterbox, read_reduced


@dataclass(frozen=True, slots=True)
class LayerRow:
    """Means over maps of one layer and method; a map is of one class in one picture that has labelled boxes of it.

    Attributes:
        layer: Its name.
        method: How the maps were made.
        energy: Share of what is above zero that lies in the labelled boxes.
        hits: Share of maps whose maximum lies in one.
        area: Share of the picture that the boxes cover, which a map that knows nothing would reach as energy.
        empty: Share of maps without anything above zero; they count as 0 in energy and as missed.
        maps: How many.
    """

    layer: str
    method: str
    energy: float
    hits: float
    area: float
    empty: float
    maps: int


def layer_table(
    network: ExplainedDetector,
    dataset: Dataset,
    labels: Sequence[str],
    methods: Sequence[str] = ("hirescam",),
    layers: Sequence[str] | None = None,
    progress: Callable[[], None] = lambda: None,
) -> tuple[LayerRow, ...]:
    """Judge layers and methods by how well their maps point at what is labelled.

    Only what the labels can be relied on for is judged: pictures, or regions of them, where every instance of the class
    is labelled, without ignore regions and without the border of the letterbox.

    Args:
        network: The detector.
        dataset: Labelled pictures.
        labels: Classes to ask for.
        methods: Keys of :data:`vitruvian.explain.library.CLASSES`.
        layers: Names; all by default.
        progress: Called after each picture.

    Returns:
        A row for each layer and method, highest energy first.

    Raises:
        ExplainError: for a class, layer or method that the model does not have.
        DataError: when no picture has a labelled box of any of the classes.
        ReadError: when a picture cannot be read.
    """
    rows_of(labels, network.detector.labels)
    names = tuple(network.layers) if layers is None else tuple(layers)
    for name in names:
        network.layer(name)
    preprocessing = network.card.preprocessing
    found: dict[tuple[str, str], list[tuple[Pointing, bool]]] = {(n, m): [] for n in names for m in methods}
    for picture in dataset:
        labelled = {a.label for a in picture.annotations if not a.ignore}
        present = [label for label in labels if label in labelled]
        if present:
            pixels, width, height = read_reduced(dataset.path(picture), preprocessing.size)
            letterbox = Letterbox.fit(width, height, preprocessing.size, preprocessing.stride)
            inputs = network.prepare(pixels, letterbox)
            asked = [(label, *_truth(picture, label, letterbox)) for label in present]
            asked = [(label, boxes, judged) for label, boxes, judged in asked if _any_judged(boxes, judged)]
            for (name, method), rows in found.items() if asked else ():
                maps = detector_maps(network, inputs, name, [label for label, _, _ in asked], method)
                for index, (_, boxes, judged) in enumerate(asked):
                    plane = maps.maps[min(index, len(maps.maps) - 1)]  # EigenCAM has one for all
                    judgement = pointing(plane, boxes, letterbox.out_width, letterbox.out_height, judged)
                    rows.append((judgement, not bool((plane > 0).any())))
        progress()
    if not all(found.values()):
        raise DataError(f"{dataset.images_dir}: no picture has a box of {', '.join(labels)} that can be judged")
    table = [_row(name, method, rows) for (name, method), rows in found.items()]
    return tuple(sorted(table, key=lambda row: -row.energy))


def _row(layer: str, method: str, rows: Sequence[tuple[Pointing, bool]]) -> LayerRow:
    values = np.asarray([(p.energy, p.hit, p.area, empty) for p, empty in rows], dtype=np.float64)
    energy, hits, area, empty = (float(mean) for mean in values.mean(axis=0))
    return LayerRow(layer, method, energy, hits, area, empty, len(rows))


def _any_judged(boxes: NDArray[np.float32], judged: NDArray[np.bool_]) -> bool:
    return bool((box_mask(boxes, judged.shape[1], judged.shape[0]) & judged).any())


def _truth(picture: Picture, label: str, letterbox: Letterbox) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Boxes of a class on the letterboxed input, and where its labels can be relied on."""
    width, height = letterbox.out_width, letterbox.out_height
    boxes = np.asarray([a.box for a in picture.annotations if a.label == label and not a.ignore], dtype=np.float32)
    regions = [(0.0, 0.0, float(letterbox.width), float(letterbox.height))]
    if label not in picture.exhaustive:
        regions = [region.box for region in picture.exhaustive_regions if label in region.labels]
    ignored = [*picture.ignore_regions, *(a.box for a in picture.annotations if a.label == label and a.ignore)]
    judged = _mask(regions, letterbox) & ~_mask(ignored, letterbox)
    inner = np.zeros((height, width), dtype=bool)
    inner[
        letterbox.pad_y : letterbox.pad_y + letterbox.inner_height,
        letterbox.pad_x : letterbox.pad_x + letterbox.inner_width,
    ] = True
    return letterbox.boxes_to_letterbox(boxes), judged & inner


def _mask(boxes: Sequence[tuple[float, float, float, float]], letterbox: Letterbox) -> NDArray[np.bool_]:
    corners = np.asarray(boxes, dtype=np.float32).reshape(-1, 4)
    return box_mask(letterbox.boxes_to_letterbox(corners), letterbox.out_width, letterbox.out_height)
