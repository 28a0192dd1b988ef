"""Small charts as inline SVG, which a self-contained page needs no library for."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from vitruvian.taxonomy.colours import part_colour

_ROW, _LABEL, _BAR, _VALUE = 22, 150, 420, 70


def bars(names: Sequence[str], values: Sequence[float], title: str) -> str:
    """Horizontal bars, one a name, in the colours of the parts."""
    top = max([*values, 1])
    rows = []
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        y, width = i * _ROW, _BAR * value / top
        colour = "#{:02x}{:02x}{:02x}".format(*part_colour(name))
        rows.append(
            f'<text x="{_LABEL - 8}" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{_LABEL}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 6}" fill="{colour}"/>'
            f'<text x="{_LABEL + width + 6:.1f}" y="{y + 15}">{value:,.0f}</text>'
        )
    return _svg(_LABEL + _BAR + _VALUE, _ROW * len(rows), "".join(rows), title)


def histogram(names: Sequence[str], values: Sequence[float], title: str) -> str:
    """Upright bars with a name under each."""
    top, step, height = max([*values, 1]), 26, 140
    columns = []
    for i, (name, value) in enumerate(zip(names, values, strict=True)):
        x, tall = i * step, height * value / top
        columns.append(
            f'<rect x="{x + 2}" y="{16 + height - tall:.1f}" width="{step - 4}" height="{tall:.1f}" fill="#56789a">'
            f"<title>{escape(name)}: {value:,.0f}</title></rect>"
            f'<text x="{x + step / 2}" y="{height + 32}" text-anchor="middle">{escape(name)}</text>'
        )
    return _svg(step * len(columns), height + 38, "".join(columns), title)


def heat_map(values: NDArray[np.int64], title: str, side: int = 120) -> str:
    """A ``(R, C)`` grid of counts as shades, darkest at the most."""
    rows, columns = values.shape
    cell = side / max(rows, columns)
    top = max(int(values.max(initial=0)), 1)
    cells = "".join(
        f'<rect x="{c * cell:.2f}" y="{r * cell:.2f}" width="{cell + 0.3:.2f}" height="{cell + 0.3:.2f}" '
        f'fill="#b0391e" fill-opacity="{values[r, c] / top:.3f}"/>'
        for r in range(rows)
        for c in range(columns)
        if values[r, c]
    )
    frame = f'<rect width="{side}" height="{side}" fill="none" stroke="#8888"/>'
    return _svg(side, side, cells + frame, title)


def _svg(width: float, height: float, content: str, title: str) -> str:
    return (
        f'<svg role="img" aria-label="{escape(title)}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}"><title>{escape(title)}</title>{content}</svg>'
    )
