"""Building blocks of drawn occluders: smooth noise, soft edges, shading from height, and where a face is.

Everything is evaluated on *face coordinates*: ``u`` along the line of the eyes and ``v`` down the face, 0 at the middle
of the landmark box and 1 at its edge, turned with the head. Shapes are signed distances in these units, negative
inside, so that their size, place and softness do not depend on the size of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Box

Field = NDArray[np.float32]
"""``(H, W)`` float32 over the window of a face."""

REACH = 2.4
"""Half the side of the window around a face, in face units: a hat or a scarf lies beyond the landmarks."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceWindow:
    """The surroundings of a face in a picture.

    Attributes:
        left, top: Of the window in the picture, pixels.
        u, v: ``(H, W)`` face coordinates of the window's pixels.
        pixel: Size of a pixel in face units.
        inside: ``(H, W)`` bool, True within the landmark box.
    """

    left: int
    top: int
    u: Field
    v: Field
    pixel: float
    inside: NDArray[np.bool_]

    @classmethod
    def around(cls, box: Box, roll: float, width: int, height: int) -> FaceWindow:
        """The window of a face with this landmark box and roll (radians, clockwise on the picture), cut to the picture.

        Raises:
            ValueError: if the box lies outside the picture.
        """
        centre_x, centre_y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        half_u, half_v = max((box[2] - box[0]) / 2, 1.0), max((box[3] - box[1]) / 2, 1.0)
        reach = REACH * max(half_u, half_v)
        left, top = max(int(centre_x - reach), 0), max(int(centre_y - reach), 0)
        right, bottom = min(int(centre_x + reach) + 1, width), min(int(centre_y + reach) + 1, height)
        if right <= max(left, box[0]) or bottom <= max(top, box[1]) or box[2] <= 0 or box[3] <= 0:
            raise ValueError(f"the face box {box} lies outside the picture of {width} x {height} pixels")
        x = np.arange(left, right, dtype=np.float32)[None] + 0.5
        y = np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5
        along = (x - centre_x) * np.cos(roll) + (y - centre_y) * np.sin(roll)
        down = (y - centre_y) * np.cos(roll) - (x - centre_x) * np.sin(roll)
        return cls(
            left,
            top,
            (along / half_u).astype(np.float32),
            (down / half_v).astype(np.float32),
            2 / (half_u + half_v),
            (x >= box[0]) & (x < box[2]) & (y >= box[1]) & (y < box[3]),
        )

    def thinned(self, step: int) -> FaceWindow:
        """The same window with every ``step``-th pixel."""
        some = np.s_[::step, ::step]
        return FaceWindow(self.left, self.top, self.u[some], self.v[some], self.pixel * step, self.inside[some])

    def cover(self, alpha: Field) -> float:
        """Share of the landmark box (of what the picture shows of it) that an occluder hides."""
        return float((alpha[self.inside] > 0.5).mean()) if self.inside.any() else 0.0


def noise(u: Field, v: Field, frequency: float, rng: np.random.Generator, octaves: int = 3) -> Field:
    """Smooth noise of about zero mean within -1..1; ``frequency`` is bumps a face unit in the coarsest octave."""
    total = np.zeros(u.shape, np.float32)
    for octave in range(octaves):
        total += _lattice(u, v, frequency * 2**octave, rng) / 2**octave
    return total / np.float32(2 - 2.0 ** (1 - octaves))


def _lattice(u: Field, v: Field, frequency: float, rng: np.random.Generator) -> Field:
    values = rng.uniform(-1, 1, (64, 64)).astype(np.float32)
    x, y = u * frequency + rng.uniform(0, 64), v * frequency + rng.uniform(0, 64)
    column, row = np.floor(x), np.floor(y)
    s, t = x - column, y - row
    s, t = s * s * (3 - 2 * s), t * t * (3 - 2 * t)
    c0, r0 = column.astype(np.int64) % 64, row.astype(np.int64) % 64
    c1, r1 = (c0 + 1) % 64, (r0 + 1) % 64
    upper = values[r0, c0] * (1 - s) + values[r0, c1] * s
    lower = values[r1, c0] * (1 - s) + values[r1, c1] * s
    return np.asarray(upper * (1 - t) + lower * t, dtype=np.float32)


def soft(distance: Field, width: float) -> Field:
    """Opacity of a shape: 1 inside, 0 outside, 0.5 on its outline, changing over ``width`` face units."""
    return np.asarray(np.clip(0.5 - distance / max(width, 1e-6), 0, 1), dtype=np.float32)


def capsule(
    u: Field, v: Field, start: tuple[float, float], end: tuple[float, float], wide: float, narrow: float
) -> Field:
    """Signed distance to a thick line that tapers from radius ``wide`` to ``narrow``."""
    du, dv = end[0] - start[0], end[1] - start[1]
    t = np.clip(((u - start[0]) * du + (v - start[1]) * dv) / max(du * du + dv * dv, 1e-9), 0, 1)
    gap = np.hypot(u - start[0] - t * du, v - start[1] - t * dv)
    return np.asarray(gap - (wide + (narrow - wide) * t), dtype=np.float32)


def shade(height: Field, pixel: float, light: tuple[float, float], strength: float = 0.5) -> Field:
    """Brightness of a surface of this height lit from the side that ``light`` points to; about 1 where it is flat."""
    down, across = np.gradient(height, pixel)
    slope = across * light[0] + down * light[1]
    return np.asarray(np.clip(1 - strength * slope / np.sqrt(1 + across**2 + down**2), 0.25, 1.6), dtype=np.float32)
