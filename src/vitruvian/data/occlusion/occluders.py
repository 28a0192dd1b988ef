"""Drawn occluders, one function a kind: cloth, masks, hats, tubes and straps, blur, darkness. Hands are in ``hands``.

Each takes the face's window, an amount within 0..1 that grows it, the picture below, and a random generator, and gives
a layer. The same generator state and a larger amount give the same object covering more, which is what lets the
covered share be set by bisection.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.occlusion.fields import FaceWindow, Field, capsule, noise, shade, soft
from vitruvian.data.occlusion.textures import TRAIN_PATTERNS, VALIDATION_PATTERNS, Pattern, cloth, dye, folds
from vitruvian.images.resize import resize

Pixels = NDArray[np.float32]
"""``(H, W, 3)`` float32 RGB within 0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """Something in front of a face.

    Attributes:
        alpha: ``(H, W)`` opacity.
        colour: ``(H, W, 3)`` RGB within 0..1 in neutral light.
        shadow: How much it darkens the skin beside it, 0..1.
        lit: True for an object, which takes on the light of the picture; False for blur and darkness, which are of it.
    """

    alpha: Field
    colour: Pixels
    shadow: float = 0.35
    lit: bool = True


Draw = Callable[[FaceWindow, float, Pixels, np.random.Generator], Layer]

_LIGHT = (-0.5, -0.85)
"""From above and a little from the left, as most pictures are lit."""


def _edge(window: FaceWindow) -> float:
    """Softness of an outline in face units: about a pixel and a half."""
    return 1.5 * window.pixel


def _drape(patterns: tuple[Pattern, ...], hem: float) -> Draw:
    """Cloth pulled over the face from one side: a scarf from below, a blanket from below or a lower corner."""

    def draw(window: FaceWindow, amount: float, _: Pixels, rng: np.random.Generator) -> Layer:
        u, v = window.u, window.v
        side = rng.uniform(-0.9, 0.9) if hem else rng.uniform(-0.25, 0.25)
        along, up = np.cos(side), np.sin(side)
        height = v * along + u * up + 0.1 * noise(u, v, 1.1, rng) + 0.12 * u**2 * rng.uniform(-1, 1)
        distance = (1.25 - 2.6 * amount) - height
        surface = folds(u, v, side + rng.uniform(-0.35, 0.35), rng, depth=0.1 if hem else 0.07)
        roll = 0.09 * np.sqrt(np.clip(-distance / 0.16, 0, 1))  # cloth rounds off towards its border
        colour = cloth(u * along - v * up, height, patterns, rng)
        if hem:
            band = soft(np.abs(distance + hem) - 0.025, 0.02)[..., None]
            colour = colour * (1 - 0.45 * band) + 0.45 * band * dye(rng)
        lit = shade(surface + roll, window.pixel, _LIGHT, 0.75)
        return Layer(soft(distance, _edge(window)), colour * lit[..., None], 0.5)

    return draw


def _mask(patterns: tuple[Pattern, ...] | None) -> Draw:
    """A face mask over nose and mouth; pleated where no patterns are given (surgical), else of sewn cloth."""

    def draw(window: FaceWindow, amount: float, _: Pixels, rng: np.random.Generator) -> Layer:
        u, v = window.u, window.v
        top = 1.0 - 1.45 * amount
        slump = rng.uniform(-0.05, 0.05)
        arch = top + 0.2 * np.abs(u) ** 1.6 - 0.1 * np.exp(-((u / 0.25) ** 2)) + slump * u
        chin = 1.14 - 0.42 * np.abs(u) ** 2.4
        distance = np.maximum(np.maximum(arch - v, v - chin), np.abs(u) - 1.02 - 0.04 * np.sin(6 * v))
        bulge = 0.35 * np.sqrt(np.clip(1.2 - u**2, 0, None)) + 0.1 * np.exp(-((u / 0.3) ** 2)) * np.clip(0.9 - v, 0, 1)
        if patterns is None:
            tone = rng.choice(np.array([[0.62, 0.78, 0.87], [0.9, 0.92, 0.93], [0.16, 0.17, 0.19], [0.72, 0.86, 0.8]]))
            phase = 2 * np.pi * (v - arch) * rng.uniform(2.6, 3.4)
            pleat = np.sin(phase + 0.7 * np.sin(phase)) * np.clip(2.2 * (1 - np.abs(u)), 0, 1)
            surface = bulge + 0.016 * pleat
            colour = (
                np.broadcast_to(tone.astype(np.float32), (*u.shape, 3)) * (1 + 0.03 * noise(u, v, 30, rng))[..., None]
            )
        else:
            surface = bulge + 0.02 * noise(u, v, 3, rng) - 0.05 * np.exp(-((u / 0.02) ** 2))
            colour = cloth(u, v, patterns, rng)
        hem = soft(np.abs(distance + 0.05) - 0.008, 0.012)
        colour = colour * (1 - 0.25 * hem)[..., None]
        loops = np.minimum.reduce(
            [capsule(u, v, (s * 1.0, y), (s * 1.18, -0.45), 0.018, 0.018) for s in (-1, 1) for y in (top + 0.25, 0.72)]
        )
        alpha = np.maximum(soft(distance, _edge(window)), 0.9 * soft(loops, _edge(window)) * (amount > 0.05))
        return Layer(alpha, colour * shade(surface, window.pixel, _LIGHT, 0.6)[..., None], 0.4)

    return draw


def _beanie(window: FaceWindow, amount: float, _: Pixels, rng: np.random.Generator) -> Layer:
    """A knitted cap pulled down over brows and eyes."""
    u, v = window.u, window.v
    tilt = rng.uniform(-0.15, 0.15)
    border = -1.25 + 2.3 * amount + tilt * u - 0.14 * u**2
    head = np.hypot(u / 1.4, (v + 0.3) / 1.8) - 1
    distance = np.maximum(head * 1.3, v - border)
    across = np.arcsin(np.clip(u / 1.42, -1, 1))
    cuff = v > border - 0.42
    ribs = np.abs(np.sin(across * 17 + 0.4 * noise(u, v, 1.5, rng, octaves=1))) ** 0.7
    stitch = 0.5 + 0.5 * np.sin(v * 42 + 2 * np.sin(across * 34))
    surface = 0.5 * np.cos(across) + 0.028 * ribs + 0.008 * stitch + 0.05 * cuff
    colour = cloth(across, v, TRAIN_PATTERNS[:2], rng) * (0.74 + 0.2 * ribs + 0.1 * stitch)[..., None]
    crease = np.exp(-(((v - border + 0.42) / 0.03) ** 2))
    lit = shade(surface, window.pixel, _LIGHT, 0.55) * (1 - 0.4 * crease)
    return Layer(soft(distance, 2 * _edge(window)), colour * lit[..., None], 0.5)


def _sun_hat(window: FaceWindow, amount: float, _: Pixels, rng: np.random.Generator) -> Layer:
    """A brimmed hat tipped over the face."""
    u, v = window.u, window.v
    tilt = rng.uniform(-0.22, 0.22)
    down = -1.35 + 2.25 * amount
    x, y = u, v - tilt * u
    brim = np.hypot(x / 1.75, (y - down + 0.42 + 0.05 * np.sin(3 * x + tilt * 9)) / 0.42) - 1
    crown = np.maximum(np.hypot(x / 1.12, (y - down + 0.7) / 1.25) - 1, y - down + 0.45)
    distance = np.minimum(brim * 0.42, crown)
    base = cloth(x, y, VALIDATION_PATTERNS, rng)
    straw = np.array([0.8, 0.68, 0.45], np.float32) * (0.85 + 0.1 * np.sin(40 * x + 8 * y) * np.sin(46 * y))[..., None]
    colour = straw if rng.uniform() < 0.5 else base
    ribbon = np.asarray(np.abs(y - down + 0.62 - 0.12 * x**2) - 0.1, np.float32)
    band = soft(ribbon, 0.02) * (np.abs(x) < 1.1) * (crown < 0)
    colour = colour * (1 - 0.75 * band)[..., None] + 0.75 * band[..., None] * dye(rng)
    surface = np.where(brim < 0, 0.12 * np.cos(np.clip(x, -1.7, 1.7)), 0.5 * np.sqrt(np.clip(1.25 - x**2, 0, None)))
    surface = surface + 0.01 * noise(x, y, 12, rng)
    lit = shade(surface.astype(np.float32), window.pixel, _LIGHT, 0.5) * (1 - 0.25 * (brim < 0) * (y > down - 0.42))
    return Layer(soft(distance.astype(np.float32), _edge(window)), colour * lit[..., None], 0.6)


def _tube(window: FaceWindow, amount: float, below: Pixels, rng: np.random.Generator) -> Layer:
    """Feeding or breathing tubes to nose and mouth, held by strips of tape."""
    u, v = window.u, window.v
    radius = 0.04 + 0.055 * amount
    alpha, colour = np.zeros(u.shape, np.float32), below.copy()
    mouth = (rng.uniform(-0.1, 0.1), rng.uniform(0.15, 0.5))
    for side in rng.permutation(np.array([-1.0, 1.0])):
        path = _curve(mouth, (side * rng.uniform(0.4, 0.6), mouth[1] + 0.2), (side * 2.6, rng.uniform(-0.5, 1.6)))
        colour, alpha = _paint_tape(window, path[4], amount, colour, alpha, rng)
        tone = np.array([0.86, 0.89, 0.88], np.float32) * (1 - 0.2 * rng.uniform())
        gap = np.minimum.reduce([capsule(u, v, a, b, radius, radius) for a, b in pairwise(path)])
        profile = np.sqrt(np.clip(1 - ((gap + radius) / radius) ** 2, 0, 1))
        plastic = tone * (0.62 + 0.3 * profile)[..., None] + 0.18 * np.clip(12 * profile - 11, 0, 1)[..., None]
        cover = 0.78 * soft(gap, _edge(window))  # the skin shines through
        colour = colour * (1 - cover[..., None]) + plastic * cover[..., None]
        alpha = np.maximum(alpha, cover)
    return Layer(alpha, colour.astype(np.float32), 0.45)


def _curve(
    start: tuple[float, float], middle: tuple[float, float], end: tuple[float, float]
) -> list[tuple[float, float]]:
    t = np.linspace(0, 1, 9)[:, None]
    a, b, c = (np.asarray(p) for p in (start, middle, end))
    return [(float(x), float(y)) for x, y in (1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c]


def _paint_tape(
    window: FaceWindow, at: tuple[float, float], amount: float, colour: Pixels, alpha: Field, rng: np.random.Generator
) -> tuple[Pixels, Field]:
    turn, length, width = rng.uniform(-0.6, 0.6), 0.15 + 0.7 * amount, 0.08 + 0.36 * amount
    x = (window.u - at[0]) * np.cos(turn) + (window.v - at[1]) * np.sin(turn)
    y = (window.v - at[1]) * np.cos(turn) - (window.u - at[0]) * np.sin(turn)
    wrinkle = noise(window.u, window.v, 4, rng)
    distance = np.maximum(np.abs(x) - length + 0.015 * wrinkle, np.abs(y) - width + 0.015 * wrinkle)
    tone = np.array([0.9, 0.82, 0.72] if rng.uniform() < 0.5 else [0.93, 0.93, 0.91], np.float32)
    weave = 1 + 0.03 * np.sin(90 * x) * np.sin(90 * y)
    cover = 0.95 * soft(distance.astype(np.float32), _edge(window))
    lit = shade((0.03 * wrinkle).astype(np.float32), window.pixel, _LIGHT, 0.6) * weave
    mixed = colour * (1 - cover[..., None]) + tone * lit[..., None] * cover[..., None]
    return mixed.astype(np.float32), np.maximum(alpha, cover)


def _strap(window: FaceWindow, amount: float, below: Pixels, rng: np.random.Generator) -> Layer:
    """Webbing of a breathing mask or helmet across the face, with stitched borders and a nose piece."""
    u, v = window.u, window.v
    width = 0.06 + 0.15 * amount
    alpha, colour = np.zeros(u.shape, np.float32), np.zeros((*u.shape, 3), np.float32)
    tone = dye(rng) * 0.6
    centre = rng.uniform(0.0, 0.3)
    ends = [(s * 1.2, y + rng.uniform(-0.15, 0.15)) for s in (-1, 1) for y in (-0.55, 0.6)]
    for end in ends:
        gap = capsule(u, v, (0.0, centre), end, width, width)
        du, dv = end[0], end[1] - centre
        reach = float(np.hypot(du, dv))
        along, across = ((u * du + (v - centre) * dv) / reach, (-u * dv + (v - centre) * du) / reach / width)
        weave = 0.85 + 0.12 * np.sin(60 * along + 3 * np.sin(30 * across)) + 0.1 * (np.abs(np.abs(across) - 0.8) < 0.05)
        cover = soft(gap, _edge(window))
        rounded = np.sqrt(np.clip(1.1 - across**2, 0.05, 1.1))
        band = tone * (weave * (0.65 + 0.35 * rounded))[..., None]
        colour = colour * (1 - cover[..., None]) + band * cover[..., None]
        alpha = np.maximum(alpha, cover)
    high, wide = 0.3 + 0.5 * amount, 0.2 + 0.3 * amount
    taper = 1 + 0.55 * (v - centre) / high  # narrow on the nose, wide at the mouth
    piece = np.hypot(u / (wide * np.clip(taper, 0.3, 2)), (v - centre) / high) - 1
    rim = np.exp(-(((piece + 0.12) / 0.1) ** 2))
    plastic = below * 0.35 + np.array([0.5, 0.54, 0.57], np.float32) * (0.8 + 0.25 * rim)[..., None]
    plastic = plastic + 0.12 * np.exp(-(((u + 0.3 * wide) / (0.2 * wide)) ** 2))[..., None] * (v < centre)[..., None]
    cover = 0.95 * soft((piece * 0.25).astype(np.float32), _edge(window))
    colour = colour * (1 - cover[..., None]) + plastic * cover[..., None]
    return Layer(np.maximum(alpha, cover), colour.astype(np.float32), 0.45)


def _blob(window: FaceWindow, amount: float, rng: np.random.Generator) -> Field:
    """Signed distance to a rounded region with an uneven border, from nothing to more than the face."""
    u, v = window.u, window.v
    at = rng.uniform(-0.4, 0.4, 2) * (1 - amount)
    stretch = rng.uniform(0.85, 1.15)
    uneven = 0.15 * noise(u, v, 0.9, rng, octaves=2)
    return np.asarray(np.hypot((u - at[0]) / stretch, (v - at[1]) * stretch) + uneven - 1.75 * amount, np.float32)


def _out_of_focus(window: FaceWindow, amount: float, below: Pixels, rng: np.random.Generator) -> Layer:
    """A part of the face so far out of focus that its features are gone."""
    height, width = below.shape[:2]
    coarse = max(round(rng.uniform(0.16, 0.24) / window.pixel), 2)
    small = resize(below, max(width // coarse, 2), max(height // coarse, 2))
    blurred = _smooth_upsample(small, width, height)
    return Layer(soft(_blob(window, amount, rng), 0.2), blurred, 0.0, lit=False)


def _motion_blur(window: FaceWindow, amount: float, below: Pixels, rng: np.random.Generator) -> Layer:
    """A part of the face smeared by movement in one direction."""
    angle, steps = rng.uniform(0, np.pi), 25
    reach = rng.uniform(0.7, 1.0) / window.pixel
    total = np.zeros_like(below)
    for offset in np.linspace(-0.5, 0.5, steps) * reach:
        shift = round(offset * np.sin(angle)), round(offset * np.cos(angle))
        total += _shifted(below, *shift)
    smeared = np.asarray(total / steps, dtype=np.float32)
    return Layer(soft(_blob(window, amount, rng), 0.2), smeared, 0.0, lit=False)


def _shifted(picture: Pixels, down: int, right: int) -> Pixels:
    rows = np.clip(np.arange(picture.shape[0]) - down, 0, picture.shape[0] - 1)
    columns = np.clip(np.arange(picture.shape[1]) - right, 0, picture.shape[1] - 1)
    return picture[rows[:, None], columns[None]]


def _smooth_upsample(small: Pixels, width: int, height: int) -> Pixels:
    half = resize(small, max(width // 3, 2), max(height // 3, 2))
    return resize(half, width, height)


def _shadow(window: FaceWindow, amount: float, below: Pixels, rng: np.random.Generator) -> Layer:
    """A deep shadow cast over the face from one side."""
    angle = rng.uniform(0, 2 * np.pi)
    ramp = window.u * np.cos(angle) + window.v * np.sin(angle) + 0.12 * noise(window.u, window.v, 0.8, rng)
    distance = np.asarray(ramp - (-1.5 + 3.0 * amount), np.float32)
    return Layer(soft(distance, 0.22), _darkened(below, rng), 0.0, lit=False)


def _darkness(window: FaceWindow, amount: float, below: Pixels, rng: np.random.Generator) -> Layer:
    """A room so dark that only grain is left of the face, save in a pool of light."""
    angle = rng.uniform(0, 2 * np.pi)
    u, v = window.u - np.float32(0.9 * np.cos(angle)), window.v - np.float32(0.9 * np.sin(angle))
    pool = np.hypot(u, v) + 0.12 * noise(u, v, 0.8, rng, octaves=2) - 2.6 * (1 - amount)
    return Layer(
        soft((-pool).astype(np.float32), 0.35),
        _darkened(below, rng) * np.array([0.8, 0.9, 1.15], np.float32),
        0.0,
        lit=False,
    )


def _darkened(below: Pixels, rng: np.random.Generator) -> Pixels:
    grain = rng.normal(0, 0.015, below.shape)
    return np.asarray(np.clip(below * rng.uniform(0.05, 0.12) + 0.01 + grain, 0, 1), dtype=np.float32)


SCARF = _drape(TRAIN_PATTERNS, hem=0.0)
BLANKET = _drape(VALIDATION_PATTERNS, hem=0.12)
SURGICAL_MASK = _mask(None)
CLOTH_MASK = _mask(VALIDATION_PATTERNS)
BEANIE, SUN_HAT, TUBE, STRAP = _beanie, _sun_hat, _tube, _strap
OUT_OF_FOCUS, MOTION_BLUR, SHADOW, DARKNESS = _out_of_focus, _motion_blur, _shadow, _darkness
