"""From a trained second look to a model with its card: measured on covered faces, in the place where it will stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.crop import OtherFaces, crop_dataset
from vitruvian.data.dataset import Dataset
from vitruvian.data.derive.facial import with_facial_parts
from vitruvian.data.occlusion.occlude import LEVELS, VALIDATION_KINDS
from vitruvian.data.occlusion.protocol import occlude_dataset
from vitruvian.finders.detector import Detector as OnnxDetector
from vitruvian.finders.faces import FaceModel
from vitruvian.finders.predict import predict_witnesses
from vitruvian.finders.recovery import SecondLook
from vitruvian.finders.witnesses import joined
from vitruvian.metrics import Predictions, pool
from vitruvian.metrics.recovered_faces import joined_curves, odd_photographs
from vitruvian.metrics.second_look import SecondLookCurve, second_look_curve
from vitruvian.networks.detector import Detector
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.training.export import export_second_look
from vitruvian.training.initial import SHIPPED
from vitruvian.training.module import NMS_IOU
from vitruvian.training.publish import training_record, training_sets
from vitruvian.training.recipe import MapsRecipe, Recipe
from vitruvian.training.sources import load_source, load_sources, named_labels
from vitruvian.zoo import DEFAULT_MODEL, Card, ModelFile, find_model, save_card
from vitruvian.zoo.cards import CARD_SCHEMA, Architecture, Fusion, MapsInput, Measured, Preprocessing, file_sha256

WANTED_PRECISION = 0.9
"""Of the recovered faces, on the half that the threshold is fitted on."""
SEEDS = (0, 1, 2, 3, 4)
"""Of the occluders: every photograph is covered anew for each, lest a threshold be that of a few lucky coverings."""
_CROP = 2.0
_LEAST_EXAMPLES = 10
"""Right and wrong proposals, each, below which four weights would be chance."""


def publish_second_look(
    net: Detector, recipe: Recipe, folder: Path, scratch: Path, progress: Callable[[str], None] = lambda line: None
) -> ModelFile:
    """Write ``<name>.onnx`` and its card ``<name>.json`` for a network that reads activation maps.

    It is measured together with its first model on the recipe's validation sources: sources with landmarks as crops
    around each face, at every level of occlusion, others as they are. The threshold is the lowest at which the faces
    that it recovers are precise on one half of the photographs; what the card states is of the other half.

    Args:
        net: Trained network.
        recipe: What it was trained by.
        folder: Where both files go.
        scratch: For the covered pictures.
        progress: Told what is being done.
    """
    maps = recipe.model.maps
    assert maps is not None
    path = folder / f"{recipe.name}.onnx"
    progress("exporting")
    export_second_look(net, path)
    first = find_model(DEFAULT_MODEL if maps.model == SHIPPED else maps.model)
    card = _card(net, recipe, maps, path, first.card)
    detector = OnnxDetector(first)
    sets = covered_sources(recipe, FaceModel(detector), scratch, progress)
    if sets:
        second = SecondLook(detector, ModelFile(path, card))
        rows = []
        for name, datasets in sets.items():
            progress(f"measuring on {name}: {sum(map(len, datasets))} pictures")
            found = [predict_witnesses(detector, second, dataset) for dataset in datasets]
            truth, faces = pool([(dataset, f[0]) for dataset, f in zip(datasets, found, strict=True)])
            proposed = pool([(dataset, f[1]) for dataset, f in zip(datasets, found, strict=True)])[1]
            rows.append(_Proposed(name, truth, faces, proposed, np.concatenate([f[2] for f in found])))
        card = _measured(card, rows)
    save_card(card, path.with_suffix(".json"))
    return ModelFile(path, card)


def covered_sources(
    recipe: Recipe,
    faces: FaceModel,
    scratch: Path,
    progress: Callable[[str], None] = lambda line: None,
    seeds: Sequence[int] = SEEDS,
) -> dict[str, list[Dataset]]:
    """The validation sources of a recipe as a second look is measured on them, by name and level of occlusion.

    A level has a data set for each seed; uncovered pictures and other sources are there once.

    Args:
        recipe: Its sources with ``derive: facial_parts`` are cropped to twice each face's box and covered with the
            validation kinds of occluders; the others stay as they are.
        faces: Finds other faces in the uncovered pictures, which are then ignored.
        scratch: Where crops and covered pictures are kept.
        progress: Told what is being done.
        seeds: Of the occluders.
    """
    sets: dict[str, list[Dataset]] = {}
    for name, source in recipe.data.val.items():
        if source.derive != "facial_parts":
            sets[name] = [load_source(source, Path(recipe.data_dir))]
            continue
        labelled = with_facial_parts(load_source(source.model_copy(update={"derive": None}), Path(recipe.data_dir)))
        progress(f"covering the faces of {name}: {len(labelled)} pictures")
        others = OtherFaces(faces.name, faces.boxes)
        crops = crop_dataset(labelled, WHOLE_FACE, scratch / name / "crops", _CROP, [others])
        for seed in seeds:
            levels = [level for level in LEVELS if level != "none" or seed == seeds[0]]
            folder = scratch / name / f"seed{seed}"
            for level, covered in occlude_dataset(crops, WHOLE_FACE, levels, VALIDATION_KINDS, folder, seed).items():
                sets.setdefault(f"{name} {level}", []).append(covered)
    return sets


def _card(net: Detector, recipe: Recipe, maps: MapsRecipe, path: Path, first: Card) -> Card:
    labels = list(named_labels(maps.labels))
    return Card(
        schema=CARD_SCHEMA,
        name=recipe.name,
        summary=recipe.card.summary,
        task="second look",
        file=path.name,
        sha256=file_sha256(path),
        labels=list(net.labels),
        architecture=Architecture(
            backbone=f"maps of {first.name}",
            in_channels=len(labels),
            width=recipe.model.width,
            depth=recipe.model.depth,
            mean=[0.0],
            std=[1.0],
        ),
        preprocessing=Preprocessing(
            size=first.preprocessing.size, pad_value=first.preprocessing.pad_value, channels="activation maps"
        ),
        reads=MapsInput(model=first.name, sha256=first.sha256, method=maps.method, labels=labels),
        nms_iou=NMS_IOU,
        thresholds=dict.fromkeys(net.labels, 0.5),
        thresholds_from="not fitted: no validation pictures",
        data=training_sets(recipe, load_sources(recipe.data.train, recipe)),
        commercial_use=recipe.card.commercial_use,
        weaknesses=recipe.card.weaknesses,
        training=training_record(recipe),
    )


@dataclass(frozen=True)
class _Proposed:
    """One set of pictures: the first pass, what the reader proposes, and the witnesses of each proposal."""

    name: str
    truth: Dataset
    first: Predictions
    second: Predictions
    witnesses: NDArray[np.float64]

    @property
    def certain(self) -> bool:
        """A wrong face is surely wrong: others are ignored in crops, and where nobody shows a face there is none. In
        other whole pictures tiny faces of a crowd may be unlabelled, and precision is a lower bound."""
        pictures = self.truth.pictures
        faces = (a for p in pictures for a in p.annotations if a.label == WHOLE_FACE)
        return all("crop" in p.attributes for p in pictures) or not any(faces)

    def half(self, odd: bool) -> _Proposed:
        """The photographs on one side."""
        keep = odd_photographs(self.truth) == odd
        pictures = tuple(p for p, kept in zip(self.truth.pictures, keep, strict=True) if kept)
        mine = keep[self.second.picture_index(self.truth)]
        first = self.first[keep[self.first.picture_index(self.truth)]]
        truth = replace(self.truth, pictures=pictures)
        return _Proposed(self.name, truth, first, self.second[mine], self.witnesses[mine])

    def curve(self, fusion: Fusion | None) -> SecondLookCurve:
        """Right and wrong proposals, ranked by the reader alone or by all witnesses."""
        second = self.second
        if fusion is not None:
            second = Predictions(
                second.image_ids, second.boxes, joined(fusion, self.witnesses), second.labels, second.names
            )
        return second_look_curve(self.truth, self.first, second, WHOLE_FACE)


def _measured(card: Card, sets: list[_Proposed]) -> Card:
    fitted, reported = ([proposed.half(odd) for proposed in sets] for odd in (False, True))
    fusion = _fusion(fitted)
    certain = [p.curve(fusion) for p in fitted if p.certain] or [p.curve(fusion) for p in fitted]
    threshold = joined_curves(certain).threshold_for(WANTED_PRECISION)
    missed = sum(curve.missed for curve in certain)
    if threshold is None:
        return card.with_thresholds(
            {WHOLE_FACE: 1.0}, f"no threshold gives precision {WANTED_PRECISION} on {missed} missed faces"
        )
    card = card.with_thresholds(
        {WHOLE_FACE: threshold},
        f"the lowest at which {WANTED_PRECISION:.0%} of the recovered faces are right, on the half of the photographs "
        f"whose names have an even hash ({missed} missed faces); crops and pictures without faces, if there are any",
    )
    headline: dict[str, float | None] = {}
    limit = round(threshold, 4)
    for proposed in reported:
        curve = proposed.curve(fusion)
        right, wrong = curve.at(limit)
        headline |= {f"{proposed.name}: missed": curve.missed, f"{proposed.name}: recovered": right,
                     f"{proposed.name}: wrong": wrong}  # fmt: skip
    measured = Measured(
        protocol="partial labels, IoU 0.5; the first pass at its own threshold, then what the second look adds",
        data=f"the other half: {sum(len(p.truth) for p in reported)} pictures, covered faces among them",
        headline=headline,
        classes={},
        sources={},
    )
    return card.model_copy(update={"fusion": fusion, "measured": measured})


def _fusion(sets: list[_Proposed]) -> Fusion | None:
    """The logistic regression of being right on the witnesses; None where there is nothing to learn it from."""
    from sklearn.linear_model import LogisticRegression

    witnesses, right = [], []
    for proposed in sets:
        curve = proposed.curve(None)
        witnesses.append(proposed.witnesses[curve.row])
        right.append(curve.right)
    x, y = np.concatenate(witnesses), np.concatenate(right)
    if min(int(y.sum()), int((~y).sum())) < _LEAST_EXAMPLES:
        return None
    fit = LogisticRegression(C=10.0).fit(x, y)
    reader, first_pass, parts, head = (round(float(v), 4) for v in fit.coef_[0])
    bias = round(float(fit.intercept_[0]), 4)
    return Fusion(reader=reader, first_pass=first_pass, parts=parts, head=head, bias=bias)
