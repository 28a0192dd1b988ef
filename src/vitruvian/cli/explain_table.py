"""``vitruvian explain --table``: which layer's maps point best at what is labelled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vitruvian.cli.console import progress

if TYPE_CHECKING:
    from vitruvian.explain.detector_layers import ExplainedDetector


def torch_network(model: str, threads: int) -> ExplainedDetector:
    """The model of a name, path or address as a torch network; ``threads`` are torch's, 0 leaves them alone."""
    import torch

    from vitruvian.explain.detector_layers import ExplainedDetector

    if threads:
        torch.set_num_threads(threads)
    return ExplainedDetector.load(model)


def print_table(
    path: Path, labels: str | None, method: str, layer: str | None, model: str, threads: int, pictures: int
) -> None:
    """Measure and print one row a layer.

    Args:
        path: Labels as canonical, COCO or LVIS json.
        labels: Classes, separated by commas; all that labels and model share by default.
        method: How maps are made.
        layer: One layer; all by default.
        model: Name or path.
        threads: For torch; 0 takes all.
        pictures: The first so many are measured on.
    """
    from vitruvian.data.dataset import DataError, Dataset
    from vitruvian.explain.layer_table import layer_table

    dataset = Dataset.load(path)
    dataset = replace(dataset, pictures=dataset.pictures[:pictures])
    network = torch_network(model, threads)
    shared = [name for name in network.detector.labels if name in dataset.labels]
    if labels is None and not shared:
        theirs, mine = ", ".join(dataset.labels), ", ".join(network.detector.labels)
        raise DataError(f"{path}: its classes are not the model's: {theirs} (the model's: {mine})")
    wanted = shared if labels is None else [name.strip() for name in labels.split(",") if name.strip()]
    with progress("measuring", len(dataset)) as advance:
        rows = layer_table(network, dataset, wanted, [method], [layer] if layer else None, advance)
    typer.echo(f"{'layer':<12} {'energy':>7} {'hits':>7} {'empty':>7} {'maps':>6}   (boxes cover {rows[0].area:.3f})")
    for row in rows:
        typer.echo(f"{row.layer:<12} {row.energy:7.3f} {row.hits:7.3f} {row.empty:7.3f} {row.maps:6}")
