"""``vitruvian data crop``: one picture a labelled face."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitruvian.cli.console import progress
from vitruvian.cli.data_common import Exhaustive, Images, OneSet, load, one_line_errors
from vitruvian.taxonomy import WHOLE_FACE


def register(app: typer.Typer) -> None:
    """Add the verb to ``vitruvian data``."""

    @app.command("crop")
    def crop_command(
        data: OneSet,
        out: Annotated[Path, typer.Option(help="Folder of the crops and labels.json.")],
        label: Annotated[str, typer.Option(help="Class of the faces.")] = WHOLE_FACE,
        factor: Annotated[float, typer.Option(help="Side of a crop over that of the face's box.")] = 2.0,
        derive: Annotated[
            str | None, typer.Option(help="facial-parts: first derive them, whole face included, from landmarks.")
        ] = None,
        model: Annotated[
            str | None,
            typer.Option(help="Other faces that this model finds, at its own threshold, become ignore regions."),
        ] = None,
        overwrite: Annotated[
            bool, typer.Option("--overwrite", help="Make finished crops again; by default a run goes on.")
        ] = False,
        images: Images = None,
        exhaustive: Exhaustive = "file",
    ) -> None:
        """Cut out each labelled face with its surroundings, where only some of a picture's faces are labelled."""
        from vitruvian.data.crop import OtherFaces, crop_dataset
        from vitruvian.data.dataset import DataError
        from vitruvian.data.derive.facial import with_facial_parts
        from vitruvian.finders.errors import LabelError
        from vitruvian.zoo import ModelError

        with one_line_errors():
            dataset = load(data, images, exhaustive)
            if derive is not None:
                if derive.replace("_", "-") != "facial-parts":
                    raise DataError(f"--derive {derive!r} is not facial-parts")
                dataset = with_facial_parts(dataset)
            others = []
            if model is not None:
                from vitruvian.finders.faces import FaceModel

                try:
                    finder = FaceModel(model)
                except (ModelError, LabelError) as error:
                    raise DataError(str(error)) from None
                others = [OtherFaces(finder.name, finder.boxes)]
            with progress("cutting out faces", len(dataset)) as step:
                crops = crop_dataset(dataset, label, out, factor, others, step, overwrite)
        regions = sum(len(picture.ignore_regions) for picture in crops)
        typer.echo(f"wrote {len(crops):,} crops with {regions:,} ignore regions and {out / 'labels.json'}")
