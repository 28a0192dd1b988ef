"""``vitruvian data occlude``: cover faces to a stated degree; ``data cut-outs``: with the user's own pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitruvian.cli.console import progress
from vitruvian.cli.data_common import Exhaustive, Images, OneSet, Seed, load, one_line_errors


def register(app: typer.Typer) -> None:
    """Add the verbs to ``vitruvian data``."""

    @app.command("occlude")
    def occlude_command(
        data: OneSet,
        out: Annotated[Path, typer.Option(help="Folder of the pictures and label files, one file a level.")],
        label: Annotated[str, typer.Option(help="Class of the faces.")] = "face",
        levels: Annotated[str, typer.Option(help="none, easy (20-30 %), medium (45-55 %), hard (70-80 %).")] = (
            "none,easy,medium,hard"
        ),
        kinds: Annotated[
            str, typer.Option(help="train or validation: two sets of occluders that share no kind and no texture.")
        ] = "validation",
        cut_outs: Annotated[
            Path | None, typer.Option(help="Folder of transparent PNGs to cover with, in place of the drawn kinds.")
        ] = None,
        overwrite: Annotated[
            bool, typer.Option("--overwrite", help="Do finished pictures again; by default a run goes on.")
        ] = False,
        images: Images = None,
        exhaustive: Exhaustive = "file",
        seed: Seed = 0,
    ) -> None:
        """Write occluded copies of the pictures with an exact record of what was covered, and a contact sheet."""
        from vitruvian.data.dataset import DataError
        from vitruvian.data.occlusion.cutouts import load_cut_outs
        from vitruvian.data.occlusion.occlude import TRAIN_KINDS, VALIDATION_KINDS
        from vitruvian.data.occlusion.protocol import known_level, occlude_dataset
        from vitruvian.reports.data_tables import table_text
        from vitruvian.reports.data_workshop import occlusion_sheet, occlusion_table

        with one_line_errors():
            wanted = [known_level(name.strip()) for name in levels.split(",")]
            drawn = {"train": TRAIN_KINDS, "validation": VALIDATION_KINDS}
            if kinds not in drawn:
                raise DataError(f"--kinds {kinds!r} is none of {', '.join(drawn)}")
            chosen = load_cut_outs(cut_outs) if cut_outs is not None else drawn[kinds]
            dataset = load(data, images, exhaustive)
            with progress("covering faces", len(dataset) * len(wanted)) as step:
                results = occlude_dataset(dataset, label, wanted, chosen, out, seed, step, overwrite)
            sheet = out / "contact_sheet.jpg"
            sheet.write_bytes(occlusion_sheet(results, label))
        typer.echo(table_text(occlusion_table(results)))
        typer.echo(f"wrote {', '.join(str(out / f'{level}.json') for level in results)} and {sheet}")

    @app.command("cut-outs")
    def cut_outs_command(
        data: OneSet,
        out: Annotated[Path, typer.Option(help="Folder of the transparent PNGs.")],
        label: Annotated[str, typer.Option(help="Class to cut out.")] = "Human hand",
        most: Annotated[int, typer.Option(min=1, help="Cut-outs at most.")] = 200,
        images: Images = None,
    ) -> None:
        """Cut labelled objects out of their background; use a training set for training occluders only."""
        from vitruvian.data.occlusion.cutouts import save_cut_outs

        with one_line_errors():
            made = save_cut_outs(load(data, images), label, out, most)
        typer.echo(f"wrote {made} cut-outs to {out}")
