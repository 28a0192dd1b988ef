"""Faces under occlusion, measured the same way for every detector: pictures prepared once, then one table each.

Covered faces: faces68's validation faces, each on a crop of twice its box, at four degrees of occlusion and several
seeds. Masked faces: the masks set, every face labelled save tiny ones. Infants: heads in which a face is found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vitruvian.data.crop import OtherFaces, crop_dataset
from vitruvian.data.dataset import DataError, Dataset
from vitruvian.data.derive import from_behind
from vitruvian.data.derive.facial import with_facial_parts
from vitruvian.data.merge import keep_labels, rename_labels
from vitruvian.data.occlusion.occlude import LEVELS, VALIDATION_KINDS, Level
from vitruvian.data.occlusion.protocol import occlude_dataset
from vitruvian.finders.faces import FaceFinder, FaceModel, find_faces
from vitruvian.metrics import (
    FaceRecallResult,
    HeadsResult,
    Predictions,
    Result,
    Table,
    evaluate_face_recall,
    pool,
    recall_of_heads,
)
from vitruvian.taxonomy import WHOLE_FACE

INFANTS = "baby"
FRONT, BEHIND = "in front of the camera", "seen from behind"
_NONE: Level = "none"


def by_view(heads: Dataset) -> Dataset:
    """Pictures of infants with what is seen of them as their source, for :func:`vitruvian.metrics.recall_of_heads`.

    A face that is found in a head from behind is wrong.
    """
    return heads.map(lambda p: replace(p, source=BEHIND if from_behind(p) else FRONT))


Key = tuple[str, int]
"""Degree of occlusion and seed."""


@dataclass(frozen=True, slots=True, eq=False)
class OccludedFaces:
    """The pictures.

    Attributes:
        covered: By degree and seed; uncovered ones are there once, under the first seed.
        masks: Masked faces.
        heads: Infants.
    """

    covered: Mapping[Key, Dataset]
    masks: Dataset
    heads: Dataset

    @property
    def sets(self) -> tuple[Dataset, ...]:
        """All of them, in the order in which :class:`Found` holds them."""
        return (*self.covered.values(), self.masks, self.heads)


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What one detector finds in :class:`OccludedFaces`, labelled ``whole face``."""

    covered: Mapping[Key, Predictions]
    masks: Predictions
    heads: Predictions


@dataclass(frozen=True)
class OccludedFacesResult(Result):
    """The outcome of :func:`measure`.

    Attributes:
        covered: By degree of occlusion, and all together.
        masks: Masked faces; precision is a lower bound.
        heads: Infants' heads.
    """

    covered: FaceRecallResult
    masks: FaceRecallResult
    heads: HeadsResult

    def headline(self) -> Mapping[str, float]:
        wanted = self.covered.wanted
        numbers = {"AP50 none": self.covered[_NONE].ap50.value}
        numbers |= {f"recall at precision {wanted:g}, {d.degree}": d.recall.value for d in self.covered.degrees}
        numbers |= {
            "masks AP50": self.masks["all"].ap50.value,
            f"masks recall at precision {wanted:g}": self.masks["all"].recall.value,
            "heads of infants found": self.heads[INFANTS].recall.value,
        }
        return numbers

    def tables(self) -> tuple[Table, ...]:
        masks = tuple(replace(table, title=f"Masks. {table.title}") for table in self.masks.tables())
        return (*self.covered.tables(), *masks, *self.heads.tables())


def prepare(
    data: Path,
    out: Path,
    seeds: Sequence[int] = (0, 1, 2, 3, 4),
    others: Sequence[OtherFaces] = (),
    on_set: Callable[[str], None] = lambda name: None,
) -> OccludedFaces:
    """Make the pictures, or take those that an earlier call made.

    Crops go to ``out/crops``, covered ones to ``out/seed<S>/LEVEL.json`` with their pictures beside them.

    Args:
        data: Folder with ``faces68/val.json``, ``masks/val.json`` and ``parts/val.json``.
        out: Folder to write to; kept pictures are used again.
        seeds: Of the occluders.
        others: Detectors whose further faces in the uncovered pictures are ignored; without any, the shipped model.
        on_set: Called with the name of each set that is about to be made.

    Raises:
        DataError: when a set is missing or cannot be read, or there are no seeds.
    """
    if not seeds:
        raise DataError("no seeds: at least one is needed to cover faces")
    on_set("crops")
    if not others:
        model = FaceModel()
        others = (OtherFaces(model.name, model.boxes),)
    faces = with_facial_parts(Dataset.load(data / "faces68" / "val.json", exhaustive="none"))
    crops = crop_dataset(faces, WHOLE_FACE, out / "crops", 2.0, others)
    covered: dict[Key, Dataset] = {}
    for seed in seeds:
        on_set(f"seed {seed}")
        levels = [level for level in LEVELS if level != _NONE or seed == seeds[0]]
        made = occlude_dataset(crops, WHOLE_FACE, levels, VALIDATION_KINDS, out / f"seed{seed}", seed)
        covered |= {(level, seed): keep_labels(dataset, (WHOLE_FACE,)) for level, dataset in made.items()}
    masks = Dataset.load(data / "masks" / "val.json", exhaustive="all")
    masks = rename_labels(masks, dict.fromkeys(masks.labels, WHOLE_FACE))
    # Tiny faces of a crowd are not labelled: no promise, so that precision is called a lower bound.
    masks = masks.map(lambda picture: replace(picture, exhaustive=frozenset()))
    parts = Dataset.load(data / "parts" / "val.json")
    heads = parts.map(lambda picture: picture if picture.source == INFANTS else None)
    return OccludedFaces(dict(sorted(covered.items(), key=_place)), masks, heads)


def _place(item: tuple[Key, Dataset]) -> tuple[int, int]:
    (level, seed), _ = item
    return list(LEVELS).index(level), seed  # type: ignore[arg-type]


def find(finder: FaceFinder, pictures: OccludedFaces, on_picture: Callable[[], None] = lambda: None) -> Found:
    """Run a detector over all pictures; let it give boxes of low scores too, or its curve ends early.

    Raises:
        ReadError: when a picture cannot be read.
    """
    covered = {key: find_faces(finder, dataset, on_picture=on_picture) for key, dataset in pictures.covered.items()}
    masks = find_faces(finder, pictures.masks, on_picture=on_picture)
    return Found(covered, masks, find_faces(finder, pictures.heads, on_picture=on_picture))


def pooled(pictures: OccludedFaces, found: Found) -> tuple[Dataset, Predictions]:
    """All covered sets as one, uncovered pictures once a seed, so that every degree weighs the same.

    For :func:`vitruvian.metrics.compare_at_precision`, with the predictions of each detector.
    """
    seeds = {seed for _, seed in pictures.covered}
    pairs = []
    for (level, seed), dataset in pictures.covered.items():
        times = len(seeds) if level == _NONE else 1
        pairs += [(dataset, found.covered[level, seed])] * times
    return pool(pairs)


def measure(
    pictures: OccludedFaces,
    found: Found,
    threshold: float,
    precision: float = 0.9,
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> OccludedFacesResult:
    """The numbers of one detector.

    Args:
        pictures: From :func:`prepare`.
        found: From :func:`find`, or from any predictions.
        threshold: That which the detector ships with.
        precision: At which recall is stated.
        resamples: Bootstrap draws of photographs.
        seed: Of the draws.

    Raises:
        MetricError: as :func:`vitruvian.metrics.evaluate_face_recall` and
            :func:`vitruvian.metrics.recall_of_heads` do.
    """
    truth, predictions = pooled(pictures, found)
    covered = evaluate_face_recall(truth, predictions, WHOLE_FACE, precision, threshold, resamples=resamples, seed=seed)
    masks = evaluate_face_recall(
        pictures.masks, found.masks, WHOLE_FACE, precision, threshold, resamples=resamples, seed=seed
    )
    heads = recall_of_heads(pictures.heads, found.heads, threshold, WHOLE_FACE, resamples=resamples, seed=seed)
    notes = tuple(f"masks: {note}" for note in masks.notes) + covered.notes + heads.notes
    return OccludedFacesResult("occluded-faces", "vitruvian", notes, covered, masks, heads)
