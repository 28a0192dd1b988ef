"""What a video tells beyond its frames: faces found and false boxes, frame by frame and with the help of tracks.

    python benchmarks/video_faces.py DATA_DIR [--model NAME] [--videos 24] [--frames 40] [--far N] [--save FOLDER]

DATA_DIR holds ``faces68/val.json``, and ``negatives/val.json`` for ``--far``. A video shows two of its pictures side by
side, filmed by a camera that pans, zooms and shakes; in front of each face something passes by and stays a while (kinds
that training never uses), and the sensor is noisy. Every frame has the true boxes, hidden faces included. Not counted
either way are faces of which less than half is in view, and what the detector takes for further faces in the pictures
as they are. ``--save`` keeps the videos.

With ``--far 3`` all this is a ninth of a larger frame, the rest of which shows a picture without people: faces that are
small to the network though the frame has their pixels, as in a room that is watched.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian import Analyzer
from vitruvian.data.dataset import Dataset, Picture
from vitruvian.data.derive import derive_facial_parts
from vitruvian.data.derive.facial import protocol_of
from vitruvian.data.occlusion.occlude import VALIDATION_KINDS, Level, occlude
from vitruvian.data.occlusion.protocol import face_roll, landmark_box
from vitruvian.finders.detections import box_iou
from vitruvian.finders.video import AnalyzerEyes, Eyes, VideoOptions, watch
from vitruvian.images import Crop, read_picture, resize
from vitruvian.images.video import Frame, Video, write_video
from vitruvian.scene import Box, Face, Scene
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.zoo import DEFAULT_MODEL

WIDTH, HEIGHT, RATE = 480, 360, 25.0
IN_FRONT = tuple(kind for kind in VALIDATION_KINDS if kind.in_front)
MATCH = 0.5
FURTHER = 0.2
"""Score from which the detector counts as having taken something in the still picture for a face."""
Boxes = NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Half:
    """A picture on the canvas: its pixels with and without what covers the face, and the boxes in it."""

    plain: NDArray[np.uint8]
    covered: NDArray[np.float32]
    alpha: NDArray[np.float32]
    face: Boxes
    further: Boxes
    starts: float
    stays: float
    direction: float


@dataclass(slots=True)
class Truth:
    """A frame: ``(2, 4)`` true boxes, which of them count, and ``(N, 4)`` boxes where nothing counts."""

    faces: Boxes
    count: NDArray[np.bool_]
    ignored: Boxes


def half(dataset: Dataset, picture: Picture, box: Box, analyzer: Analyzer, rng: np.random.Generator) -> Half:
    """A picture at the canvas's height with the occluder that will pass by, drawn once in front of the face."""
    pixels = read_picture(dataset.path(picture))
    face = next(a for a in picture.annotations if a.keypoints is not None)
    scale = HEIGHT * 1.25 / picture.height
    levels: tuple[Level, ...] = ("medium", "hard")
    drawn = occlude(pixels, landmark_box(face), levels[rng.integers(2)], IN_FRONT, rng, face_roll(face.keypoints))
    width, height = round(picture.width * scale), round(picture.height * scale)
    found = analyzer.detector.detect(pixels, thresholds={WHOLE_FACE: FURTHER} | dict.fromkeys(_others(analyzer), 1.0))
    true = np.asarray([box], dtype=np.float32)
    further = found.boxes[box_iou(true[0], found.boxes) < 0.3]
    return Half(
        resize(pixels, width, height),
        resize(drawn.picture.astype(np.float32), width, height),
        resize(drawn.mask.astype(np.float32)[..., None], width, height),
        true * scale,
        further * scale,
        rng.uniform(0.1, 0.3),
        rng.uniform(0.2, 0.4),
        rng.choice([-1.0, 1.0]),
    )


def _others(analyzer: Analyzer) -> list[str]:
    return [name for name in analyzer.detector.names if name != WHOLE_FACE]


def shifted(values: NDArray[np.float32], across: int) -> NDArray[np.float32]:
    """The array moved to the right, zeros coming in."""
    result = np.zeros_like(values)
    if abs(across) < values.shape[1]:
        source = values[:, max(-across, 0) : values.shape[1] - max(across, 0)]
        result[:, max(across, 0) : max(across, 0) + source.shape[1]] = source
    return result


def passing(part: Half, moment: float) -> NDArray[np.float32]:
    """The picture at a moment (0..1): the occluder comes from one side, stays, and leaves on the other."""
    come, leave = part.starts + 0.15, part.starts + 0.15 + part.stays
    way = np.interp(moment, [part.starts, come, leave, leave + 0.15], [-1.0, 0.0, 0.0, 1.0])
    wide = float(part.face[0, 2] - part.face[0, 0])
    across = round(part.direction * 2.6 * wide * way + 0.05 * wide * np.sin(20 * moment))
    alpha = shifted(part.alpha, across)
    return np.asarray(part.plain * (1 - alpha) + shifted(part.covered, across) * alpha, dtype=np.float32)


def smooth(rng: np.random.Generator, frames: int, waves: float) -> NDArray[np.float64]:
    """A path within -1..1 with about so many turns."""
    knots = rng.uniform(-1, 1, round(waves) + 4)
    at = np.linspace(0, len(knots) - 1, frames)
    weights = np.exp(-0.5 * ((at[:, None] - np.arange(len(knots))) / 0.7) ** 2)
    return np.asarray(weights @ knots / weights.sum(axis=1))


def film(halves: Sequence[Half], frames: int, rng: np.random.Generator) -> Iterator[tuple[NDArray[np.uint8], Truth]]:
    """Frames of a video with their truth."""
    offsets = np.cumsum([0, *(part.plain.shape[1] for part in halves)])
    tall, wide = min(part.plain.shape[0] for part in halves), int(offsets[-1])
    zoom, pan, tilt = (smooth(rng, frames, 2) for _ in range(3))
    shake = 2.0 * rng.normal(0, 1, (frames, 2))
    noise = rng.uniform(3, 9)
    faces = np.concatenate([p.face + np.float32([x, 0, x, 0]) for p, x in zip(halves, offsets, strict=False)])
    further = np.concatenate([p.further + np.float32([x, 0, x, 0]) for p, x in zip(halves, offsets, strict=False)])
    for i in range(frames):
        canvas = np.concatenate([passing(p, i / frames)[:tall] for p in halves], axis=1)
        high = tall * (0.9 + 0.09 * zoom[i])
        broad = min(high * WIDTH / HEIGHT, wide)
        x = (wide - broad) * (0.5 + 0.35 * pan[i]) + shake[i, 0]
        y = (tall - high) * (0.5 + 0.4 * tilt[i]) + shake[i, 1]
        crop = Crop((x, y, x + broad, y + high), WIDTH, HEIGHT)
        seen = crop.apply(canvas.astype(np.float32)) + rng.normal(0, noise, (HEIGHT, WIDTH, 3))
        boxes = crop.boxes_to_crop(faces)
        inside = np.clip(boxes, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
        share = (inside[:, 2:] - inside[:, :2]).prod(axis=1) / (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
        yield np.clip(seen, 0, 255).astype(np.uint8), Truth(inside, share >= 0.5, crop.boxes_to_crop(further))


def surrounded(
    frames: Iterator[tuple[NDArray[np.uint8], Truth]], around: NDArray[np.uint8], rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], Truth]]:
    """The same frames at a place in a larger picture."""
    x = int(rng.integers(around.shape[1] - WIDTH + 1))
    y = int(rng.integers(around.shape[0] - HEIGHT + 1))
    shift = np.float32([x, y, x, y])
    for picture, truth in frames:
        whole = around.copy()
        whole[y : y + HEIGHT, x : x + WIDTH] = picture
        yield whole, Truth(truth.faces + shift, truth.count, truth.ignored + shift)


@dataclass(slots=True)
class Cached:
    """Eyes that look at a frame once for all ways of using it, and know how long looking took."""

    eyes: Eyes
    seen: dict[int, tuple[Scene, tuple[Face, ...]]] = field(default_factory=dict)
    looks: dict[tuple[int, Box], Face | None] = field(default_factory=dict)
    first_seconds: float = 0.0
    again_seconds: float = 0.0

    @property
    def face_threshold(self) -> float:
        """See :class:`Eyes`."""
        return self.eyes.face_threshold

    def first(self, frame: Frame) -> tuple[Scene, tuple[Face, ...]]:
        """See :class:`Eyes`."""
        if frame.number not in self.seen:
            start = time.perf_counter()
            self.seen[frame.number] = self.eyes.first(frame)
            self.first_seconds += time.perf_counter() - start
        return self.seen[frame.number]

    def again(self, frame: Frame, near: Box) -> Face | None:
        """See :class:`Eyes`."""
        if (frame.number, near) not in self.looks:
            start = time.perf_counter()
            self.looks[frame.number, near] = self.eyes.again(frame, near)
            self.again_seconds += time.perf_counter() - start
        return self.looks[frame.number, near]

    def only(self, scene: Scene) -> Scene:
        """See :class:`Eyes`."""
        return self.eyes.only(scene)


@dataclass(slots=True)
class Tally:
    """What one way of using frames found."""

    faces: int = 0
    found: int = 0
    false: int = 0
    frames: int = 0
    switches: int = 0
    fragments: int = 0

    def add(self, truths: Sequence[Truth], scenes: Sequence[Sequence[Face]]) -> None:
        """Count a video."""
        names: dict[int, int] = {}
        lost: dict[int, bool] = {}
        for truth, faces in zip(truths, scenes, strict=True):
            self.frames += 1
            taken: set[int] = set()
            for face in sorted(faces, key=lambda f: -f.score):
                box = np.asarray(face.box, dtype=np.float32)
                overlap = box_iou(box, truth.faces)
                best = max((k for k in range(len(overlap)) if k not in taken), key=lambda k: overlap[k], default=-1)
                if best >= 0 and overlap[best] >= MATCH:
                    taken.add(best)
                    if truth.count[best] and face.track is not None:
                        self.switches += names.get(best, face.track) != face.track
                        names[best] = face.track
                elif not _ignored(box, truth):
                    self.false += 1
            for k in np.flatnonzero(truth.count):
                self.faces += 1
                self.found += k in taken
                if k in taken:
                    self.fragments += lost.get(int(k), False)
                    lost[int(k)] = False
                elif int(k) in lost:
                    lost[int(k)] = True

    def __str__(self) -> str:
        return (
            f"recall {self.found / max(self.faces, 1):.3f}  "
            f"false boxes a frame {self.false / max(self.frames, 1):.4f}  "
            f"broken off and on again {self.fragments:3d}  identity switches {self.switches:2d}"
        )


def _ignored(box: Boxes, truth: Truth) -> bool:
    middle = (box[:2] + box[2:]) / 2
    cut = truth.faces[~truth.count]
    places = np.concatenate([truth.ignored, cut])
    inside = ((middle >= places[:, :2]) & (middle <= places[:, 2:])).all(axis=1)
    return bool(inside.any() or (box_iou(box, places) >= 0.3).any())


def main() -> None:
    """Make the videos, look at them in every way, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--videos", type=int, default=24)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--far", type=int, default=1)
    parser.add_argument("--save", type=Path)
    arguments = parser.parse_args()
    dataset = Dataset.load(arguments.data / "faces68" / "val.json")
    label = next(iter(dataset.keypoint_names))
    boxes = derive_facial_parts(dataset, label, protocol_of(dataset, label))
    whole = {p.id: [a.box for a in p.annotations if a.label == WHOLE_FACE] for p in boxes.pictures}
    usable = [picture for picture in dataset.pictures if len(whole[picture.id]) == 1]
    rng = np.random.default_rng(arguments.seed)
    order = rng.permutation(len(usable))
    analyzer = Analyzer(arguments.model, threads=arguments.threads)
    empty = Dataset.load(arguments.data / "negatives" / "val.json") if arguments.far > 1 else None
    ways = {
        "frame by frame": None,
        "tracked": VideoOptions(again=False, fill=0),
        "tracked, motion": VideoOptions(again=False),
        "tracked, looked again": VideoOptions(fill=0),
        "tracked, looked again, motion": VideoOptions(),
    }
    tallies = {name: Tally() for name in ways}
    kept: list[tuple[list[Truth], list[list[Face]]]] = []
    first = again = rest = 0.0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.save or Path(temporary)
        for number in range(arguments.videos):
            pair = [usable[order[(2 * number + k) % len(order)]] for k in range(2)]
            halves = [half(dataset, picture, whole[picture.id][0], analyzer, rng) for picture in pair]
            shown = film(halves, arguments.frames, rng)
            if empty is not None:
                around = read_picture(empty.path(empty.pictures[number % len(empty)]))
                shown = surrounded(shown, resize(around, WIDTH * arguments.far, HEIGHT * arguments.far), rng)
            truths = []
            path = folder / f"{number:02d}.mp4"
            with write_video(path, RATE, repeatable=True) as writer:
                for i, (picture, truth) in enumerate(shown):
                    writer.add(picture, i / RATE)
                    truths.append(truth)
            eyes = Cached(AnalyzerEyes(analyzer, path.name))
            with Video(path) as video:
                frames = list(video)
            for name, options in ways.items():
                if options is None:
                    scenes = [eyes.first(frame)[0] for frame in frames]
                else:
                    start, looked = time.perf_counter(), eyes.again_seconds
                    scenes = list(watch(frames, eyes, RATE, options))
                    spent = time.perf_counter() - start - (eyes.again_seconds - looked)
                tallies[name].add(truths, [scene.faces for scene in scenes])
            first, again, rest = first + eyes.first_seconds, again + eyes.again_seconds, rest + spent
            all_faces = [[*scene.faces, *faint] for scene, faint in (eyes.seen[f.number] for f in frames)]
            kept.append((truths, all_faces))
    size = f"{WIDTH * arguments.far} x {HEIGHT * arguments.far}"
    print(f"{arguments.videos} videos of {arguments.frames} frames, {size}, seed {arguments.seed}, {arguments.model}")
    for name, tally in tallies.items():
        print(f"{name:<32}{tally}")
    threshold, fair = lower_threshold(kept, tallies["tracked, looked again, motion"])
    print(f"{f'frame by frame from {threshold:.2f}':<32}{fair}")
    print(f"time, frame by frame = 1: tracking {rest / first:.3f}, looking again {again / first:.3f} more")


def lower_threshold(kept: Sequence[tuple[list[Truth], list[list[Face]]]], rival: Tally) -> tuple[float, Tally]:
    """Frame by frame at the lowest threshold that gives no more false boxes than the rival."""
    best = (1.0, Tally())
    for threshold in np.arange(0.10, 0.90, 0.01):
        tally = Tally()
        for truths, frames in kept:
            tally.add(truths, [[face for face in faces if face.score >= threshold] for faces in frames])
        if tally.false <= rival.false:
            return float(threshold), tally
    return best


if __name__ == "__main__":
    main()
