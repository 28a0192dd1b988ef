"""``vitruvian benchmark``: how fast it is here, beside a detector everyone knows."""

from __future__ import annotations

from typing import Annotated

import typer

from vitruvian.cli.console import guarded


def register(app: typer.Typer) -> None:
    """Add the verb to the command."""
    app.command("benchmark")(benchmark)


@guarded
def benchmark(
    picture: Annotated[
        str | None, typer.Argument(help="A picture; by default a 640x480 JPEG of the bundled one.")
    ] = None,
    model: Annotated[str, typer.Option(help="Name, path or https address of a model.")] = "parts22",
    device: Annotated[str, typer.Option(help="cpu, cuda, coreml or auto.")] = "cpu",
    threads: Annotated[int, typer.Option(min=0, help="CPU threads; 0 takes all.")] = 0,
    runs: Annotated[int, typer.Option(min=1, help="Measured runs of each step.")] = 50,
    peer: Annotated[
        bool, typer.Option(help="Also time torchvision's Faster R-CNN R50-FPN, where torchvision is installed.")
    ] = True,
) -> None:
    """Time each step from file to scene, the import and a cold command."""
    from vitruvian.reports.speed import measure_speed, speed_text

    typer.echo(speed_text(measure_speed(picture, model, device, threads, runs, peer)))
