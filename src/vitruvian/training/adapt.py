"""Adapting a model to a few labelled pictures of a new setting, without unlearning what they do not show.

What the labels say is learnt; wherever they are silent the model is held to what it said before
(:mod:`vitruvian.networks.distillation`). The backbone and the statistics of all batch norms stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from vitruvian.data.dataset import Annotation, Dataset, Picture
from vitruvian.data.merge import rename_labels
from vitruvian.finders.detector import Detector as OnnxDetector
from vitruvian.finders.predict import predict_dataset
from vitruvian.metrics import ComparisonResult, Predictions, compare_boxes, recall_of_labelled
from vitruvian.metrics.presence import FoundInstances
from vitruvian.networks.detector import Detector
from vitruvian.training.adapt_plan import AdaptError, Plan, used_labels
from vitruvian.training.initial import starting_weights
from vitruvian.training.publish import publish
from vitruvian.training.recipe import load_recipe
from vitruvian.training.run import best_network, train
from vitruvian.zoo import Card, ModelFile


@dataclass(frozen=True, slots=True)
class Adapted:
    """The outcome of :func:`adapt`.

    Attributes:
        model: The adapted model with its card.
        comparison: Before and after on the measured pictures, with intervals; None where there are none.
        predictions: Of the model before and after that the comparison is of.
        kept: Boxes of labels that the user's set does not teach, found by the model before (at its thresholds) and
            looked for in what the adapted one finds: what was not forgotten.
        kept_on: The pictures that this was asked of, in words.
    """

    model: ModelFile
    comparison: ComparisonResult | None
    predictions: tuple[Predictions, Predictions] | None
    kept: FoundInstances
    kept_on: str


def adapt(
    plan: Plan,
    folder: Path,
    resume: bool = False,
    progress: Callable[[str], None] = lambda line: None,
) -> Adapted:
    """Train as planned, export, and measure before and after.

    Args:
        plan: From :func:`plan_adaptation`.
        folder: The run folder, as planned for; it then holds ``<name>.onnx`` and its card ``<name>.json``.
        resume: Go on from the folder's last checkpoint.
        progress: Told what is being done.

    Raises:
        AdaptError: when the folder's run, which is to be resumed, was begun with other pictures or options.
        FileExistsError: when the folder holds a run and ``resume`` is False.
        KeyboardInterrupt: when it was interrupted; it can be resumed.
    """
    net = train_as_planned(plan, folder, resume, progress)
    recipe = load_recipe(folder / "recipe.yaml")
    return measure(plan, publish(net, recipe, folder, progress, plan.base.card), progress)


def train_as_planned(
    plan: Plan, folder: Path, resume: bool = False, progress: Callable[[str], None] = lambda line: None
) -> Detector:
    """The adapted network; see :func:`adapt` for arguments and errors."""
    recipe = plan.recipe
    if resume and (folder / "recipe.yaml").is_file():
        begun = load_recipe(folder / "recipe.yaml")
        # How many steps fit into the minutes is measured; the run keeps what it began with.
        recipe = recipe.model_copy(update={"schedule": begun.schedule})
        if begun != recipe:
            raise AdaptError(f"{folder}: was begun with other pictures or options; choose another folder")
    progress(
        f"adapting {plan.base.card.name} to {len(plan.train)} pictures: {recipe.schedule.steps} steps of "
        f"{recipe.schedule.batch}; measured on {plan.val_is}"
    )
    train(recipe, folder, starting_weights(str(plan.base.path), recipe.model), resume, folder / "cache")
    return best_network(folder)[1]


def measure(plan: Plan, model: ModelFile, progress: Callable[[str], None] = lambda line: None) -> Adapted:
    """The base model and the adapted one side by side."""
    pictures = plan.train if plan.val is None else plan.val
    progress(f"before and after on {len(pictures)} pictures")
    before, after = OnnxDetector(plan.base), OnnxDetector(model)
    found = predict_dataset(before, pictures), predict_dataset(after, pictures)
    comparison = None
    if plan.val is not None:
        comparison = compare_boxes(
            rename_labels(
                plan.val, dict.fromkeys(set(plan.val.labels) - used_labels(plan.val))
            ),  # the rest would be n/a
            *found,
            (before.card.name, after.card.name),
            thresholds=(before.card.thresholds, after.card.thresholds),
        )
    kept = what_was_kept(pictures, *found, (before.card, after.card), used_labels(plan.train))
    return Adapted(
        model, comparison, None if comparison is None else found, kept,
        "the pictures it was adapted to" if plan.val is None else plan.val_is,
    )  # fmt: skip


def what_was_kept(
    pictures: Dataset, before: Predictions, after: Predictions, cards: tuple[Card, Card], taught: Collection[str]
) -> FoundInstances:
    """Which of the boxes that the first model finds, of labels that were not taught, the second finds too (IoU 0.5).

    Args:
        pictures: What both models looked at; their labels do not count.
        before, after: What the two found.
        cards: Their cards, for the thresholds.
        taught: Labels that are left out.
    """
    sure = before.above(cards[0].thresholds)
    labels = tuple(label for label in cards[0].labels if label not in taught)
    index = sure.picture_index(pictures)
    rows: dict[int, list[Annotation]] = {}
    for row, (place, label) in enumerate(zip(index, sure.labels, strict=True)):
        if before.names[label] in labels:
            x1, y1, x2, y2 = (float(edge) for edge in sure.boxes[row])
            rows.setdefault(int(place), []).append(Annotation(before.names[label], (x1, y1, x2, y2), row + 1))
    said = tuple(
        Picture(p.id, p.file_name, p.width, p.height, tuple(rows.get(i, ()))) for i, p in enumerate(pictures.pictures)
    )
    truth = replace(pictures, labels=labels, pictures=said, category_ids={}, keypoint_names={}, label_attributes={})
    return recall_of_labelled(truth, after, cards[1].thresholds)
