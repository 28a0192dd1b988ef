"""Tables and sheets of what balance, split, merge, derive and occlude did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from vitruvian.data.balance import Balance
from vitruvian.data.dataset import Dataset
from vitruvian.data.merge import Merged
from vitruvian.data.occlusion.occlude import Level
from vitruvian.data.split import Split
from vitruvian.data.table import LabelTable
from vitruvian.data.wflw_merl import WflwMerl
from vitruvian.reports.data_sheets import annotation_sheet
from vitruvian.reports.data_tables import Table, number


def balance_table(result: Balance, pictures_before: int) -> Table:
    """Boxes and pictures of every class before and after."""
    rows = tuple(
        (
            c.name,
            *(number(v) for v in (c.boxes_before, c.boxes_after, c.target)),
            *(number(v) for v in (c.pictures_before, c.pictures_after, c.pictures_alone)),
        )
        for c in result.classes
    )
    columns = ("class", "boxes before", "boxes after", "wanted", "pictures before", "pictures after", "alone")
    note = (
        f"{pictures_before:,} pictures before, {result.filtered:,} filtered out, {len(result.dataset):,} chosen; "
        f"imbalance ratio {result.imbalance_before:.2f} before, {result.imbalance_after:.2f} after. Alone: pictures "
        "that the class would take by itself, at its boxes a picture; shared pictures are counted once in all."
    )
    return Table("balance", columns, rows, note)


def split_table(dataset: Dataset, result: Split, class_attribute: str | None) -> Table:
    """Pictures, and the share of every class, in each split."""
    parts = result.parts
    rows = [("pictures", *(_of(len(part), len(dataset)) for part in parts.values()))]
    total = LabelTable.of(dataset).counts().sum(axis=0)
    counts = [LabelTable.of(part).counts().sum(axis=0) for part in parts.values()]
    for i in np.flatnonzero(total):
        rows.append((f"boxes of {dataset.labels[i]}", *(_of(int(c[i]), int(total[i])) for c in counts)))
    if class_attribute is not None:
        names = [Counter(str(p.attributes[class_attribute]) for p in part) for part in parts.values()]
        everything = sum(names, Counter[str]())
        rows += [(name, *(_of(c[name], n) for c in names)) for name, n in sorted(everything.items())]
    note = f"{result.groups:,} groups."
    if result.rare:
        listed = ", ".join(f"{name} ({n})" for name, n in result.rare)
        note += f" Fewer groups than splits, so that the largest splits were served first: {listed}."
    return Table("split", ("", *parts), tuple(rows), note)


def _of(part: int, whole: int) -> str:
    return f"{part:,} ({part / max(whole, 1):.1%})"


def merge_table(result: Merged) -> Table:
    """What was merged, and where promises were belied."""
    note = f"{len(result.joined):,} pictures were found more than once; {result.doubled:,} boxes were there twice."
    if result.belied:
        listed = ", ".join(f"{name}: {label}" for name, label in result.belied[:10])
        note += f" {len(result.belied):,} promises were belied by another copy's labels and dropped: {listed}."
    table = class_table(result.dataset, "merged")
    return Table(table.title, table.columns, table.rows, f"{table.note} {note}")


def class_table(dataset: Dataset, title: str) -> Table:
    """Boxes, pictures and exhaustive pictures of every class."""
    table = LabelTable.of(dataset)
    counts = table.counts()
    rows = tuple(
        (
            name,
            number(int(counts[:, i].sum())),
            number(int((counts[:, i] > 0).sum())),
            number(int(table.exhaustive[:, i].sum())),
            number(int((table.regional[:, i] & ~table.exhaustive[:, i]).sum())),
        )
        for i, name in enumerate(dataset.labels)
    )
    columns = ("class", "boxes", "pictures", "exhaustive pictures", "in a region")
    return Table(title, columns, rows, f"{len(dataset):,} pictures.")


def recipe_table(made: WflwMerl) -> Table:
    """Split sizes against the thesis."""
    rows = tuple(
        (c.source, c.split, number(c.thesis), number(c.found), "" if c.agrees else "differs") for c in made.checks
    )
    note = (
        f"{made.other_poses:,} pictures left out for their pose, {made.dropped:,} from val and test because a face in "
        "them may be unlabelled."
    )
    return Table("pictures by split", ("source", "split", "thesis", "here", ""), rows, note, (1, 4))


def occlusion_table(results: Mapping[Level, Dataset]) -> Table:
    """Faces, covered share and kinds of every level."""
    rows = []
    for level, dataset in results.items():
        records = [a.attributes["occlusion"] for p in dataset for a in p.annotations if "occlusion" in a.attributes]
        shares = [record["coverage"] for record in records] or [0.0]
        kinds = Counter(kind for record in records for kind in record["kinds"])
        listed = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(10))
        span = f"{min(shares):.1%} to {max(shares):.1%}"
        rows.append((level, number(len(dataset)), number(len(records)), span, f"{np.mean(shares):.1%}", listed))
    columns = ("level", "pictures", "faces", "covered", "mean", "kinds")
    return Table("occlusion", columns, tuple(rows), "", (5,))


def occlusion_sheet(results: Mapping[Level, Dataset], label: str, tiles: int = 12) -> bytes:
    """The same faces at every level, one row each, as JPEG."""
    return annotation_sheet(
        [
            (dataset, [(p, a) for p in dataset for a in p.annotations if a.label == label])
            for dataset in results.values()
        ],
        tiles,
    )
