"""Speed and memory of the data workshop on made-up labels: 1,000,000 boxes over 100,000 pictures.

Run ``python benchmarks/data_workshop.py``; each job runs in a process of its own, so that its peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PICTURES, BOXES, CLASSES = 100_000, 1_000_000, 12
JOBS = ("read", "statistics", "inspect", "balance", "split", "convert")
"""``inspect`` is what ``data inspect --no-pictures`` does; ``convert`` reads COCO and writes canonical json."""


def write_labels(path: Path) -> None:
    """COCO json with ten boxes a picture on average and one class forty times as common as the rarest."""
    rng = np.random.default_rng(0)
    weights = np.geomspace(40, 1, CLASSES)
    label = rng.choice(CLASSES, BOXES, p=weights / weights.sum()) + 1
    picture = rng.integers(1, PICTURES + 1, BOXES)
    corner = rng.uniform(0, 600, (BOXES, 2)).round(1)
    side = rng.uniform(4, 200, (BOXES, 2)).round(1)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"categories": ')
        json.dump([{"id": i + 1, "name": f"class {i + 1}"} for i in range(CLASSES)], file)
        rows = ({"id": i, "file_name": f"{i:06d}.jpg", "width": 1024, "height": 768} for i in range(1, PICTURES + 1))
        file.write(', "images": [' + ", ".join(map(json.dumps, rows)) + '], "annotations": [')
        for i in range(BOXES):
            x, y, w, h = *corner[i].tolist(), *side[i].tolist()
            row = {"id": i + 1, "image_id": int(picture[i]), "category_id": int(label[i]), "bbox": [x, y, w, h]}
            file.write((", " if i else "") + json.dumps(row | {"area": w * h, "iscrowd": 0}))
        file.write("]}")


def run_job(job: str, path: Path) -> None:
    """Do one job and print its seconds (without imports) and peak memory."""
    from vitruvian.data.balance import balance
    from vitruvian.data.dataset import Dataset
    from vitruvian.data.inspection.inspect import inspect_splits
    from vitruvian.data.inspection.statistics import label_statistics
    from vitruvian.data.split import split_dataset
    from vitruvian.data.table import LabelTable

    start = time.perf_counter()
    dataset = Dataset.load(path)
    read = time.perf_counter() - start
    if job == "statistics":
        label_statistics(LabelTable.of(dataset))
    elif job == "inspect":
        inspect_splits({"all": dataset}, pictures=False)
    elif job == "balance":
        balance(dataset, 2_000)
    elif job == "split":
        split_dataset(dataset, {"train": 80, "val": 20}, by="boxes")
    elif job == "convert":
        dataset.save(path.with_name("converted.json"))
    total = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{job:<11} {total:6.1f} s in all, {read:5.1f} s of it reading; peak {peak:.2f} GB", flush=True)


def main() -> None:
    """Make the labels and run every job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--job", choices=JOBS, help="run one job on --labels, in this process")
    parser.add_argument("--labels", type=Path)
    arguments = parser.parse_args()
    if arguments.job:
        run_job(arguments.job, arguments.labels)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.json"
        write_labels(path)
        print(f"{BOXES:,} boxes over {PICTURES:,} pictures, {path.stat().st_size / 1e6:.0f} MB")
        for job in JOBS:
            subprocess.run([sys.executable, __file__, "--job", job, "--labels", str(path)], check=True)


if __name__ == "__main__":
    main()
