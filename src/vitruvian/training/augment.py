"""Training samples from pictures: placed, cropped, joined to mosaics, mirrored and recoloured, with their labels.

Geometry is an axis-aligned scale and shift, so a box stays a box; only :func:`turn` has to estimate. Each sample
carries, beside its boxes, the map of where a class may count as background; pasting pictures of different label sets
side by side keeps each one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from vitruvian.data.background import background_map
from vitruvian.data.dataset import Picture
from vitruvian.data.occlusion.occlude import TRAIN_KINDS, Level
from vitruvian.data.occlusion.occlude import occlude as cover_face
from vitruvian.images import PAD_VALUE, resize
from vitruvian.taxonomy import FACIAL_PARTS, PARTS, WHOLE_FACE
from vitruvian.training.recipe import AugmentRecipe

MAP_STRIDE = 8
"""Pixels between cells of the background map; the finest stride of the network."""

_KEEP_VISIBLE = 0.25
"""A box cut by the frame to less of its area than this is neither asked for nor punished."""
_KEEP_SIDE = 3.0
"""Pixels; nor is a box that is narrower or lower than this."""
_KEEP_UNCOVERED = 0.35
"""Share of a box that an occluder must leave in view for the box to be asked for."""
_FACES = (WHOLE_FACE, "Human face", "Human head")
"""Classes whose boxes are covered as faces."""
_ROUND = {*FACIAL_PARTS.names, "Human face", "Human head", "Human eye", "Human nose", "Human mouth", "Human ear"}
"""Classes that fill their box as an ellipse does, near enough to know the box of a turned one."""
_SMALLEST_FACE = 24.0
"""Pixels of the shorter side; a drawn occluder on a smaller face is a blot."""
_COVERED: tuple[Level, ...] = ("easy", "medium", "hard")


@dataclass(slots=True)
class Sample:
    """A square training picture while it is being made.

    Attributes:
        image: ``(S, S, 3)`` uint8 RGB, or as many channels as activation maps have.
        boxes: ``(n, 4)`` float32 ``xyxy`` pixels.
        labels: ``(n,)`` int64 class indices.
        background: ``(C, S / 8, S / 8)`` bool, where a class may count as background.
        approximate: ``(n,)`` bool, whose outline is a guess.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    background: NDArray[np.bool_]
    approximate: NDArray[np.bool_]

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        """Drop all other boxes; where one was, its class does not count as background."""
        for box, label in zip(self.boxes[~chosen], self.labels[~chosen], strict=True):
            _silence(self, box, int(label))
        self.boxes, self.labels, self.approximate = self.boxes[chosen], self.labels[chosen], self.approximate[chosen]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A decoded picture, possibly shrunk, and its labels in the original's pixels."""

    pixels: NDArray[np.uint8]
    picture: Picture


def empty_sample(size: int, classes: int, channels: int = 3, fill: float = PAD_VALUE) -> Sample:
    """A canvas that shows nothing: ``fill`` in every channel."""
    return Sample(
        np.full((size, size, channels), fill, dtype=np.uint8),
        np.zeros((0, 4), dtype=np.float32),
        np.zeros(0, dtype=np.int64),
        np.ones((classes, size // MAP_STRIDE, size // MAP_STRIDE), dtype=bool),
        np.zeros(0, dtype=bool),
    )


def paste(
    sample: Sample,
    labelled: Labelled,
    names: Sequence[str],
    cell: tuple[int, int, int, int],
    zoom: float,
    rng: np.random.Generator,
) -> None:
    """Put a picture into a cell of the canvas at ``zoom`` times the size that fills the cell.

    Where the scaled picture is larger than the cell a random window is shown, where it is smaller it gets a random
    place.

    Args:
        sample: Changed in place.
        labelled: The picture.
        names: Class names in index order; other labels do not count.
        cell: x, y, width, height on the canvas in pixels.
        zoom: See above.
        rng: Chooses window and place.
    """
    picture = labelled.picture
    x0, y0, cell_width, cell_height = cell
    scale = zoom * min(cell_width / picture.width, cell_height / picture.height)
    (left, window_width), (dx, width) = _axis(picture.width, cell_width, scale, rng)
    (top, window_height), (dy, height) = _axis(picture.height, cell_height, scale, rng)
    dx, dy = dx + x0, dy + y0
    shrunk = labelled.pixels.shape[1] / picture.width, labelled.pixels.shape[0] / picture.height
    window = (left * shrunk[0], top * shrunk[1], (left + window_width) * shrunk[0], (top + window_height) * shrunk[1])
    sample.image[dy : dy + height, dx : dx + width] = resize(labelled.pixels, width, height, window)

    factor = np.array([width / window_width, height / window_height] * 2, dtype=np.float32)
    shift = np.array([left, top] * 2, dtype=np.float32)
    place = np.array([dx, dy] * 2, dtype=np.float32)
    # Cells of the map whose centres lie in the pasted rectangle speak for this picture.
    centers = (np.arange(sample.background.shape[1], dtype=np.float32) + 0.5) * MAP_STRIDE
    columns = np.flatnonzero((centers >= dx) & (centers < dx + width))
    rows = np.flatnonzero((centers >= dy) & (centers < dy + height))
    xs = (centers[columns] - dx) / factor[0] + left
    ys = (centers[rows] - dy) / factor[1] + top
    sample.background[:, rows[:, None], columns[None, :]] = background_map(picture, names, xs, ys)

    index = {name: i for i, name in enumerate(names)}
    chosen = [a for a in picture.annotations if a.label in index and not a.ignore]
    if not chosen:
        return
    boxes = (np.asarray([a.box for a in chosen], dtype=np.float32) - shift) * factor + place
    labels = np.asarray([index[a.label] for a in chosen], dtype=np.int64)
    approximate = np.asarray([a.approximate for a in chosen])
    clipped = np.clip(boxes, place, place + np.array([width, height] * 2, dtype=np.float32))
    area = (boxes[:, 2:] - boxes[:, :2]).clip(min=1e-6).prod(1)
    sides = (clipped[:, 2:] - clipped[:, :2]).clip(min=0)
    keep = (sides.prod(1) / area >= _KEEP_VISIBLE) & (sides.min(1) >= _KEEP_SIDE)
    for box, label in zip(clipped[~keep], labels[~keep], strict=True):
        _silence(sample, box, int(label))
    sample.boxes = np.concatenate((sample.boxes, clipped[keep]))
    sample.labels = np.concatenate((sample.labels, labels[keep]))
    sample.approximate = np.concatenate((sample.approximate, approximate[keep]))


def _axis(
    length: int, cell: int, scale: float, rng: np.random.Generator
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Window (start, length) in the picture and place (start, length) in the cell along one axis."""
    scaled = length * scale
    if scaled > cell:
        window = cell / scale
        return (float(rng.uniform(0, length - window)), window), (0, cell)
    drawn = max(1, round(scaled))
    return (0.0, float(length)), (int(rng.integers(0, cell - drawn + 1)), drawn)


def _silence(sample: Sample, box: NDArray[np.float32], label: int) -> None:
    """Let nothing inside ``box`` count as background of a class."""
    size = sample.background.shape[1]
    x1, y1 = (int(v) for v in np.floor(box[:2] / MAP_STRIDE).clip(0, size))
    x2, y2 = (int(v) for v in np.ceil(box[2:] / MAP_STRIDE).clip(0, size))
    sample.background[label, y1:y2, x1:x2] = False


def occlude(sample: Sample, rng: np.random.Generator) -> None:
    """Lay a patch over a random part of a random box; boxes that it hides are neither asked for nor punished.

    The patch is noise, one colour, or a piece of the sample itself.
    """
    if len(sample.boxes) == 0:
        return
    size = sample.image.shape[0]
    x1, y1, x2, y2 = sample.boxes[rng.integers(len(sample.boxes))]
    width = int(np.clip((x2 - x1) * rng.uniform(0.3, 0.8), 2, size - 1))
    height = int(np.clip((y2 - y1) * rng.uniform(0.3, 0.8), 2, size - 1))
    left = int(np.clip(rng.uniform(x1 - width / 2, x2 - width / 2), 0, size - width))
    top = int(np.clip(rng.uniform(y1 - height / 2, y2 - height / 2), 0, size - height))
    target = sample.image[top : top + height, left : left + width]
    kind = rng.integers(3)
    if kind == 0:
        target[:] = rng.integers(0, 256, target.shape, dtype=np.uint8)
    elif kind == 1:
        target[:] = rng.integers(0, 256, target.shape[2], dtype=np.uint8)
    else:
        v, u = int(rng.integers(0, size - height + 1)), int(rng.integers(0, size - width + 1))
        target[:] = sample.image[v : v + height, u : u + width].copy()
    low = np.maximum(sample.boxes[:, :2], np.array([left, top], dtype=np.float32))
    high = np.minimum(sample.boxes[:, 2:], np.array([left + width, top + height], dtype=np.float32))
    covered = (high - low).clip(min=0).prod(1) / (sample.boxes[:, 2:] - sample.boxes[:, :2]).prod(1)
    _drop_hidden(sample, covered)


def occlude_face(sample: Sample, names: Sequence[str], rng: np.random.Generator) -> None:
    """Cover a random labelled face as hands, cloth, tubes or shadow do; parts that this hides are not asked for.

    The face is a box of ``whole face``, ``Human face`` or ``Human head``; how much of it is covered is one of the
    occluded-face thesis's levels. Boxes of faces and heads stay asked for, however little is left in view: finding them
    all the same is what the covering teaches. A sample without a face of at least 24 pixels is left alone, and so is
    one that the occluders cannot cover to the level.

    Args:
        sample: Changed in place.
        names: Class names in index order.
        rng: Chooses face, level and occluders.
    """
    faces = [i for i, name in enumerate(names) if name in _FACES]
    large = (sample.boxes[:, 2:] - sample.boxes[:, :2]).min(axis=1, initial=np.inf) >= _SMALLEST_FACE
    candidates = np.flatnonzero(np.isin(sample.labels, faces) & large)
    if len(candidates) == 0:
        return
    x1, y1, x2, y2 = (float(edge) for edge in sample.boxes[rng.choice(candidates)])
    level = _COVERED[int(rng.integers(len(_COVERED)))]
    try:
        found = cover_face(sample.image, (x1, y1, x2, y2), level, TRAIN_KINDS, rng)
    except ValueError:  # no choice of occluders met the level, as may happen once in a long run: not worth ending it
        return
    sample.image = found.picture
    covered = [found.mask[y1:y2, x1:x2].mean() for x1, y1, x2, y2 in sample.boxes.round().astype(int)]
    _drop_hidden(sample, np.where(np.isin(sample.labels, faces), 0, covered).astype(np.float32))


def _drop_hidden(sample: Sample, covered: NDArray[np.float32]) -> None:
    """Neither ask for nor punish the boxes of which too large a share is covered."""
    sample.keep(covered <= 1 - _KEEP_UNCOVERED)


def turn(sample: Sample, names: Sequence[str], rng: np.random.Generator) -> None:
    """Turn the canvas: half the time by a quarter, a half or three quarters of a circle, else by any angle.

    A quarter turn keeps every box exact. After any other, the box of a face or of something in it is that of the turned
    ellipse which filled it before, and approximate; what is less round (limbs, bodies, hands, hair) is neither asked
    for nor punished.

    Args:
        sample: Changed in place; its image has three channels.
        names: Class names in index order.
        rng: Chooses the angle.
    """
    if rng.random() < 0.5:
        _rotate(sample, 90.0 * int(rng.integers(1, 4)))
        return
    sample.keep(np.isin(sample.labels, [i for i, name in enumerate(names) if name in _ROUND]))
    sample.approximate[:] = True
    _rotate(sample, rng.uniform(-180, 180))


def _rotate(sample: Sample, degrees: float) -> None:
    """Turn counterclockwise about the middle; multiples of 90 are exact, other boxes are those of ellipses."""
    size, quarters = sample.image.shape[0], degrees / 90
    if quarters == int(quarters):
        sample.image = np.ascontiguousarray(np.rot90(sample.image, int(quarters)))
        sample.background = np.rot90(sample.background, int(quarters), axes=(1, 2)).copy()
    else:
        fill = (int(PAD_VALUE),) * 3
        turned = Image.fromarray(sample.image).rotate(degrees, Image.Resampling.BILINEAR, fillcolor=fill)
        sample.image = np.asarray(turned)
        # Cells that come from beyond the canvas show padding, which is background of every class.
        unknown = [Image.fromarray(~plane).rotate(degrees, fillcolor=0) for plane in sample.background]
        sample.background = ~np.stack([np.asarray(plane, dtype=bool) for plane in unknown])
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    middle = (sample.boxes[:, :2] + sample.boxes[:, 2:]) / 2 - size / 2
    half = (sample.boxes[:, 2:] - sample.boxes[:, :2]) / 2
    middle = middle @ np.array([[cosine, -sine], [sine, cosine]]) + size / 2
    half = np.sqrt(half**2 @ np.array([[cosine**2, sine**2], [sine**2, cosine**2]]))
    boxes = np.concatenate((middle - half, middle + half), axis=1).astype(np.float32)
    clipped = boxes.clip(0, size)
    sides = (clipped[:, 2:] - clipped[:, :2]).clip(min=0)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    keep = (sides.prod(1) >= _KEEP_VISIBLE * area) & (sides.min(1, initial=np.inf) >= _KEEP_SIDE)
    sample.boxes = clipped
    sample.keep(keep)


def mirror(sample: Sample, mirrored: NDArray[np.int64], planes: NDArray[np.int64] | None = None) -> None:
    """Swap left and right.

    Args:
        sample: Changed in place.
        mirrored: Class index of each class's mirror image.
        planes: The same for the image's channels where each is the map of a class; by default they stay in order.
    """
    size = sample.image.shape[1]
    sample.image = sample.image[:, ::-1] if planes is None else sample.image[:, ::-1][:, :, planes]
    sample.boxes = sample.boxes[:, [2, 1, 0, 3]] * np.array([-1, 1, -1, 1], dtype=np.float32) + np.array(
        [size, 0, size, 0], dtype=np.float32
    )
    sample.labels = mirrored[sample.labels]
    sample.background = sample.background[mirrored][:, :, ::-1]


def mirror_indices(names: Sequence[str]) -> NDArray[np.int64]:
    """Class index of each class's mirror image; classes outside the taxonomy are their own."""
    return np.asarray([names.index(PARTS[n].mirror) if n in PARTS and PARTS[n].mirror in names else i
                       for i, n in enumerate(names)], dtype=np.int64)  # fmt: skip


def recolour(image: NDArray[np.uint8], recipe: AugmentRecipe, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Change brightness, contrast and saturation by random factors, and the hue by a random turn."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    if rng.random() < recipe.grey:
        picture = picture.convert("L").convert("RGB")
    elif recipe.saturation:
        picture = ImageEnhance.Color(picture).enhance(1 + rng.uniform(-recipe.saturation, recipe.saturation))
    contrast = 1 + rng.uniform(-recipe.contrast, recipe.contrast)
    brightness = 1 + rng.uniform(-recipe.brightness, recipe.brightness)
    table = ((np.arange(256) - 128) * contrast + 128) * brightness
    picture = picture.point(list(table.clip(0, 255).astype(np.uint8)) * 3)
    if recipe.hue:  # drawn last and only where asked for: a sample is otherwise the same with and without it
        picture = picture.convert("RGB", _hue_turn(rng.uniform(-recipe.hue, recipe.hue)))
    return np.asarray(picture)


def _hue_turn(turn: float) -> tuple[float, ...]:
    """Rows of the 3x4 colour matrix that turns hues by ``turn`` of the colour circle: red by 1/3 is green.

    A rotation of RGB space about its grey axis (Haeberli, Matrix Operations for Image Processing, 1993): greys and the
    mean of the channels stay.
    """
    angle = 2 * np.pi * turn
    same = (1 + 2 * np.cos(angle)) / 3
    up = (1 - np.cos(angle)) / 3 + np.sin(angle) / np.sqrt(3)
    down = (1 - np.cos(angle)) / 3 - np.sin(angle) / np.sqrt(3)
    return (same, down, up, 0.0, up, same, down, 0.0, down, up, same, 0.0)
