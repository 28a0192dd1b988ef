"""Processor time and memory of converting a made-up set of 100,000 pictures and 1,000,000 boxes between formats.

    python benchmarks/convert_labels.py [pictures]

The requirement is 30 seconds a conversion (reading and writing) and 1.5 GB. It runs on one core.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from vitruvian.data.formats import read, write

BOXES = 10
LABELS = 12


def made_up(pictures: int) -> dict[str, object]:
    """COCO json of pictures of 1024 x 768 with boxes anywhere."""
    rng = random.Random(0)
    boxes = (
        [round(rng.uniform(0, 500), 2), round(rng.uniform(0, 400), 2), rng.randint(1, 500), rng.randint(1, 300)]
        for _ in range(pictures * BOXES)
    )
    return {
        "categories": [{"id": i, "name": f"class {i}"} for i in range(1, LABELS + 1)],
        "images": [{"id": i, "file_name": f"{i:06d}.jpg", "width": 1024, "height": 768} for i in range(pictures)],
        "annotations": [
            {"id": i, "image_id": i // BOXES, "category_id": 1 + i % LABELS, "bbox": box, "area": 1.0, "iscrowd": 0}
            for i, box in enumerate(boxes)
        ],
    }


def main() -> None:
    """Print processor seconds of each step and the largest memory of the process."""
    pictures = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "coco.json").write_text(json.dumps(made_up(pictures)))
        start = time.process_time()
        dataset = read(folder / "coco.json", "coco").dataset
        print(f"read coco: {time.process_time() - start:.1f} s for {len(dataset):,} pictures")
        for target in ("canonical", "coco", "label_studio", "yolo"):
            start = time.process_time()
            write(dataset, folder / f"out_{target}", target)
            print(f"write {target}: {time.process_time() - start:.1f} s")
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


if __name__ == "__main__":
    main()
