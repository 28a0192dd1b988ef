"""``vitruvian adapt``: a shipped model fitted to a few labelled pictures of a new setting."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitruvian.cli.console import guarded

if TYPE_CHECKING:
    from vitruvian.data.dataset import Dataset
    from vitruvian.training.adapt import Adapted
    from vitruvian.training.adapt_plan import Plan


def register(app: typer.Typer) -> None:
    """Add ``adapt``."""
    app.command("adapt")(adapt)


@guarded
def adapt(
    data: Annotated[Path, typer.Argument(metavar="SET", help="Labelled pictures: any layout that 'data' reads.")],
    out: Annotated[Path, typer.Option(help="Folder for the run and the model, which is named after it.")],
    pictures: Annotated[int | None, typer.Option(min=1, help="Use so many of the pictures, drawn at random.")] = None,
    val: Annotated[
        Path | None,
        typer.Option(help="Measure on these instead of a fifth of SET; pictures of the old setting show what is lost."),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="Train at most about so long on this machine.")
    ] = None,
    model: Annotated[str, typer.Option(help="Model to start from: 'shipped', or a name, path or address.")] = "shipped",
    labels: Annotated[
        str | None,
        typer.Option(help="Labels of SET to learn, separated by commas, others are left out; new ones are added."),
    ] = None,
    rename: Annotated[list[str] | None, typer.Option(help="OLD=NEW: what the model calls a label. Repeatable.")] = None,
    source: Annotated[str | None, typer.Option("--from", help="Layout of SET; by default what it looks like.")] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of SET's pictures; by default where it has them.")] = None,
    exhaustive: Annotated[
        str, typer.Option(help="What is fully labelled in SET: 'file' (as it says), 'all', 'none', or labels.")
    ] = "file",
    terms: Annotated[str, typer.Option(help="Terms of SET's pictures, for the card.")] = "as its owner knows",
    seed: Annotated[int, typer.Option(help="Same seed, same pictures and same result.")] = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after an interruption, with the same options.")
    ] = False,
) -> None:
    """Adapt a model to a few labelled pictures; labels that they do not have are not unlearnt."""
    from vitruvian.training.adapt import adapt as run
    from vitruvian.training.adapt_plan import plan_adaptation
    from vitruvian.training.initial import find_start
    from vitruvian.zoo.page import card_text

    if (out / "checkpoints" / "last.ckpt").exists() and not resume:
        raise FileExistsError(f"{out}: holds a run already; resume it (--resume) or choose another folder")
    base = find_start(model)
    plan = plan_adaptation(
        base,
        _read(data, source, images, exhaustive, rename),
        out,
        labels=[name.strip() for name in labels.split(",")] if labels else (),
        pictures=pictures,
        val=None if val is None else _read(val, None, None, "file", rename),
        minutes=minutes,
        about=data.name,
        terms=terms,
        seed=seed,
    )
    adapted = run(plan, out, resume, lambda line: typer.echo(line, err=True))
    (out / "card.md").write_text(card_text(adapted.model.card) + "\n", encoding="utf-8")
    _show(plan, adapted)
    if adapted.comparison is not None:
        typer.echo(f"page: {_page(out / 'report', plan, adapted)}", err=True)
    typer.echo(f"model: {adapted.model.path}", err=True)


def _read(path: Path, source: str | None, images: Path | None, exhaustive: str, rename: list[str] | None) -> Dataset:
    from vitruvian.cli.measure_common import pairs_of
    from vitruvian.data.formats import read
    from vitruvian.data.merge import rename_labels

    held = exhaustive if exhaustive in ("file", "all", "none") else [name.strip() for name in exhaustive.split(",")]
    result = read(path, source, images_dir=images, exhaustive=held)
    if result.rejects:
        typer.echo(f"{path}: {len(result.rejects)} broken rows are left out, first: {result.rejects[0]}", err=True)
    names = {old: new for old, new in pairs_of(rename).items() if old in result.dataset.labels}
    return rename_labels(result.dataset, names) if names else result.dataset


def _show(plan: Plan, adapted: Adapted) -> None:
    comparison, kept = adapted.comparison, adapted.kept
    if comparison is None:
        typer.echo("before and after: not measured, too few pictures to keep some aside; give some with --val")
    else:
        typer.echo(f"measured on {plan.val_is}")
        for table in comparison.tables()[:2]:
            typer.echo(table.text() + "\n")
    typer.echo(f"thresholds: {adapted.model.card.thresholds_from}")
    untaught = f"of {plan.base.card.name}'s boxes with labels that were not taught, on {adapted.kept_on}"
    if kept.instances:
        typer.echo(f"kept: {kept.found} of {kept.instances} ({kept.recall:.0%}) {untaught}")
    else:
        typer.echo(f"kept: there were none {untaught}")


def _page(folder: Path, plan: Plan, adapted: Adapted) -> Path:
    from vitruvian.reports.evaluation import write_comparison
    from vitruvian.reports.examples import example_figures

    assert plan.val is not None
    assert adapted.comparison is not None
    assert adapted.predictions is not None
    figures = example_figures(plan.val, adapted.predictions, adapted.comparison)
    return write_comparison(folder, adapted.comparison, None, figures)
