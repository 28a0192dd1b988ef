"""The training step's settings: which optimiser the recipe gets, and the weight of the box loss."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from training_builders import drawn_recipe

from vitruvian.training import module as module_of
from vitruvian.training.module import DetectorTraining, build_detector
from vitruvian.training.recipe import load_recipe


def training(folder: Path, *overrides: str) -> DetectorTraining:
    recipe = load_recipe(drawn_recipe(folder), overrides)
    return DetectorTraining(recipe, build_detector(recipe.model, pretrained=False), {})


def test_adamw_is_the_default_with_the_moments_of_torch(tmp_path: Path) -> None:
    optimizer = training(tmp_path).configure_optimizers()["optimizer"]
    assert type(optimizer) is torch.optim.AdamW
    assert optimizer.defaults["betas"] == torch.optim.AdamW([torch.zeros(1)]).defaults["betas"]


def test_sgd_has_momentum_decay_and_the_rates_of_the_recipe(tmp_path: Path) -> None:
    settings = ["optimizer=sgd", "momentum=0.937", "learning_rate=0.01", "weight_decay=0.0005", "backbone_rate=0.5"]
    made = training(tmp_path, *(f"schedule.{s}" for s in settings), "schedule.warmup=0")
    optimizer = made.configure_optimizers()["optimizer"]
    assert type(optimizer) is torch.optim.SGD
    assert {g["momentum"] for g in optimizer.param_groups} == {0.937}
    assert all(g["nesterov"] for g in optimizer.param_groups)
    assert {(g["initial_lr"], g["weight_decay"]) for g in optimizer.param_groups} == {
        (rate, decay) for rate in (0.005, 0.01) for decay in (0.0005, 0.0)
    }
    assert sum(len(g["params"]) for g in optimizer.param_groups) == len(list(made.net.parameters()))


def test_sgd_without_momentum_is_plain_descent(tmp_path: Path) -> None:
    made = training(tmp_path, "schedule.optimizer=sgd", "schedule.momentum=0", "schedule.weight_decay=0")
    optimizer = made.configure_optimizers()["optimizer"]
    weight = made.net.box.weight
    before, rate = weight.detach().clone(), optimizer.param_groups[-1]["lr"]
    for parameter in made.net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), before - rate)


@pytest.mark.parametrize(("overrides", "weight"), [((), 2.0), (("schedule.box_weight=5",), 5.0)])
def test_the_box_loss_has_the_weight_of_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...], weight: float
) -> None:
    class Reached(Exception):
        pass

    def caught(output: object, targets: object, box_weight: float) -> None:
        raise Reached(box_weight)

    monkeypatch.setattr(module_of, "detection_loss", caught)
    with pytest.raises(Reached) as reached:
        training(tmp_path, *overrides).training_step((torch.zeros(1, 3, 64, 64, dtype=torch.uint8), None), 0)  # type: ignore[arg-type]
    assert reached.value.args == (weight,)
