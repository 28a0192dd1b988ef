"""What adapting gives: a model that never saw infants, adapted to 10, 50 and 200 labelled pictures of them.

    vitruvian train recipes/no_infants.yaml --set data_dir=DATA
    python benchmarks/adapt_infants.py runs/no_infants/no_infants.onnx DATA --out runs/adapt_infants

For each number of pictures and each draw of them: AP50 of infants' heads and noses on ``parts`` val, heads found at the
model's threshold, and mean AP50 on the rest of ``parts`` val: what is forgotten. A model that is there already is not
made again. ``--keep 0`` repeats it without holding on to what the model knew.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, stdev

from vitruvian.data.dataset import Dataset
from vitruvian.finders import Detector, predict_dataset
from vitruvian.metrics import Table, evaluate_boxes, recall_of_labelled
from vitruvian.training.adapt import adapt
from vitruvian.training.adapt_plan import plan_adaptation
from vitruvian.training.recipe import SourceRecipe
from vitruvian.training.sources import load_source
from vitruvian.zoo import ModelFile, find_model

LABELS = ("Human head", "Human nose")
OTHERS = ["celebamask", "ccp", "hands"]


@dataclass(frozen=True, slots=True)
class Row:
    """What one model reaches: AP50 of heads and noses of infants, heads found, false heads a picture, the rest."""

    head: float
    nose: float
    found: float
    false: float
    rest: float
    rest_without: float


def measured(model: ModelFile, infants: Dataset, rest: Dataset) -> Row:
    """Measure one model."""
    detector = Detector(model)
    seen, others = predict_dataset(detector, infants), predict_dataset(detector, rest)
    result, old = evaluate_boxes(infants, seen), evaluate_boxes(rest, others)
    heads = recall_of_labelled(infants, seen, model.card.thresholds, labels=LABELS[:1])
    sure = seen.above(model.card.thresholds)
    boxes = int((sure.labels == sure.names.index(LABELS[0])).sum())
    untaught = [c.ap50 for c in old.classes if c.instances and c.label not in LABELS]
    return Row(
        result[LABELS[0]].ap50,
        result[LABELS[1]].ap50,
        heads.recall,
        (boxes - heads.found) / len(infants),
        old.summary.ap50,
        mean(untaught),
    )


def adapted(base: ModelFile, data: Dataset, count: int, draw: int, keep: float, out: Path) -> ModelFile:
    """The base model adapted to ``count`` of the pictures; a model that is there already is used again."""
    folder = out / f"keep{keep:g}_{count}_{draw}"
    path = folder / f"{folder.name}.onnx"
    if path.with_suffix(".json").is_file():
        return find_model(path)
    plan = plan_adaptation(base, data, folder, labels=LABELS, pictures=count, seed=draw, about="infants")
    schedule = plan.recipe.schedule.model_copy(update={"keep": keep})
    plan = replace(plan, recipe=plan.recipe.model_copy(update={"schedule": schedule}))
    return adapt(plan, folder, resume=True, progress=print).model


def source(data: Path, split: str, sources: list[str]) -> Dataset:
    """Pictures of ``parts`` from some of its sources."""
    return load_source(SourceRecipe(json=f"parts/{split}.json", where={"source": sources}), data)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="model that never saw infants")
    parser.add_argument("data", type=Path, help="folder with parts/train.json and parts/val.json")
    parser.add_argument("--out", type=Path, required=True, help="folder for the adapted models")
    parser.add_argument("--pictures", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--keep", type=float, default=1.0, help="weight of what the model knew")
    arguments = parser.parse_args()
    base = find_model(arguments.base)
    infants = source(arguments.data, "train", ["baby"])
    val, rest = source(arguments.data, "val", ["baby"]), source(arguments.data, "val", OTHERS)

    columns = ("pictures", "draws", "head AP50", "nose AP50", "heads found", "false heads a picture",
               "rest of val, mean AP50", "rest of val, labels not taught")  # fmt: skip
    rows = [("0", 1, *cells([measured(base, val, rest)]))]
    for count in arguments.pictures:
        found = [
            measured(adapted(base, infants, count, draw, arguments.keep, arguments.out), val, rest)
            for draw in range(arguments.draws)
        ]
        rows.append((str(count), arguments.draws, *cells(found)))
        title = f"{base.card.name} adapted to infants ({len(val)} pictures; mean and standard deviation over draws)"
        print(Table(title, columns, tuple(rows)).markdown(), flush=True)


def cells(rows: list[Row]) -> tuple[str, ...]:
    """Mean and, of several draws, standard deviation of every number."""
    texts = []
    for name in Row.__slots__:
        values = [getattr(row, name) for row in rows]
        texts.append(f"{mean(values):.3f}" + (f" ± {stdev(values):.3f}" if len(values) > 1 else ""))
    return tuple(texts)


if __name__ == "__main__":
    main()
