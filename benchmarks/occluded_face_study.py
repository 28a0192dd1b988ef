"""The study of covered faces, from recipes to report, by one command.

    python benchmarks/occluded_face_study.py DATA --out study [--seeds 0,1,2,3,4] [--set schedule.pictures=2000]

DATA holds faces68/, masks/, parts/, pascal/ and negatives/ (pictures that show nobody). Models are trained from
recipes/ where the out folder does not have them yet (hours on two cores in all; a stopped run goes on), maps and
covered pictures are made once, and the report is written to OUT/report.md and OUT/index.html.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np
from study_pictures import recovered_sheets

from vitruvian.data.crop import OtherFaces, crop_dataset
from vitruvian.data.dataset import DataError, Dataset
from vitruvian.data.derive.facial import with_facial_parts
from vitruvian.data.merge import keep_labels
from vitruvian.data.occlusion.occlude import LEVELS, TRAIN_KINDS, VALIDATION_KINDS
from vitruvian.data.occlusion.protocol import occlude_dataset
from vitruvian.finders.detector import Detector
from vitruvian.finders.faces import FaceModel, find_faces
from vitruvian.finders.map_dataset import write_map_datasets
from vitruvian.finders.map_pictures import MapMaker
from vitruvian.finders.predict import predict_dataset, predict_faces
from vitruvian.finders.recovery import SecondLook
from vitruvian.images import ReadError
from vitruvian.metrics import MetricError, Predictions, Table, evaluate_boxes, pool, recall_of_heads
from vitruvian.metrics.confusion import confusion_matrix
from vitruvian.metrics.face_rates import ALL
from vitruvian.metrics.recovered_faces import one_ranking
from vitruvian.metrics.result import Cell
from vitruvian.reports.face_study import LEVELS as STUDY_LEVELS
from vitruvian.reports.face_study import (
    FaceSets,
    RecoveryStudy,
    coverage_table,
    detector_table,
    face_curve,
    recovery_study,
)
from vitruvian.reports.occluded_faces import BEHIND, FRONT, OccludedFaces, by_view, prepare
from vitruvian.reports.page import Figure, Section, result_section, write_page
from vitruvian.reports.plots import confusion, f1_confidence
from vitruvian.taxonomy import FACIAL_PARTS, WHOLE_FACE
from vitruvian.training.recipe import RecipeError
from vitruvian.zoo import DEFAULT_MODEL, ModelError, ModelFile, find_model, find_second_look

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
MAP_MODELS = tuple(f"second_pass_{m}_{k}" for m in ("gradcampp", "hirescam") for k in ("averaged", "stacked"))
FIRST_MODELS = ("facial_parts", "whole_face")
SECOND_LOOK = "second look"


def tell(line: str) -> None:
    """Progress, to standard error."""
    print(line, file=sys.stderr, flush=True)


def trained(name: str, data: Path, runs: Path, overrides: Sequence[str]) -> ModelFile:
    """The model of a recipe: taken where it is, else trained, and resumed where that was interrupted."""
    from vitruvian.training.publish import publish
    from vitruvian.training.recipe import load_recipe
    from vitruvian.training.run import best_network, train

    path = runs / name / f"{name}.onnx"
    if not path.with_suffix(".json").is_file():
        recipe = load_recipe(RECIPES / f"{name}.yaml", [f"data_dir={data}", *overrides])
        tell(f"training {name}: {recipe.schedule.pictures} pictures")
        train(recipe, runs / name, resume=True, cache=runs / "cache")
        publish(best_network(runs / name)[1], recipe, runs / name, tell)
    return find_model(path)


def make_maps(data: Path, out: Path, detector: Detector) -> None:
    """Maps of freshly covered training faces, of validation faces and of pictures without anybody."""
    model = FaceModel(detector)
    others = [OtherFaces(model.name, model.boxes)]
    sets: dict[str, Dataset] = {}
    for split, factor, kinds, levels in (("train", 3.0, TRAIN_KINDS, tuple(LEVELS)),
                                         ("val", 2.0, VALIDATION_KINDS, ("none", "hard"))):  # fmt: skip
        faces = with_facial_parts(Dataset.load(data / "faces68" / f"{split}.json", exhaustive="none"))
        crops = crop_dataset(faces, WHOLE_FACE, out / f"{split}_crops", factor, others)
        covered = occlude_dataset(crops, WHOLE_FACE, levels, kinds, out / f"{split}_covered")
        sets |= {f"{split}/{level}": dataset for level, dataset in covered.items()}
    sets["nobody"] = Dataset.load(data / "negatives" / "train.json", exhaustive="all")
    for name, dataset in sets.items():
        if not (out / name / "hirescam_stacked" / "maps.json").is_file():
            tell(f"maps of {name}: {len(dataset)} pictures")
            makers = {
                out / name / f"{label}_{kind}": MapMaker(detector, method, kind, FACIAL_PARTS.names)
                for method, label in (("hirescam", "hirescam"), ("gradcam++", "gradcampp"))
                for kind in ("averaged", "stacked")
            }
            write_map_datasets(dataset, detector, makers)


def study_sets(pictures: OccludedFaces, data: Path) -> dict[str, list[Dataset]]:
    """By name: each level with a data set for each seed, masks, and pictures without anybody."""
    sets: dict[str, list[Dataset]] = {}
    for level in STUDY_LEVELS:
        sets[level] = [dataset for (degree, _), dataset in pictures.covered.items() if degree == level]
    masks = pictures.masks
    sets["masks"] = [masks.map(lambda picture: replace(picture, exhaustive=frozenset(masks.labels)))]
    nobody = Dataset.load(data / "negatives" / "val.json", exhaustive="all")
    sets["nobody"] = [keep_labels(nobody, (WHOLE_FACE,))]
    return sets


def from_afw(sets: FaceSets) -> FaceSets:
    """With a further set: AFW's share of the covered faces, if there are any."""
    name = "AFW, all levels"
    if not any(picture.source == "afw" for level in STUDY_LEVELS for picture in sets.truth[level].pictures):
        return sets

    def of_afw(found: Mapping[str, Predictions]) -> dict[str, Predictions]:
        truth, faces = pool([(sets.truth[level], found[level]) for level in STUDY_LEVELS])
        keep = np.array([picture.source == "afw" for picture in truth.pictures])
        return {**found, name: faces[keep[faces.picture_index(truth)]]}

    truth = pool([(sets.truth[level], sets.first[level]) for level in STUDY_LEVELS])[0]
    mine = truth.map(lambda picture: picture if picture.source == "afw" else None)
    second, after, others = (
        {who: of_afw(found) for who, found in by_name.items()} for by_name in (sets.second, sets.after, sets.others)
    )
    return FaceSets({**sets.truth, name: mine}, of_afw(sets.first), second, after, others, sets.threshold)


def infants_table(heads: Dataset, ways: Mapping[str, tuple[Predictions, float]], resamples: int) -> Table:
    """Heads of infants in which a face is found, by each way at its threshold; in those from behind it is wrong."""
    seen = by_view(heads)
    rows: list[tuple[Cell, ...]] = []
    for name, (found, threshold) in ways.items():
        result = recall_of_heads(seen, found, threshold, resamples=resamples)
        every, front, behind = (result[source] for source in (ALL, FRONT, BEHIND))
        counts = [f"{row.found} of {row.heads}" for row in (every, front, behind)]
        rows.append((name, *counts[:2], front.recall.value, front.recall.low, front.recall.high, counts[2]))
    columns = ("way", "all heads", "from the front", "share", "low", "high", "from behind")
    return Table("Infants: heads in which a face is found", columns, tuple(rows))


def facial_part_table(data: Path, models: Mapping[str, ModelFile]) -> tuple[Table, list[Figure]]:
    """All classes of each model on faces68's validation pictures (table 4), and its confusion matrix there."""
    from vitruvian.training.recipe import SourceRecipe
    from vitruvian.training.sources import load_source

    source = SourceRecipe(json="faces68/val.json", derive="facial_parts", exhaustive="none")
    truth = load_source(source, data)
    rows: list[tuple[Cell, ...]] = []
    figures = []
    for name, model in models.items():
        found = predict_dataset(Detector(model), truth)
        result = evaluate_boxes(truth, found)
        mine = [c for c in result.classes if c.label in model.card.labels and c.instances]
        rows += [(name, c.label, c.instances, c.ap50, c.ap) for c in mine]
        boxes = sum(c.instances for c in mine)
        rows.append((name, "mean", boxes, mean(c.ap50 for c in mine), mean(c.ap for c in mine)))
        known = keep_labels(truth, model.card.labels)
        matrix = confusion_matrix(known, found.above(model.card.thresholds), threshold=0.0)
        caption = f"{name} on uncovered pictures at its thresholds: what boxes are taken for; each column adds up to 1."
        figures.append(replace(confusion(matrix), name=f"confusion_{name}", caption=caption))
    return Table("Facial parts on uncovered pictures", ("model", "class", "boxes", "AP50", "AP"), tuple(rows)), figures


def main() -> None:
    """Train what is missing, measure, write the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=Path("study"))
    parser.add_argument("--model", default=DEFAULT_MODEL, help="first pass: name or path")
    parser.add_argument("--second", help="its second look: path; by default the shipped one")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--set", action="append", default=[], help="change a key of every recipe that is trained")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--as-trained", action="store_true", help="leave out what is not trained yet")
    args = parser.parse_args()
    data, out = args.data.resolve(), args.out.resolve()
    runs = out / "runs"
    first = find_model(args.model)
    detector = Detector(first)
    wanted = [n for n in (*MAP_MODELS, *FIRST_MODELS) if not args.as_trained or (runs / n / f"{n}.json").is_file()]
    if not args.as_trained:
        make_maps(data, out / "second_pass", detector)
    readers: dict[str, ModelFile | None] = {}
    shipped = find_model(args.second) if args.second else find_second_look(first.card)
    if shipped is not None:
        readers[SECOND_LOOK] = shipped
    for name in (name for name in MAP_MODELS if name in wanted):
        readers[name.removeprefix("second_pass_").replace("_", ", ")] = trained(name, out, runs, args.set)
    readers["map-free"] = None
    singles = {name: trained(name, data, runs, args.set) for name in FIRST_MODELS if name in wanted}
    seeds = [int(text) for text in args.seeds.split(",")]
    pictures = prepare(data, out / "pictures", seeds, on_set=lambda name: tell(f"preparing {name}"))
    sets = study_sets(pictures, data)
    looks = {name: SecondLook(detector, model) for name, model in readers.items()}
    finders = {name: FaceModel(Detector(model), threshold=0.01) for name, model in singles.items()}
    everything = found_in(sets, detector, looks, finders)
    known = {} if shipped is None else {SECOND_LOOK: shipped.card.thresholds[WHOLE_FACE]}  # as its users have it
    study = recovery_study(everything, known, alone=list(singles), resamples=args.resamples)
    tell("looking at infants")
    heads = predict_faces(detector, looks, pictures.heads)
    sure = heads.first.above(everything.threshold)
    ways = {first.card.name: (sure, 0.0)}
    for name, found in heads.after.items():
        threshold = study.thresholds[name]
        more = found.above(2.0 if threshold is None else threshold)
        ways[f"{first.card.name}, then {name}"] = (one_ranking(sure, more), 0.0)
    for name, finder in finders.items():
        ways[name] = (find_faces(finder, pictures.heads), singles[name].card.thresholds[WHOLE_FACE])
    infants = infants_table(pictures.heads, ways, args.resamples)
    write_report(out, data, first, everything, singles, study, infants)


def found_in(
    sets: Mapping[str, Sequence[Dataset]],
    detector: Detector,
    looks: Mapping[str, SecondLook],
    finders: Mapping[str, FaceModel],
) -> FaceSets:
    """What both passes and further detectors find in every set, AFW's share of the covered faces a set of its own."""
    truth: dict[str, Dataset] = {}
    firsts: dict[str, Predictions] = {}
    seconds, afters, others = ({who: dict[str, Predictions]() for who in names} for names in (looks, looks, finders))
    for name, datasets in sets.items():
        tell(f"looking at {name}: {sum(map(len, datasets))} pictures")
        faces = [predict_faces(detector, looks, dataset) for dataset in datasets]
        truth[name], firsts[name] = pool([(d, found.first) for d, found in zip(datasets, faces, strict=True)])
        for look in looks:
            seconds[look][name] = pool([(d, found.alone[look]) for d, found in zip(datasets, faces, strict=True)])[1]
            afters[look][name] = pool([(d, found.after[look]) for d, found in zip(datasets, faces, strict=True)])[1]
        for other, finder in finders.items():
            others[other][name] = pool([(dataset, find_faces(finder, dataset)) for dataset in datasets])[1]
    return from_afw(FaceSets(truth, firsts, seconds, afters, others, detector.card.thresholds[WHOLE_FACE]))


def f1_figures(sets: FaceSets, first: str) -> list[Figure]:
    """F1 over confidence: the first pass by level, and all detectors of whole faces on all covered ones."""
    shown = [level for level in STUDY_LEVELS if level in sets.truth]
    by_level = [face_curve(sets.truth[level], sets.first[level], level) for level in shown]
    figures = [replace(f1_confidence(by_level), caption=f"F1 and confidence of {first}, by level of occlusion.")]
    every = []
    for name, found in {first: sets.first, **sets.others, **sets.second}.items():
        every.append(face_curve(*pool([(sets.truth[level], found[level]) for level in shown]), name))
    caption = "F1 and confidence on all covered faces, map readers each for itself."
    return [*figures, replace(f1_confidence(every), name="f1_confidence_detectors", caption=caption)]


def write_report(
    out: Path,
    data: Path,
    first: ModelFile,
    sets: FaceSets,
    singles: Mapping[str, ModelFile],
    study: RecoveryStudy,
    infants: Table,
) -> None:
    """``report.md`` and ``index.html``, with pictures of recovered faces."""
    parts, confusions = facial_part_table(data, {first.card.name: first, **singles})
    tables = [
        parts,
        detector_table("Detectors of the whole face", sets, {first.card.name: sets.first, **sets.others}),
        infants,
        detector_table("Map readers as detectors of their own", sets, sets.second),
        coverage_table("Map readers at the threshold of their best F1", sets),
    ]
    sheets: list[Figure] = recovered_sheets(sets, study.thresholds)
    text = ["# Covered faces: first pass, second look", ""]
    text += [table.markdown() + "\n" for table in (*tables, *study.tables())]
    (out / "report.md").write_text("\n".join(text), encoding="utf-8")
    figures = (*f1_figures(sets, first.card.name), *confusions)
    sections = [
        Section("First pass and map readers", tables=tuple(tables), figures=figures),
        result_section("Second looks", study, sheets),
    ]
    write_page(out, "Covered faces", "First pass, second look, and doing without.", [], sections)
    print("\n\n".join(map(str, tables)), study, sep="\n\n")


if __name__ == "__main__":
    try:
        main()
    except (DataError, MetricError, ModelError, OSError, ReadError, RecipeError) as error:
        sys.exit(f"error: {error}")
