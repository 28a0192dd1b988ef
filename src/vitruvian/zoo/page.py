"""A model card as a page of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from vitruvian.zoo.cards import Card


def card_text(card: Card) -> str:
    """The card as Markdown, for the terminal and for the model's page."""
    blocks = [
        f"# {card.name}",
        card.summary,
        _table(
            ("", ""),
            [
                ("task", card.task),
                ("file", f"{card.file}, sha256 {card.sha256}"),
                ("network", f"{card.architecture.backbone}, width {card.architecture.width}"),
                ("input", f"{card.preprocessing.channels}, long side {card.preprocessing.size} px, values 0..1, padded "
                          f"with {card.preprocessing.pad_value} to multiples of {card.preprocessing.stride}"),
                ("non-maximum suppression", f"IoU {card.nms_iou}"),
                ("thresholds", card.thresholds_from),
                ("commercial use", card.commercial_use),
            ],
        ),
    ]  # fmt: skip
    if card.measured is not None:
        measured = card.measured
        blocks += [
            "## Measured",
            f"{measured.protocol}, on {measured.data}.",
            _table(("", ""), [(name, _short(value)) for name, value in measured.headline.items()]),
        ]
    if card.measured is not None and card.measured.classes:
        measured = card.measured
        blocks += [
            _table(
                ("label", "threshold", "pictures", "boxes", "AP", "AP50", "AR", "precision", "recall"),
                [
                    (label, _number(card.thresholds.get(label)), str(row.pictures), str(row.instances),
                     _number(row.ap), _number(row.ap50), _number(row.ar), _number(row.precision), _number(row.recall))
                    for label, row in measured.classes.items()
                ],
            ),
            _table(
                ("source", "pictures", "AP", "AP50", "AR"),
                [
                    (name, str(row.pictures), _number(row.ap), _number(row.ap50), _number(row.ar))
                    for name, row in measured.sources.items()
                ],
            ),
        ]  # fmt: skip
    if card.weaknesses:
        blocks += ["## What holds it back", "\n".join(f"- **{k}**: {v}" for k, v in card.weaknesses.items())]
    if card.data:
        blocks += [
            "## What taught it",
            _table(
                ("set", "pictures", "labels", "source", "terms"),
                [(d.name, str(d.pictures), ", ".join(d.teaches), d.source, d.terms) for d in card.data],
            ),
        ]
    if card.training:
        blocks += ["## Training", _table(("", ""), [(k, str(v)) for k, v in card.training.items()])]
    return "\n\n".join(blocks)


def _short(value: float | None) -> str:
    """Three decimals at most: counts stand beside shares."""
    return "n/a" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)
