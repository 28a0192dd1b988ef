"""Cloth: its pattern, its weave and its folds. Training and validation draw from different patterns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.occlusion.fields import Field, noise

Colour = NDArray[np.float32]
"""``(3,)`` float32 RGB within 0..1."""

Pattern = Callable[[Field, Field, Colour, Colour, np.random.Generator], NDArray[np.float32]]
"""Colours ``(H, W, 3)`` within 0..1 of a cloth in two dyes."""


def dye(rng: np.random.Generator) -> Colour:
    """A colour as cloth has it: any hue, mostly muted."""
    import colorsys

    hue, lightness, saturation = rng.uniform(0, 1), rng.uniform(0.18, 0.85), rng.uniform(0.05, 0.55)
    return np.array(colorsys.hls_to_rgb(hue, lightness, saturation), dtype=np.float32)


def _mix(share: Field, first: Colour, second: Colour) -> NDArray[np.float32]:
    return np.asarray(first + (second - first) * share[..., None], dtype=np.float32)


def _step(wave: Field, sharpness: float = 6.0) -> Field:
    return np.asarray(np.clip(0.5 + sharpness * wave, 0, 1), dtype=np.float32)


def _plain(u: Field, v: Field, first: Colour, second: Colour, rng: np.random.Generator) -> NDArray[np.float32]:
    return _mix(0.1 + 0.1 * noise(u, v, 3, rng), first, second)


def _stripes(u: Field, v: Field, first: Colour, second: Colour, rng: np.random.Generator) -> NDArray[np.float32]:
    angle, count = rng.uniform(0, np.pi), rng.uniform(4, 12)
    return _mix(_step(np.sin(count * (u * np.cos(angle) + v * np.sin(angle)))), first, second)


def _knit(u: Field, v: Field, first: Colour, second: Colour, rng: np.random.Generator) -> NDArray[np.float32]:
    count = rng.uniform(22, 34)
    stitch = np.sin(count * u + 1.4 * np.sin(count * v)) * np.cos(0.5 * count * v)
    dyed = _mix(0.08 + 0.05 * noise(u, v, 4, rng), first, second)
    return np.asarray(dyed * (0.86 + 0.14 * stitch)[..., None], dtype=np.float32)


def _plaid(u: Field, v: Field, first: Colour, second: Colour, rng: np.random.Generator) -> NDArray[np.float32]:
    count = rng.uniform(5, 9)
    bands = 0.4 * _step(np.sin(count * u)) + 0.4 * _step(np.sin(count * v))
    lines = 0.2 * _step(np.sin(count * u + 2) - 0.93) + 0.2 * _step(np.sin(count * v + 2) - 0.93)
    return _mix(np.clip(bands + lines, 0, 1), first, second)


def _dots(u: Field, v: Field, first: Colour, second: Colour, rng: np.random.Generator) -> NDArray[np.float32]:
    size = rng.uniform(0.22, 0.4)
    row = np.floor(v / size)
    x, y = (u / size + 0.5 * (row % 2)) % 1 - 0.5, (v / size) % 1 - 0.5
    return _mix(_step(0.28 - np.hypot(x, y), 14), first, second)


def _quilt(u: Field, v: Field, first: Colour, second: Colour, rng: np.random.Generator) -> NDArray[np.float32]:
    count = rng.uniform(4, 7)
    cushion = np.abs(np.sin(count * (u + v) / 2) * np.sin(count * (u - v) / 2)) ** 0.4
    dyed = _mix(0.1 + 0.05 * noise(u, v, 6, rng), first, second)
    return np.asarray(dyed * (0.62 + 0.42 * cushion)[..., None], dtype=np.float32)


TRAIN_PATTERNS: tuple[Pattern, ...] = (_plain, _stripes, _knit)
VALIDATION_PATTERNS: tuple[Pattern, ...] = (_plaid, _dots, _quilt)
"""Held out: no picture that teaches shows one of these."""


def cloth(u: Field, v: Field, patterns: tuple[Pattern, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """A cloth of one of the patterns, slightly warped as cloth lies, with a fine weave."""
    bend = noise(u, v, 1.2, rng, octaves=2)
    sway = noise(u, v, 1.2, rng, octaves=2)
    pattern = patterns[int(rng.integers(len(patterns)))]
    colours = pattern(u + 0.12 * bend, v + 0.12 * sway, dye(rng), dye(rng), rng)
    return np.asarray(colours * (1 + 0.05 * noise(u, v, 40, rng, octaves=1))[..., None], dtype=np.float32)


def folds(u: Field, v: Field, along: float, rng: np.random.Generator, depth: float = 0.07) -> Field:
    """Height of cloth that falls in folds running at the angle ``along`` (radians)."""
    across = -u * np.sin(along) + v * np.cos(along) + 0.35 * noise(u, v, 0.9, rng, octaves=2)
    count = rng.uniform(5, 9)
    ridges = np.abs(np.sin(count * across / 2 + 0.8 * noise(u, v, 0.6, rng, octaves=1)))
    return np.asarray(depth * (1 - ridges) ** 1.5 + 0.04 * noise(u, v, 2.5, rng), dtype=np.float32)
