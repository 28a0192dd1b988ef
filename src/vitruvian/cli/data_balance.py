"""``vitruvian data balance``: choose pictures so that every class has about as many boxes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vitruvian.cli.data_common import Exhaustive, Images, OneSet, Seed, factors, load, one_line_errors


def register(app: typer.Typer) -> None:
    """Add the verb to ``vitruvian data``."""

    @app.command("balance")
    def balance_command(
        data: OneSet,
        out: Annotated[Path, typer.Option(help="Label file of the chosen pictures.")],
        target: Annotated[int, typer.Option(min=1, help="Boxes wanted of every class.")] = 2000,
        max_boxes: Annotated[int | None, typer.Option(min=1, help="Leave out pictures with more boxes.")] = None,
        min_side: Annotated[float, typer.Option(min=0, help="Ignore boxes with a shorter side, in pixels.")] = 0.0,
        groups: Annotated[bool, typer.Option(help="Keep pictures that hold a group or crowd.")] = True,
        repeat_threshold: Annotated[
            float | None, typer.Option(min=0, max=1, help="Also write OUT.repeat.csv: how often to show each picture.")
        ] = None,
        oversample: Annotated[
            list[str] | None, typer.Option(help="'Human arm=3': also write OUT.list.txt with those pictures repeated.")
        ] = None,
        images: Images = None,
        exhaustive: Exhaustive = "file",
        seed: Seed = 0,
    ) -> None:
        """Balance boxes over unique pictures; a picture with several classes is counted once."""
        from vitruvian.data.balance import Filters, balance, oversampling, repeat_factors
        from vitruvian.reports.data_tables import table_text
        from vitruvian.reports.data_workshop import balance_table

        with one_line_errors():
            repeats = factors(oversample or [])
            dataset = load(data, images, exhaustive)
            result = balance(dataset, target, Filters(max_boxes, min_side, groups), seed)
            chosen = result.dataset
            lists: list[tuple[Path, list[str]]] = []
            if repeats:
                times = oversampling(chosen, repeats)
                lines = [p.file_name for p, n in zip(chosen, times, strict=True) for _ in range(n)]
                lists.append((out.with_suffix(".list.txt"), lines))
            if repeat_threshold is not None:
                shown = repeat_factors(chosen, repeat_threshold)
                lines = ["file,repeat", *(f"{p.file_name},{r:.4f}" for p, r in zip(chosen, shown, strict=True))]
                lists.append((out.with_suffix(".repeat.csv"), lines))
            chosen.save(out)
            for path, lines in lists:
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        typer.echo(table_text(balance_table(result, len(dataset))))
        typer.echo("wrote " + ", ".join(str(path) for path in (out, *(path for path, _ in lists))))
