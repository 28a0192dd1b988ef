"""False boxes a picture on pictures without people: of the first pass alone, and with the second look.

    python benchmarks/pictures_without_people.py LABELS.json [MODEL]

LABELS is COCO json that is exhaustive for people; its pictures without any annotation are used.
"""

from __future__ import annotations

import sys
from collections import Counter

from vitruvian import Analyzer
from vitruvian.data.dataset import Dataset
from vitruvian.scene.converters import detections
from vitruvian.zoo import DEFAULT_MODEL


def main(labels: str, model: str = DEFAULT_MODEL) -> None:
    """Print both counts, by label."""
    dataset = Dataset.load(labels)
    empty = [picture for picture in dataset.pictures if not picture.annotations]
    if not empty:
        sys.exit(f"{labels}: every picture has an annotation")
    finders = {"first pass": Analyzer(model, recover=False), "with second look": Analyzer(model)}
    for name, finder in finders.items():
        found = Counter(part.label for p in empty for part in detections(finder.analyze(dataset.path(p))))
        print(f"{name}: {found.total()} boxes on {len(empty)} pictures, {found.total() / len(empty):.2f} a picture")
        print("  " + ", ".join(f"{label} {count}" for label, count in found.most_common()))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: pictures_without_people.py LABELS.json [MODEL]")
    main(*sys.argv[1:])
