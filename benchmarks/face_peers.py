"""Face detectors of others beside vitruvian's whole face: on occluded faces, masks and babies, and how fast they are.

    PYTHONPATH=src peers/bin/python benchmarks/face_peers.py DATA --out FOLDER --seeds 0,1,2,3,4 \\
        --retinaface package/mnet.25_v2.onnx --yunet face_detection_yunet_2023mar.onnx

DATA holds faces68/, masks/ and parts/, each with a val.json, the first two also with the train.json that conventions of
boxes are fitted on. ``benchmarks/face_peers.txt`` says how to make the environment; a detector that is not there is
skipped, and named. Pictures are those of ``benchmarks/occluded_faces.py``. What each detector finds is kept in FOLDER,
so a stopped run goes on and a finished one is measured again at once. ``--limit 10 --draw 10`` is a run to look at
first.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from face_detectors import Find, Peer, Pixels, peers, vitruvian, vitruvian_recovering
from face_sheets import save_sheets
from face_tables import Contestant, Sets, conventions, tables

from vitruvian.data.dataset import DataError, Dataset
from vitruvian.data.derive.facial import with_facial_parts
from vitruvian.data.merge import rename_labels
from vitruvian.images import ReadError, read_picture
from vitruvian.metrics import MetricError, Predictions
from vitruvian.metrics.result import plain
from vitruvian.reports.occluded_faces import Found, prepare
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.zoo import ModelError

FIT_ON = 200
"""Training pictures of each kind that box conventions are fitted on."""


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """A detector that runs here: at its low threshold for curves, and at its default for the clock."""

    peer: Peer
    low: Find
    default: Find


def ready(candidates: Iterable[Peer]) -> tuple[list[Ready], list[str]]:
    """Those that can be built, and a line for each that cannot."""
    running, skipped = [], []
    for peer in candidates:
        try:
            running.append(Ready(peer, peer.build(peer.low), peer.build(peer.threshold)))
        except (ImportError, FileNotFoundError, ModelError) as error:
            skipped.append(f"{peer.name}: skipped, {error}")
            print(skipped[-1], file=sys.stderr)
    return running, skipped


def find_all(each: Ready, dataset: Dataset, folder: Path) -> Predictions:
    """What the detector finds in the pictures, from the file of an earlier run where there is one."""
    files = [(p.id, p.file_name, dataset.path(p).stat().st_size) for p in dataset.pictures]
    key = hashlib.sha256(json.dumps([each.peer.settings, each.peer.low, files]).encode()).hexdigest()[:16]
    file = folder / f"{each.peer.name.replace(' ', '_')}-{key}.json"
    bare = Dataset((WHOLE_FACE,), tuple(replace(p, annotations=()) for p in dataset.pictures), dataset.images_dir)
    if not file.is_file():
        ids, boxes, scores, points = [], [np.zeros((0, 4), np.float32)], [np.zeros(0, np.float32)], []
        for number, picture in enumerate(dataset.pictures, start=1):
            found = each.low(read_picture(dataset.path(picture)))
            usable = (found.boxes[:, 2:] > found.boxes[:, :2]).all(axis=1)
            ids += [picture.id] * int(usable.sum())
            boxes.append(found.boxes[usable])
            scores.append(found.scores[usable])
            if found.points is not None:
                points.append(found.points[usable])
            print(f"\r{each.peer.name}: {number} of {len(dataset)}   ", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
        rows, five = np.concatenate(boxes), np.concatenate(points) if points else None
        made = Predictions(ids, rows, np.concatenate(scores), np.zeros(len(rows), np.int64), (WHOLE_FACE,), five)
        folder.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        made.save(partial, bare)
        os.replace(partial, file)
    return Predictions.load(file, bare)


def milliseconds(running: Sequence[Ready], pictures: Sequence[Pixels]) -> dict[str, float]:
    """Median time of each detector, at its default threshold, for a decoded picture; they take turns at each."""
    times: dict[str, list[float]] = {each.peer.name: [] for each in running}
    for turn, picture in enumerate([pictures[0], *pictures]):
        for each in running:
            start = time.perf_counter()
            each.default(picture)
            if turn:  # the first is for warming up
                times[each.peer.name].append(1000 * (time.perf_counter() - start))
    return {name: float(np.median(values)) for name, values in times.items()}


def load_sets(data: Path, out: Path, seeds: Sequence[int], limit: int) -> Sets:
    """The pictures to measure on, and those to fit box conventions on; ``limit`` of each where it is not 0.

    Raises:
        DataError: when a set is missing or cannot be read.
    """

    def some(dataset: Dataset, most: int) -> Dataset:
        step = max(1, len(dataset) // most) if most else 1
        return replace(dataset, pictures=dataset.pictures[::step][: most or None])

    made = prepare(data, out / "pictures", seeds, on_set=lambda name: print(f"preparing {name}", file=sys.stderr))
    covered = {key: some(dataset, limit) for key, dataset in made.covered.items()}
    faces = with_facial_parts(some(Dataset.load(data / "faces68" / "train.json", exhaustive="none"), limit or FIT_ON))
    masks = some(Dataset.load(data / "masks" / "train.json"), limit or FIT_ON)
    return Sets(
        replace(made, covered=covered, masks=some(made.masks, limit), heads=some(made.heads, limit)),
        faces,
        rename_labels(masks, dict.fromkeys(masks.labels, WHOLE_FACE)),
    )


def pin(threads: int) -> str:
    """Keep the whole process on so many processor cores, so that no detector takes more; says what was done."""
    if not hasattr(os, "sched_setaffinity"):
        return "not kept to a number of cores: this system cannot"
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[-threads:]))
    return f"the process kept to {threads} core(s)"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of the report, pictures and what was found")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--model", default="parts22", help="vitruvian's model")
    parser.add_argument("--retinaface", type=Path, help="mnet.25_v2.onnx of npm's retinaface")
    parser.add_argument("--yunet", type=Path, help="OpenCV's face_detection_yunet_2023mar.onnx")
    parser.add_argument("--limit", type=int, default=0, help="pictures of each set, for a first look")
    parser.add_argument("--draw", type=int, default=0, help="pictures of each set on the sheets")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resamples", type=int, default=500, help="bootstrap draws of photographs")
    parser.add_argument("--speed-pictures", type=int, default=20)
    return parser.parse_args()


def main() -> None:
    """Run what has not been run, measure, and write ``report.md``, ``report.json`` and the sheets."""
    args = arguments()
    pinned = pin(args.threads)
    own = [vitruvian(args.model, args.threads), vitruvian_recovering(args.model, args.threads)]
    running, skipped = ready([*own, *peers(args.retinaface, args.yunet, args.threads)])
    sets = load_sets(args.data, args.out, [int(text) for text in args.seeds.split(",")], args.limit)
    pictures, folder = sets.pictures, args.out / "found"
    clock = [read_picture(pictures.masks.path(p)) for p in pictures.masks.pictures[: args.speed_pictures]]
    found = {}
    for each in running:
        covered = {key: find_all(each, dataset, folder) for key, dataset in pictures.covered.items()}
        mine = Found(covered, find_all(each, pictures.masks, folder), find_all(each, pictures.heads, folder))
        fitted = find_all(each, sets.fit_faces, folder), find_all(each, sets.fit_masks, folder)
        found[each.peer.name] = mine, conventions(*fitted, sets, each.peer.threshold)
    speed = milliseconds(running, clock)
    contestants = []
    for each in running:
        mine, (to_faces, to_masks) = found[each.peer.name]
        name, settings, threshold = each.peer.name, each.peer.settings, each.peer.threshold
        contestants.append(Contestant(name, settings, threshold, speed[name], mine, to_faces, to_masks))
    height, width = np.median([p.shape[:2] for p in clock], axis=0)
    notes = [
        f"Speed: {len(clock)} decoded pictures of {width:.0f} x {height:.0f} pixels (medians), {pinned}, taking turns.",
        "Detectors' boxes differ: most take in the forehead, the labels of covered faces go from brows to chin. "
        "Adjusted boxes are moved and scaled by what was fitted on training pictures, for each detector alike.",
        "Five points: those that mediapipe gives are three, without the corners of the mouth.",
        *skipped,
    ]
    made = tables(contestants, sets, args.resamples)
    text = "\n\n".join(["# Face detectors side by side", *(t.markdown() for t in made), *(f"> {n}" for n in notes)])
    (args.out / "report.md").write_text(text + "\n", encoding="utf-8")
    (args.out / "report.json").write_text(json.dumps({"tables": plain(made), "notes": notes}, indent=2), "utf-8")
    if args.draw:
        save_sheets(contestants, pictures, args.draw, args.out / "sheets")
    print(text)


if __name__ == "__main__":
    try:
        main()
    except (DataError, MetricError, ModelError, OSError, ReadError) as error:
        sys.exit(f"error: {error}")
