"""``vitruvian data convert``: from any published layout to canonical json, COCO, YOLO, CVAT or Label Studio."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitruvian.cli.console import counting
from vitruvian.cli.data_common import one_line_errors, report_rejects

if TYPE_CHECKING:
    from vitruvian.data.rejects import RowLog


def register(data_app: typer.Typer) -> None:
    """Add the verb to ``vitruvian data``."""

    @data_app.command("convert")
    def convert_command(
        data: Annotated[Path, typer.Argument(metavar="SET", help="File or folder, as published.", show_default=False)],
        out: Annotated[Path, typer.Option(help="The json file, or for yolo and cvat the folder, to write.")],
        to: Annotated[str, typer.Option(help="canonical, coco, yolo, cvat or label_studio.")] = "canonical",
        source: Annotated[
            str | None, typer.Option("--from", help="Name of the layout; by default what SET looks like.")
        ] = None,
        images: Annotated[
            Path | None, typer.Option(help="Folder of the pictures; by default where the layout has them.")
        ] = None,
        split: Annotated[str | None, typer.Option(help="Only this part: train, val or test.")] = None,
        classes: Annotated[
            str | None, typer.Option(help="Only these classes, separated by commas (Open Images).")
        ] = None,
        exhaustive: Annotated[
            str,
            typer.Option(help="What is fully labelled: 'file' (as the format means it), 'all', 'none', or labels."),
        ] = "file",
        expand_hierarchy: Annotated[
            bool, typer.Option("--expand-hierarchy", help="Boxes count for their class's ancestors too (Open Images).")
        ] = False,
        every: Annotated[int | None, typer.Option(help="Each n-th frame of a video.")] = None,
        link: Annotated[bool, typer.Option("--link", help="Place the pictures in the folder too.")] = False,
        stack: Annotated[
            Path | None,
            typer.Option(help="For yolo: folder of .npy stacks (H, W, channels) that take the pictures' place."),
        ] = None,
        strict: Annotated[bool, typer.Option("--strict", help="Stop at the first broken row.")] = False,
        rejects: Annotated[
            Path | None, typer.Option(help="Where broken rows go, as JSON lines; by default OUT.rejects.jsonl.")
        ] = None,
    ) -> None:
        """Convert a data set. Broken rows are set aside and counted; what the new format cannot hold is named."""
        from vitruvian.data.formats import read, write

        with one_line_errors():
            logs: list[RowLog] = []
            with counting("reading rows", lambda: sum(log.rows for log in logs)):
                result = read(
                    data,
                    source,
                    strict,
                    images_dir=images,
                    split=split,
                    classes=_names(classes) if classes is not None else None,
                    exhaustive=exhaustive if exhaustive in ("file", "all", "none") else _names(exhaustive),
                    expand_hierarchy=expand_hierarchy,
                    every=every,
                    watch=logs.append,
                )
            dataset = result.dataset
            boxes = sum(len(picture.annotations) for picture in dataset)
            typer.echo(
                f"read {data} as {result.format}: {len(dataset):,} pictures, {boxes:,} annotations, "
                f"{len(dataset.labels)} labels; {result.accepted:,} of {result.rows:,} rows accepted"
            )
            for note in result.notes:
                typer.echo(f"note: {note}")
            report_rejects(result.rejects, rejects or out.with_name(out.name + ".rejects.jsonl"))
            written = write(dataset, out, to, "link" if link else "none", stack)
            for loss in written.losses:
                typer.echo(f"warning: {loss}", err=True)
            typer.echo(f"wrote {written.path} ({to}); the pictures are in {dataset.images_dir}")


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]
