"""AI Challenger 2017 human keypoints: 14 joints and a box of each person.

Specification: https://github.com/AIChallenger/AI_Challenger_2017 (Baselines/human_keypoint_baseline) and Wu et al., AI
Challenger, 2017, section 4: a list of ``{"image_id", "keypoint_annotations": {"human1": 14 x (x, y, v)},
"human_annotations": {"human1": [x1, y1, x2, y2]}}``; pictures are ``{image_id}.jpg``. v is 1 for a visible, 2 for a
hidden
but placed, 3 for an unlabelled joint: visibility 2, 1 and 0. A row is a person.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector
from vitruvian.data.formats._files import read_json, starts_with
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.rejects import FileError, RowError, RowLog
from vitruvian.taxonomy import AIC14

LABEL = "person"
VISIBILITY = {1.0: 2, 2.0: 1, 3.0: 0}


def read_ai_challenger(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read AI Challenger's json; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    pictures = read_json(path)
    if not isinstance(pictures, list):
        raise FileError(path, "is no list of pictures")
    images = [folder for folder in sorted(path.parent.glob("keypoint_*images*")) if folder.is_dir()]
    collector = Collector(options.images_dir or (images[0] if len(images) == 1 else path.parent), log)
    for position, row in enumerate(pictures):
        place = f"picture at position {position}"
        try:
            name = _rows.file_name(_rows.field(row, "image_id"), "image_id")
            people, boxes = (_rows.field(row, key) for key in ("keypoint_annotations", "human_annotations"))
            if not isinstance(people, dict) or not isinstance(boxes, dict):
                raise RowError("its annotations are no objects")
            entry = collector.picture(f"{name}.jpg", needs_size=False)
        except RowError as error:
            log.reject(path, place, str(error))
            continue
        for human in sorted(people.keys() | boxes.keys(), key=lambda name: (len(name), name)):
            with log.row(path, f"{place} ({name}), {_rows.shown(human)}"):
                keypoints = _keypoints(_rows.field(people, human))
                box = _rows.xyxy_box(_rows.field(boxes, human), "human_annotations")
                collector.add(entry, LABEL, box, keypoints=keypoints, attributes={"name": human})
    return collector.dataset([LABEL], {LABEL: AIC14.joints})


def _keypoints(values: Any) -> _rows.Keypoints:
    points = np.asarray(_rows.numbers(values, "keypoint_annotations", 42)).reshape(14, 3)
    if not set(points[:, 2]) <= set(VISIBILITY):
        raise RowError("visibility is not 1, 2 or 3")
    return _rows.keypoints(points[:, :2], [VISIBILITY[v] for v in points[:, 2]])


AI_CHALLENGER = Format(
    name="ai_challenger",
    title="AI Challenger 2017 keypoint json (14 joints)",
    looks_for="a .json list with keypoint_annotations and human_annotations",
    sniff=lambda path: path.suffix == ".json" and starts_with(path, [b'"keypoint_annotations"']),
    read=read_ai_challenger,
    takes="file",
)
