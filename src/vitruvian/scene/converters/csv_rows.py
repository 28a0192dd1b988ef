"""CSV: one row for every part, face and person. Joints and landmarks have no place in it."""

from __future__ import annotations

from vitruvian.scene.checks import Box
from vitruvian.scene.scene import Scene
from vitruvian.taxonomy import WHOLE_FACE

CSV_COLUMNS = (
    *("image", "time", "kind", "label", "x1", "y1", "x2", "y2"),
    *("score", "side", "person", "face", "found_by", "track"),
)
"""Header of the rows of :func:`to_csv_rows`."""

Cell = str | float | int | None


def to_csv_rows(scene: Scene) -> list[tuple[Cell, ...]]:
    """Rows for :class:`csv.writer`, in the order of :data:`CSV_COLUMNS`; None becomes an empty cell.

    ``kind`` is ``part``, ``face``, ``face part`` or ``person``; ``person`` and ``face`` are positions in the scene's
    lists, and on the row of a person or face its own.
    """

    def row(
        kind: str,
        label: str,
        box: Box,
        score: float,
        side: str | None = None,
        person: int | None = None,
        face: int | None = None,
        found_by: str | None = None,
        track: int | None = None,
    ) -> tuple[Cell, ...]:
        return (scene.image, scene.time, kind, label, *box, score, side, person, face, found_by, track)

    rows = [row("part", p.label, p.box, p.score, p.side, p.person) for p in scene.parts]
    for i, f in enumerate(scene.faces):
        rows.append(row("face", WHOLE_FACE, f.box, f.score, None, f.person, i, f.found_by, f.track))
        rows += [row("face part", p.label, p.box, p.score, p.side, p.person, i) for p in f.parts]
    rows += [
        row("person", "person", person.box, person.score, person=i, track=person.track)
        for i, person in enumerate(scene.people)
    ]
    return rows
