"""``vitruvian explain``: what in a picture speaks for which class."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitruvian.cli.console import guarded

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vitruvian.explain import ActivationMaps, Explained
    from vitruvian.explain.detector_layers import ExplainedDetector
    from vitruvian.finders.detections import Detections
    from vitruvian.finders.detector import Detector


class Method(StrEnum):
    """How maps are made; the first two need no torch where the layer is a tower or ``joined``."""

    hirescam = "hirescam"
    gradcampp = "gradcam++"
    gradcam = "gradcam"
    xgradcam = "xgradcam"
    eigencam = "eigencam"
    scorecam = "scorecam"


class Kind(StrEnum):
    """What a file holds."""

    stacked = "stacked"
    averaged = "averaged"
    per_class = "per-class"


class Form(StrEnum):
    """What is written."""

    png = "png"
    npz = "npz"
    tiff = "tiff"


_JOINED = "joined"
_CLOSED = (Method.hirescam, Method.gradcampp)


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("explain")(explain)


@guarded
def explain(
    image: Annotated[Path, typer.Argument(help="A picture; with --table a labelled data set (.json).")],
    labels: Annotated[
        str | None, typer.Option(help="Classes, separated by commas; those found in the picture by default.")
    ] = None,
    method: Annotated[Method, typer.Option(help="All but hirescam and gradcam++ need the extra 'train'.")] = (
        Method.hirescam
    ),
    layer: Annotated[
        str | None,
        typer.Option(help="joined, tower.8, .16, .32; pyramid.8 ..., backbone.8 ... need the extra 'train'."),
    ] = None,
    maps: Annotated[Kind, typer.Option(help="All classes in one file, their mean, or a file each.")] = Kind.stacked,
    box: Annotated[
        int | None,
        typer.Option(min=0, help="Why was this box found? Its number in the list that is printed; extra 'train'."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("explained"),
    format: Annotated[Form, typer.Option(help="Drawings, or the maps as they are.")] = Form.png,
    model: Annotated[str, typer.Option(help="Name, path or https address of a model.")] = "parts22",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 takes all.")] = 0,
    table: Annotated[bool, typer.Option("--table", help="Measure which layer's maps point best at labels.")] = False,
    pictures: Annotated[int, typer.Option(min=1, help="With --table: how many pictures to measure on.")] = 50,
) -> None:
    """Show what in a picture speaks for which class.

    Prints what was found, numbered, and the files that it writes: drawings (png), or float maps with the names of their
    classes (npz, tiff). Maps of one layer are signed and cover the network's letterboxed input; 'joined' ones are
    what is above zero on any level, on a fixed scale, and cover the picture.
    """
    if table:
        from vitruvian.cli.explain_table import print_table

        print_table(image, labels, method.value, layer, model, threads, pictures)
        return
    from vitruvian.cli.explain_table import torch_network
    from vitruvian.explain import ExplainError, explain_picture
    from vitruvian.finders.detector import Detector
    from vitruvian.images import read_reduced
    from vitruvian.zoo import find_model

    if out.exists() and not out.is_dir():
        raise ExplainError(f"{out}: is a file, not a folder for results")
    if box is not None and (labels is not None or maps is not Kind.stacked):
        raise ExplainError("--box gives one map, of the box's own class: --labels and --maps do not go with it")
    detector = Detector(find_model(model), threads=threads)
    # Decoded as by analyze, for the scores to be the same.
    picture, width, height = read_reduced(image, detector.size)
    explained = explain_picture(detector, picture, width, height)
    _print_found(explained.found)
    asked = _wanted(labels, explained)
    network = partial(torch_network, model, threads)
    if box is not None:
        made = _box_maps(explained, picture, box, method, layer, network)
    else:
        layer = layer or (_JOINED if method in _CLOSED else "tower.16")
        made = _class_maps(detector, explained, picture, asked, method, layer, network)
    if made.is_empty:
        typer.echo("nothing in the picture speaks for any of these classes: the maps are empty", err=True)
    name = f"{image.stem}.{'maps' if box is None else f'box{box}'}.{format.value}"
    draw = (
        _drawer(picture, explained, asked, box is None and layer == _JOINED, image.name, box)
        if format is Form.png
        else None
    )
    for path in _write(made, maps, out / name, draw):
        typer.echo(f"wrote {path}")


def _print_found(found: Detections) -> None:
    from vitruvian.finders.hands import hands_as_others

    rows = zip(found.labels, found.scores, found.boxes, hands_as_others(found), strict=True)
    for number, (row, score, corners, hand) in enumerate(rows):
        corner = " ".join(f"{v:.0f}" for v in corners)
        note = "  (on a surer hand: analyze leaves it out)" if hand else ""
        typer.echo(f"{number:3}  {found.names[row]}  {score:.2f}  [{corner}]{note}")
    if not len(found):
        typer.echo("nothing was found", err=True)


def _wanted(labels: str | None, explained: Explained) -> list[str]:
    """Classes asked for; else those found, best first; else all."""
    names = explained.found.names
    if labels is not None:
        return [name.strip() for name in labels.split(",") if name.strip()]
    return list(dict.fromkeys(names[row] for row in explained.found.labels)) or list(names)


def _class_maps(
    detector: Detector,
    explained: Explained,
    picture: NDArray[np.uint8],
    labels: list[str],
    method: Method,
    layer: str,
    network: Callable[[], ExplainedDetector],
) -> ActivationMaps:
    from vitruvian.explain import ExplainError, joined_levels
    from vitruvian.explain.layers import check_layer, layer_names
    from vitruvian.explain.maps import rows_of

    # Before torch is asked for: who lacks it should not install it to learn of a slip of the pen.
    rows_of(labels, explained.found.names)
    if layer == _JOINED:
        if method not in _CLOSED:
            raise ExplainError(f"{method.value} has no joined maps: name a --layer, tower.16 say")
        return joined_levels(detector, explained, labels, method.value)
    check_layer(layer, (_JOINED, *layer_names(explained.output.strides)))
    place, _, stride = layer.partition(".")
    if method in _CLOSED and place == "tower":
        return explained.level(int(stride), labels, method.value)
    from vitruvian.explain.detector_layers import detector_maps

    loaded = network()
    return detector_maps(loaded, loaded.prepare(picture, explained.letterbox), layer, labels, method.value)


def _box_maps(
    explained: Explained,
    picture: NDArray[np.uint8],
    box: int,
    method: Method,
    layer: str | None,
    network: Callable[[], ExplainedDetector],
) -> ActivationMaps:
    from vitruvian.explain import ExplainError, location_of
    from vitruvian.explain.layers import check_layer, layer_names

    location = location_of(explained, box)
    if layer == _JOINED:
        raise ExplainError("joined maps are of a class, not of one box: name another --layer, or none")
    if layer is not None:
        check_layer(layer, layer_names(explained.output.strides))
    from vitruvian.explain.detector_layers import BOX_LAYER, box_maps

    loaded = network()
    inputs = loaded.prepare(picture, explained.letterbox)
    label = explained.found.names[explained.found.labels[box]]
    return box_maps(loaded, inputs, location, label, layer or BOX_LAYER, method.value)


def _write(
    made: ActivationMaps, maps: Kind, path: Path, draw: Callable[[ActivationMaps, Path], None] | None
) -> Iterator[Path]:
    """Write one file or one a class; gives their names, made of ``path`` and its suffix."""
    from vitruvian.explain import save_maps

    if maps is Kind.per_class:
        parts = {}
        for name in made.names:
            ending = f"-{name.replace(' ', '_').replace('/', '_')}"
            while ending in parts:  # "left hand" beside "left_hand"
                ending += "_"
            parts[ending] = made.select([name])
    else:
        parts = {"": made.averaged() if maps is Kind.averaged else made}
    for ending, part in parts.items():
        place = path.with_name(f"{path.stem}{ending}{path.suffix}")
        if draw is None:
            save_maps(part, place)
        else:
            draw(part, place)
        yield place


def _drawer(
    picture: NDArray[np.uint8],
    explained: Explained,
    asked: list[str],
    covers_picture: bool,
    title: str,
    box: int | None,
) -> Callable[[ActivationMaps, Path], None]:
    """What draws maps over their picture, which may be a reduced copy, into a file."""
    from vitruvian.explain.draw import MapTile, draw_maps, on_picture

    found = explained.found
    corners = found.boxes * (picture.shape[1] / explained.letterbox.width)

    def boxes_of(names: list[str]) -> tuple[tuple[float, float, float, float], ...]:
        rows = [row for row in range(len(found)) if found.names[found.labels[row]] in names and box in (None, row)]
        return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in corners[rows])

    def draw(made: ActivationMaps, place: Path) -> None:
        from PIL import Image

        # Joined maps are on one scale and compare; those of a layer are each shown up to their own maximum.
        heat = made.maps if covers_picture else on_picture(made.heat(), explained.letterbox)
        tiles = []
        for name, plane, values in zip(made.names, heat, made.maps, strict=True):
            scores = [float(s) for s, row in zip(found.scores, found.labels, strict=True) if found.names[row] == name]
            score = f"{found.scores[box]:.2f}" if box is not None else f"{max(scores):.2f}" if scores else ""
            note = score if (values > 0).any() else f"{score} nothing speaks for it".strip()
            tiles.append(MapTile(name, note, plane, boxes_of([name])))
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_name(place.name + ".partial")
        # A map of several classes, their average say, has the boxes of them all on the picture beside it.
        others = () if set(made.names) <= set(found.names) else boxes_of(asked)
        Image.fromarray(draw_maps(picture, tiles, title, others)).save(partial, "PNG")
        os.replace(partial, place)

    return draw
