"""Covering a face to a wanted degree: the levels of the occluded-face thesis (section 4.6) made by drawing.

Easy covers 20 to 30 % of the face's landmark box, medium 45 to 55 %, hard 70 to 80 %; none leaves the picture as it
is. An occluder that cannot cover so much in life (a mask, a tube) is joined by others until the level is met.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Box
from vitruvian.data.occlusion import occluders
from vitruvian.data.occlusion.fields import FaceWindow, Field
from vitruvian.data.occlusion.hands import hand, mitten
from vitruvian.data.occlusion.occluders import Draw, Layer, Pixels
from vitruvian.images.resize import resize

Level = Literal["none", "easy", "medium", "hard"]

LEVELS: dict[Level, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "easy": (0.20, 0.30),
    "medium": (0.45, 0.55),
    "hard": (0.70, 0.80),
}
"""Covered share of the landmark box, least and most."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of occluder.

    Attributes:
        name: For the record.
        draw: Gives its layer.
        most: Amount beyond which it would no longer look like what it is.
        in_front: False for what happens to the picture itself (blur, darkness), which objects are laid over.
    """

    name: str
    draw: Draw
    most: float = 1.0
    in_front: bool = True


TRAIN_KINDS: tuple[Kind, ...] = (
    Kind("scarf", occluders.SCARF),
    Kind("hand", hand),
    Kind("surgical mask", occluders.SURGICAL_MASK, most=0.8),
    Kind("beanie", occluders.BEANIE, most=0.8),
    Kind("tube", occluders.TUBE, most=0.6),
    Kind("out of focus", occluders.OUT_OF_FOCUS, in_front=False),
    Kind("shadow", occluders.SHADOW, in_front=False),
)
VALIDATION_KINDS: tuple[Kind, ...] = (
    Kind("blanket", occluders.BLANKET),
    Kind("mitten", mitten),
    Kind("cloth mask", occluders.CLOTH_MASK, most=0.8),
    Kind("sun hat", occluders.SUN_HAT, most=0.85),
    Kind("strap", occluders.STRAP, most=0.7),
    Kind("motion blur", occluders.MOTION_BLUR, in_front=False),
    Kind("darkness", occluders.DARKNESS, in_front=False),
)
"""Kinds that no detector is trained with, so that validation measures occlusion and not the recognition of our
drawings. How a second look joins its witnesses is fitted with them, on training photographs."""

_STEPS, _TRIES, _MOST_LAYERS = 12, 24, 3

_SKETCH = 72
"""Pixels along the window on which the size of an occluder is searched; the last look is at full size."""


@dataclass(frozen=True, slots=True, eq=False)
class Occluded:
    """A picture with a covered face, and exactly what covers it.

    Attributes:
        picture: ``(H, W, 3)`` uint8 RGB.
        mask: ``(H, W)`` bool, True where something hides the picture by more than half.
        coverage: Share of the landmark box (of the part in the picture) under the mask.
        kinds: Names of the occluders, in the order in which they were laid on.
    """

    picture: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    coverage: float
    kinds: tuple[str, ...]


def occlude(
    picture: NDArray[np.uint8],
    box: Box,
    level: Level,
    kinds: Sequence[Kind],
    rng: np.random.Generator,
    roll: float = 0.0,
) -> Occluded:
    """Cover a face.

    Args:
        picture: ``(H, W, 3)`` uint8 RGB.
        box: Extent of the face's landmarks, ``xyxy`` pixels.
        level: How much.
        kinds: What may cover it: ``TRAIN_KINDS``, ``VALIDATION_KINDS``, or cut-outs.
        rng: Decides everything that is left open.
        roll: Angle of the line from the right eye to the left, radians, clockwise on the picture.

    Raises:
        ValueError: if there are no kinds, the box lies outside the picture, or the kinds cannot reach the level.
    """
    height, width = picture.shape[:2]
    if level == "none":
        return Occluded(picture, np.zeros((height, width), bool), 0.0, ())
    if not kinds:
        raise ValueError("there is no kind of occluder to choose from")
    window = FaceWindow.around(box, roll, width, height)
    rows = slice(window.top, window.top + window.u.shape[0])
    columns = slice(window.left, window.left + window.u.shape[1])
    below: Pixels = np.asarray(picture[rows, columns] / np.float32(255), dtype=np.float32)
    for _ in range(_TRIES):
        plan = _plan(window, below, LEVELS[level], kinds, rng)
        layers = [kind.draw(window, amount, below, np.random.default_rng(seed)) for kind, amount, seed in plan]
        if not layers:
            continue
        alpha = _union(layers)
        least, most = LEVELS[level]
        if least <= window.cover(alpha) <= most:
            result = picture.copy()
            blended = _compose(window, below, layers, rng)
            result[rows, columns] = (np.clip(blended, 0, 1) * 255 + 0.5).astype(np.uint8)
            mask = np.zeros((height, width), bool)
            mask[rows, columns] = alpha > 0.5
            return Occluded(result, mask, window.cover(alpha), tuple(kind.name for kind, _, _ in plan))
    raise ValueError(f"{', '.join(kind.name for kind in kinds)} cannot cover {LEVELS[level]} of this face")


def _union(layers: Sequence[Layer]) -> Field:
    return np.asarray(np.maximum.reduce([layer.alpha for layer in layers]), dtype=np.float32)


def _plan(
    window: FaceWindow, below: Pixels, wanted: tuple[float, float], kinds: Sequence[Kind], rng: np.random.Generator
) -> list[tuple[Kind, float, int]]:
    """Kind, amount and seed of up to three occluders that together cover as much as wanted; empty if these cannot."""
    step = max(max(window.u.shape) // _SKETCH, 1)
    sketch, picture = window.thinned(step), np.ascontiguousarray(below[::step, ::step])
    goal = rng.uniform(wanted[0] + 0.15 * (wanted[1] - wanted[0]), wanted[1] - 0.15 * (wanted[1] - wanted[0]))
    covered = np.zeros(sketch.u.shape, np.float32)
    plan: list[tuple[Kind, float, int]] = []
    for index in rng.permutation(len(kinds))[:_MOST_LAYERS]:
        kind, seed = kinds[int(index)], int(rng.integers(2**32))
        amount, alpha = _grown(sketch, picture, kind, seed, covered, goal)
        if sketch.cover(alpha) < sketch.cover(covered) + 0.02:
            continue
        covered = alpha
        plan.append((kind, amount, seed))
        if wanted[0] <= sketch.cover(covered) <= wanted[1]:
            return sorted(plan, key=lambda p: p[0].in_front)
    return []


def _grown(window: FaceWindow, below: Pixels, kind: Kind, seed: int, under: Field, goal: float) -> tuple[float, Field]:
    """The amount at which everything covers the goal, or the most of its kind, and the union of opacities there."""

    def at(amount: float) -> Field:
        return np.maximum(under, kind.draw(window, amount, below, np.random.default_rng(seed)).alpha)

    low, high = 0.0, kind.most
    alpha = at(high)
    if window.cover(alpha) <= goal:
        return high, alpha
    middle = high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        alpha = at(middle)
        share = window.cover(alpha)
        if abs(share - goal) < 0.005:
            break
        low, high = (middle, high) if share < goal else (low, middle)
    return middle, alpha


def _compose(window: FaceWindow, below: Pixels, layers: Sequence[Layer], rng: np.random.Generator) -> Pixels:
    """Lay the layers on: in the picture's light, with the shadow that each casts, as sharp and grainy as the rest."""
    result = below
    tint = _light(window, below)
    vivid = float((below.max(axis=2) - below.min(axis=2)).mean())
    chroma = min(vivid / 0.05, 1.0)  # a black-and-white picture shows black-and-white cloth
    for layer in layers:
        if layer.shadow:
            offset = max(round(0.05 / window.pixel), 1)
            cast = _spread(np.roll(layer.alpha, (offset, offset // 2), (0, 1)), 2 * offset)
            result = result * (1 - layer.shadow * np.clip(cast - layer.alpha, 0, 1))[..., None]
        colour = layer.colour
        if layer.lit:
            grey = colour.mean(axis=2, keepdims=True)
            colour = (grey + (colour - grey) * chroma) * tint + rng.normal(0, 0.008, colour.shape).astype(np.float32)
        result = result * (1 - layer.alpha[..., None]) + colour * layer.alpha[..., None]
    return np.asarray(result, dtype=np.float32)


def _light(window: FaceWindow, below: Pixels) -> NDArray[np.float32]:
    """``(H, W, 1)``: brightness of the picture where the occluder goes; coarse, so that no feature shines through."""
    height, width = below.shape[:2]
    face = below[window.inside] if window.inside.any() else below.reshape(-1, 3)
    level = float(np.clip(face.mean() / 0.6, 0.25, 1.3))
    coarse = resize(resize(below.mean(axis=2, keepdims=True), 3, 3), width, height)
    return np.asarray(level * np.clip(0.75 + 0.25 * coarse / max(float(coarse.mean()), 0.05), 0.7, 1.2), np.float32)


def _spread(alpha: Field, radius: int) -> Field:
    """The field blurred by about ``radius`` pixels."""
    height, width = alpha.shape
    small = resize(alpha[..., None], max(width // radius, 2), max(height // radius, 2))
    return np.asarray(resize(small, width, height)[..., 0], dtype=np.float32)
