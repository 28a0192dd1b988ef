"""``vitruvian data derive``: labels that follow from other labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitruvian.cli.data_common import Exhaustive, Images, OneSet, load, one_line_errors


def register(app: typer.Typer) -> None:
    """Add the verb to ``vitruvian data``."""

    @app.command("derive")
    def derive_command(
        data: OneSet,
        out: Annotated[Path, typer.Option(help="Label file to write.")],
        what: Annotated[
            str,
            typer.Option(help="facial-parts (from landmarks), limbs (arms, legs, bodies from joints) or persons."),
        ] = "facial-parts",
        label: Annotated[str, typer.Option(help="Class that carries the landmarks.")] = "face",
        images: Images = None,
        exhaustive: Exhaustive = "file",
    ) -> None:
        """Compute boxes nobody drew; each says what it was derived from."""
        from vitruvian.data.dataset import DataError
        from vitruvian.data.derive import derive_facial_parts, derive_limbs, derive_persons
        from vitruvian.data.derive.facial import protocol_of
        from vitruvian.reports.data_tables import table_text
        from vitruvian.reports.data_workshop import class_table

        with one_line_errors():
            dataset = load(data, images, exhaustive)
            if what == "facial-parts":
                derived = derive_facial_parts(dataset, label, protocol_of(dataset, label))
            elif what == "limbs":
                derived = derive_limbs(dataset)
            elif what == "persons":
                derived = derive_persons(dataset)
            else:
                raise DataError(f"--what {what!r} is none of facial-parts, limbs, persons")
            derived.save(out)
        typer.echo(table_text(class_table(derived, "derived boxes")))
        typer.echo(f"wrote {out}; pictures lie in {derived.images_dir} (pass it as --images)")
