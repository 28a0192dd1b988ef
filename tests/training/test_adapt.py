"""Adapting a tiny model to a tiny new setting: it gains there, keeps what it was not shown, resumes, and says no."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from adapt_builders import BASE_RECIPE, setting

from vitruvian.data.dataset import Dataset
from vitruvian.finders import Detector as OnnxDetector
from vitruvian.finders import predict_dataset
from vitruvian.images import read_picture
from vitruvian.metrics import evaluate_boxes
from vitruvian.training.adapt import (
    ENOUGH_TO_HOLD_OUT,
    Adapted,
    AdaptError,
    Plan,
    adapt,
    choose_labels,
    choose_pictures,
    hold_out,
    plan_adaptation,
)
from vitruvian.training.module import DetectorTraining
from vitruvian.training.publish import publish
from vitruvian.training.recipe import RecipeError, load_recipe
from vitruvian.training.run import best_network, train
from vitruvian.zoo import Card, ModelFile, find_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("settings")
    setting(folder, "old", 16)
    setting(folder, "new", 6, new=True)
    setting(folder, "newval", 10, new=True, labels=("square", "disc"))
    return folder


@pytest.fixture(scope="module")
def base(folder: Path) -> ModelFile:
    path = folder / "base.yaml"
    path.write_text(BASE_RECIPE.format(folder=folder, pictures=480))
    recipe = load_recipe(path)
    train(recipe, folder / "base")
    _, net = best_network(folder / "base")
    return publish(net, recipe, folder / "base")


def new(folder: Path) -> Dataset:
    return Dataset.load(folder / "new.json")


def tiny(plan: Plan, keep: float = 1.0, pictures: int = 240) -> Plan:
    """The plan with a run for a test: short and fast, and in this process."""
    update = {"keep": keep, "pictures": pictures, "learning_rate": 2e-3, "ema": 0.5}
    schedule = plan.recipe.schedule.model_copy(update=update)
    recipe = plan.recipe.model_copy(update={"schedule": schedule, "threads": 1, "workers": 0, "precision": "32"})
    return replace(plan, recipe=recipe)


@pytest.fixture(scope="module")
def kept(folder: Path, base: ModelFile) -> Adapted:
    val = Dataset.load(folder / "newval.json")
    out = folder / "kept"
    return adapt(tiny(plan_adaptation(base, new(folder), out, val=val, about="green squares", terms="mine")), out)


def drift(first: ModelFile, second: ModelFile, folder: Path) -> float:
    """Mean change of the scores of discs, which the new setting does not label, on its pictures."""
    pictures = Dataset.load(folder / "newval.json")
    images = np.stack([read_picture(pictures.path(p)).transpose(2, 0, 1) for p in pictures]).astype(np.float32) / 255
    before, after = (OnnxDetector(model, threads=1).run(images)[0][..., 1] for model in (first, second))
    weights = before / before.sum()
    return float((np.abs(before - after) * weights).sum())


def test_the_new_setting_gains(folder: Path, base: ModelFile, kept: Adapted) -> None:
    val = Dataset.load(folder / "newval.json")
    before, after = (evaluate_boxes(val, predict_dataset(m.path, val))["square"] for m in (base, kept.model))
    assert after.ap50 > before.ap50 + 0.2
    assert kept.comparison is not None
    square = next(c for c in kept.comparison.classes if c.label == "square")
    assert (square.ap50.first, square.ap50.second) == pytest.approx((before.ap50, after.ap50), abs=1e-6)


def test_labels_that_are_not_shown_are_held(folder: Path, base: ModelFile, kept: Adapted) -> None:
    """The same adaptation without the protection moves the scores of discs several times as far."""
    out = folder / "free"
    free = adapt(tiny(plan_adaptation(base, new(folder), out), keep=0), out)
    held, moved = drift(base, kept.model, folder), drift(base, free.model, folder)
    assert held < 0.05
    assert moved > 0.05
    assert moved > 2 * held


def test_the_card_says_where_it_comes_from(base: ModelFile, kept: Adapted) -> None:
    card = find_model(kept.model.path).card
    assert card.name == "kept"
    assert card.training["based on"] == f"base, sha256 {base.card.sha256}"
    assert [(d.name, d.source, d.pictures) for d in card.data] == [
        ("old", "drawn", 16),
        ("adapted", "green squares", 6),
    ]
    assert card.commercial_use == "not stated (of base); for the pictures it was adapted to: mine"
    assert card.measured is not None
    # five pictures a half are too few boxes to fit a threshold on
    assert card.thresholds == base.card.thresholds
    assert "that of base" in card.thresholds_from


def test_boxes_that_are_kept_are_counted(base: ModelFile, kept: Adapted) -> None:
    assert set(kept.kept.by_label) == {"disc"}
    assert 0 <= kept.kept.found <= kept.kept.instances
    assert kept.kept_on == "10 pictures given"


def test_an_interrupted_adaptation_goes_on(folder: Path, base: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    out = folder / "stopped"
    step, done = DetectorTraining.training_step, 0

    def stops(self: DetectorTraining, batch: object, index: int) -> torch.Tensor:
        nonlocal done
        done += 1
        if self.global_step == 2 and done == 3:
            raise KeyboardInterrupt
        return step(self, batch, index)  # type: ignore[arg-type]

    def planned(**options: int) -> Plan:
        return tiny(plan_adaptation(base, new(folder), out, **options), pictures=32)  # type: ignore[arg-type]

    monkeypatch.setattr(DetectorTraining, "training_step", stops)
    with pytest.raises(KeyboardInterrupt):
        adapt(planned(), out)
    assert not (out / "stopped.onnx").exists()
    with pytest.raises(FileExistsError, match="holds a run already"):
        adapt(planned(), out)
    with pytest.raises(AdaptError, match="begun with other pictures or options"):
        adapt(planned(pictures=5), out, resume=True)
    done = 0
    model = adapt(planned(), out, resume=True).model
    assert done == 2  # of four steps, two were done
    assert find_model(model.path).card.labels == ["square", "disc"]
    assert "those of base" in model.card.thresholds_from


def test_new_labels_get_rows_of_their_own(folder: Path, base: ModelFile) -> None:
    raw = json.loads((folder / "new.json").read_text())
    raw["categories"][0]["name"] = "box"
    path = folder / "boxes.json"
    path.write_text(json.dumps(raw))
    out = folder / "box"
    plan = tiny(plan_adaptation(base, Dataset.load(path), out, labels=["box"]), pictures=16)
    adapted = adapt(plan, out)
    card = adapted.model.card
    assert card.labels == ["square", "disc", "box"]
    assert card.thresholds == {**base.card.thresholds, "box": 0.4}
    assert set(adapted.kept.by_label) == {"square", "disc"}


def test_holding_on_needs_something_to_hold_on_to(folder: Path, base: ModelFile) -> None:
    plan = plan_adaptation(base, new(folder), folder / "none")
    with pytest.raises(RecipeError, match="give the model"):
        train(plan.recipe, folder / "none")


def test_minutes_bound_the_steps(folder: Path, base: ModelFile) -> None:
    whole = plan_adaptation(base, new(folder), folder / "timed")
    short = plan_adaptation(base, new(folder), folder / "timed", minutes=1e-9)
    long = plan_adaptation(base, new(folder), folder / "timed", minutes=1e6)
    assert short.recipe.schedule.steps == 1
    assert long.recipe == whole.recipe


def test_more_pictures_take_longer_and_hold_some_aside(base: ModelFile, tmp_path: Path) -> None:
    few, some, many = (Dataset.load(setting(tmp_path / str(n), "new", n, True)) for n in (10, 50, ENOUGH_TO_HOLD_OUT))
    plans = [plan_adaptation(base, data, tmp_path / "out") for data in (few, some, many)]
    assert [p.recipe.schedule.steps for p in plans] == [151, 287, 346]
    assert [None if p.val is None else len(p.val) for p in plans] == [None, None, 20]
    learnt, aside = hold_out(many)
    assert aside is not None
    assert {p.file_name for p in learnt} | {p.file_name for p in aside} == {p.file_name for p in many}
    assert len(learnt) + len(aside) == len(many)


def test_draws_of_one_seed_are_nested(folder: Path) -> None:
    data = new(folder)
    five, six = ({p.id for p in choose_pictures(data, n, seed=3)} for n in (5, 6))
    assert len(five) == 5
    assert five < six
    assert five != {p.id for p in choose_pictures(data, 5, seed=4)}


def test_what_cannot_be_adapted_to_is_said(folder: Path, base: ModelFile) -> None:
    data = new(folder)
    known = ["Human head", "disc"]
    with pytest.raises(AdaptError, match="knows no label of the pictures"):
        choose_labels(data, known)
    head = replace(data, labels=("square", "head", "disc"))
    with pytest.raises(AdaptError, match=r"no label 'square'.*--labels"):
        choose_labels(head, known)
    with pytest.raises(AdaptError, match="no label 'head'; the nearest is 'Human head'"):
        choose_labels(replace(data, labels=("head", "disc")), known)
    with pytest.raises(AdaptError, match="have no label 'circle'"):
        choose_labels(data, known, ["circle"])
    assert choose_labels(head, known, ["head"]).labels == ("head",)
    with pytest.raises(AdaptError, match="no labelled box"):
        choose_pictures(replace(data, pictures=()))
    with pytest.raises(AdaptError, match=r"4 pictures with a labelled box.*at least 5"):
        choose_pictures(replace(data, pictures=data.pictures[:4]))
    with pytest.raises(AdaptError, match="9 pictures are asked for, but only 6"):
        choose_pictures(data, 9)
    for few in (replace(data, pictures=data.pictures[:4]), replace(data, labels=("star",), pictures=())):
        with pytest.raises(AdaptError, match="pictures to measure on"):
            plan_adaptation(base, data, folder / "few", val=few)
    reads = base.card.model_dump(by_alias=True) | {
        "reads": {"model": "base", "sha256": "0", "method": "hirescam", "labels": ["disc"]}
    }
    with pytest.raises(AdaptError, match="reads activation maps"):
        plan_adaptation(ModelFile(base.path, Card.model_validate(reads)), data, folder / "maps")
