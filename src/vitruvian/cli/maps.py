"""``vitruvian maps``: activation maps of a data set's pictures, as a data set for a second detector."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vitruvian.cli.console import guarded, progress
from vitruvian.cli.data_common import Exhaustive, Images, OneSet, load, pairs, report_rejects
from vitruvian.cli.measure_common import Rename
from vitruvian.taxonomy import WHOLE_FACE


class Method(StrEnum):
    """How maps are made."""

    hirescam = "hirescam"
    gradcampp = "gradcam++"


class Kind(StrEnum):
    """What becomes of the classes."""

    averaged = "averaged"
    stacked = "stacked"


class Form(StrEnum):
    """Map files."""

    npz = "npz"
    tiff = "tiff"


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("maps")(maps)


@guarded
def maps(
    data: OneSet,
    out: Annotated[Path, typer.Option(help="Folder of the maps and of their label file maps.json.")],
    method: Annotated[list[Method] | None, typer.Option(help="How maps are made; by default hirescam.")] = None,
    kind: Annotated[
        list[Kind] | None,
        typer.Option(help="Classes averaged into one channel, or stacked, one channel each; by default stacked."),
    ] = None,
    labels: Annotated[
        str, typer.Option(help="Classes of the model: facial_parts, body_parts, parts, or names with commas.")
    ] = "facial_parts",
    model: Annotated[str, typer.Option(help="Name, path or address of the first model.")] = "parts22",
    label: Annotated[str, typer.Option(help="Class whose boxes are kept.")] = WHOLE_FACE,
    rename: Rename = None,
    size: Annotated[int, typer.Option(min=0, help="Long side of the model's input; 0 takes the model's own.")] = 0,
    side: Annotated[int, typer.Option(min=0, help="Long side of a map; 0 takes a quarter of the input's.")] = 0,
    form: Annotated[Form, typer.Option("--format", help="npz (float16), or tiff (8-bit, one page a channel).")] = (
        Form.npz
    ),
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 takes all.")] = 0,
    images: Images = None,
    exhaustive: Exhaustive = "file",
) -> None:
    """Write the activation maps of every picture, with the boxes in their pixels; an interrupted run goes on.

    --method and --kind may be repeated: each pair then has a folder of its own in OUT, such as hirescam_stacked, and
    every picture goes through the model once.
    """
    from vitruvian.data.merge import rename_labels
    from vitruvian.finders import Detector
    from vitruvian.finders.map_dataset import write_map_datasets
    from vitruvian.finders.map_pictures import MapMaker
    from vitruvian.taxonomy import BODY_PARTS, FACIAL_PARTS, PARTS
    from vitruvian.zoo import find_model

    named = {"parts": PARTS.names, "body_parts": BODY_PARTS.names, "facial_parts": FACIAL_PARTS.names}
    chosen = named.get(labels) or tuple(name.strip() for name in labels.split(",") if name.strip())
    dataset = rename_labels(load(data, images, exhaustive), dict(pairs(rename or ())))
    detector = Detector(find_model(model), threads=threads, size=size)
    wanted = [(m, k) for m in method or [Method.hirescam] for k in kind or [Kind.stacked]]
    makers = {
        out if len(wanted) == 1 else out / f"{m.name}_{k.name}": MapMaker(detector, m.value, k.value, chosen, side)
        for m, k in wanted
    }
    with progress("maps", len(dataset)) as step:
        made = write_map_datasets(dataset, detector, makers, label, f".{form.value}", step)
    for folder, result in made.items():
        typer.echo(
            f"wrote {folder / 'maps.json'}: {len(result.dataset)} maps, channels: {makers[folder].reads.channels}, "
            f"empty: {result.empty}"
        )
    report_rejects(next(iter(made.values())).log.rejects, out / "maps.rejects.jsonl")
