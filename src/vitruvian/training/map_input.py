"""Training on activation maps in place of pictures: what the data say of themselves, and what the network must read."""

from __future__ import annotations

from collections.abc import Mapping

from vitruvian.data.dataset import DataError, Dataset
from vitruvian.finders.map_dataset import is_empty, maps_of
from vitruvian.images import PAD_VALUE
from vitruvian.training.recipe import Recipe
from vitruvian.training.sources import load_sources
from vitruvian.zoo.cards import MapsInput


def training_sources(recipe: Recipe) -> tuple[dict[str, Dataset], dict[str, int]]:
    """The training sources of a recipe without empty maps, which have nothing to teach: no face can be seen in them.

    Returns:
        The sources, and how many empty maps were left out of each that had some.

    Raises:
        DataError: see :func:`vitruvian.training.sources.load_source`; also for a source of nothing but empty maps.
    """
    sources, left_out = {}, {}
    for name, dataset in load_sources(recipe.data.train, recipe).items():
        kept = dataset.map(lambda picture: None if is_empty(picture) else picture)
        if dataset.pictures and not kept.pictures:
            raise DataError(f"{dataset.images_dir}: source {name!r} holds empty activation maps only")
        if len(kept) < len(dataset):
            left_out[name] = len(dataset) - len(kept)
        sources[name] = kept
    return sources, left_out


def maps_read(sources: Mapping[str, Dataset], channels: int) -> MapsInput | None:
    """How the maps that all sources hold were made; None where they hold pictures.

    Args:
        sources: By name; training and validation sources may be given together.
        channels: Of the network's input.

    Raises:
        DataError: when sources differ in what they hold, or their channels are not the network's.
    """
    read = {name: maps_of(dataset) for name, dataset in sources.items()}
    if not read:
        return None
    first_name, first = next(iter(read.items()))
    for name, reads in read.items():
        if reads != first:
            place, both = sources[name].images_dir, f"{_about(first)}; {_about(reads)}"
            raise DataError(f"{place}: sources {first_name!r} and {name!r} are of different making: {both}")
    if channels != (3 if first is None else first.channels):
        place, holds = sources[first_name].images_dir, f"source {first_name!r} holds {_about(first)}"
        raise DataError(f"{place}: {holds}, model.in_channels is {channels}")
    return first


def border(reads: MapsInput | None) -> float:
    """Value of the canvas around a picture, on the scale of 8-bit pixels: grey, or nothing where maps are read."""
    return PAD_VALUE if reads is None else 0.0


def channels_named(reads: MapsInput | None) -> str:
    """The meaning of the input's channels, for the model's card."""
    return "RGB" if reads is None else _about(reads)


def _about(reads: MapsInput | None) -> str:
    if reads is None:
        return "pictures of 3 channels"
    kind = reads.picture.kind if reads.picture is not None else "unjoined"
    return f"{kind} {reads.method} maps of {reads.model} (sha256 {reads.sha256[:12]}), {reads.channels} channels"
