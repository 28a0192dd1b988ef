"""Looking over one or more splits of a data set: labels, keypoints, picture files, copies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from vitruvian.data.dataset import Dataset
from vitruvian.data.inspection.issues import Issue, box_issues
from vitruvian.data.inspection.keypoints import Visibility, keypoint_issues, visibility
from vitruvian.data.inspection.pictures import Cluster, PictureFile, clusters, file_issues, read_file
from vitruvian.data.inspection.statistics import LabelStatistics, Spread, label_statistics
from vitruvian.data.table import LabelTable


@dataclass(frozen=True, slots=True)
class FileStatistics:
    """Picture files of a split: how many were opened, how many failed, their sizes in pixels and megabytes."""

    opened: int
    failed: int
    width: Spread
    height: Spread
    megabytes: Spread


@dataclass(frozen=True, slots=True)
class SplitInspection:
    """Everything found about one split; ``files`` is None where the pictures were not read."""

    name: str
    labels: LabelStatistics
    visibility: tuple[Visibility, ...]
    files: FileStatistics | None
    issues: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything found about a data set.

    Attributes:
        splits: One each, in the order given.
        copies: Identical and near-identical pictures within and across splits, or None where pictures were not read.
        complete: False when reading the pictures was interrupted; numbers of files and copies cover what was read.
    """

    splits: tuple[SplitInspection, ...]
    copies: tuple[Cluster, ...] | None
    complete: bool


def inspect_splits(
    splits: Mapping[str, Dataset], pictures: bool = True, on_picture: Callable[[], None] = lambda: None
) -> Inspection:
    """Inspect data sets that belong together, such as train and val.

    Args:
        splits: Data sets by name.
        pictures: Also open every picture file. Ctrl-C while this runs ends it and keeps what it found.
        on_picture: Called after each picture file, for a progress bar.
    """
    files: dict[str, list[PictureFile]] = {}
    complete = True
    if pictures:
        try:
            for name, dataset in splits.items():
                read = files.setdefault(name, [])
                for picture in dataset:
                    read.append(read_file(name, dataset, picture))
                    on_picture()
        except KeyboardInterrupt:
            complete = False
    found = tuple(_split(name, dataset, files.get(name)) for name, dataset in splits.items())
    copies = clusters([f for read in files.values() for f in read]) if pictures else None
    return Inspection(found, copies, complete)


def _split(name: str, dataset: Dataset, files: list[PictureFile] | None) -> SplitInspection:
    table = LabelTable.of(dataset)
    issues = box_issues(dataset, table) + keypoint_issues(dataset)
    statistics = None
    if files is not None:
        issues += file_issues(files, dataset.pictures[: len(files)])
        opened = [f for f in files if f.error is None]
        statistics = FileStatistics(
            len(opened),
            len(files) - len(opened),
            Spread.of(np.array([f.width for f in opened])),
            Spread.of(np.array([f.height for f in opened])),
            Spread.of(np.array([f.bytes / 1e6 for f in opened])),
        )
    return SplitInspection(name, label_statistics(table), visibility(dataset), statistics, tuple(issues))
