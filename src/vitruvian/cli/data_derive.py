"""``vitruvian data derive``: labels that follow from other labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitruvian.cli.data_common import Exhaustive, Images, load, one_line_errors, pairs, report_rejects

if TYPE_CHECKING:
    from vitruvian.data.dataset import Dataset

_WAYS = "facial-parts, limbs, persons, mask-parts"


def register(app: typer.Typer) -> None:
    """Add the verb to ``vitruvian data``."""

    @app.command("derive")
    def derive_command(
        data: Annotated[Path, typer.Argument(help="Label file (COCO json); for mask-parts a folder of masks.")],
        out: Annotated[Path, typer.Option(help="Label file to write.")],
        what: Annotated[
            str,
            typer.Option(
                help="facial-parts (from landmarks), limbs (arms, legs, bodies from joints), persons (from joints) "
                "or mask-parts (from label masks)."
            ),
        ] = "facial-parts",
        label: Annotated[str, typer.Option(help="Class that carries the landmarks.")] = "face",
        part: Annotated[
            list[str] | None,
            typer.Option(
                help="For mask-parts: a part and the classes or pixel values of the masks that make it up, "
                "'Human arm=upper arm,lower arm' or 'Human leg=5,6'; may be repeated."
            ),
        ] = None,
        people: Annotated[
            Path | None, typer.Option(help="For mask-parts: folder of masks that tell persons apart.")
        ] = None,
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
            if what not in _WAYS.split(", "):
                raise DataError(f"--what {what!r} is none of {_WAYS}")
            if what == "mask-parts":
                if exhaustive != "file":
                    raise DataError("--exhaustive says nothing of masks: they show of every pixel what it is")
                derived = _mask_parts(data, part or [], images, people, out)
            elif part or people is not None:
                raise DataError(f"--part and --people are for --what mask-parts, not {what}")
            else:
                dataset = load(data, images, exhaustive)
                if what == "facial-parts":
                    derived = derive_facial_parts(dataset, label, protocol_of(dataset, label))
                else:
                    derived = derive_limbs(dataset) if what == "limbs" else derive_persons(dataset)
            derived.save(out)
        typer.echo(table_text(class_table(derived, "derived boxes")))
        typer.echo(f"wrote {out}; pictures lie in {derived.images_dir} (pass it as --images)")


def _mask_parts(data: Path, part: list[str], images: Path | None, people: Path | None, out: Path) -> Dataset:
    from vitruvian.data.dataset import DataError
    from vitruvian.data.derive import derive_mask_parts
    from vitruvian.data.rejects import RowLog

    parts: dict[str, list[str]] = {}
    for name, texts in pairs(part):
        parts.setdefault(name, []).extend(text.strip() for text in texts.split(","))
    if not parts:
        raise DataError("--what mask-parts needs --part, such as 'Human arm=upper arm,lower arm'")
    log = RowLog()
    derived = derive_mask_parts(data, parts, log, images, people)
    report_rejects(log.rejects, out.with_name(out.name + ".rejects.jsonl"))
    return derived
