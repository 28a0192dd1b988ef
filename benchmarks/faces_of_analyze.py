"""Faces that ``analyze`` reports at the shipped thresholds: first pass alone, with the second look, with hidden faces.

    python benchmarks/faces_of_analyze.py DATA

DATA holds faces68/val.json (labelled faces found at IoU 0.5, in whole pictures) and parts/val.json (heads of infants in
which a face is found: its middle in the head's box, a tenth of its area at least). A head whose nose is not labelled is
seen from behind, and a face found in it is wrong. Of the hands labelled there, in pictures of the source ``hands``, it
counts those in whose place a face or a head is reported (IoU 0.4): a hand is neither. On the everyday scenes of
pascal/val.json, whose heads are labelled, it counts the faces with their middle in a head.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian import Analyzer, Scene
from vitruvian.data.dataset import Dataset
from vitruvian.data.derive.facial import with_facial_parts
from vitruvian.finders.detections import box_iou
from vitruvian.finders.faces import find_faces
from vitruvian.finders.hands import HAND
from vitruvian.finders.witnesses import HEAD
from vitruvian.metrics import evaluate_boxes, recall_of_heads
from vitruvian.reports.occluded_faces import INFANTS, by_view
from vitruvian.taxonomy import WHOLE_FACE

HANDS = "hands"
SAME_PLACE = 0.4
"""IoU from which a hand is reported as something else."""


def places(boxes: list[tuple[float, float, float, float]]) -> NDArray[np.float32]:
    """Boxes as ``(N, 4)``."""
    return np.array(boxes, dtype=np.float32).reshape(-1, 4)


def mistaken_hands(hands: Dataset, scenes: list[Scene]) -> str:
    """How many labelled hands are reported as faces and as heads."""
    labelled = faces = heads = 0
    for picture, scene in zip(hands.pictures, scenes, strict=True):
        truth = places([a.box for a in picture.annotations if a.label == HAND])
        named = {part.label: [p.box for p in scene.parts if p.label == part.label] for part in scene.parts}
        labelled += len(truth)
        for_faces = places([face.box for face in scene.faces] + named.get("Human face", []))
        faces += int((box_iou(truth[:, None], for_faces) >= SAME_PLACE).any(axis=1).sum())
        heads += int((box_iou(truth[:, None], places(named.get(HEAD, []))) >= SAME_PLACE).any(axis=1).sum())
    return f"of {labelled} labelled hands {faces} are reported as a face, {heads} as a head"


def faces_in_labelled_heads(everyday: Dataset, scenes: list[Scene]) -> str:
    """How many reported faces have their middle in a labelled head, where every head is labelled."""
    reported = inside = 0
    for picture, scene in zip(everyday.pictures, scenes, strict=True):
        heads = places([a.box for a in picture.annotations if a.label == HEAD])
        faces = places([face.box for face in scene.faces])
        middles = ((faces[:, :2] + faces[:, 2:]) / 2)[:, None]
        reported += len(faces)
        inside += int(((middles >= heads[:, :2]) & (middles <= heads[:, 2:])).all(axis=2).any(axis=1).sum())
    return f"of {reported} faces on {len(everyday)} everyday scenes {inside} lie in a labelled head"


def main(data: Path) -> None:
    """Print the counts for each way."""
    faces68 = with_facial_parts(Dataset.load(data / "faces68" / "val.json", exhaustive="none"))
    parts = Dataset.load(data / "parts" / "val.json")
    infants = by_view(parts.map(lambda picture: picture if picture.source == INFANTS else None))
    hands = parts.map(lambda picture: picture if picture.source == HANDS else None)
    everyday = Dataset.load(data / "pascal" / "val.json")
    everyday = everyday.map(lambda picture: picture if HEAD in picture.exhaustive else None)
    for name, analyzer in (
        ("first pass", Analyzer(recover=False, turned=False)),
        ("with second look", Analyzer()),
        ("with hidden faces", Analyzer(hidden_faces=True)),
    ):

        def find(picture, analyzer=analyzer):  # type: ignore[no-untyped-def]
            faces = analyzer.analyze(picture).faces
            return places([face.box for face in faces]), np.array([face.score for face in faces], dtype=np.float32)

        labelled = evaluate_boxes(faces68, find_faces(find, faces68), fixed=(0.0,))[WHOLE_FACE]
        found = find_faces(find, infants)
        heads = recall_of_heads(infants, found, 0.0, WHOLE_FACE, resamples=1000, seed=0)
        point = labelled.fixed[0]
        print(f"{name}: {point.true} of {point.true + point.missed} labelled faces of faces68")
        print(f"  {len(found)} faces on {len(infants)} pictures of infants\n{heads}")
        for count, dataset in ((mistaken_hands, hands), (faces_in_labelled_heads, everyday)):
            print("  " + count(dataset, [analyzer.analyze(dataset.path(picture)) for picture in dataset.pictures]))
        print()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: faces_of_analyze.py DATA")
    main(Path(sys.argv[1]))
