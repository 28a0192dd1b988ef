"""YOLOv5's hyperparameter evolution as an Optuna sampler, with the mutation of the occluded-face thesis.

The thesis (section 4.3) evolves YOLOv5's hyperparameters: an offspring of the best parents of all generations, each
value mutated with probability 0.8 and variance 0.04. YOLOv5 (``train.py --evolve``, release 7) does it so: of the five
best trials one is drawn with its fitness above the worst of them as weight, and every value is multiplied by
``1 + gauss`` where it mutates, limited to 0.3 to 3; it repeats until something has changed. Values stay in
their ranges.

Different here: YOLOv5 shrinks the gauss of one trial by a common random factor from 0 to 1, which the thesis does not
mention and which would make the variance a third. A value of 0, which no factor moves, gets a step of the same gauss
times its range. Choices, which YOLOv5 does not evolve, change with the gauss's standard deviation, 0.2, as
probability where mutation falls on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

MUTATION = 0.8
"""Probability with which a value mutates (thesis, section 4.3)."""
DEVIATION = 0.2
"""Standard deviation of the factor on it: variance 0.04 (thesis, section 4.3)."""
PARENTS = 5
"""Best trials among which the parent is drawn (YOLOv5)."""
_FACTORS = (0.3, 3.0)
"""Smallest and largest factor (YOLOv5)."""


class EvolutionSampler(BaseSampler):
    """Offspring of the best finished trials; before there are any, of the start.

    What trial number n gets depends on the seed, n and the finished trials alone, so a resumed search goes on as an
    uninterrupted one.

    Args:
        space: What is searched, by name.
        seed: Same seed, same trials.
        start: Parent of generation 0; without it the first trials are drawn evenly from the space.
    """

    def __init__(
        self, space: Mapping[str, BaseDistribution], seed: int, start: Mapping[str, Any] | None = None
    ) -> None:
        self._space = dict(space)
        self._seed = seed
        self._start = None if start is None else dict(start)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        rng = np.random.default_rng([self._seed, trial.number])
        finished = [
            t
            for t in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            if t.params.keys() == search_space.keys() and np.isfinite(t.value)
        ]
        if finished:
            return mutate(choose_parent(finished, rng).params, search_space, rng)
        return {} if self._start is None else mutate(self._start, search_space, rng)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Evenly from the range: what has no parent."""
        place = list(self._space).index(param_name) if param_name in self._space else len(self._space)
        state = np.random.SeedSequence([self._seed, trial.number, place]).generate_state(1)
        return RandomSampler(seed=int(state[0])).sample_independent(study, trial, param_name, param_distribution)


def choose_parent(finished: Sequence[FrozenTrial], rng: np.random.Generator) -> FrozenTrial:
    """One of the best trials, the likelier the fitter (``parent = 'single'`` of YOLOv5's ``train.py --evolve``)."""
    best = sorted(finished, key=lambda t: (-t.value, t.number))[:PARENTS]
    fitness = np.array([t.value for t in best])
    weights = fitness - fitness.min() + 1e-6
    return best[int(rng.choice(len(best), p=weights / weights.sum()))]


def mutate(
    parent: Mapping[str, Any], space: Mapping[str, BaseDistribution], rng: np.random.Generator
) -> dict[str, Any]:
    """A child that differs from its parent in at least one value, unless the space holds nothing else."""
    if all(distribution.single() for distribution in space.values()):
        return {key: parent[key] for key in space}
    while True:
        child = {
            key: _mutated(parent[key], distribution, rng) if rng.random() < MUTATION else parent[key]
            for key, distribution in space.items()
        }
        if any(child[key] != parent[key] for key in space):
            return child


def _mutated(value: Any, distribution: BaseDistribution, rng: np.random.Generator) -> Any:
    gauss = rng.normal(0.0, DEVIATION)
    if isinstance(distribution, CategoricalDistribution):
        others = [choice for choice in distribution.choices if choice != value]
        return others[int(rng.integers(len(others)))] if others and rng.random() < DEVIATION else value
    if value == 0:
        moved = value + gauss * (distribution.high - distribution.low)
    else:
        moved = value * np.clip(1 + gauss, *_FACTORS)
    inside = min(max(moved, distribution.low), distribution.high)
    return round(inside) if isinstance(distribution, IntDistribution) else float(inside)
