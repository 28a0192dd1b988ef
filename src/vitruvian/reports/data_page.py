"""The inspection of a data set as one self-contained HTML page and one JSON file."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from vitruvian.data.inspection.inspect import Inspection, SplitInspection
from vitruvian.reports.data_figures import bars, heat_map, histogram
from vitruvian.reports.data_sheets import Sheet
from vitruvian.reports.data_tables import Table, copies_table, split_tables

_STYLE = """
:root { color-scheme: light dark; }
body { font: 14px/1.45 system-ui, sans-serif; max-width: 1500px; margin: 2rem auto; padding: 0 1rem; }
svg { max-width: 100%; height: auto; font: 12px system-ui, sans-serif; fill: currentColor; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 2px 10px; text-align: right; border-bottom: 1px solid #8884; vertical-align: top; }
th { font-weight: 600; position: sticky; top: 0; background: Canvas; }
.text { text-align: left; }
.scroll { overflow: auto; max-height: 32rem; }
.note { opacity: 0.75; max-width: 80rem; }
.grid { display: flex; flex-wrap: wrap; gap: 16px; }
figure { margin: 0 0 1rem; } figcaption { font-size: 12px; }
img { max-width: 100%; height: auto; }
nav a { margin-right: 1em; }
"""


def write_inspection(inspection: Inspection, sheets: Sequence[Sheet], folder: Path, title: str) -> tuple[Path, Path]:
    """Write ``index.html`` and ``inspection.json`` into a folder, which is made if need be; returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    page, numbers = folder / "index.html", folder / "inspection.json"
    for path, text in ((page, inspection_page(inspection, sheets, title)), (numbers, inspection_json(inspection))):
        partial = path.with_name(path.name + ".partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    return page, numbers


def inspection_json(inspection: Inspection) -> str:
    """Every number and every finding, fields named as in the dataclasses."""
    return json.dumps(_plain(inspection), indent=1)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


def inspection_page(inspection: Inspection, sheets: Sequence[Sheet], title: str) -> str:
    """The page; it loads nothing from anywhere else."""
    names = [split.name for split in inspection.splits]
    links = "".join(f'<a href="#split-{i}">{escape(n)}</a>' for i, n in enumerate(names))
    parts = [f"<nav>{links}<a href='#copies'>copies</a><a href='#samples'>samples</a></nav>"]
    for i, split in enumerate(inspection.splits):
        parts += [f'<h2 id="split-{i}">{escape(split.name)}</h2>', _figures(split)]
        parts += [table_html(table) for table in split_tables(split)]
    parts.append('<h2 id="copies">Copies</h2>')
    if inspection.copies is None:
        parts.append('<p class="note">The pictures were not read.</p>')
    else:
        parts.append(table_html(copies_table(inspection)))
    parts.append('<h2 id="samples">Samples</h2>')
    parts += [_image(sheet) for sheet in sheets]
    return page_html(title, "".join(parts))


def page_html(title: str, body: str) -> str:
    """A whole document around a body."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{body}</body></html>"
    )


def table_html(table: Table) -> str:
    """A table with its title and note."""
    left = {0, *table.text_columns}

    def cells(tag: str, row: Sequence[str]) -> str:
        classes = (' class="text"' if i in left else "" for i in range(len(row)))
        return "".join(f"<{tag}{c}>{escape(v)}</{tag}>" for c, v in zip(classes, row, strict=True))

    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    if not table.rows:
        return f"<h3>{escape(table.title)}</h3>{note}"
    rows = "".join(f"<tr>{cells('td', row)}</tr>" for row in table.rows)
    head = f"<tr>{cells('th', table.columns)}</tr>"
    return f'<h3>{escape(table.title)}</h3>{note}<div class="scroll"><table>{head}{rows}</table></div>'


def _figures(split: SplitInspection) -> str:
    labels = split.labels
    order = sorted((c for c in labels.classes if c.boxes), key=lambda c: -c.boxes)
    counts = [str(i) for i in range(len(labels.per_picture_histogram) - 1)] + ["more"]
    maps = [(c.name, labels.centres[i]) for i, c in enumerate(labels.classes) if c.boxes]
    centres = "".join(
        f"<figure>{heat_map(grid, f'where {name} lies')}<figcaption>{escape(name)}</figcaption></figure>"
        for name, grid in maps
    )
    return (
        '<div class="grid">'
        + _captioned(bars([c.name for c in order], [c.boxes for c in order], "boxes a class"), "Boxes a class")
        + _captioned(histogram(counts, list(labels.per_picture_histogram), "boxes a picture"), "Pictures by boxes")
        + f'</div><p>Where the centres of the boxes lie in the picture:</p><div class="grid">{centres}</div>'
    )


def _captioned(figure: str, caption: str) -> str:
    return f"<figure>{figure}<figcaption>{escape(caption)}</figcaption></figure>"


def _image(sheet: Sheet) -> str:
    data = base64.b64encode(sheet.jpeg).decode("ascii")
    return _captioned(f'<img alt="{escape(sheet.title)}" src="data:image/jpeg;base64,{data}">', sheet.title)
