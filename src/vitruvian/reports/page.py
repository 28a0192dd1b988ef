"""A page that needs nothing but itself: sections of tables, notes and pictures in one HTML file."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from vitruvian.metrics.result import Result, Table, shown

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f24; margin: 2rem auto; max-width: 76rem; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #d0d7de; }
.lead { color: #57606a; margin-top: 0; }
.note { background: #fff8e5; border-left: 3px solid #d4a72c; padding: .4rem .8rem; margin: .5rem 0; }
.numbers { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
.number { border: 1px solid #d0d7de; border-radius: 8px; padding: .6rem 1rem; }
.number b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.number span, figcaption { color: #57606a; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .8rem 0 .3rem; white-space: nowrap; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid #eaeef2; text-align: right; }
th:first-child, td:first-child { text-align: left; }
th { background: #f6f8fa; }
tr:hover td { background: #f6f8fa; }
figure { display: inline-block; margin: .5rem 1rem .5rem 0; vertical-align: top; max-width: min(100%, 36rem); }
figure.wide { max-width: 100%; }
img { max-width: 100%; height: auto; }
figcaption { font-size: 13px; max-width: 36rem; }
"""

_WIDE = 900


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture for the page: its name (file stem), PNG bytes, and a line under it."""

    name: str
    png: bytes
    caption: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it, in this order: notes, pictures, tables."""

    title: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()


def result_section(title: str, result: Result, figures: Sequence[Figure] = ()) -> Section:
    """A result's tables and notes, with figures of it."""
    return Section(title, result.tables(), tuple(figures), result.notes)


def page_html(title: str, lead: str, numbers: Sequence[tuple[str, str]], sections: Sequence[Section]) -> str:
    """The page as text; every name in it is escaped.

    Args:
        title: Heading.
        lead: A line under it: protocol, evaluator, data.
        numbers: Names and texts of the headline numbers.
        sections: In order.
    """
    cards = "".join(f'<div class="number"><b>{escape(v)}</b><span>{escape(k)}</span></div>' for k, v in numbers)
    body = "".join(_section(section) for section in sections)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>'
        f'<div class="numbers">{cards}</div>{body}</body></html>'
    )


def write_page(
    folder: str | os.PathLike[str],
    title: str,
    lead: str,
    numbers: Sequence[tuple[str, str]],
    sections: Sequence[Section],
) -> Path:
    """Write ``index.html`` and a PNG a figure into ``folder``; gives the page's path.

    Raises:
        OSError: when the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for section in sections:
        for figure in section.figures:
            (folder / f"{figure.name}.png").write_bytes(figure.png)
    page = folder / "index.html"
    page.write_text(page_html(title, lead, numbers, sections), encoding="utf-8")
    return page


def _section(section: Section) -> str:
    notes = "".join(f'<div class="note">{escape(note)}</div>' for note in section.notes)
    figures = "".join(map(_figure, section.figures))
    tables = "".join(_table(table) for table in section.tables)
    return f"<section><h2>{escape(section.title)}</h2>{notes}{figures}{tables}</section>"


def _figure(figure: Figure) -> str:
    """Small pictures stand side by side; one of many parts gets the whole line. (The PNG's header tells its width.)"""
    wide = ' class="wide"' if int.from_bytes(figure.png[16:20], "big") > _WIDE else ""
    caption, source = escape(figure.caption), base64.b64encode(figure.png).decode()
    image = f'<img alt="{caption}" src="data:image/png;base64,{source}">'
    return f"<figure{wide}>{image}<figcaption>{caption}</figcaption></figure>"


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(c)}</th>" for c in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(shown(c))}</td>" for c in row) + "</tr>" for row in table.rows)
    return f'<div class="scroll"><table><caption>{escape(table.title)}</caption><tr>{head}</tr>{rows}</table></div>'
