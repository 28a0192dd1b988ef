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
from vitruvian.finders import predict_dataset
from vitruvian.images import read_picture
from vitruvian.metrics import evaluate_boxes
from vitruvian.networks.detector import Detector
from vitruvian.training.adapt import Adapted, adapt, train_as_planned
from vitruvian.training.adapt_plan import (
    ENOUGH_TO_HOLD_OUT,
    AdaptError,
    Plan,
    choose_labels,
    choose_pictures,
    hold_out,
    plan_adaptation,
)
from vitruvian.training.initial import load_detector
from vitruvian.training.module import DetectorTraining, normalise
from vitruvian.training.publish import publish
from vitruvian.training.recipe import AugmentRecipe, RecipeError, load_recipe
from vitruvian.training.run import best_network, train
from vitruvian.zoo import Card, ModelFile, find_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("settings")
    setting(folder, "old", 16)
    setting(folder, "new", 8, new=True)
    setting(folder, "newval", 10, new=True, labels=("square", "disc"))
    return folder


@pytest.fixture(scope="module")
def base(folder: Path) -> ModelFile:
    path = folder / "base.yaml"
    path.write_text(BASE_RECIPE.format(folder=folder, pictures=640))
    recipe = load_recipe(path)
    train(recipe, folder / "base")
    _, net = best_network(folder / "base")
    return publish(net, recipe, folder / "base")


def new(folder: Path) -> Dataset:
    return Dataset.load(folder / "new.json")


def tiny(plan: Plan, keep: float = 1.0, pictures: int = 320) -> Plan:
    """The plan with a run for a test: short and fast, in this process, and without mosaics of tiny pictures."""
    schedule = {"keep": keep, "pictures": pictures, "learning_rate": 2e-3, "ema": 0.5}
    update = {
        "schedule": plan.recipe.schedule.model_copy(update=schedule),
        "augment": AugmentRecipe(mosaic=0, zoom=(0.9, 1.1), grey=0, occlude=0),
        **{"threads": 1, "workers": 0, "precision": "32"},
    }
    return replace(plan, recipe=plan.recipe.model_copy(update=update))


@pytest.fixture(scope="module")
def kept(folder: Path, base: ModelFile) -> Adapted:
    val = Dataset.load(folder / "newval.json")
    out = folder / "kept"
    return adapt(tiny(plan_adaptation(base, new(folder), out, val=val, about="white squares", terms="mine")), out)


def drift(first: Detector, second: Detector, folder: Path) -> tuple[float, float]:
    """How far scores and boxes (pixels) of discs, which the new setting does not label, have moved on its pictures.

    Means over all places, weighted by the first network's score.
    """
    pictures = Dataset.load(folder / "newval.json")
    images = torch.from_numpy(np.stack([read_picture(pictures.path(p)).transpose(2, 0, 1) for p in pictures]))
    recipe = load_recipe(folder / "base.yaml").model
    with torch.no_grad():
        before, after = (net.eval()(normalise(images, recipe)) for net in (first, second))
    disc = first.labels.index("disc")
    scores = before.logits[..., disc].sigmoid()
    moved = (scores - after.logits[..., disc].sigmoid()).abs()
    boxes = (before.boxes[:, :, disc] - after.boxes[:, :, disc]).abs().mean(-1)
    return tuple(float((values * scores).sum() / scores.sum()) for values in (moved, boxes))  # type: ignore[return-value]


def test_the_new_setting_gains(folder: Path, base: ModelFile, kept: Adapted) -> None:
    val = Dataset.load(folder / "newval.json")
    before, after = (evaluate_boxes(val, predict_dataset(m.path, val))["square"] for m in (base, kept.model))
    assert after.ap50 > before.ap50 + 0.2
    assert kept.comparison is not None
    square = next(c for c in kept.comparison.classes if c.label == "square")
    assert (square.ap50.first, square.ap50.second) == pytest.approx((before.ap50, after.ap50), abs=1e-6)


def test_labels_that_are_not_shown_are_held(folder: Path, base: ModelFile, kept: Adapted) -> None:
    """The same adaptation without holding on moves the scores and boxes of discs several times as far."""
    start, _ = load_detector(str(base.path))
    train_as_planned(tiny(plan_adaptation(base, new(folder), folder / "free"), keep=0), folder / "free")
    (held, held_boxes), (moved, moved_boxes) = (
        drift(start, best_network(folder / name)[1], folder) for name in ("kept", "free")
    )
    assert held < 0.05 < moved
    assert held_boxes < 0.7 < moved_boxes


def test_what_nothing_teaches_is_not_touched(folder: Path, kept: Adapted) -> None:
    """Rows of discs, frozen features and statistics are those of the start, to the bit."""
    start, _ = load_detector(str(folder / "base" / "base.onnx"))
    _, net = best_network(folder / "kept")
    disc = start.labels.index("disc")
    for layer, rows in (("score", slice(disc, disc + 1)), ("box", slice(4 * disc, 4 * disc + 4))):
        first, second = (getattr(n, layer) for n in (start, net))
        assert torch.equal(first.weight[rows], second.weight[rows])
        assert torch.equal(first.bias[rows], second.bias[rows])
        assert not torch.equal(first.weight, second.weight)
    before, after = start.state_dict(), net.state_dict()
    same = [name for name in before if name.startswith("backbone.") or "running_" in name]
    assert len(same) > 100
    for name in same:
        assert torch.equal(before[name], after[name]), name


def test_the_card_says_where_it_comes_from(base: ModelFile, kept: Adapted) -> None:
    card = find_model(kept.model.path).card
    assert card.name == "kept"
    assert card.training["based on"] == f"base, sha256 {base.card.sha256}"
    assert [(d.name, d.source, d.pictures) for d in card.data] == [
        ("old", "drawn", 16),
        ("adapted", "white squares", 8),
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
        train_as_planned(planned(), out)
    with pytest.raises(FileExistsError, match="holds a run already"):
        train_as_planned(planned(), out)
    with pytest.raises(AdaptError, match="begun with other pictures or options"):
        train_as_planned(planned(pictures=5), out, resume=True)
    done = 0
    train_as_planned(planned(), out, resume=True)
    assert done == 2  # of four steps, two were done
    train_as_planned(planned(), out, resume=True)
    assert done == 2  # a finished one is finished


def test_new_labels_get_rows_of_their_own(folder: Path, base: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = json.loads((folder / "new.json").read_text())
    raw["categories"][0]["name"] = "box"
    (folder / "boxes.json").write_text(json.dumps(raw))
    out = folder / "boxes"
    plan = tiny(plan_adaptation(base, Dataset.load(folder / "boxes.json"), out, labels=["box"]), pictures=16)
    net = train_as_planned(plan, out)
    assert net.labels == ("square", "disc", "box")
    start, _ = load_detector(str(base.path))
    assert torch.equal(net.score.weight[:2], start.score.weight)

    monkeypatch.setattr("vitruvian.training.publish.export_onnx", lambda net, model, path: path.write_bytes(b""))
    card = publish(net, plan.recipe, out, base=base.card).card
    assert card.thresholds == {**base.card.thresholds, "box": 0.4}
    assert "those of base" in card.thresholds_from


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


def test_copies_of_a_photograph_are_learnt_from_or_held_out_together(tmp_path: Path) -> None:
    data = Dataset.load(setting(tmp_path, "new", 2 * ENOUGH_TO_HOLD_OUT, True))
    copies = data.map(lambda p: replace(p, attributes={"original": f"{p.id // 3}.jpg"}))
    learnt, aside = hold_out(copies)
    assert aside is not None
    assert 0.18 * len(copies) < len(aside) <= 0.2 * len(copies)
    assert not {p.original for p in learnt} & {p.original for p in aside}
    one = data.map(lambda p: replace(p, attributes={"original": "one.jpg"}))
    assert hold_out(one) == (one, None)


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
    boxes = [replace(a, label=name) for a in data.pictures[0].annotations for name in ("head", "disc")]
    both = replace(
        data, labels=("head", "disc", "never used"), pictures=(replace(data.pictures[0], annotations=tuple(boxes)),)
    )
    with pytest.raises(AdaptError, match=r"no label 'head'; the nearest is 'Human head'\. .*--labels"):
        choose_labels(both, known)
    with pytest.raises(AdaptError, match="have no label 'circle'"):
        choose_labels(data, known, ["circle"])
    assert choose_labels(both, known, ["head"]).labels == ("head",)
    assert choose_labels(both, ["head", "disc", "square"]).labels == ("head", "disc")
    with pytest.raises(AdaptError, match="no labelled box"):
        choose_pictures(replace(data, pictures=()))
    with pytest.raises(AdaptError, match=r"4 pictures with a labelled box.*at least 5"):
        choose_pictures(replace(data, pictures=data.pictures[:4]))
    with pytest.raises(AdaptError, match="9 pictures are asked for, but only 8"):
        choose_pictures(data, 9)
    for few in (replace(data, pictures=data.pictures[:4]), replace(data, labels=("star",), pictures=())):
        with pytest.raises(AdaptError, match="pictures to measure on"):
            plan_adaptation(base, data, folder / "few", val=few)
    with pytest.raises(AdaptError, match=r"8 of the pictures to measure on \(--val\) are learnt from"):
        plan_adaptation(base, data, folder / "both", val=data)
    reads = base.card.model_dump(by_alias=True) | {
        "reads": {"model": "base", "sha256": "0", "method": "hirescam", "labels": ["disc"]}
    }
    with pytest.raises(AdaptError, match="reads activation maps"):
        plan_adaptation(ModelFile(base.path, Card.model_validate(reads)), data, folder / "maps")
