"""Drawn hands before a face: bare ones in the colour of the face's own skin, and mittens."""

from __future__ import annotations

import numpy as np

from vitruvian.data.occlusion.fields import FaceWindow, Field, capsule, noise, shade, soft
from vitruvian.data.occlusion.occluders import Layer, Pixels
from vitruvian.data.occlusion.textures import VALIDATION_PATTERNS, cloth

_LIGHT = (-0.5, -0.85)

_FINGERS = (
    (-0.33, -0.36, 0.78, -0.16),
    (-0.11, -0.43, 0.92, -0.05),
    (0.12, -0.42, 0.86, 0.06),
    (0.33, -0.34, 0.66, 0.2),
)
"""Knuckle x and y, length and direction (radians from straight up) of each finger, in hand units: a palm is 1 high."""


def hand(window: FaceWindow, amount: float, below: Pixels, rng: np.random.Generator) -> Layer:
    """An open or slightly bent hand that reaches in from outside the face."""
    x, y, mirror = _placed(window, amount, rng)
    spread, bend = rng.uniform(0.4, 1.5), rng.uniform(-0.35, 0.35)
    pieces: list[Field] = [capsule(x, y, (0.0, 0.05), (0.0, 0.3), 0.36, 0.33)]
    widths = [0.36]
    nails: list[Field] = []
    for knuckle_x, knuckle_y, length, lean in _FINGERS:
        at, angle, radius = (knuckle_x, knuckle_y), lean * spread, 0.115
        pieces.append(capsule(x, y, (0.55 * knuckle_x, 0.42), at, 0.2, 0.135))  # the bone of the palm behind it
        widths.append(0.19)
        for share in (0.44, 0.32, 0.24):
            to = (at[0] + length * share * np.sin(angle), at[1] - length * share * np.cos(angle))
            pieces.append(capsule(x, y, at, to, radius, radius * 0.93))
            widths.append(radius)
            at, angle, radius = to, angle + 0.25 * bend, radius * 0.93
        nails.append(np.hypot((x - at[0]) / 0.06, (y - at[1]) / 0.085) - 1)
    thumb = (-0.62 - 0.1 * spread, -0.12)
    pieces += [
        capsule(x, y, (-0.3, 0.3), thumb, 0.2, 0.14),
        capsule(x, y, thumb, (-0.68 - 0.12 * spread, -0.44), 0.13, 0.1),
    ]
    widths += [0.18, 0.12]
    pieces.append(capsule(x, y, (0.0, 0.4), (0.0, 4.0), 0.33, 0.42))
    widths.append(0.36)
    distance = np.minimum.reduce(pieces)
    height = _soft_maximum([_round(d, w) for d, w in zip(pieces, widths, strict=True)])
    skin = _skin(window, below) * (1 + 0.05 * noise(x, y, 2.5, rng) + 0.02 * noise(x, y, 22, rng))[..., None]
    creases = np.clip(distance + 0.02, -0.02, 0) / 0.02 + 1  # skin reddens and darkens towards the outline
    skin = skin * (1 - 0.16 * np.clip(creases, 0, 1)[..., None] * np.array([0.6, 1.0, 1.1], np.float32))
    for nail in nails if rng.uniform() < 0.7 else ():
        skin = skin * (1 + 0.1 * soft(nail.astype(np.float32), 0.3))[..., None]
    light = (_LIGHT[0] * mirror, _LIGHT[1])
    lit = shade(height.astype(np.float32), window.pixel, light, 0.42)
    scale = _scale(amount)
    return Layer(
        soft((distance * scale).astype(np.float32), 1.5 * window.pixel),
        (skin * lit[..., None]).astype(np.float32),
        0.55,
    )


def mitten(window: FaceWindow, amount: float, _: Pixels, rng: np.random.Generator) -> Layer:
    """A hand in a mitten, as infants wear."""
    x, y, _mirror = _placed(window, amount, rng)
    body = capsule(x, y, (0.0, 0.1), (0.04, -0.75), 0.5, 0.42)
    thumb = capsule(x, y, (-0.3, 0.2), (-0.72, -0.2), 0.2, 0.16)
    cuff = np.maximum(np.abs(x) - 0.47, np.abs(y - 0.72) - 0.14)
    sleeve = capsule(x, y, (0.0, 0.8), (0.0, 4.0), 0.45, 0.6)
    distance = np.minimum.reduce([body, thumb, cuff, sleeve])
    height = np.maximum.reduce([_round(body, 0.45), _round(thumb, 0.18), 1.1 * _round(cuff, 0.14), _round(sleeve, 0.5)])
    ribs = 1 - 0.25 * (np.sin(34 * x) > 0.3) * (cuff < 0)
    colour = np.where(
        (y > 0.86)[..., None], cloth(x, y, VALIDATION_PATTERNS, rng), cloth(y, x, VALIDATION_PATTERNS, rng)
    )
    fleece = 1 + 0.08 * noise(x, y, 18, rng)
    lit = shade((height + 0.02 * noise(x, y, 9, rng)).astype(np.float32), window.pixel, _LIGHT, 0.5) * ribs * fleece
    return Layer(
        soft((distance * _scale(amount)).astype(np.float32), 2 * window.pixel),
        (colour * lit[..., None]).astype(np.float32),
        0.5,
    )


def _scale(amount: float) -> float:
    """Face units a hand unit; a hand before the face is about as long as the face, and larger nearer the camera."""
    return 0.55 + 0.75 * amount


def _placed(window: FaceWindow, amount: float, rng: np.random.Generator) -> tuple[Field, Field, float]:
    """Hand coordinates of the window: the fingertips point up, the wrist lies outside the face."""
    angle = rng.uniform(-1.2, 1.2)  # where the arm comes from, 0 from straight below
    turn = angle + rng.uniform(-0.3, 0.3)
    mirror = 1.0 if rng.uniform() < 0.5 else -1.0
    aim = rng.uniform(-0.35, 0.35, 2)
    scale = _scale(amount)
    back = 2.3 - 2.2 * amount  # the smaller the amount, the further the hand is still outside
    centre = (aim[0] * (1 - amount) + back * np.sin(angle), aim[1] * (1 - amount) + back * np.cos(angle))
    du, dv = window.u - np.float32(centre[0]), window.v - np.float32(centre[1])
    x = (du * np.cos(turn) - dv * np.sin(turn)) / scale * mirror
    y = (du * np.sin(turn) + dv * np.cos(turn)) / scale
    return np.asarray(x, np.float32), np.asarray(y, np.float32), mirror


def _soft_maximum(heights: list[Field]) -> Field:
    """The upper envelope of surfaces, rounded where they meet, as skin runs over bones."""
    sharpness = 45.0
    highest = np.maximum.reduce(heights)
    total = np.add.reduce([np.exp(sharpness * (h - highest)) for h in heights])
    return np.asarray(highest + np.log(total / len(heights)) / sharpness, dtype=np.float32)


def _round(distance: Field, width: float) -> Field:
    """Height of something round in section, from its signed distance."""
    depth = np.clip(-distance / width, 0, 1)
    return np.asarray(width * np.sqrt(depth * (2 - depth)), dtype=np.float32)


def _skin(window: FaceWindow, below: Pixels) -> Pixels:
    """The face's own colour: the median over the middle of the landmark box, in neutral light."""
    middle = (np.abs(window.u) < 0.6) & (np.abs(window.v) < 0.7)
    pixels = below[middle] if middle.any() else below.reshape(-1, 3)
    tone = np.median(pixels, axis=0)
    return np.asarray(tone / max(float(tone.mean()), 0.05) * 0.6, dtype=np.float32)
