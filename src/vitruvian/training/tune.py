"""Hyperparameter search: many short trainings of one recipe with other values, the bad ones ended early.

A trial trains the recipe on fewer pictures and tells its fitness, 0.1 AP50 + 0.9 AP50-95 (YOLOv5's, and the
occluded-face thesis's, section 4.3), after each measurement on ``val``. All trials share the recipe's seed: they draw
the same samples as far as their values allow. A search that was interrupted or killed goes on when it is started again.
"""

from __future__ import annotations

import contextlib
import logging
import math
import multiprocessing
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning as L
import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from vitruvian.training.initial import starting_weights
from vitruvian.training.loader import build_caches
from vitruvian.training.map_input import training_sources
from vitruvian.training.run import train
from vitruvian.training.sources import can_judge, val_sources
from vitruvian.training.study import Search, TuneError, remaining, settle
from vitruvian.training.study_results import TuneResult, shown_value, study_result, write_results

_HOPELESS = 3
"""Failed trials, with none finished, after which the fault is taken to be the recipe's and not the values'."""
_PATIENCE_S = 15.0
"""Seconds that worker processes get to end."""

Tell = Callable[[str], None]


class FitnessReport(L.Callback):
    """Tells a trial's fitness after each measurement and ends the training where the pruner says so.

    Attributes:
        best: Highest fitness so far.
        pruned: Whether it was ended.
    """

    def __init__(self, trial: Trial, measurements: int) -> None:
        self.best = -math.inf
        self.pruned = False
        self._trial = trial
        self._measurements = measurements
        self._done = 0

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        fitness = float(trainer.callback_metrics["fitness"])
        self._done += 1
        self._trial.report(fitness, self._done)
        self.best = max(self.best, fitness)
        if self._done < self._measurements and self._trial.should_prune():  # at the last one nothing is left to save
            self.pruned = trainer.should_stop = True


def tune(search: Search, trials: int, workers: int, cache: Path, tell: Tell) -> TuneResult:
    """Search until there are ``trials`` trials in all, those of an earlier start included.

    Args:
        search: What to search, and where it is kept.
        trials: Finished, pruned and failed ones count.
        workers: Processes that each train one trial at a time. More than one share the processor cores, unless the
            recipe sets ``threads``.
        cache: Folder for decoded pictures.
        tell: Gets a line after each trial.

    Raises:
        TuneError: when the recipe has nothing to measure on or no box there can be judged, the folder holds another
            search or is in use, or every trial fails.
        DataError, ModelError, WeightsError: for data or a starting model that cannot be used.
        KeyboardInterrupt: when it was interrupted; finished trials are kept, and unfinished ones are begun again when
            it goes on.
    """
    if not search.recipe.data.val:
        raise TuneError("the recipe has no data.val to measure trials on")
    _check_start(search)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with search.alone():
        search.begin()
        search.mend_journal()
        study = search.study()
        settle(study, killed=True)
        if not study.trials:
            for origin, values in search.firsts():
                study.enqueue_trial(values, user_attrs={"from": origin})
        # Checked and decoded once, before several processes need it.
        if not can_judge(val_sources(search.recipe)):
            raise TuneError("data.val: no box there can be judged, as no picture says that all of a label are labelled")
        build_caches(search.recipe, training_sources(search.recipe)[0], cache)
        try:
            if workers == 1:
                work(search, trials, cache, 0, tell)
            else:
                _in_processes(search, study, trials, workers, cache)
        except KeyboardInterrupt:
            settle(study, killed=False)
            raise
        finally:
            write_results(search, study)
        return study_result(study)


def work(search: Search, trials: int, cache: Path, threads: int, tell: Tell) -> None:
    """Train one trial after another until there are ``trials``.

    Raises:
        TuneError: when the first three trials all fail.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = search.study()
    while (trial := search.ask(study, trials)) is not None:
        done = _run_trial(search, study, trial, cache, threads)
        result = write_results(search, study)
        tell(_line(done, result))
        failed = [row for row in result.trials if row.error]
        if result.best is None and len(failed) >= _HOPELESS:
            raise TuneError(f"{len(failed)} trials failed and none finished: {failed[-1].error}")


def _run_trial(search: Search, study: optuna.Study, trial: Trial, cache: Path, threads: int) -> FrozenTrial:
    folder = search.trial_folder(trial.number)
    recipe = search.trial_recipe(trial.params, threads)
    report = FitnessReport(trial, search.settings.measurements)
    init = search.settings.init
    begun = time.monotonic()
    try:
        with _quiet(folder / "log.txt"):
            fill = None if init is None else starting_weights(init, recipe.model)
            train(recipe, folder, fill, cache=cache, callbacks=(report,), progress=False)
    except RuntimeError as error:  # torch's: out of memory, say, which other values may avoid
        trial.set_user_attr("error", " ".join(str(error).split())[:300])
        return study.tell(trial, state=TrialState.FAIL)
    finally:
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    trial.set_user_attr("seconds", time.monotonic() - begun)
    return study.tell(trial, state=TrialState.PRUNED) if report.pruned else study.tell(trial, report.best)


def _check_start(search: Search) -> None:
    if search.settings.init is not None:
        starting_weights(search.settings.init, search.recipe.model)
    elif search.recipe.schedule.keep > 0:
        raise TuneError("schedule.keep holds on to what the starting model says: give the model (--init)")


def _line(trial: FrozenTrial, result: TuneResult) -> str:
    values = ", ".join(f"{key} {shown_value(value)}" for key, value in trial.params.items())
    if trial.state == TrialState.FAIL:
        said = f"failed: {trial.user_attrs['error']}"
    else:
        best = max(trial.intermediate_values.values())
        said = f"{'pruned at' if trial.state == TrialState.PRUNED else 'fitness'} {best:.4f}"
        said += f" in {trial.user_attrs['seconds']:.0f} s"
    if result.best is not None:
        said += f" (best {result.best.fitness:.4f}, trial {result.best.number})"
    return f"trial {trial.number}: {said}: {values}"


@contextlib.contextmanager
def _quiet(log: Path) -> Iterator[None]:
    """What a training prints goes into a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with (
            log.open("w", encoding="utf-8") as file,
            contextlib.redirect_stdout(file),
            contextlib.redirect_stderr(file),
        ):
            yield
    finally:
        logger.setLevel(level)


def _in_processes(search: Search, study: optuna.Study, trials: int, workers: int, cache: Path) -> None:
    context = multiprocessing.get_context("spawn")  # a forked process cannot use a GPU that its parent has touched
    threads = max(1, (os.cpu_count() or 1) // workers)
    while remaining(study.trials, trials) > 0:
        arguments = (search.folder, trials, cache, threads)
        processes = [context.Process(target=_worker, args=arguments) for _ in range(workers)]
        try:
            for process in processes:
                process.start()
            for process in processes:
                process.join()
        finally:
            _end(processes)
        settle(study, killed=True)  # of workers that were killed: others may go on, or this starts new ones
        if any((process.exitcode or 0) > 0 for process in processes):
            raise TuneError("a worker could not go on; its error is above")


def _end(processes: list[Any]) -> None:
    alive = [process for process in processes if process.is_alive()]
    for process in alive:
        process.terminate()
    for process in alive:
        process.join(_PATIENCE_S)
        if process.is_alive():
            process.kill()
            process.join()


def _worker(folder: Path, trials: int, cache: Path, threads: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work(Search.open(folder), trials, cache, threads, lambda line: print(line, file=sys.stderr, flush=True))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) or type(error).__module__.startswith("vitruvian."):
            print(f"error: {' '.join(str(error).split())}", file=sys.stderr, flush=True)
            raise SystemExit(2) from None
        raise


def _end_with_parent() -> None:
    """A killed parent leaves no trainings behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
