"""YOLO text: one line a box, ``class cx cy width height [confidence]``, all but the class relative to the picture.

Sides, people and landmarks have no place in it, and a facial part loses the face it lay in.
"""

from __future__ import annotations

from collections.abc import Sequence

from vitruvian.scene.checks import SceneError
from vitruvian.scene.converters.flat import class_index, detections
from vitruvian.scene.scene import Scene
from vitruvian.scene.types import Face, Part
from vitruvian.taxonomy import PARTS, WHOLE_FACE


def to_yolo(scene: Scene, names: Sequence[str] = PARTS.names, confidence: bool = True) -> str:
    """Every box of a scene as YOLO lines.

    Args:
        scene: What was found.
        names: Labels in the order of the class numbers, which start at 0.
        confidence: Write the score as sixth column; training labels have none.

    Returns:
        Lines with a final newline; empty where nothing was found. A box that reaches beyond the picture gives values
        outside 0..1.

    Raises:
        SceneError: if a label is not among ``names``.
    """
    lines = []
    for part in detections(scene):
        x1, y1, x2, y2 = part.box
        values = [
            (x1 + x2) / 2 / scene.width,
            (y1 + y2) / 2 / scene.height,
            (x2 - x1) / scene.width,
            (y2 - y1) / scene.height,
        ]
        if confidence:
            values.append(part.score)
        lines.append(" ".join([str(class_index(part.label, names)), *(f"{value:.10g}" for value in values)]) + "\n")
    return "".join(lines)


def from_yolo(
    text: str, width: int, height: int, names: Sequence[str] = PARTS.names, image: str | None = None
) -> Scene:
    """Read YOLO lines; whole faces become faces, everything else parts.

    Args:
        text: The file's text; blank lines are skipped.
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.
        names: Labels in the order of the class numbers.
        image: Path or name of the picture.

    Returns:
        The scene, in the order of the lines. A line without confidence, as in training labels, has score 1.

    Raises:
        SceneError: at the first line that is wrong, naming it.
    """
    parts: list[Part] = []
    faces: list[Face] = []
    for number, line in enumerate(text.splitlines(), start=1):
        columns = line.split()
        if not columns:
            continue
        if len(columns) not in (5, 6):
            raise SceneError(f"line {number}: must have 5 or 6 columns, not {len(columns)}")
        try:
            index = int(columns[0])
            cx, cy, w, h, score = map(float, (*columns[1:], "1")[:5])
        except ValueError:
            raise SceneError(
                f"line {number}: is not a class number followed by numbers: {line.strip()[:60]!r}"
            ) from None
        if not 0 <= index < len(names):
            raise SceneError(f"line {number}: there is no class {index} among {len(names)}")
        box = ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)
        try:
            if names[index] == WHOLE_FACE:
                faces.append(Face(box, score))
            else:
                parts.append(Part(names[index], box, score))
        except SceneError as error:
            raise SceneError(f"line {number}: {error}") from None
    return Scene(image, width, height, tuple(parts), tuple(faces))
