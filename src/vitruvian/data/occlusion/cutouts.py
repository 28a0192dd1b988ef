"""Occluders cut from the user's own pictures: labelled boxes (hands, say) separated from their background by colour.

The colours of a box's middle are told from those just around the box; what is likelier middle, in one piece, is kept.
Plain backgrounds give clean cut-outs and busy ones give none: what is too small, too full or touches all four sides is
thrown away rather than shown with its background.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, DataError, Dataset
from vitruvian.data.occlusion.fields import FaceWindow
from vitruvian.data.occlusion.occlude import Kind
from vitruvian.data.occlusion.occluders import Layer, Pixels
from vitruvian.images.read import ReadError, read_picture
from vitruvian.images.resize import resize

LEAST_SIDE = 48
"""Pixels; a smaller box makes a blurred occluder."""

_BINS = 12
_SHARE = (0.25, 0.85)
_MISTAKEN = 0.08
"""Share of the surroundings that may have colours of the object."""
_RAGGED = 9.0
"""Outline squared over 4 pi times the area: 1 for a disc, about 5 for a spread hand, more for scraps."""


def cut_out(picture: NDArray[np.uint8], annotation: Annotation) -> NDArray[np.uint8] | None:
    """``(H, W, 4)`` uint8 RGBA of a labelled box, transparent around the object; None where it does not come apart."""
    from scipy.ndimage import binary_fill_holes, gaussian_filter, label

    x1, y1, x2, y2 = (round(v) for v in annotation.box)
    x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, picture.shape[1]), min(y2, picture.shape[0])
    if min(x2 - x1, y2 - y1) < LEAST_SIDE:
        return None
    margin = max((x2 - x1) // 5, (y2 - y1) // 5)
    outer = picture[max(y1 - margin, 0) : y2 + margin, max(x1 - margin, 0) : x2 + margin]
    crop = picture[y1:y2, x1:x2]
    height, width = crop.shape[:2]
    middle = crop[height // 4 : -height // 4, width // 4 : -width // 4]
    inside, everything, own = (_histogram(p) for p in (middle, outer, crop))
    around = np.maximum(everything - own, 0)
    if around.sum() < 0.1 * own.sum():
        return None
    ratio = np.log(_spread(inside)) - np.log(_spread(around))
    if float(around[ratio > 0].sum() / around.sum()) > _MISTAKEN:
        return None
    likely = gaussian_filter(ratio[tuple(_cells(crop).T)].reshape(height, width), 2.0)
    pieces, found = label(likely > 0)
    if not found:
        return None
    sizes = np.bincount(pieces.ravel())[1:]
    shape = binary_fill_holes(pieces == 1 + int(sizes.argmax()))
    sides = (shape[0].any(), shape[-1].any(), shape[:, 0].any(), shape[:, -1].any())
    border = np.mean([shape[0].mean(), shape[-1].mean(), shape[:, 0].mean(), shape[:, -1].mean()])
    if not _SHARE[0] <= shape.mean() <= _SHARE[1] or (all(sides) and border > 0.3):
        return None
    steps = (shape[1:] != shape[:-1]).sum() + (shape[:, 1:] != shape[:, :-1]).sum()
    if (steps * np.pi / 4) ** 2 / (4 * np.pi * shape.sum()) > _RAGGED:
        return None
    alpha = np.clip(gaussian_filter(shape.astype(np.float32), 1.2) * 2 - 0.7, 0, 1)
    return np.dstack([crop, (alpha * 255).astype(np.uint8)])


def _cells(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    return pixels.reshape(-1, 3).astype(np.int64) * _BINS // 256


def _histogram(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    flat = _cells(pixels) @ np.array([_BINS * _BINS, _BINS, 1])
    return np.bincount(flat, minlength=_BINS**3).reshape(_BINS, _BINS, _BINS).astype(np.float64)


def _spread(histogram: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    smooth = gaussian_filter(histogram, 0.8) + 1e-3
    return np.asarray(smooth / smooth.sum(), dtype=np.float64)


def save_cut_outs(dataset: Dataset, label: str, folder: Path, most: int = 200) -> int:
    """Cut out up to ``most`` boxes of a label as PNG files; returns how many came apart.

    Raises:
        DataError: if the data set lacks the label.
    """
    from PIL import Image

    if label not in dataset.labels:
        raise DataError(f"{dataset.images_dir}: no class {label!r}; there are {', '.join(dataset.labels)}")
    folder.mkdir(parents=True, exist_ok=True)
    made = 0
    for picture in dataset:
        boxes = [a for a in picture.annotations if a.label == label and not a.ignore]
        if not boxes or made >= most:
            continue
        try:
            pixels = read_picture(dataset.path(picture))
        except ReadError:  # one that does not open makes no cut-out
            continue
        for annotation in boxes:
            piece = cut_out(pixels, annotation)
            if piece is not None and made < most:
                Image.fromarray(piece).save(folder / f"{Path(picture.file_name).stem}_{annotation.id}.png")
                made += 1
    return made


def load_cut_outs(folder: Path) -> tuple[Kind, ...]:
    """Kinds of occluder from a folder of RGBA pictures with a transparent background.

    Raises:
        DataError: if the folder has none, or one has no transparency.
    """
    from PIL import Image

    kinds = []
    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as image:
            if image.mode != "RGBA":
                raise DataError(f"{path}: a cut-out needs a transparent background (RGBA), this is {image.mode}")
            kinds.append(Kind(f"cut-out {path.stem}", _Pasted(np.asarray(image))))
    if not kinds:
        raise DataError(f"{folder}: holds no .png cut-out")
    return tuple(kinds)


class _Pasted:
    """Draws a cut-out: it slides in from one side and grows with the amount."""

    def __init__(self, piece: NDArray[np.uint8]) -> None:
        self._piece: NDArray[np.float32] = np.asarray(piece / np.float32(255), dtype=np.float32)
        self._piece[..., :3] *= 0.6 / max(float(np.average(piece[..., :3] / 255, weights=_weights(piece))), 0.1)

    def __call__(self, window: FaceWindow, amount: float, _: Pixels, rng: np.random.Generator) -> Layer:
        angle, turn = rng.uniform(0, 2 * np.pi), rng.uniform(-0.5, 0.5)
        size, away = 0.7 + 1.1 * amount, 1.9 * (1 - amount)
        u = window.u - np.float32(away * np.cos(angle))
        v = window.v - np.float32(away * np.sin(angle))
        x = (u * np.cos(turn) + v * np.sin(turn)) / size
        y = (v * np.cos(turn) - u * np.sin(turn)) / size
        height, width = self._piece.shape[:2]
        longer = max(height, width)
        step = max(longer * window.pixel / (2 * size), 1.0)  # shrink first where the picture is coarser than the piece
        small = resize(self._piece, max(round(width / step), 2), max(round(height / step), 2))
        column = (x * longer / 2 + width / 2) * small.shape[1] / width
        row = (y * longer / 2 + height / 2) * small.shape[0] / height
        inside = (column >= 0) & (row >= 0) & (column < small.shape[1]) & (row < small.shape[0])
        found = np.zeros((*u.shape, 4), np.float32)
        found[inside] = small[row[inside].astype(np.int64), column[inside].astype(np.int64)]
        return Layer(found[..., 3], found[..., :3], 0.5)


def _weights(piece: NDArray[np.uint8]) -> NDArray[np.float32]:
    alpha = piece[..., 3:].astype(np.float32) + 1e-3
    return np.broadcast_to(alpha, (*piece.shape[:2], 3))
