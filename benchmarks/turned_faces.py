"""Faces in pictures that lie on their side or upside down, and what looking for them says where nobody is turned.

    python benchmarks/turned_faces.py DATA

DATA holds faces68/val.json (one face a picture is labelled, in AFW a few), masks/val.json (every face is labelled),
parts/val.json (heads of infants) and pascal/val.json (heads are labelled, people mostly stand). Pictures are turned by
quarters as arrays, so that nothing tells how they lie. Counted at the shipped thresholds, faces at IoU 0.5: of faces68
the share found, of masks also the precision (a lower bound: tiny faces in crowds are not labelled), of infants heads
with a face (its middle in the head's box, a tenth of its area at least), of pascal AP50 of the parts that are reported;
and of pascal as it is faces that are said to be turned, and how many of them lie in a labelled head. Intervals are 95 %
bootstrap intervals over photographs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian import Analyzer, read_picture
from vitruvian.data.dataset import Dataset
from vitruvian.data.derive.facial import with_facial_parts
from vitruvian.data.merge import rename_labels
from vitruvian.finders.faces import FaceFinder, find_faces
from vitruvian.finders.turned_look import TURNED
from vitruvian.finders.witnesses import HEAD
from vitruvian.metrics import Predictions, evaluate_boxes, evaluate_face_recall, recall_of_heads
from vitruvian.reports.occluded_faces import INFANTS, by_view
from vitruvian.scene.converters import detections
from vitruvian.scene.turn import turned
from vitruvian.taxonomy import WHOLE_FACE

WAYS = ("first pass", "without turning", "with turning")


def turning(analyzer: Analyzer, quarters: int) -> FaceFinder:
    """Finds the faces of a picture that is turned anticlockwise, and says where they are in it as it was."""

    def find(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        faces = turned(analyzer.analyze(np.ascontiguousarray(np.rot90(picture, quarters))), -quarters).faces
        boxes = np.array([face.box for face in faces], dtype=np.float32).reshape(-1, 4)
        return boxes, np.array([face.score for face in faces], dtype=np.float32)

    return find


def parts_of_people(dataset: Dataset, analyzer: Analyzer, quarters: int) -> str:
    """Mean AP50 of the labels of a set, of what is reported."""
    names, rows = tuple(analyzer.detector.names), []
    for picture in dataset.pictures:
        pixels = np.ascontiguousarray(np.rot90(read_picture(dataset.path(picture)), quarters))
        parts = detections(turned(analyzer.analyze(pixels), -quarters))
        rows += [(picture.id, part.box, part.score, names.index(part.label)) for part in parts]
    result = evaluate_boxes(dataset, Predictions(*zip(*rows, strict=True), names))
    return ", ".join(f"{row.label} {row.ap50:.3f}" for row in result.classes if row.instances)


def said_to_be_turned(dataset: Dataset, analyzer: Analyzer) -> str:
    """Faces that are said to be turned, and how many of them have their middle in a labelled head."""
    said = inside = 0
    for picture in dataset.pictures:
        heads = np.array([a.box for a in picture.annotations if a.label == HEAD], dtype=np.float32).reshape(-1, 4)
        for face in analyzer.analyze(dataset.path(picture)).faces:
            if face.evidence is not None and face.evidence.reason == TURNED:
                x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
                said += 1
                inside += bool(np.any(((heads[:, :2] <= (x, y)) & (heads[:, 2:] >= (x, y))).all(axis=1)))
    return f"{said} faces on {len(dataset)} everyday scenes are said to be turned, {inside} lie in a labelled head"


def main(data: Path) -> None:
    """Print all of it."""
    options = ({"recover": False, "turned": False}, {"turned": False}, {})
    analyzers = {way: Analyzer(**chosen) for way, chosen in zip(WAYS, options, strict=True)}
    faces68 = with_facial_parts(Dataset.load(data / "faces68" / "val.json", exhaustive="none"))
    masks = Dataset.load(data / "masks" / "val.json")
    masks = rename_labels(masks, dict.fromkeys(masks.labels, WHOLE_FACE))
    infants = Dataset.load(data / "parts" / "val.json")
    infants = by_view(infants.map(lambda picture: picture if picture.source == INFANTS else None))
    everyday = Dataset.load(data / "pascal" / "val.json")
    everyday = everyday.map(lambda picture: picture if HEAD in picture.exhaustive else None)
    for quarters in range(4):
        for way, analyzer in analyzers.items():
            print(f"turned by {90 * quarters} degrees, {way}")
            find = turning(analyzer, quarters)
            row = evaluate_face_recall(faces68, find_faces(find, faces68), threshold=0.0)["all"]
            print(f"  faces68: recall {row.fixed_recall}")
            row = evaluate_face_recall(masks, find_faces(find, masks), threshold=0.0)["all"]
            print(f"  masks: recall {row.fixed_recall}, precision {row.fixed_precision}")
            print(recall_of_heads(infants, find_faces(find, infants), 0.0))
            print(f"  pascal, AP50 of what is reported: {parts_of_people(everyday, analyzer, quarters)}", flush=True)
    print(said_to_be_turned(everyday, analyzers["with turning"]))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: turned_faces.py DATA")
    main(Path(sys.argv[1]))
