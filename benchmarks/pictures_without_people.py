"""False boxes a picture on pictures without people: as ``analyze`` reports them, and by the plain thresholds alone.

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
    analyzer = Analyzer(model)
    plain = Analyzer(model, threshold=analyzer.detector.card.thresholds)  # one's own thresholds: no rule for lone parts
    for name, finder in (("analyze", analyzer), ("plain thresholds", plain)):
        found = Counter(part.label for p in empty for part in detections(finder.analyze(dataset.path(p))))
        print(f"{name}: {found.total()} boxes on {len(empty)} pictures, {found.total() / len(empty):.2f} a picture")
        print("  " + ", ".join(f"{label} {count}" for label, count in found.most_common()))


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: pictures_without_people.py LABELS.json [MODEL]")
    main(*sys.argv[1:])
