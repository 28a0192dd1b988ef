"""Faces that ``analyze`` reports at the shipped thresholds: first pass alone, with the second look, with hidden faces.

    python benchmarks/faces_of_analyze.py DATA

DATA holds faces68/val.json (labelled faces found at IoU 0.5, in whole pictures) and parts/val.json (heads of infants in
which a face is found: its middle in the head's box, a tenth of its area at least). A head whose nose is not labelled is
seen from behind, and a face found in it is wrong.
"""

from __future__ import annotations

import sys
from pathlib import Path

from vitruvian import Analyzer
from vitruvian.data.dataset import Dataset
from vitruvian.data.derive.facial import with_facial_parts
from vitruvian.finders.faces import find_faces
from vitruvian.metrics import evaluate_boxes, recall_of_heads
from vitruvian.reports.occluded_faces import INFANTS, by_view
from vitruvian.taxonomy import WHOLE_FACE


def main(data: Path) -> None:
    """Print both counts for each way."""
    import numpy as np

    faces68 = with_facial_parts(Dataset.load(data / "faces68" / "val.json", exhaustive="none"))
    parts = Dataset.load(data / "parts" / "val.json")
    infants = by_view(parts.map(lambda picture: picture if picture.source == INFANTS else None))
    for name, analyzer in (
        ("first pass", Analyzer(recover=False)),
        ("with second look", Analyzer()),
        ("with hidden faces", Analyzer(hidden_faces=True)),
    ):

        def find(picture, analyzer=analyzer):  # type: ignore[no-untyped-def]
            faces = analyzer.analyze(picture).faces
            boxes = np.array([face.box for face in faces], dtype=np.float32).reshape(-1, 4)
            return boxes, np.array([face.score for face in faces], dtype=np.float32)

        labelled = evaluate_boxes(faces68, find_faces(find, faces68), fixed=(0.0,))[WHOLE_FACE]
        found = find_faces(find, infants)
        heads = recall_of_heads(infants, found, 0.0, WHOLE_FACE, resamples=1000, seed=0)
        point = labelled.fixed[0]
        print(f"{name}: {point.true} of {point.true + point.missed} labelled faces of faces68")
        print(f"  {len(found)} faces on {len(infants)} pictures of infants\n{heads}\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: faces_of_analyze.py DATA")
    main(Path(sys.argv[1]))
