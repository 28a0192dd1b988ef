"""The way out of partial labels: a model proposes, a person corrects, and the pictures become exhaustive.

``with_proposals`` adds a model's detections of the classes that a picture does not promise, marked with the attribute
``proposal`` and their ``score``, for CVAT or Label Studio. ``reviewed`` takes the corrected labels back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from vitruvian.data.dataset import Annotation, Box, DataError, Dataset, Picture
from vitruvian.data.overlap import box_iou

SAME_INSTANCE = 0.5
"""IoU from which a proposal is taken for an instance that is labelled already."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A detection: picture id, label, ``xyxy`` box in pixels, score."""

    picture: int
    label: str
    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class Reviewed:
    """Labels after review.

    Attributes:
        dataset: The whole set; reviewed pictures have their new labels and promise the reviewed classes.
        pictures: How many were reviewed.
        added, removed: Instances more and fewer than before, over the reviewed pictures.
    """

    dataset: Dataset
    pictures: int
    added: int
    removed: int


def read_proposals(rows: Sequence[Mapping[str, object]], dataset: Dataset, where: str) -> tuple[Proposal, ...]:
    """Proposals from COCO results json (``image_id``, ``category_id``, ``bbox`` as xywh, ``score``).

    Category ids are those of the file that the data set was read from.

    Raises:
        DataError: for a row that is incomplete or names an unknown picture or class.
    """
    ids = dict(dataset.category_ids) or {name: i for i, name in enumerate(dataset.labels, start=1)}
    names = {number: name for name, number in ids.items()}
    known = {picture.id for picture in dataset}
    found = []
    for i, row in enumerate(rows):
        try:
            x, y, w, h = (float(v) for v in row["bbox"])  # type: ignore[attr-defined]
            picture, category = int(str(row["image_id"])), int(str(row["category_id"]))
            score = float(str(row["score"]))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise DataError(f"{where}: row {i} lacks a usable image_id, category_id, bbox or score") from None
        if picture not in known:
            raise DataError(f"{where}: row {i} names unknown picture {picture}")
        if category not in names:
            raise DataError(f"{where}: row {i} names unknown category {category}")
        found.append(Proposal(picture, names[category], (x, y, x + w, y + h), score))
    return tuple(found)


def with_proposals(dataset: Dataset, proposals: Sequence[Proposal], threshold: float = 0.3) -> Dataset:
    """The pictures that have something to review, with what the model proposes beside what is labelled.

    A proposal is left out below the threshold, for a class that its picture promises, and where an instance of its
    class is labelled already.
    """
    by_picture: dict[int, list[Proposal]] = {}
    for proposal in proposals:
        if proposal.score >= threshold:
            by_picture.setdefault(proposal.picture, []).append(proposal)
    ids = count(1 + max((a.id for p in dataset for a in p.annotations), default=0))

    def change(picture: Picture) -> Picture | None:
        if picture.exhaustive >= set(dataset.labels):
            return None
        new: list[Annotation] = []
        for proposal in sorted(by_picture.get(picture.id, []), key=lambda p: -p.score):
            mine = [a for a in (*picture.annotations, *new) if a.label == proposal.label]
            if proposal.label in picture.exhaustive or any(box_iou(a.box, proposal.box) >= SAME_INSTANCE for a in mine):
                continue
            about = {"proposal": True, "score": round(proposal.score, 4)}
            new.append(Annotation(proposal.label, proposal.box, next(ids), derived_from="model", attributes=about))
        return replace(picture, annotations=(*picture.annotations, *new))

    return dataset.map(change)


def reviewed(dataset: Dataset, corrected: Dataset, labels: Collection[str]) -> Reviewed:
    """Take corrected labels back.

    Args:
        dataset: The set as it was.
        corrected: What the annotation tool gave back, pictures found by file name (its last part where the tool drops
            folders); pictures that are not in it stay as they are.
        labels: Classes that were reviewed: of these the corrected labels replace the old ones, and every instance is
            labelled now.

    Raises:
        DataError: for a class or a picture that the set lacks, or file names that are ambiguous without their folder.
    """
    wanted = frozenset(labels)
    if unknown := sorted(wanted - set(dataset.labels)):
        raise DataError(f"no class {unknown[0]!r}; there are {', '.join(dataset.labels)}")
    pictures = _by_name(dataset, corrected)
    ids = count(1 + max((a.id for p in dataset for a in p.annotations), default=0))
    added = removed = 0

    def change(picture: Picture) -> Picture:
        nonlocal added, removed
        if picture.file_name not in pictures:
            return picture
        kept = [a for a in picture.annotations if a.label not in wanted]
        old = [a for a in picture.annotations if a.label in wanted]
        new = [
            replace(a, id=next(ids), derived_from=None, attributes=_final(a.attributes))
            for a in pictures[picture.file_name].annotations
            if a.label in wanted
        ]
        added += sum(not any(_same(a, b) for b in old) for a in new)
        removed += sum(not any(_same(a, b) for b in new) for a in old)
        return replace(picture, annotations=(*kept, *new), exhaustive=picture.exhaustive | wanted)

    return Reviewed(dataset.map(change), len(pictures), added, removed)


def _by_name(dataset: Dataset, corrected: Dataset) -> dict[str, Picture]:
    full = {picture.file_name for picture in dataset}
    short: dict[str, list[str]] = {}
    for name in full:
        short.setdefault(name.rsplit("/", 1)[-1], []).append(name)
    found = {}
    for picture in corrected:
        last = picture.file_name.rsplit("/", 1)[-1]
        names = [picture.file_name] if picture.file_name in full else short.get(last, [])
        if len(names) != 1:
            problem = "is not in the set" if not names else f"may be any of {', '.join(sorted(names)[:3])}"
            raise DataError(f"{picture.file_name}: {problem}")
        found[names[0]] = picture
    return found


def _final(attributes: Mapping[str, object]) -> dict[str, object]:
    return {k: v for k, v in attributes.items() if k not in ("proposal", "score")}


def _same(first: Annotation, second: Annotation) -> bool:
    return first.label == second.label and box_iou(first.box, second.box) >= SAME_INSTANCE
