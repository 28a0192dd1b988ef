"""Which picture library should the core install carry? Pillow and opencv side by side: reading, letterboxing, and size.

Each case reads an encoded picture from memory as upright RGB and letterboxes it to 416, on one thread. Pillow runs
through ``vitruvian.images``, with all its checks; opencv runs bare, with the resampling that is nearest in quality
(INTER_AREA where it shrinks). The reduced rows let either decode a JPEG at 1/2, 1/4 or 1/8 first.

    python benchmarks/picture_libraries.py     (needs opencv-python-headless, an extra only this file uses)
"""

from __future__ import annotations

import importlib.metadata
import io
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.images import Letterbox, read_picture, read_reduced, sample_picture

SIZE = 416


def encode(width: int, height: int, suffix: str) -> bytes:
    """The sample picture, stretched to a size."""
    with Image.open(sample_picture()) as sample:
        resized = sample.resize((width, height), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    resized.save(buffer, suffix, quality=90)
    return buffer.getvalue()


def with_pillow(data: bytes) -> NDArray[np.uint8]:
    picture = read_picture(data)
    return Letterbox.fit(picture.shape[1], picture.shape[0], SIZE).apply(picture)


def with_pillow_reduced(data: bytes) -> NDArray[np.uint8]:
    picture, width, height = read_reduced(data, SIZE)
    return Letterbox.fit(width, height, SIZE).apply(picture)


def opencv_letterbox(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    box = Letterbox.fit(width, height, SIZE)
    canvas = np.full((box.out_height, box.out_width, 3), 114, np.uint8)
    inner = cv2.resize(picture, (box.inner_width, box.inner_height), interpolation=cv2.INTER_AREA)
    canvas[box.pad_y : box.pad_y + box.inner_height, box.pad_x : box.pad_x + box.inner_width] = inner
    return canvas


def with_opencv(data: bytes) -> NDArray[np.uint8]:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    return opencv_letterbox(picture, picture.shape[1], picture.shape[0])


def with_opencv_reduced(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as header:  # opencv does not tell the size without decoding
        width, height = header.size
    factor = max((f for f in (1, 2, 4, 8) if max(width, height) // f >= SIZE), default=1)
    flag = {
        1: cv2.IMREAD_COLOR_RGB,
        2: cv2.IMREAD_REDUCED_COLOR_2,
        4: cv2.IMREAD_REDUCED_COLOR_4,
        8: cv2.IMREAD_REDUCED_COLOR_8,
    }[factor]
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    return opencv_letterbox(picture if factor == 1 else picture[:, :, ::-1].copy(), width, height)


def milliseconds(run: Callable[[bytes], object], data: bytes, repeats: int) -> float:
    """Median time of a call."""
    run(data)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run(data)
        times.append((time.perf_counter() - start) * 1e3)
    return float(np.median(times))


def installed_megabytes(package: str) -> float:
    """Size on disk of everything that a package's wheel installed."""
    files = importlib.metadata.files(package) or []
    return sum(file.locate().stat().st_size for file in files if file.locate().is_file()) / 1e6  # type: ignore[attr-defined]


def main() -> None:
    cv2.setNumThreads(1)
    print(f"installed: Pillow {installed_megabytes('pillow'):.0f} MB", end=", ")
    print(f"opencv-python-headless {installed_megabytes('opencv-python-headless'):.0f} MB")
    print(f"{'read and letterbox, ms (median)':36} {'Pillow':>8} {'opencv':>8} {'ratio':>6}")
    for name, width, height, suffix, repeats in (
        ("JPEG 640x480", 640, 480, "JPEG", 60),
        ("JPEG 4000x3000", 4000, 3000, "JPEG", 8),
        ("WebP 640x480", 640, 480, "WEBP", 30),
    ):
        data = encode(width, height, suffix)
        cases = [("", with_pillow, with_opencv)]
        if suffix == "JPEG":
            cases.append((", reduced", with_pillow_reduced, with_opencv_reduced))
        for note, pillow, opencv in cases:
            ours, theirs = milliseconds(pillow, data, repeats), milliseconds(opencv, data, repeats)
            print(f"{name + note:36} {ours:8.2f} {theirs:8.2f} {ours / theirs:6.2f}")


if __name__ == "__main__":
    main()
