"""The numbers of a data set inspection as plain tables: the terminal prints them and the page shows the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vitruvian.data.inspection.inspect import Inspection, SplitInspection
from vitruvian.data.inspection.issues import count_issues
from vitruvian.data.inspection.statistics import GRID, ClassStatistics, Spread

EXAMPLES = 10
"""Findings of a kind that are shown one by one; the JSON has them all."""

MOST_CLASSES = 30
"""A matrix of classes by classes shows the commonest; the JSON has them all."""


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table of ready-made text; the first column is left-aligned, ``text_columns`` too, the others right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    text_columns: tuple[int, ...] = ()


def number(value: float | None, digits: int = 0) -> str:
    """A number for people: thousands separated, a dash for None.

    >>> number(12345.6), number(None), number(0.256, 2)
    ('12,346', '-', '0.26')
    """
    return "-" if value is None else f"{value:,.{digits}f}"


def split_tables(split: SplitInspection) -> tuple[Table, ...]:
    """All tables of one split."""
    used = tuple(i for i, c in enumerate(split.labels.classes) if c.boxes or c.ignored or c.exhaustive or c.regional)
    tables = [_overview(split), _classes(split), _labelled(split), _sizes(split), _positions(split, used)]
    tables += [_per_picture(split), _coverage(split, used), _together(split)]
    tables += [_keypoints(v.label, v.names, (v.unlabelled, v.hidden, v.visible)) for v in split.visibility]
    return (*tables, *issue_tables(split))


def _spread(name: str, spread: Spread, digits: int = 0) -> tuple[str, ...]:
    values = (spread.minimum, spread.lower, spread.median, spread.upper, spread.maximum, spread.mean)
    return (name, *(number(v, digits) for v in values))


def _overview(split: SplitInspection) -> Table:
    labels, files = split.labels, split.files
    rows = [
        _spread("boxes a picture", labels.per_picture, 1),
        _spread("picture width as labelled, pixels", labels.width),
        _spread("picture height as labelled, pixels", labels.height),
    ]
    note = f"{labels.pictures:,} pictures, {labels.boxes:,} boxes, {labels.empty:,} pictures without a box; "
    note += f"imbalance ratio {labels.imbalance:.2f} (commonest class over rarest that has a box)."
    without = sum(c.boxes == 0 for c in labels.classes)
    note += f" {without} of {len(labels.classes)} classes have no box." if without else ""
    if files is not None:
        rows += [
            _spread("picture width as read, pixels", files.width),
            _spread("picture height as read, pixels", files.height),
            _spread("file size, MB", files.megabytes, 3),
        ]
        note += f" {files.opened:,} files opened, {files.failed:,} did not."
    columns = ("", "minimum", "lower quarter", "median", "upper quarter", "maximum", "mean")
    return Table(f"{split.name}: overview", columns, tuple(rows), note)


def _by_boxes(classes: Sequence[ClassStatistics]) -> list[ClassStatistics]:
    return sorted(classes, key=lambda c: -c.boxes)


def _classes(split: SplitInspection) -> Table:
    total = max(split.labels.boxes, 1)
    rows = tuple(
        (
            c.name,
            number(c.boxes),
            f"{c.boxes / total:.1%}",
            number(c.pictures),
            number(c.boxes / c.pictures if c.pictures else None, 2),
            number(c.ignored),
            number(c.derived),
            "yes" if c.enough_pictures else "no",
            "yes" if c.enough_boxes else "no",
        )
        for c in _by_boxes(split.labels.classes)
    )
    columns = ("class", "boxes", "share", "pictures", "boxes a picture", "to ignore", "derived", "1,500 pictures")
    note = f"Imbalance ratio {split.labels.imbalance:.2f}. The last two columns are a rule of thumb for training."
    return Table(f"{split.name}: classes", (*columns, "10,000 boxes"), rows, note)


def _labelled(split: SplitInspection) -> Table:
    rows = tuple(
        (
            c.name,
            number(c.exhaustive),
            number(c.regional),
            number(split.labels.pictures - c.exhaustive - c.regional),
            number(c.missing),
            number(c.implied),
            number(c.contradicted),
            c.missing_basis,
        )
        for c in _by_boxes(split.labels.classes)
    )
    columns = ("class", "exhaustive pictures", "in a region", "partial", "boxes missing, about", "implied by a part")
    note = (
        "Exhaustive: every instance in the picture is labelled. Missing: an estimate for the partial pictures, by "
        "the last column, that holds if they show what the exhaustive ones do. Implied: partial pictures with a part "
        "of it (an eye, but no face). Contradicted: the same where the class is declared exhaustive."
    )
    return Table(f"{split.name}: labelled where", (*columns, "contradicted", "basis"), rows, note, (7,))


def _sizes(split: SplitInspection) -> Table:
    rows = tuple(
        (
            c.name,
            *(number(v, 1) for v in (c.width.minimum, c.width.median, c.width.maximum)),
            *(number(v, 1) for v in (c.height.minimum, c.height.median, c.height.maximum)),
            f"{c.relative_area.median:.2%}",
            number(c.aspect.median, 2),
            *(number(v) for v in (c.small, c.medium, c.large)),
        )
        for c in _by_boxes(split.labels.classes)
        if c.boxes
    )
    columns = ("class", "width min", "median", "max", "height min", "median", "max", "of the picture", "width / height")
    note = "Pixels; small, medium and large are below 32², below 96² and from 96² square pixels on."
    return Table(f"{split.name}: box sizes", (*columns, "small", "medium", "large"), rows, note)


def _positions(split: SplitInspection, used: Sequence[int]) -> Table:
    fields = [f"{row} {column}" for row in ("top", "middle", "bottom") for column in ("left", "centre", "right")]
    rows = []
    for i in used:
        third = split.labels.centres[i].reshape(3, GRID // 3, 3, GRID // 3).sum(axis=(1, 3)).ravel()
        if third.sum():
            rows.append((split.labels.classes[i].name, *(f"{v:.0%}" for v in third / third.sum())))
    return Table(f"{split.name}: where the boxes' centres lie", ("class", *fields), tuple(rows))


def _per_picture(split: SplitInspection) -> Table:
    histogram = split.labels.per_picture_histogram
    names = [*(str(i) for i in range(len(histogram) - 1)), f"over {len(histogram) - 2}"]
    last = int(np.flatnonzero(histogram).max(initial=0)) + 1
    shares = zip(names[:last], histogram[:last], strict=True)
    rows = tuple((name, number(v), f"{v / max(histogram.sum(), 1):.1%}") for name, v in shares)
    return Table(f"{split.name}: boxes a picture", ("boxes", "pictures", "share"), rows)


def _coverage(split: SplitInspection, used: Sequence[int]) -> Table:
    names = [split.labels.classes[i].name for i in used]
    rows = []
    for source in split.labels.sources:
        cells = (f"{source.exhaustive[i]:,} / {source.boxes[i]:,}" for i in used)
        rows.append((source.source, number(source.pictures), *cells))
    note = "Pictures in which the class is exhaustive / boxes of it. A class with boxes and no such picture is partial."
    return Table(f"{split.name}: by source", ("source", "pictures", *names), tuple(rows), note)


def _together(split: SplitInspection) -> Table:
    together = split.labels.together
    shown = [i for i in np.argsort(-np.diag(together), kind="stable")[:MOST_CLASSES] if together[i, i]]
    names = [split.labels.classes[i].name for i in shown]
    rows = tuple((names[k], *(number(int(together[i, j])) for j in shown)) for k, i in enumerate(shown))
    note = "Pictures that show both; on the diagonal, that show the class."
    if len(split.labels.classes) > MOST_CLASSES:
        note += f" The {MOST_CLASSES} commonest classes."
    return Table(f"{split.name}: classes together", ("class", *names), rows, note)


def _keypoints(label: str, names: Sequence[str], states: Sequence[Sequence[int]]) -> Table:
    rows = tuple((name, *(number(v) for v in counts)) for name, *counts in zip(names, *states, strict=True))
    return Table(f"keypoints of {label}", ("keypoint", "unlabelled", "hidden", "visible"), rows)


def issue_tables(split: SplitInspection) -> tuple[Table, ...]:
    """What is wrong: how often each kind, and examples."""
    counted = count_issues(split.issues)
    summary = Table(
        f"{split.name}: quality issues",
        ("issue", "found"),
        tuple((kind, number(count)) for kind, count in counted),
        "" if counted else "None found.",
    )
    rows: list[tuple[str, ...]] = []
    for kind, _ in counted:
        examples = [issue for issue in split.issues if issue.kind == kind][:EXAMPLES]
        rows += [(i.kind, i.place, "-" if i.annotation is None else str(i.annotation), i.detail) for i in examples]
    if not rows:
        return (summary,)
    note = f"At most {EXAMPLES} of a kind; the JSON has them all."
    columns = ("issue", "picture", "annotation", "detail")
    return summary, Table(f"{split.name}: examples of issues", columns, tuple(rows), note, (1, 3))


def copies_table(inspection: Inspection) -> Table:
    """Identical and near-identical pictures."""
    copies = inspection.copies or ()
    across = sum(c.across for c in copies)
    note = f"{len(copies):,} groups of identical or nearly identical pictures, {across:,} of them across splits."
    if not inspection.complete:
        note += " Reading was interrupted: of the pictures read so far."
    rows = tuple(
        (
            "across splits" if c.across else "within a split",
            "identical" if c.identical else "near",
            ", ".join(f"{split}: {name}" for split, name in c.members),
        )
        for c in copies[: 2 * EXAMPLES]
    )
    return Table("copies", ("where", "how", "pictures"), rows, note, (1, 2))


def table_text(table: Table) -> str:
    """The table as lines of text, columns aligned; no line is cut, however wide.

    >>> print(table_text(Table("t", ("class", "boxes"), (("arm", "1,000"), ("leg", "7")))))
    t
    class  boxes
    arm    1,000
    leg        7
    """
    lines = [table.title]
    if table.rows:
        left = {0, *table.text_columns}
        widths = [max(len(row[i]) for row in (table.columns, *table.rows)) for i in range(len(table.columns))]
        for row in (table.columns, *table.rows):
            cells = (v.ljust(w) if i in left else v.rjust(w) for i, (v, w) in enumerate(zip(row, widths, strict=True)))
            lines.append("  ".join(cells).rstrip())
    if table.note:
        lines.append(table.note)
    return "\n".join(lines)
