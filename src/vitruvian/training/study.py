"""The folder of a hyperparameter search: what is searched, and every trial, on disk and shared between processes.

study.json, recipe.yaml, space.yaml   what is searched and how; a rerun must mean the same
journal.log                           Optuna's journal of trials, lines of JSON
trials/0007/                          the run of trial 7, without its checkpoints
trials.csv, trials.md, best.yaml      results, see :mod:`vitruvian.training.study_results`
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import optuna
import yaml
from filelock import FileLock, Timeout
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vitruvian.training.evolution import EvolutionSampler
from vitruvian.training.recipe import Recipe, load_recipe
from vitruvian.training.run import write_whole
from vitruvian.training.search_space import SearchSpace, Value, load_space, values_of, with_values

_NAME = "tune"
_MOST_RETRIES = 2
"""Times that a trial whose process was killed is begun again: what kills it may be its own hunger for memory."""


class TuneError(ValueError):
    """A search that cannot begin or go on; one line that says why."""


class Settings(BaseModel):
    """How the search goes.

    Attributes:
        pictures: Training pictures of a trial; rounded down so that measurements are evenly spaced.
        measurements: Times that a trial is measured on ``val``, the last at its end.
        init: Model that every trial starts from, as in ``vitruvian train --init``.
        sampler: ``tpe`` (tree-structured Parzen estimator), ``random``, or ``evolution``
            (:mod:`vitruvian.training.evolution`).
        pruner: Ends trials that are worse at a measurement than the ``median`` of the earlier ones there (from the
            sixth trial on), or than the better half (``halving``, successive halving), or none.
        seed: Of the sampler.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: int = Field(ge=1)
    measurements: int = Field(4, ge=1)
    init: str | None = None
    sampler: Literal["tpe", "random", "evolution"] = "tpe"
    pruner: Literal["median", "halving", "none"] = "median"
    seed: int = Field(0, ge=0)


class PerTrial(BaseSampler):
    """Seeds one of Optuna's samplers by the trial's number.

    What a trial gets then depends on seed, number and finished trials alone. A sampler that is merely seeded draws,
    in a resumed search, the same numbers once more.
    """

    def __init__(self, kind: type[RandomSampler] | type[TPESampler], seed: int) -> None:
        self._kind, self._seed = kind, seed

    def _sampler(self, trial: FrozenTrial) -> BaseSampler:
        return self._kind(seed=int(np.random.SeedSequence([self._seed, trial.number]).generate_state(1)[0]))

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        self._inner = self._sampler(trial)
        found: dict[str, BaseDistribution] = self._inner.infer_relative_search_space(study, trial)
        return found

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        found: dict[str, Any] = self._inner.sample_relative(study, trial, search_space)
        return found

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._inner.sample_independent(study, trial, param_name, param_distribution)


@dataclass(frozen=True, slots=True)
class Search:
    """A search and its folder."""

    folder: Path
    recipe: Recipe
    space: SearchSpace
    settings: Settings

    @classmethod
    def open(cls, folder: Path) -> Search:
        """A search that was begun.

        Raises:
            TuneError, RecipeError: when the folder holds none, or one that was tampered with.
        """
        try:
            settings = Settings.model_validate_json((folder / "study.json").read_bytes())
        except FileNotFoundError:
            raise TuneError(f"{folder}: holds no hyperparameter search") from None
        except ValidationError as error:
            raise TuneError(f"{folder / 'study.json'}: {error.errors()[0]['msg']}") from error
        recipe = load_recipe(folder / "recipe.yaml")
        return cls(folder, recipe, load_space(folder / "space.yaml", recipe), settings)

    def begin(self) -> None:
        """Write down what is searched; where the folder holds a search already, it must be the same.

        Sampler, pruner and seed may change: they choose trials, and do not alter what a trial's fitness means.

        Raises:
            TuneError: when the folder holds another search.
        """
        if (self.folder / "study.json").exists():
            begun = Search.open(self.folder)
            chooses = {"sampler", "pruner", "seed"}
            pairs = {
                "recipe": (begun.recipe, self.recipe),
                "search space": (begun.space, self.space),
                **{n: (getattr(begun.settings, n), getattr(self.settings, n))
                   for n in Settings.model_fields if n not in chooses},
            }  # fmt: skip
            differing = [name for name, (old, new) in pairs.items() if old != new]
            if differing:
                raise TuneError(
                    f"{self.folder}: holds a search of another {', '.join(differing)}; choose another --out"
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / "recipe.yaml", _yaml(self.recipe))
        write_whole(self.folder / "space.yaml", _yaml(self.space))
        write_whole(
            self.folder / "study.json", self.settings.model_dump_json(indent=2)
        )  # last: it says that all is there

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the folder against other searches; a killed process lets go of it.

        Raises:
            TuneError: when another process works on it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / "study.lock", timeout=0):
                yield
        except Timeout:
            raise TuneError(f"{self.folder}: another process is searching here") from None

    def study(self) -> optuna.Study:
        """The trials, with the search's sampler and pruner."""
        path = str(self.folder / "journal.log")
        storage = JournalStorage(JournalFileBackend(path, lock_obj=JournalFileOpenLock(path)))
        return optuna.create_study(
            storage=storage, sampler=self._sampler(), pruner=self._pruner(), study_name=_NAME,
            direction="maximize", load_if_exists=True,
        )  # fmt: skip

    def mend_journal(self) -> None:
        """Cut off the half line that a power cut may have left at the journal's end: nothing could follow it."""
        path = self.folder / "journal.log"
        if not path.exists():
            return
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as file:
                file.truncate(whole)

    def firsts(self) -> list[tuple[str, dict[str, Value]]]:
        """Trials that come before any sampled one, with where they are from: the space's start, the recipe itself."""
        own = values_of(self.recipe, self.space)
        found = [] if self.space.start is None else [("start", self.space.start)]
        return found if own is None or own == self.space.start else [*found, ("recipe", own)]

    def trial_recipe(self, values: dict[str, Value], threads: int) -> Recipe:
        """What a trial trains: the recipe with its values, shortened, measured at even steps.

        Weights are averaged over the same share of the shorter run: with a decay made for the whole one, a trial would
        be measured with the weights that it started from. ``threads`` counts where the recipe does not say.
        """
        recipe = with_values(self.recipe, values)
        batch = recipe.schedule.batch
        steps = max(1, self.settings.pictures // batch)
        every = max(1, steps // self.settings.measurements)
        times = min(self.settings.measurements, steps)
        pictures = every * times * batch
        ema = recipe.schedule.ema ** (recipe.schedule.pictures / pictures)
        short = {"pictures": pictures, "validate_every": every * batch, "ema": ema}
        schedule = recipe.schedule.model_copy(update=short)
        return recipe.model_copy(update={"schedule": schedule, "threads": recipe.threads or threads})

    def trial_folder(self, number: int) -> Path:
        return self.folder / "trials" / f"{number:04d}"

    def ask(self, study: optuna.Study, trials: int) -> Trial | None:
        """The next trial with its values; None when there are ``trials``."""
        with FileLock(self.folder / "ask.lock"):
            return study.ask(self.space.distributions()) if remaining(study.trials, trials) > 0 else None

    def _sampler(self) -> BaseSampler:
        kind, seed = self.settings.sampler, self.settings.seed
        if kind == "evolution":
            firsts = self.firsts()
            return EvolutionSampler(self.space.distributions(), seed, firsts[0][1] if firsts else None)
        return PerTrial(TPESampler if kind == "tpe" else RandomSampler, seed)

    def _pruner(self) -> BasePruner:
        if self.settings.pruner == "median":
            return MedianPruner()
        return SuccessiveHalvingPruner(reduction_factor=2) if self.settings.pruner == "halving" else NopPruner()


def remaining(trials: Sequence[FrozenTrial], wanted: int) -> int:
    """Trials still to be begun. One whose process ended and that is tried again does not count."""
    again = {t.user_attrs.get("retry_of") for t in trials}
    begun: int = sum(t.state != TrialState.WAITING and t.number not in again for t in trials)
    return wanted - begun


def settle(study: optuna.Study, killed: bool) -> None:
    """Mark trials that no process works on any more as failed, and put their values in the queue again.

    Call it only while no other process works on the study.

    Args:
        study: The trials.
        killed: Their process was killed, which a trial may bring about itself, rather than interrupted by its owner:
            after two retries it stays failed.
    """
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        retries = int(trial.user_attrs.get("retries", 0)) + killed
        if retries <= _MOST_RETRIES:
            study.enqueue_trial(trial.params, user_attrs={"retry_of": trial.number, "retries": retries})


def _yaml(model: Recipe | SearchSpace) -> str:
    text: str = yaml.safe_dump(model.model_dump(mode="json", by_alias=True), sort_keys=False)
    return text
