"""How well whole faces are found when they are covered: by degree of occlusion, masked, and on infants.

    python benchmarks/occluded_faces.py DATA --out FOLDER [--model my.onnx] [--seeds 0,1,2,3,4]

DATA holds faces68/, masks/ and parts/, each with a val.json. Prepared pictures are kept in FOLDER and used again;
without --out they go to a temporary folder. Several models are also compared at equal precision.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from vitruvian.data.dataset import DataError
from vitruvian.finders.errors import LabelError
from vitruvian.finders.faces import FaceModel
from vitruvian.images import ReadError
from vitruvian.metrics import MetricError, compare_at_precision
from vitruvian.reports.occluded_faces import Found, find, measure, pooled, prepare
from vitruvian.zoo import DEFAULT_MODEL, ModelError


def main() -> None:
    """Print the tables of each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--model", action="append", help="name or path; repeat to compare; default: the shipped one")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--precision", type=float, default=0.9)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=0)
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        out = args.out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        seeds = [int(text) for text in args.seeds.split(",")]
        pictures = prepare(args.data, out, seeds, on_set=lambda name: print(f"preparing {name}", file=sys.stderr))
        everything: dict[str, Found] = {}
        for name in args.model or [DEFAULT_MODEL]:
            finder = FaceModel(name, threshold=0.01, threads=args.threads)
            print(f"detecting with {finder.name}", file=sys.stderr)
            everything[name] = find(finder, pictures)
            result = measure(
                pictures, everything[name], finder.shipped_threshold, args.precision, resamples=args.resamples
            )
            print(f"{name}\n\n{result}\n", flush=True)
        if len(everything) > 1:
            truth, _ = pooled(pictures, next(iter(everything.values())))
            found = {name: pooled(pictures, each)[1] for name, each in everything.items()}
            print(compare_at_precision(truth, found, precision=args.precision, resamples=args.resamples))


if __name__ == "__main__":
    try:
        main()
    except (DataError, LabelError, MetricError, ModelError, OSError, ReadError) as error:
        sys.exit(f"error: {error}")
