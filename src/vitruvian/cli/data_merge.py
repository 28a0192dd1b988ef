"""``vitruvian data merge``: one set of several, with the classes of each exhaustive where they were."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitruvian.cli.data_common import Seed, load, one_line_errors, pairs

if TYPE_CHECKING:
    from vitruvian.data.dataset import Dataset, Picture


def register(app: typer.Typer) -> None:
    """Add the verb to ``vitruvian data``."""

    @app.command("merge")
    def merge_command(
        sets: Annotated[list[Path], typer.Argument(help="Label files (COCO json).")],
        out: Annotated[Path, typer.Option(help="Label file to write; for --recipe, the folder.")],
        rename: Annotated[
            list[str] | None, typer.Option(help="'with_mask=Human face': another name; 'tie=' drops a label.")
        ] = None,
        partial: Annotated[
            list[Path] | None, typer.Option(help="Sets whose pictures promise nothing unless they say so.")
        ] = None,
        same: Annotated[
            str, typer.Option(help="When pictures are one: 'path', 'content' (equal files) or 'attribute:NAME'.")
        ] = "path",
        recipe: Annotated[
            str | None, typer.Option(help="'wflw-merl': the thesis's set from WFLW and MERL-RAV, in this order.")
        ] = None,
        complete: Annotated[
            Path | None, typer.Option(help="For the recipe: list of pictures in which every face is labelled.")
        ] = None,
        seed: Seed = 0,
    ) -> None:
        """Merge data sets. A class stays exhaustive only where its own set said so."""
        from vitruvian.data.dataset import DataError
        from vitruvian.data.merge import merge, rename_labels
        from vitruvian.reports.data_tables import table_text
        from vitruvian.reports.data_workshop import merge_table

        with one_line_errors():
            if recipe is not None:
                _recipe(recipe, sets, out, complete, seed)
                return
            quiet = {path.resolve() for path in partial or []}
            if unused := quiet - {path.resolve() for path in sets}:
                raise DataError(f"--partial names {min(unused)}, which is not among the sets")
            renames = {old: new or None for old, new in pairs(rename or [])}
            loaded = [load(path, None, "none" if path.resolve() in quiet else "file") for path in sets]
            if unknown := set(renames) - {label for dataset in loaded for label in dataset.labels}:
                raise DataError(f"--rename names {min(unknown)!r}, which is a label of no set")
            renamed = [rename_labels(d, {k: v for k, v in renames.items() if k in d.labels}) for d in loaded]
            result = merge(renamed, _same(same))
            result.dataset.save(out)
        typer.echo(table_text(merge_table(result)))
        typer.echo(f"wrote {out}; pictures lie below {result.dataset.images_dir} (pass it as --images)")


def _same(rule: str) -> Callable[[Dataset, Picture], Hashable]:
    from vitruvian.data.dataset import DataError
    from vitruvian.data.merge import by_attribute, by_content, by_path

    kind, _, value = rule.partition(":")
    if kind == "attribute" and value:
        return by_attribute(value)
    rules: dict[str, Callable[[Dataset, Picture], Hashable]] = {"path": by_path, "content": by_content}
    if rule not in rules:
        raise DataError(f"--same {rule!r} is none of path, content, attribute:NAME")
    return rules[rule]


def _recipe(name: str, sets: list[Path], out: Path, complete: Path | None, seed: int) -> None:
    from vitruvian.data.dataset import DataError
    from vitruvian.data.wflw_merl import every_face_labelled, wflw_merl
    from vitruvian.reports.data_tables import table_text
    from vitruvian.reports.data_workshop import recipe_table

    if name != "wflw-merl" or len(sets) != 2:
        raise DataError("the recipe is wflw-merl, and takes two sets: WFLW and MERL-RAV")
    listed = frozenset(complete.read_text(encoding="utf-8").split()) if complete is not None else frozenset()
    made = wflw_merl(load(sets[0]), load(sets[1]), lambda p: p.file_name in listed or every_face_labelled(p), seed)
    for split, dataset in made.splits.items():
        dataset.save(out / f"{split}.json")
    typer.echo(table_text(recipe_table(made)))
    typer.echo(f"wrote {', '.join(str(out / f'{split}.json') for split in made.splits)}")
