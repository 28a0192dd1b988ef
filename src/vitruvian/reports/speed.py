"""How long each step takes, as percentiles over many runs in one process, beside a peer in the same process."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vitruvian.finders import Analyzer
from vitruvian.finders.detections import decode
from vitruvian.images import Letterbox, read_picture, read_reduced, sample_picture

_COLD_RUNS = 5
_PEER_RUNS = 5


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one step: median, 5th and 95th percentile over a number of runs."""

    step: str
    runs: int
    p5: float
    median: float
    p95: float


def measure_speed(
    picture: str | None, model: str, device: str, threads: int, runs: int, peer: bool = True
) -> tuple[Timing, ...]:
    """Time the main job on one picture.

    Args:
        picture: Path; None makes a 640x480 JPEG of the bundled picture.
        model, device, threads: As for :class:`Analyzer`.
        runs: Measured runs of each warm step, after three that are not measured.
        peer: Also time torchvision's Faster R-CNN R50-FPN (random weights, same picture and threads), if installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(picture) if picture else _sample(Path(folder))
        analyzer = Analyzer(model, device=device, threads=threads, recover=False)
        twice = Analyzer(model, device=device, threads=threads)
        detector = analyzer.detector
        pixels, width, height = read_reduced(path, detector.size)
        letterbox = Letterbox.fit(width, height, detector.size, detector.card.preprocessing.stride)
        images = detector.prepare(letterbox.apply(pixels))
        scores, boxes = detector.run(images)
        limits = np.asarray([detector.card.thresholds.get(n, 0.5) for n in detector.names], dtype=np.float32)
        found = detector.detect(pixels, width, height)
        rows = [
            _time("read", lambda: read_reduced(path, detector.size), runs),
            _time("letterbox", lambda: letterbox.apply(pixels), runs),
            _time("network", lambda: detector.run(images), runs),
            _time("decode and NMS", lambda: decode(scores[0], boxes[0], detector.names, limits), runs),
            _time("assign to people", lambda: analyzer.scene(found, width, height), runs),
            _time("file to scene", lambda: analyzer.analyze(path), runs),
            _time("the same with the second look", lambda: twice.analyze(path), runs),
            _time("import vitruvian", lambda: _python("import vitruvian"), _COLD_RUNS, _python("pass")),
            _time(
                "cold command, one picture",
                lambda: _python(_COMMAND, "analyze", str(path), "--model", model),
                _COLD_RUNS,
            ),
        ]
        if peer and (timing := _peer(path, threads)) is not None:
            rows.append(timing)
    return tuple(rows)


def speed_text(timings: tuple[Timing, ...]) -> str:
    """The timings as a table; with a peer, the ratio to it."""
    width = max(len(t.step) for t in timings)
    lines = [
        f"{'milliseconds':<{width}}  {'median':>9}  {'5 %':>9}  {'95 %':>9}  runs   (on {os.cpu_count()} CPU cores)"
    ]
    lines += [f"{t.step:<{width}}  {t.median:9.1f}  {t.p5:9.1f}  {t.p95:9.1f}  {t.runs:4d}" for t in timings]
    by_step = {t.step: t.median for t in timings}
    if _PEER in by_step:
        lines.append(f"{_PEER} takes {by_step[_PEER] / by_step['file to scene']:.1f} times as long from file to boxes")
    return "\n".join(lines)


_PEER = "torchvision Faster R-CNN R50-FPN"
_COMMAND = "from vitruvian.cli.main import app; app()"


def _sample(folder: Path) -> Path:
    from PIL import Image

    path = folder / "sample.jpg"
    Image.fromarray(read_picture(sample_picture())).resize((640, 480)).save(path, "JPEG", quality=90)
    return path


def _python(*arguments: str) -> float:
    """Run the interpreter with a program; gives its seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def _time(step: str, run: Callable[[], object], runs: int, baseline: float = 0.0) -> Timing:
    warm = 3 if runs > _COLD_RUNS else 0
    seconds = []
    for i in range(warm + runs):
        start = time.perf_counter()
        run()
        if i >= warm:
            seconds.append(time.perf_counter() - start - baseline)
    p5, median, p95 = (float(v) * 1000 for v in np.percentile(seconds, (5, 50, 95)))
    return Timing(step, runs, p5, median, p95)


def _peer(path: Path, threads: int) -> Timing | None:
    try:
        import torch
        from torchvision.models.detection import fasterrcnn_resnet50_fpn
        from torchvision.transforms.functional import to_tensor
    except ImportError:
        return None
    if threads:
        torch.set_num_threads(threads)
    net = fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None).eval()

    def run() -> None:
        from PIL import Image

        with torch.inference_mode(), Image.open(io.BytesIO(path.read_bytes())) as image:
            net([to_tensor(image.convert("RGB"))])

    run()
    return _time(_PEER, run, _PEER_RUNS)
