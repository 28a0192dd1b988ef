"""The ten facial parts of the occluded-face thesis (section 4.1) from face landmarks.

``eyes`` is a class of two boxes; ``right`` and ``left`` are the subject's own. A point with visibility 0 is
self-occluded (MERL-RAV) or unlabelled and is skipped; a point with visibility 1 lies behind something else (a hat, a
hand) and is used, and the boxes that it touches say so in their attributes, as the thesis keeps such points (3.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Annotation, DataError, Dataset, ExhaustiveRegion, Picture
from vitruvian.data.derive.geometry import clip, extent, scale
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.taxonomy.landmarks import LandmarkProtocol, landmark_protocol
from vitruvian.taxonomy.parts import FACIAL_PARTS

REGION_SCALE = 1.5
"""Around a labelled face, this many times its box is taken to show no other face; beyond it others may be in view."""

MINIMUM_SHARE = 0.5
"""A part with fewer of its points in view than this has no box: its extent would be that of what is left of it."""


def protocol_of(dataset: Dataset, label: str) -> LandmarkProtocol:
    """The landmark protocol of a class, by its number of points.

    Raises:
        DataError: if no annotation of the class has landmarks, or their number is of no known protocol.
    """
    for picture in dataset:
        for annotation in picture.annotations:
            if annotation.label == label and annotation.keypoints is not None:
                try:
                    return landmark_protocol(len(annotation.keypoints))
                except ValueError as error:
                    raise DataError(f"{picture.file_name}: annotation {annotation.id}: {error}") from None
    raise DataError(f"{dataset.images_dir}: no annotation of class {label!r} has landmarks")


def derive_facial_parts(dataset: Dataset, label: str, protocol: LandmarkProtocol) -> Dataset:
    """Replace faces with landmarks by boxes of their facial parts.

    Each box spans the points of its part that are in view, clipped to the picture, and carries
    ``derived_from="landmarks"`` and the attributes ``face`` (id of the annotation it comes from), ``side`` of an eye,
    and, where it touches externally occluded points, ``occluded`` and ``occluded_points`` (how many). The picture gets
    a region, the face box scaled by 1.5, in which all ten labels are exhaustive, save those of parts too little of
    which is in view to box them.

    Args:
        dataset: Pictures with faces.
        label: Class of the annotations that carry the landmarks; other annotations do not pass on.
        protocol: Of the landmarks: ``IBUG68`` and the like.

    Returns:
        A data set whose labels are ``FACIAL_PARTS.names``.

    Raises:
        DataError: if the data set lacks the label, or an annotation has another number of points than the protocol.
    """
    if label not in dataset.labels:
        raise DataError(f"{dataset.images_dir}: no class {label!r}; there are {', '.join(dataset.labels)}")
    ids = count(1)

    def change(picture: Picture) -> Picture:
        annotations: list[Annotation] = []
        regions: list[ExhaustiveRegion] = []
        for face in picture.annotations:
            if face.label != label or face.keypoints is None:
                continue
            if len(face.keypoints) != protocol.points:
                raise DataError(
                    f"{picture.file_name}: annotation {face.id} has {len(face.keypoints)} points, "
                    f"{protocol.name} has {protocol.points}"
                )
            parts, unsure = _parts(face, face.keypoints, protocol, picture, ids)
            annotations += parts
            region = clip(scale(face.box, REGION_SCALE), picture.width, picture.height)
            if region is not None and not face.ignore:
                regions.append(ExhaustiveRegion(region, frozenset(FACIAL_PARTS.names) - unsure))
        return replace(
            picture, annotations=tuple(annotations), exhaustive=frozenset(), exhaustive_regions=tuple(regions)
        )

    return replace(
        dataset.map(change, labels=FACIAL_PARTS.names), keypoint_names={}, category_ids={}, label_attributes={}
    )


def with_facial_parts(dataset: Dataset) -> Dataset:
    """:func:`derive_facial_parts` of the class that has landmarks, with each ``whole face`` keeping its own.

    Raises:
        DataError: if no class has landmarks, or their number is of no known protocol.
    """
    label = next((name for name in dataset.labels if name in dataset.keypoint_names), None)
    if label is None:
        raise DataError(f"{dataset.images_dir}: no class has keypoints, so no facial parts can be derived")
    derived = derive_facial_parts(dataset, label, protocol_of(dataset, label))
    points = {a.id: a.keypoints for picture in dataset for a in picture.annotations if a.label == label}

    def change(picture: Picture) -> Picture:
        annotations = (
            replace(a, keypoints=points[a.attributes["face"]]) if a.label == WHOLE_FACE else a
            for a in picture.annotations
        )
        return replace(picture, annotations=tuple(annotations))

    return replace(derived.map(change), keypoint_names={WHOLE_FACE: dataset.keypoint_names[label]})


def _parts(
    face: Annotation,
    points: NDArray[np.float32],
    protocol: LandmarkProtocol,
    picture: Picture,
    ids: Iterator[int],
) -> tuple[list[Annotation], frozenset[str]]:
    """Boxes of one face, and the labels of parts that are in view but not boxed."""
    found: list[Annotation] = []
    unsure: set[str] = set()
    for part in protocol.facial_parts:
        group = points[list(part.points)]
        seen = group[group[:, 2] > 0]
        if len(seen) == 0:
            continue
        box = clip(extent(seen), picture.width, picture.height)
        if box is None or len(seen) < MINIMUM_SHARE * len(group):
            unsure.add(part.label)
            continue
        attributes: dict[str, object] = {"face": face.id}
        if part.side is not None:
            attributes["side"] = part.side
        hidden = int((seen[:, 2] == 1).sum())
        if hidden:
            attributes |= {"occluded": True, "occluded_points": hidden}
        found.append(
            Annotation(part.label, box, next(ids), face.ignore, derived_from="landmarks", attributes=attributes)
        )
    return found, frozenset(unsure)
