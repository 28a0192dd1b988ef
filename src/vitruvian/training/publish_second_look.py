"""From a trained second look to a model with its card: measured on covered faces, in the place where it will stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vitruvian.data.crop import OtherFaces, crop_dataset
from vitruvian.data.dataset import Dataset
from vitruvian.data.derive.facial import with_facial_parts
from vitruvian.data.occlusion.occlude import LEVELS, VALIDATION_KINDS
from vitruvian.data.occlusion.protocol import occlude_dataset
from vitruvian.finders.detector import Detector as OnnxDetector
from vitruvian.finders.faces import FaceModel
from vitruvian.finders.recovery import SecondLook
from vitruvian.networks.detector import Detector
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.training.export import export_second_look
from vitruvian.training.initial import find_start
from vitruvian.training.join_witnesses import (
    Proposed,
    cross_fitted_threshold,
    fit_for_thresholds,
    fit_fusion,
    propose,
    threshold_for,
)
from vitruvian.training.module import NMS_IOU
from vitruvian.training.publish import training_record, training_sets
from vitruvian.training.recipe import MapsRecipe, Recipe, SourceRecipe, named_labels
from vitruvian.training.sources import load_source, load_sources
from vitruvian.zoo import Card, ModelFile, save_card
from vitruvian.zoo.cards import CARD_SCHEMA, Architecture, MapsInput, Measured, Preprocessing, file_sha256

WANTED_PRECISION = 0.9
"""Of the recovered faces, on the half that the threshold is fitted on."""
Coverings = Mapping[float, Sequence[int]]
"""Sides of the crops around faces, in sides of these, and for each the seeds of the occluders."""
MEASURED_ON: Coverings = {2.0: (0, 1, 2, 3, 4)}
"""Every photograph is covered anew for each seed, lest what is measured be a few lucky coverings."""
FITTED_ON: Coverings = {2.0: (11, 12, 13), 4.0: (11,)}
"""Of training photographs. With one seed alone the threshold was chance: it moved by a tenth. Without the wider crops,
where people stand side by side, a shirt between two faces became a face."""


def publish_second_look(
    net: Detector, recipe: Recipe, folder: Path, scratch: Path, progress: Callable[[str], None] = lambda line: None
) -> ModelFile:
    """Write ``<name>.onnx`` and its card ``<name>.json`` for a network that reads activation maps.

    It is measured together with its first model on the recipe's validation sources: sources with landmarks as crops
    around each face, at every level of occlusion, others as they are. How witnesses are joined, and the lowest
    threshold at which the faces that it recovers are precise, is fitted on the recipe's ``data.fit`` in the same way;
    without such sources on one half of the validation photographs, and what the card states is of the other half.

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
    first = find_start(maps.model)
    card = _card(net, recipe, maps, path, first.card)
    detector = OnnxDetector(first)
    look, faces = SecondLook(detector, ModelFile(path, card)), FaceModel(detector)

    def proposed(sources: Mapping[str, SourceRecipe], folder: Path, coverings: Coverings) -> list[Proposed]:
        sets = []
        covered = covered_sources(sources, Path(recipe.data_dir), faces, folder, progress, coverings)
        for name, datasets in covered.items():
            progress(f"looking at {name}: {sum(map(len, datasets))} pictures")
            sets.append(propose(name, detector, look, datasets))
        return sets

    fitted = proposed(recipe.data.fit, scratch / "fit", FITTED_ON)
    measured = proposed(recipe.data.val, scratch, MEASURED_ON)
    if fitted or measured:
        card = _measured(card, fitted, measured)
    save_card(card, path.with_suffix(".json"))
    return ModelFile(path, card)


def covered_sources(
    sources: Mapping[str, SourceRecipe],
    data_dir: Path,
    faces: FaceModel,
    scratch: Path,
    progress: Callable[[str], None] = lambda line: None,
    coverings: Coverings = MEASURED_ON,
) -> dict[str, list[Dataset]]:
    """Sources of a recipe as a second look is measured on them, by name and level of occlusion.

    A level has a data set for each seed; uncovered pictures and other sources are there once.

    Args:
        sources: Those with ``derive: facial_parts`` are cropped around each face and covered with the validation kinds
            of occluders, which neither pass was trained with; the others stay as they are.
        data_dir: Where their files are.
        faces: Finds other faces in the uncovered pictures, which are then ignored.
        scratch: Where crops and covered pictures are kept.
        progress: Told what is being done.
        coverings: How wide the crops are, and the seeds of the occluders.
    """
    sets: dict[str, list[Dataset]] = {}
    for name, source in sources.items():
        if source.derive != "facial_parts":
            sets[name] = [load_source(source, data_dir)]
            continue
        labelled = with_facial_parts(load_source(source.model_copy(update={"derive": None}), data_dir))
        progress(f"covering the faces of {name}: {len(labelled)} pictures")
        others = OtherFaces(faces.name, faces.boxes)
        for side, seeds in coverings.items():
            place = scratch / name / f"{side:g} times the face"
            crops = crop_dataset(labelled, WHOLE_FACE, place / "crops", side, [others])
            wide = "" if side == next(iter(coverings)) else f", {side:g} times the face"
            for seed in seeds:
                levels = [level for level in LEVELS if level != "none" or seed == seeds[0]]
                copies = occlude_dataset(crops, WHOLE_FACE, levels, VALIDATION_KINDS, place / f"seed{seed}", seed)
                for level, covered in copies.items():
                    sets.setdefault(f"{name} {level}{wide}", []).append(covered)
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


def _measured(card: Card, fitted: Sequence[Proposed], measured: Sequence[Proposed]) -> Card:
    """The card with fusion, threshold and what is recovered: fitted on sets of their own, else on one half of these."""
    whose = "covered training photographs, each scored by a fit on others"
    data = "validation pictures"
    if fitted:
        fusion = fit_fusion(fitted)
        threshold = cross_fitted_threshold(WANTED_PRECISION, fitted) if fusion else None
        reported = list(measured)
    else:
        fitted, reported = ([proposed.half(odd) for proposed in measured] for odd in (False, True))
        fusion = fit_fusion(fitted)
        threshold = threshold_for(WANTED_PRECISION, fitted, fusion)
        whose, data = "the half of the photographs whose names have an even hash", "the other half"
    missed = sum(p.curve(fusion).missed for p, fits in zip(fitted, fit_for_thresholds(fitted), strict=True) if fits)
    if threshold is None:
        return card.with_thresholds(
            {WHOLE_FACE: 1.0}, f"no threshold gives precision {WANTED_PRECISION} on {missed} missed faces of {whose}"
        )
    card = card.with_thresholds(
        {WHOLE_FACE: threshold},
        f"the lowest at which {WANTED_PRECISION:.0%} of the recovered faces are right, on {whose} ({missed} missed "
        f"faces); crops and pictures without faces, if there are any",
    )
    headline: dict[str, float | None] = {}
    limit = round(threshold, 4)
    for proposed in reported:
        curve = proposed.curve(fusion)
        right, wrong = curve.at(limit)
        headline |= {f"{proposed.name}: missed": curve.missed, f"{proposed.name}: recovered": right,
                     f"{proposed.name}: wrong": wrong}  # fmt: skip
    figures = Measured(
        protocol="partial labels, IoU 0.5; the first pass at its own threshold, then what the second look adds",
        data=f"{data}: {sum(len(p.truth) for p in reported)} pictures, covered faces among them",
        headline=headline,
        classes={},
        sources={},
    )
    return card.model_copy(update={"fusion": fusion, "measured": figures if reported else None})
