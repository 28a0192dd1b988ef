"""What the second look adds to the time of an analysis, on everyday scenes and in crowds of masked people; and turning.

    python benchmarks/second_look_cost.py DATA [--pictures 80] [--runs 3] [--threads 0]

DATA holds pascal/val.json and masks/val.json. Every picture, decoded beforehand, is analysed by the first pass alone,
with the second look, and with that and turned faces, by turns, and of the runs the fastest counts. Printed are the mean
times and their ratios to the first, and the median and the ninth decile of the second's ratio in single pictures.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian import Analyzer, read_picture
from vitruvian.data.dataset import Dataset


def seconds(analyzers: tuple[Analyzer, ...], picture: NDArray[np.uint8], runs: int) -> list[float]:
    """The fastest of ``runs`` for each analyzer."""
    taken: list[list[float]] = [[] for _ in analyzers]
    for _ in range(runs):
        for times, analyzer in zip(taken, analyzers, strict=True):
            start = time.perf_counter()
            analyzer.analyze(picture)
            times.append(time.perf_counter() - start)
    return [min(times) for times in taken]


def main() -> None:
    """Time both sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--pictures", type=int, default=80)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="0 leaves the choice to onnxruntime")
    args = parser.parse_args()
    ways = ((False, False), (True, False), (True, True))
    analyzers = tuple(Analyzer(recover=recover, turned=turned, threads=args.threads) for recover, turned in ways)
    print("set pictures first_ms second_ms turned_ms second_ratio turned_ratio median_ratio p90_ratio")
    for name in ("pascal", "masks"):
        truth = Dataset.load(args.data / name / "val.json")
        rows = [
            seconds(analyzers, read_picture(truth.path(picture)), args.runs)
            for picture in truth.pictures[: args.pictures]
        ]
        first, second, turned = 1000 * np.asarray(rows).T
        median, high = np.percentile(second / first, [50, 90])
        times = " ".join(f"{values.mean():.1f}" for values in (first, second, turned))
        ratios = " ".join(f"{values.mean() / first.mean():.3f}" for values in (second, turned))
        print(f"{name} {len(rows)} {times} {ratios} {median:.3f} {high:.3f}")


if __name__ == "__main__":
    main()
