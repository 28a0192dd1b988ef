"""A search from recipe to best recipe: mostly with a stand-in for training, once with the real one."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from optuna.trial import TrialState
from training_builders import drawn_recipe
from typer.testing import CliRunner

from vitruvian.cli.main import app
from vitruvian.training import study_results
from vitruvian.training import tune as tune_module
from vitruvian.training.module import DetectorTraining
from vitruvian.training.recipe import Recipe, load_recipe
from vitruvian.training.search_space import SearchSpace
from vitruvian.training.study import Search, Settings, TuneError
from vitruvian.training.tune import tune

RATE, MOSAIC = "schedule.learning_rate", "augment.mosaic"
SPACE = SearchSpace.model_validate(
    {"space": {RATE: {"type": "log", "low": 1e-4, "high": 1e-2}, MOSAIC: {"type": "float", "low": 0, "high": 1}}}
)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    return load_recipe(drawn_recipe(tmp_path_factory.mktemp("drawn")))


@pytest.fixture
def search(recipe: Recipe, tmp_path: Path) -> Search:
    return Search(
        tmp_path / "tiny-tune", recipe, SPACE, Settings(pictures=32, measurements=4, sampler="random", pruner="none")
    )


def measured(report, fitness: float) -> bool:
    """Tell a measurement as the trainer does; whether training goes on."""
    trainer = SimpleNamespace(callback_metrics={"fitness": fitness}, should_stop=False)
    report.on_validation_end(trainer, None)
    return not trainer.should_stop


def by_mosaic(recipe: Recipe, folder: Path, init, cache, callbacks, progress) -> None:
    """Stands for training: the more mosaic the fitter, in four measurements."""
    (folder / "checkpoints").mkdir(parents=True)
    for share in (0.25, 0.5, 1.0, 0.9):
        if not measured(callbacks[0], share * recipe.augment.mosaic):
            return


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "real" not in request.fixturenames:
        monkeypatch.setattr(tune_module, "train", by_mosaic)


@pytest.fixture
def real() -> None:
    """Asked for by tests that train."""


def go(search: Search, trials: int, workers: int = 1):
    lines: list[str] = []
    return tune(search, trials, workers, search.folder.parent / "cache", lines.append), lines


def test_the_best_trial_becomes_a_recipe_and_all_are_listed(search: Search) -> None:
    result, lines = go(search, 5)
    mosaics = {row.number: row.values[MOSAIC] for row in result.trials}
    assert result.best is not None
    assert result.best.fitness == max(mosaics.values()) == mosaics[result.best.number]
    best = load_recipe(search.folder / "best.yaml")
    assert best.augment.mosaic == result.best.fitness
    assert best.schedule.learning_rate == result.best.values[RATE]
    assert best.schedule.pictures == search.recipe.schedule.pictures
    own = {"augment": search.recipe.augment, "schedule": search.recipe.schedule}
    assert best.model_copy(update=own) == search.recipe
    rows = list(csv.DictReader((search.folder / "trials.csv").open()))
    assert [int(row["trial"]) for row in rows] == [0, 1, 2, 3, 4]
    assert float(rows[0][MOSAIC]) == mosaics[0] == 0.5
    assert rows[0]["from"] == "recipe"
    assert "| finished |" in (search.folder / "trials.md").read_text()
    assert len(lines) == 5
    assert lines[0].startswith("trial 0: fitness 0.5000")
    assert not list(search.folder.glob("trials/*/checkpoints"))


def test_a_rerun_goes_on_as_if_it_had_not_stopped(search: Search) -> None:
    go(search, 3)
    result, lines = go(search, 6)
    assert len(lines) == 3
    whole, _ = go(replace(search, folder=search.folder.parent / "whole"), 6)
    assert [r.values for r in result.trials] == [r.values for r in whole.trials]
    assert go(search, 6)[1] == []


def test_a_bad_trial_is_pruned_and_recorded(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    def sinking(recipe, folder, init, cache, callbacks, progress) -> None:
        number = int(folder.name)
        for step in range(1, 5):
            # Trial 7 has the highest number of all, but begins badly.
            if not measured(callbacks[0], 0.1 if number == 7 and step == 1 else 0.9 if number == 7 else 0.5):
                return

    monkeypatch.setattr(tune_module, "train", sinking)
    pruning = search.settings.model_copy(update={"pruner": "median"})
    result, lines = go(replace(search, settings=pruning), 9)
    states = {row.number: (row.state, row.measurements) for row in result.trials}
    assert states.pop(7) == ("pruned", 1)
    assert set(states.values()) == {("finished", 4)}
    assert "pruned at 0.1000" in lines[7]
    assert result.best is not None
    assert result.best.fitness == 0.5
    assert search.study().trials[7].state == TrialState.PRUNED


def test_the_preset_is_the_first_trial_and_the_first_parent(search: Search) -> None:
    started = SearchSpace(space=SPACE.space, start={RATE: 0.0072, MOSAIC: 0.8})
    evolving = search.settings.model_copy(update={"sampler": "evolution"})
    result, _ = go(replace(search, space=started, settings=evolving), 3)
    rows = {row.number: row for row in result.trials}
    assert rows[0].values == {RATE: 0.0072, MOSAIC: 0.8}
    assert [rows[n].origin for n in range(3)] == ["start", "recipe", "sampled"]
    parents = ({0.0072, 0.8}, set(rows[1].values.values()))
    child = list(rows[2].values.values())
    assert any(all(0.3 <= c / p <= 3 for c, p in zip(child, sorted(parent), strict=True)) for parent in parents)


def test_an_interruption_keeps_what_is_finished_and_the_rest_is_done_again(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(recipe, folder, init, cache, callbacks, progress) -> None:
        if folder.name == "0002":
            raise KeyboardInterrupt
        by_mosaic(recipe, folder, init, cache, callbacks, progress)

    monkeypatch.setattr(tune_module, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        go(search, 4)
    left = list(csv.DictReader((search.folder / "trials.csv").open()))
    assert [row["state"] for row in left] == ["finished", "finished", "failed"]
    assert load_recipe(search.folder / "best.yaml")
    monkeypatch.setattr(tune_module, "train", by_mosaic)
    result, lines = go(search, 4)
    rows = {row.number: row for row in result.trials}
    assert len(lines) == 2
    assert rows[3].origin == "retry of 2"
    assert rows[3].values == rows[2].values
    assert [rows[n].state for n in range(5)] == ["finished", "finished", "failed", "finished", "finished"]


def test_a_trial_that_kills_its_process_is_not_tried_for_ever(search: Search) -> None:
    go(search, 1)
    for _ in range(3):
        study = search.study()
        study.ask(SPACE.distributions())  # a process took it and was killed
        go(search, 1)
    states = [t.state for t in search.study().trials]
    assert states.count(TrialState.FAIL) == 3
    assert states.count(TrialState.WAITING) == 0


def test_values_that_fail_cost_one_trial_and_a_recipe_that_fails_ends_the_search(
    search: Search, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(recipe, folder, init, cache, callbacks, progress) -> None:
        if folder.name in hungry.numbers:
            raise RuntimeError("out of\nmemory")
        by_mosaic(recipe, folder, init, cache, callbacks, progress)

    hungry.numbers = {"0001"}
    monkeypatch.setattr(tune_module, "train", hungry)
    result, lines = go(search, 3)
    assert "failed: out of memory" in lines[1]
    assert sorted(row.state for row in result.trials) == ["failed", "finished", "finished"]
    hungry.numbers = {f"{n:04d}" for n in range(9)}
    other = replace(search, folder=search.folder.parent / "other")
    with pytest.raises(TuneError, match="3 trials failed and none finished: out of memory"):
        go(other, 9)


def test_two_workers_share_the_trials_and_outlive_a_killed_one(
    search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def trained(recipe, folder, init, cache, callbacks, progress) -> None:
        (tmp_path / f"{folder.name}.by").write_text(str(os.getpid()))
        time.sleep(0.15)  # long enough for the other worker to take one
        if folder.name == "0002":
            os.kill(os.getpid(), signal.SIGKILL)
        assert recipe.threads == 1
        by_mosaic(recipe, folder, init, cache, callbacks, progress)

    forked(monkeypatch)
    monkeypatch.setattr(tune_module, "train", trained)
    result, _ = go(search, 6, workers=2)
    rows = {row.number: row for row in result.trials}
    assert [rows[n].state for n in range(7)] == ["finished", "finished", "failed", *["finished"] * 4]
    retry = next(row for row in rows.values() if row.origin == "retry of 2")
    assert retry.values == rows[2].values
    workers = {path.read_text() for path in tmp_path.glob("*.by")}
    assert len(workers) >= 2
    assert str(os.getpid()) not in workers


def test_a_killed_search_leaves_no_workers_and_goes_on(
    search: Search, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def endless(recipe, folder, init, cache, callbacks, progress) -> None:
        measured(callbacks[0], 0.3)
        (tmp_path / f"{folder.name}.by").write_text(str(os.getpid()))
        time.sleep(60)

    forked(monkeypatch)
    monkeypatch.setattr(tune_module, "train", endless)
    parent = multiprocessing.get_context("fork").Process(target=go, args=(search, 4, 2))
    parent.start()
    wait_for(lambda: len([p for p in tmp_path.glob("*.by") if p.read_text()]) == 2)
    with pytest.raises(TuneError, match="another process is searching here"):
        go(search, 4)
    parent.kill()
    parent.join()
    pids = [int(path.read_text()) for path in tmp_path.glob("*.by")]
    wait_for(lambda: not any(alive(pid) for pid in pids))
    begun = [t.params for t in search.study().trials]
    with (search.folder / "journal.log").open("ab") as journal:
        journal.write(b'{"op_code":')  # what a power cut may leave
    monkeypatch.setattr(tune_module, "train", by_mosaic)
    result, _ = go(search, 4)
    rows = {row.number: row for row in result.trials}
    assert [rows[n].state for n in range(6)] == ["failed", "failed", *["finished"] * 4]
    assert [rows[2].values, rows[3].values] == begun[:2]
    assert {rows[2].origin, rows[3].origin} == {"retry of 0", "retry of 1"}


def test_workers_that_end_together_write_one_after_another(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both write through one temporary file: the second to move it would find none, and end the search."""
    go(search, 1)
    writing: list[str] = []

    def slow(path: Path, text: str) -> None:
        writing.append(path.name)
        time.sleep(0.02)
        assert writing.pop() == path.name
        assert not writing

    monkeypatch.setattr(study_results, "write_whole", slow)
    with ThreadPoolExecutor() as pool:
        for written in [pool.submit(study_results.write_results, search, search.study()) for _ in range(4)]:
            written.result()


def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers by fork, so that they have the stand-in for training; without importing torch anew, too."""
    get_context = multiprocessing.get_context
    monkeypatch.setattr(tune_module.multiprocessing, "get_context", lambda kind: get_context("fork"))


def wait_for(done) -> None:
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_folder_holds_one_search(search: Search) -> None:
    go(search, 1)
    longer = search.settings.model_copy(update={"pictures": 48})
    with pytest.raises(TuneError, match="search of another pictures; choose another --out"):
        go(replace(search, settings=longer), 1)
    chosen = search.settings.model_copy(update={"sampler": "tpe", "seed": 5, "pruner": "halving"})
    go(replace(search, settings=chosen), 2)
    with pytest.raises(TuneError, match="holds no hyperparameter search"):
        Search.open(search.folder.parent / "nothing")
    unmeasured = search.recipe.model_copy(update={"data": search.recipe.data.model_copy(update={"val": {}})})
    with pytest.raises(TuneError, match=r"no data\.val"):
        go(replace(search, folder=search.folder.parent / "b", recipe=unmeasured), 1)


@pytest.mark.parametrize(
    ("pictures", "batch", "steps", "every"), [(32, 4, 8, 2), (30, 4, 4, 1), (3, 4, 1, 1), (92, 4, 20, 5)]
)
def test_trials_are_measured_at_even_steps_and_at_their_end(
    search: Search, pictures: int, batch: int, steps: int, every: int
) -> None:
    short = replace(search, settings=Settings(pictures=pictures, measurements=4))
    made = short.trial_recipe({RATE: 0.002}, threads=3).schedule
    assert (made.steps, made.validate_every // batch) == (steps, every)
    assert made.learning_rate == 0.002
    free = search.recipe.model_copy(update={"threads": 0})
    assert replace(search, recipe=free).trial_recipe({}, threads=3).threads == 3


def test_weights_are_averaged_over_the_same_share_of_a_shorter_run(search: Search) -> None:
    own = search.recipe.schedule
    for share in (1, 2, 4):
        short = replace(search, settings=Settings(pictures=own.pictures // share, measurements=1))
        assert short.trial_recipe({}, threads=1).schedule.ema == pytest.approx(own.ema**share)


def test_importance_names_what_mattered(search: Search) -> None:
    result, _ = go(search, 20)
    assert set(result.importance) == {RATE, MOSAIC}
    assert result.importance[MOSAIC] > 0.5
    assert "Importance" in (search.folder / "trials.md").read_text()


def test_the_command_trains_measures_and_writes(
    real: None, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real trainings; only the averages are put in, as a tiny net's are all zero."""
    values = iter([(0.2, 0.4), (0.1, 0.9), (0.5, 0.1), (0.3, 0.3)])

    def headline(self: DetectorTraining) -> object:
        ap, ap50 = next(values)
        return SimpleNamespace(headline=lambda: {"AP": ap, "AP50": ap50}, classes=())

    monkeypatch.setattr(DetectorTraining, "measure", headline)
    path = Path(recipe.data.train["drawn"].json_file)
    space = tmp_path / "space.yaml"
    space.write_text(f"space: {{{RATE}: {{type: log, low: 0.0001, high: 0.01}}}}\n")
    arguments = ["tune", str(path.parent / "tiny.yaml"), "--space", str(space), "--trials", "2", "--pictures", "16",
                 "--measurements", "2", "--out", str(tmp_path), "--sampler", "evolution"]  # fmt: skip
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    folder = tmp_path / "tiny-tune"
    rows = list(csv.DictReader((folder / "trials.csv").open()))
    assert [float(row["fitness"]) for row in rows] == pytest.approx([0.1 * 0.4 + 0.9 * 0.2, 0.1 * 0.1 + 0.9 * 0.5])
    assert [row["from"] for row in rows] == ["recipe", "sampled"]
    assert load_recipe(folder / "best.yaml").schedule.learning_rate == float(rows[1][RATE])
    logged = list(csv.DictReader((folder / "trials" / "0000" / "metrics.csv").open()))
    assert [float(r["fitness"]) for r in logged if r["fitness"]] == pytest.approx([0.22, 0.18], abs=1e-6)
    assert "step 4" in (folder / "trials" / "0000" / "log.txt").read_text()
    assert "step 4" not in done.output
    assert json.loads((folder / "study.json").read_text())["sampler"] == "evolution"


def test_training_ends_when_the_fitness_stays_away(
    real: None, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vitruvian.training.run import train

    values = iter([0.1, 0.3, 0.2, 0.3, 0.9, 0.9])
    monkeypatch.setattr(
        DetectorTraining,
        "measure",
        lambda self: SimpleNamespace(headline=lambda: dict.fromkeys(("AP", "AP50"), next(values)), classes=()),
    )
    schedule = {"validate_every": 4, "patience": 2, "pictures": 24}
    short = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update=schedule)})
    train(short, tmp_path / "run", progress=False)
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    assert [float(row["fitness"]) for row in rows if row["fitness"]] == pytest.approx([0.1, 0.3, 0.2, 0.3])
    assert (tmp_path / "run" / "checkpoints" / "best.ckpt").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{recipe}", "--space", "{folder}/none.yaml"], "none.yaml: cannot be read"),
        (["{recipe}", "--set", "schedule.bach=1"], "did you mean 'batch'"),
        (["{recipe}", "--set", "data.val={{}}"], "no data.val"),
        (
            ["{recipe}", "--set", "data.val.drawn.exhaustive=none", "--set", "data.val.drawn.json={bare}"],
            "can be judged",
        ),
        (["{recipe}", "--init", "nothing-of-the-kind"], "nothing-of-the-kind"),
    ],
)
def test_bad_input_is_one_line(recipe: Recipe, tmp_path: Path, arguments: list[str], said: str) -> None:
    path = Path(recipe.data.train["drawn"].json_file).parent / "tiny.yaml"
    labels = json.loads((path.parent / "drawn.json").read_text())
    rows = [{k: v for k, v in row.items() if k != "exhaustive_category_ids"} for row in labels["images"]]
    bare = path.parent / "bare.json"
    bare.write_text(json.dumps({**labels, "images": rows}))
    filled = [a.format(recipe=path, folder=tmp_path, bare=bare) for a in arguments]
    done = CliRunner().invoke(app, ["tune", *filled, "--out", str(tmp_path)])
    assert done.exit_code == 2
    errors = [line for line in done.output.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert said in errors[0]
