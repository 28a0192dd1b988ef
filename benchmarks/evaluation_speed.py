"""How long box evaluation takes: vitruvian beside faster-coco-eval and pycocotools, on the same made-up boxes.

    python benchmarks/evaluation_speed.py [--pictures 5000] [--detections 500000] [--classes 80] [--skip-pycocotools]

Every contestant has a process of its own, starts from the same parsed json rows and ends with COCO's twelve numbers,
which must agree. Wall time is what counts; processor time tells whether the machine was busy with something else.
Vitruvian's time includes reading and checking the rows, and the curves, thresholds and per-class numbers besides.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from vitruvian.data.dataset import from_coco
from vitruvian.metrics import evaluate_boxes
from vitruvian.metrics.results_file import from_results

Rows = list[dict[str, Any]]


def make(pictures: int, detections: int, classes: int, seed: int = 0) -> tuple[dict[str, Any], Rows]:
    """A truth with some seven boxes a picture, and detections of which a good tenth are right."""
    generator = np.random.default_rng(seed)
    count = pictures * 7
    corner = generator.uniform(0, 400, (count, 2))
    boxes = np.hstack([corner, generator.uniform(8, 200, (count, 2))]).round(2)
    image, label = generator.integers(1, pictures + 1, count), generator.integers(1, classes + 1, count)
    truth = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 640, "height": 640} for i in range(1, pictures + 1)],
        "categories": [{"id": i, "name": f"class {i}"} for i in range(1, classes + 1)],
        "annotations": [
            {"id": i + 1, "image_id": a, "category_id": c, "bbox": b, "area": b[2] * b[3], "iscrowd": 0}
            for i, (a, c, b) in enumerate(zip(image.tolist(), label.tolist(), boxes.tolist(), strict=True))
        ],
    }
    from_truth = generator.integers(0, count, detections)
    near = boxes[from_truth] + generator.normal(0, 6, (detections, 4))
    far = np.hstack([generator.uniform(0, 400, (detections, 2)), generator.uniform(8, 200, (detections, 2))])
    right = generator.random(detections) < 0.15
    found = np.where(right[:, None], near, far).round(2)
    found[:, 2:] = found[:, 2:].clip(min=1)
    image = np.where(right, image[from_truth], generator.integers(1, pictures + 1, detections))
    label = np.where(right, label[from_truth], generator.integers(1, classes + 1, detections))
    score = generator.beta(np.where(right, 4, 1), 2).round(5)
    rows = [
        {"image_id": a, "category_id": c, "bbox": b, "score": s}
        for a, c, b, s in zip(image.tolist(), label.tolist(), found.tolist(), score.tolist(), strict=True)
    ]
    return truth, rows


def reference(module: str, truth: dict[str, Any], rows: Rows) -> list[float]:
    """The twelve numbers by ``pycocotools`` or ``faster_coco_eval``."""
    with contextlib.redirect_stdout(io.StringIO()):
        if module == "pycocotools":
            from pycocotools.coco import COCO
            from pycocotools.cocoeval import COCOeval

            coco = COCO()
            coco.dataset = truth
            coco.createIndex()
        else:
            from faster_coco_eval import COCO
            from faster_coco_eval import COCOeval_faster as COCOeval

            coco = COCO(truth)
        run = COCOeval(coco, coco.loadRes([dict(row) for row in rows]), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return [float(v) for v in run.stats[:12]]


def ours(truth: dict[str, Any], rows: Rows) -> list[float]:
    """The twelve numbers by vitruvian."""
    data = from_coco(truth, Path("."))
    summary = evaluate_boxes(data, from_results(rows, data)).summary
    return [float(getattr(summary, name)) for name in summary.__slots__]


def timed(name: str, pictures: int, detections: int, classes: int) -> tuple[float, float, list[float]]:
    """Wall and processor seconds of one contestant, without making the boxes, and its numbers."""
    truth, rows = make(pictures, detections, classes)
    wall, processor = time.perf_counter(), time.process_time()
    numbers = ours(truth, rows) if name == "vitruvian" else reference(name, truth, rows)
    return time.perf_counter() - wall, time.process_time() - processor, numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=5000)
    parser.add_argument("--detections", type=int, default=500_000)
    parser.add_argument("--classes", type=int, default=80)
    parser.add_argument("--skip-pycocotools", action="store_true")
    options = parser.parse_args()
    size = (options.pictures, options.detections, options.classes)
    print(f"{options.detections} detections, {options.pictures} pictures, {options.classes} classes")
    found = []
    for name in ("faster_coco_eval", "vitruvian", "pycocotools")[: 2 if options.skip_pycocotools else 3]:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            wall, processor, numbers = process.submit(timed, name, *size).result()
        print(f"{name:<18} {wall:8.1f} s ({processor:.1f} s of processor)   AP {numbers[0]:.6f}", flush=True)
        found.append(numbers)
    for numbers in found[1:]:
        np.testing.assert_allclose(numbers, found[0], atol=1e-6)


if __name__ == "__main__":
    main()
