"""Leeds Sports Pose and its extended set: 14 joints of one person a picture.

Specification: Johnson and Everingham, BMVC 2010 and CVPR 2011, README of each: ``joints.mat`` with ``joints``, for LSP
3 x 14 x 2000 (x, y, 1 where the joint is **occluded**), for LSP-Extended 14 x 3 x 10000 (x, y, 1 where it is
**visible**); ``images/im0001.jpg`` and ``images/im00001.jpg`` and so on. LSP's first 1,000 pictures are its training
part. Pixels count from 1, so 1 is subtracted.

An occluded joint of LSP is placed: visibility 1. The extended set's joints that are not visible were left where they
fell,
often beyond the picture: visibility 0, and those within the picture are kept in the attribute ``unseen`` (joint -> x,
y).
Other people of a picture are not labelled: nothing is exhaustive. The box is that of the joints. A row is a person.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.data.formats import _rows
from vitruvian.data.formats._collect import Collector
from vitruvian.data.formats._files import read_mat
from vitruvian.data.formats._format import Format, ReadOptions
from vitruvian.data.rejects import FileError, RowError, RowLog
from vitruvian.taxonomy import LSP14

LABEL = "person"
_TRAINING = 1000


def read_lsp(path: Path, options: ReadOptions, log: RowLog) -> Dataset:
    """Read LSP or LSP-Extended; see :func:`vitruvian.data.formats.read` for the arguments and errors."""
    file = path / "joints.mat" if path.is_dir() else path
    joints: NDArray[Any] = np.asarray(read_mat(file).get("joints"))
    shape = joints.shape
    if len(shape) != 3 or shape[:2] not in ((3, 14), (14, 3)):
        raise FileError(file, f"joints has shape {shape}, neither (3, 14, n) as LSP nor (14, 3, n) as LSP-Extended")
    extended = shape[0] == 14
    people = np.moveaxis(joints, 2, 0) if extended else np.transpose(joints, (2, 1, 0))
    root = file.parent / "images"
    collector = Collector(options.images_dir or (root if root.is_dir() else file.parent), log)
    for index, person in enumerate(people, start=1):
        split = "train" if extended or index <= _TRAINING else "test"
        if options.split not in (None, split):
            continue
        with log.row(file, f"person {index}"):
            values = np.asarray(_rows.numbers(person, "joints")).reshape(14, 3)
            if not np.isin(values[:, 2], (0, 1)).all():
                raise RowError("its third value is not 0 or 1")
            flagged = values[:, 2] == 1
            keypoints = _rows.keypoints(values[:, :2] - 1, np.where(flagged, 2, 0) if extended else 2 - flagged)
            box = _rows.points_box(keypoints, "joints")
            digits = 5 if extended else 4
            entry = collector.picture(f"im{index:0{digits}d}.jpg", needs_size=False)
            entry.attributes["split"] = split
            unseen = {
                joint: [float(x) - 1, float(y) - 1]
                for joint, (x, y, _), seen in zip(LSP14.joints, values, keypoints[:, 2], strict=True)
                if not seen and 1 <= x <= (entry.width or x) and 1 <= y <= (entry.height or y)
            }
            attributes = {"unseen": unseen} if unseen else {}
            collector.add(entry, LABEL, box, keypoints=keypoints, derived_from="joints", attributes=attributes)
    return collector.dataset([LABEL], {LABEL: LSP14.joints})


LSP = Format(
    name="lsp",
    title="Leeds Sports Pose and LSP-Extended joints.mat",
    looks_for="joints.mat, or a folder with it",
    sniff=lambda path: path.name == "joints.mat" or (path / "joints.mat").is_file(),
    read=read_lsp,
    takes="either",
    options=frozenset(("images_dir", "split", "exhaustive")),
)
