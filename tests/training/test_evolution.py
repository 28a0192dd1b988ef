"""The genetic algorithm: how often and how far values mutate, and from which parents."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import RandomSampler, TPESampler

from vitruvian.training.evolution import EvolutionSampler, choose_parent, mutate
from vitruvian.training.study import PerTrial

WIDE = {f"v{i}": FloatDistribution(0.001, 100.0) for i in range(6)}
START = dict.fromkeys(WIDE, 1.0)


def test_four_of_five_values_mutate_with_variance_004() -> None:
    rng = np.random.default_rng(0)
    children = np.array([list(mutate(START, WIDE, rng).values()) for _ in range(2000)])
    changed = children[children != 1.0]
    assert changed.size / children.size == pytest.approx(0.8, abs=0.01)
    assert changed.var() == pytest.approx(0.04, rel=0.05)
    assert changed.mean() == pytest.approx(1.0, abs=0.01)
    # Values mutate apart from each other: no common factor, and all patterns of mutated and kept.
    assert abs(np.corrcoef(children[:, 0], children[:, 1])[0, 1]) < 0.08
    assert len({tuple(row) for row in children != 1.0}) > 40


def test_the_change_is_relative_and_stays_in_the_range() -> None:
    rng = np.random.default_rng(0)
    space = {"small": FloatDistribution(1e-5, 1.0, log=True), "edge": FloatDistribution(0.0, 0.5)}
    children = [mutate({"small": 0.001, "edge": 0.5}, space, rng) for _ in range(400)]
    assert np.std([c["small"] for c in children if c["small"] != 0.001]) == pytest.approx(0.0002, rel=0.15)
    assert max(c["edge"] for c in children) == 0.5
    assert min(c["edge"] for c in children) < 0.45


def test_zero_whole_numbers_and_choices_mutate_too() -> None:
    rng = np.random.default_rng(0)
    space = {
        "zero": FloatDistribution(0.0, 0.1),
        "whole": IntDistribution(4, 64),
        "choice": CategoricalDistribution(["a", "b", "c"]),
        "fixed": CategoricalDistribution(["sgd"]),
    }
    children = [mutate({"zero": 0.0, "whole": 16, "choice": "a", "fixed": "sgd"}, space, rng) for _ in range(1000)]
    assert 0 < max(c["zero"] for c in children) <= 0.1
    assert {type(c["whole"]) for c in children} == {int}
    assert {c["choice"] for c in children} == {"a", "b", "c"}
    assert np.mean([c["choice"] != "a" for c in children]) == pytest.approx(0.8 * 0.2, abs=0.04)
    assert {c["fixed"] for c in children} == {"sgd"}


def test_every_child_differs_from_its_parent_where_it_can() -> None:
    rng = np.random.default_rng(0)
    one = {"v": FloatDistribution(0.0, 10.0)}
    assert all(mutate({"v": 1.0}, one, rng)["v"] != 1.0 for _ in range(100))
    assert mutate({"v": 2.0}, {"v": FloatDistribution(2.0, 2.0)}, rng) == {"v": 2.0}


def test_parents_are_drawn_from_the_five_best_by_their_fitness() -> None:
    fitness = [0.1, 0.5, 0.2, 0.9, 0.4, 0.3, 0.0]
    trials = [
        optuna.trial.create_trial(params={"v": 1.0}, distributions={"v": FloatDistribution(0, 2)}, value=value)
        for value in fitness
    ]
    rng = np.random.default_rng(0)
    drawn = [choose_parent(trials, rng).value for _ in range(3000)]
    shares = {value: drawn.count(value) / len(drawn) for value in fitness}
    above = {0.9: 0.7, 0.5: 0.3, 0.4: 0.2, 0.3: 0.1}  # the fifth, 0.2, is what the others are measured from
    for value, weight in above.items():
        assert shares[value] == pytest.approx(weight / 1.3, abs=0.03)
    assert shares[0.2] < 0.01
    assert shares[0.1] == shares[0.0] == 0


def searched(sampler, trials: int, study: optuna.Study | None = None) -> optuna.Study:
    study = study or optuna.create_study(direction="maximize")
    study.sampler = sampler
    for _ in range(trials):
        trial = study.ask(WIDE)
        study.tell(trial, -sum(abs(value - 3.0) for value in trial.params.values()))
    return study


def test_generation_0_is_bred_from_the_start_and_later_ones_from_the_best() -> None:
    first = searched(EvolutionSampler(WIDE, 0, START), 1).trials[0].params
    assert any(value != 1.0 for value in first.values())
    assert all(0.3 <= value <= 3.0 for value in first.values())
    evolved = searched(EvolutionSampler(WIDE, 0, START), 60)
    best = [max(t.value for t in evolved.trials[:n]) for n in (1, 20, 60)]
    assert best[0] < best[1] < best[2]


def test_without_a_start_the_first_trials_are_spread_over_the_space() -> None:
    study = optuna.create_study(direction="maximize")
    study.sampler = EvolutionSampler(WIDE, 0)
    values = [v for _ in range(10) for v in study.ask(WIDE).params.values()]
    assert len(set(values)) == 60
    assert max(values) > 80
    assert min(values) < 20


@pytest.mark.parametrize("kind", ["tpe", "random", "evolution"])
def test_a_seed_gives_the_same_trials_also_after_a_resumption(kind: str) -> None:
    def sampler(seed: int):
        if kind == "evolution":
            return EvolutionSampler(WIDE, seed, START)
        return PerTrial(TPESampler if kind == "tpe" else RandomSampler, seed)

    whole = [t.params for t in searched(sampler(1), 14).trials]
    resumed = searched(sampler(1), 7, searched(sampler(1), 7))
    assert [t.params for t in resumed.trials] == whole
    assert len({tuple(p.values()) for p in whole}) == 14
    assert [t.params for t in searched(sampler(2), 14).trials] != whole
