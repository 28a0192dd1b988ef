"""What an adaptation will do: labels and pictures chosen, and the recipe written."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from vitruvian.data.dataset import Dataset
from vitruvian.data.merge import rename_labels
from vitruvian.data.split import group_hash
from vitruvian.training.module import build_detector, normalise
from vitruvian.training.recipe import (
    AugmentRecipe,
    CardRecipe,
    DataRecipe,
    ModelRecipe,
    Recipe,
    ScheduleRecipe,
    SourceRecipe,
)
from vitruvian.zoo import Card, ModelFile

LEAST_PICTURES = 5
"""Labelled pictures below which nothing is learnt but the pictures themselves."""
ENOUGH_TO_HOLD_OUT = 100
"""Pictures from which on a fifth is kept aside to measure and to fit thresholds on."""
_HELD_OUT = 0.2
_ALL_STAGES = 99


class AdaptError(ValueError):
    """Pictures or labels that a model cannot be adapted to; one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an adaptation will do.

    Attributes:
        recipe: The training, ready to run.
        base: The model to start from.
        train: Pictures that are learnt from, with the labels that count.
        val: Pictures that are measured on, or None.
        val_is: Where ``val`` comes from, in words.
    """

    recipe: Recipe
    base: ModelFile
    train: Dataset
    val: Dataset | None
    val_is: str


def choose_labels(data: Dataset, known: Sequence[str], wanted: Sequence[str] = ()) -> Dataset:
    """The data set with the labels that are to be learnt.

    Args:
        data: The user's set.
        known: Labels of the model.
        wanted: Labels of the set to learn, others are left out; the model need not know them. None named: all that
            have a box, and the model must know each.

    Raises:
        AdaptError: for a label that the set or, where none is named, the model does not have.
    """
    for label in wanted:
        if label not in data.labels:
            raise AdaptError(f"the pictures have no label {label!r}{_nearest(label, data.labels)}")
    used = used_labels(data)
    if not wanted:
        unknown = [label for label in data.labels if label in used and label not in known]
        if unknown and len(unknown) == len(used):
            raise AdaptError(
                f"the model knows no label of the pictures ({', '.join(map(repr, unknown[:5]))}); its own are "
                f"{', '.join(known)}. Rename one (--rename '{unknown[0]}={known[0]}') or name the new ones (--labels)"
            )
        for label in unknown:
            raise AdaptError(
                f"the model has no label {label!r}{_nearest(label, known)} Rename it (--rename '{label}=...'), or name "
                "all labels to learn, new ones too (--labels)"
            )
    left_out = [label for label in data.labels if label not in (wanted or used.union(known))]
    return rename_labels(data, dict.fromkeys(left_out)) if left_out else data


def used_labels(data: Dataset) -> set[str]:
    """Labels that have a box."""
    return {a.label for picture in data for a in picture.annotations if not a.ignore}


def _nearest(label: str, known: Sequence[str]) -> str:
    lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(label.lower(), lower, n=1, cutoff=0.0)
    inside = [name for text, name in lower.items() if label.lower() in text]
    found = inside[0] if inside else lower[near[0]] if near else None
    return f"; the nearest is {found!r}." if found else "."


def choose_pictures(data: Dataset, count: int | None = None, seed: int = 0) -> Dataset:
    """Pictures that teach something, or ``count`` of them drawn at random: more of one seed contain fewer of it.

    Raises:
        AdaptError: when fewer than :data:`LEAST_PICTURES` have a labelled box, or fewer than ``count`` there are.
    """
    teaching = [p for p in data.pictures if p.annotations or p.exhaustive or p.exhaustive_regions]
    if count is not None:
        if count > len(teaching):
            raise AdaptError(f"{count} pictures are asked for, but only {len(teaching)} have labels to learn")
        teaching = sorted(teaching, key=lambda p: group_hash(p.file_name, seed))[:count]
    labelled = sum(any(not a.ignore for a in p.annotations) for p in teaching)
    if labelled < LEAST_PICTURES:
        found = f"{labelled} picture{'s' * (labelled != 1)} with a labelled box" if labelled else "no labelled box"
        raise AdaptError(f"{data.images_dir}: {found}; adapting needs at least {LEAST_PICTURES} labelled pictures")
    chosen = {p.id for p in teaching}
    return data.map(lambda p: p if p.id in chosen else None)


def hold_out(data: Dataset, seed: int = 0) -> tuple[Dataset, Dataset | None]:
    """Pictures to learn from, and a fifth to measure on where there are enough, chosen by a hash of their names.

    Crops and covered copies of one photograph stay together, so that it may be a little less than a fifth.
    """
    if len(data) < ENOUGH_TO_HOLD_OUT:
        return data, None
    copies: dict[str, list[int]] = {}
    for picture in sorted(data.pictures, key=lambda p: group_hash(p.original, seed + 1)):
        copies.setdefault(picture.original, []).append(picture.id)
    most, aside = round(_HELD_OUT * len(data)), set[int]()
    for ids in copies.values():
        if len(aside) + len(ids) <= most:
            aside.update(ids)
    if not aside:
        return data, None
    return data.map(lambda p: None if p.id in aside else p), data.map(lambda p: p if p.id in aside else None)


def plan_adaptation(
    base: ModelFile,
    data: Dataset,
    folder: Path,
    *,
    labels: Sequence[str] = (),
    pictures: int | None = None,
    val: Dataset | None = None,
    minutes: float | None = None,
    about: str = "pictures of its owner",
    terms: str = "as its owner knows",
    seed: int = 0,
) -> Plan:
    """Choose pictures, and write the recipe of the adaptation.

    The labels are stored in ``folder / "data"`` as canonical json; the pictures stay where they are.

    Args:
        base: Model to start from.
        data: Labelled pictures of the new setting. What they do not label is not unlearnt.
        folder: Run folder; the adapted model is named after it.
        labels: See :func:`choose_labels`.
        pictures: Use so many of them; None: all.
        val: Pictures to measure on, with any labels; None: a fifth of ``data`` where there are enough.
        minutes: Bound on the training's time on this machine, from the measured time of a step; None: as long as the
            number of pictures asks for.
        about: Where the pictures come from, for the card.
        terms: Their terms of use, for the card.
        seed: Of the choice and the training.

    Raises:
        AdaptError: for labels or pictures that cannot be used, a ``val`` that is learnt from, or a model that
            reads no pictures.
    """
    card = base.card
    if card.reads is not None:
        raise AdaptError(f"model {card.name!r} reads activation maps, not pictures")
    chosen = choose_pictures(choose_labels(data, card.labels, labels), pictures, seed)
    if val is None:
        chosen, val = hold_out(chosen, seed)
        val_is = f"{len(val)} of the pictures, kept aside" if val else "nothing: too few pictures to keep some aside"
    else:
        foreign = [name for name in val.labels if name not in card.labels and name not in chosen.labels]
        val = rename_labels(val, dict.fromkeys(foreign))
        if len(val) < LEAST_PICTURES or not any(p.annotations for p in val):
            raise AdaptError(
                f"{len(val)} pictures to measure on, {sum(bool(p.annotations) for p in val)} with a box of a known "
                f"label; at least {LEAST_PICTURES} and one are needed"
            )
        learnt = {chosen.path(p).resolve() for p in chosen}
        if both := sum(val.path(p).resolve() in learnt for p in val):
            raise AdaptError(f"{both} of the pictures to measure on (--val) are learnt from: give others, or none")
        val_is = f"{len(val)} pictures given"
    sources = {"adapted": _stored(chosen, folder / "data" / "train.json")}
    sources["adapted"] = sources["adapted"].model_copy(update={"about": about, "terms": terms})
    recipe = Recipe(
        name=folder.resolve().name,
        seed=seed,
        input_size=card.preprocessing.size,
        model=_network(card, chosen.labels),
        data=DataRecipe(
            train=sources,
            val={"val": _stored(val, folder / "data" / "val.json")} if val else {},
            cache_side=max(32, round(1.25 * card.preprocessing.size)),
        ),
        augment=AugmentRecipe(brightness=0.4, contrast=0.4, saturation=0.5, grey=0.1, occlude=0.25),
        schedule=_schedule(len(chosen), card.preprocessing.size),
        card=CardRecipe(
            summary=f"{card.name} adapted to {len(chosen)} pictures: {about}.",
            commercial_use=f"{card.commercial_use} (of {card.name}); for the pictures it was adapted to: {terms}",
            weaknesses={
                **card.weaknesses,
                "the setting it was adapted to": f"{len(chosen)} pictures; elsewhere {card.name} may be better",
            },
        ),
    )
    if minutes is not None:
        most = max(recipe.schedule.batch, pictures_in(minutes, recipe))
        if most < recipe.schedule.pictures:
            recipe = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"pictures": most})})
    return Plan(recipe, base, chosen, val, val_is)


def _stored(data: Dataset, path: Path) -> SourceRecipe:
    data.save(path)
    return SourceRecipe(json=str(path.resolve()), images=str(data.images_dir.resolve()))


def _network(card: Card, labels: Sequence[str]) -> ModelRecipe:
    return ModelRecipe(
        labels=[*card.labels, *(label for label in labels if label not in card.labels)],
        pretrained=False,
        frozen_stages=_ALL_STAGES,
        frozen_statistics=True,
        **card.architecture.model_dump(),
    )


def _schedule(pictures: int, size: int) -> ScheduleRecipe:
    """150 steps for 10 pictures, 290 for 50, 500 for 200; at three quarters of the size that the model is used at."""
    batch = 8
    steps = min(1000, round(60 * pictures**0.4))
    return ScheduleRecipe(
        pictures=steps * batch,
        batch=batch,
        sizes=[(0.0, max(32, round(0.75 * size / 32) * 32))],
        learning_rate=1e-3,
        weight_decay=0.0,  # it would pull to zero, not to the start
        warmup=0.1,
        ema=0.98,
        keep=1.0,
        validate_every=0,
    )


def pictures_in(minutes: float, recipe: Recipe) -> int:
    """How many training pictures the network takes in so many minutes here, from the time of one step."""
    net = build_detector(recipe.model, pretrained=False)
    batch, size = recipe.schedule.batch, recipe.schedule.sizes[-1][1]
    images = torch.zeros(batch, recipe.model.in_channels, size, size, dtype=torch.uint8)
    took = 0.0
    for _ in range(2):  # the first one also warms up
        began = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.precision == "bf16"):
            pictures = normalise(images, recipe.model)
            output = net(pictures)
            (output.logits.sum() + output.boxes.sum()).backward()
            with torch.no_grad():
                net(pictures)
        took = time.perf_counter() - began
    return int(minutes * 60 / took) * batch
