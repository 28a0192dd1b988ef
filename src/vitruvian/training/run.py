"""A training run: a folder that records what ran, survives a kill, and ends with a model file."""

from __future__ import annotations

import copy
import json
import os
import platform
import signal
import warnings
from collections.abc import Callable, Sequence
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import lightning as L
import torch
import yaml
from lightning.pytorch.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader

from vitruvian.data.dataset import Dataset
from vitruvian.networks.detector import Detector
from vitruvian.training.loader import Samples, build_caches, training_loader
from vitruvian.training.map_input import maps_read, training_sources
from vitruvian.training.module import DetectorTraining, ValPictures, build_detector
from vitruvian.training.recipe import Recipe, RecipeError, load_recipe
from vitruvian.training.sources import can_judge, model_labels, val_sources

_MAY_CHANGE = frozenset({"name", "data_dir", "threads", "workers", "best_f1", "card"})
"""Keys of a recipe that do not alter what a training gives, so that a run may go on with others."""
_RECORDED = ("vitruvian", "torch", "torchvision", "timm", "lightning", "numpy", "pillow")


def train(
    recipe: Recipe,
    folder: Path,
    init: Callable[[Detector], tuple[str, ...]] | None = None,
    resume: bool = False,
    cache: Path | None = None,
    callbacks: Sequence[L.Callback] = (),
    progress: bool = True,
) -> None:
    """Train as the recipe says; :func:`best_network` then gives the result.

    Args:
        recipe: See :mod:`vitruvian.training.recipe`.
        folder: The run folder; it must not hold a run already unless ``resume``.
        init: Puts starting weights into the fresh network, in place of the backbone's pretrained ones, and gives the
            labels that it has none for. Needed again to resume a run whose recipe has ``schedule.keep``.
        resume: Go on from the folder's last checkpoint.
        cache: Folder for decoded pictures; by default ``cache`` in the run folder's parent.
        callbacks: Told of what goes on, beside the run's own.
        progress: Show a bar on the terminal.

    Raises:
        FileExistsError: when the folder holds a run and ``resume`` is False.
        RecipeError: when ``schedule.keep`` has no start to hold on to, or the run to be resumed was begun with another
            recipe.
        DataError: when a source cannot be read.
        KeyboardInterrupt: when it was interrupted; the last checkpoint is kept, and the run can be resumed.
    """
    last = folder / "checkpoints" / "last.ckpt"
    if last.exists() and not resume:
        raise FileExistsError(f"{folder}: holds a run already; resume it or choose another folder")
    resume = resume and last.exists()
    if resume:
        _check_same(recipe, folder)
    keep = recipe.schedule.keep > 0
    if keep and init is None:
        raise RecipeError("schedule.keep holds on to what the starting model says: give the model (--init)")
    L.seed_everything(recipe.seed, verbose=False)
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    sources, left_out = training_sources(recipe)
    val = val_sources(recipe)
    maps_read({**sources, **{f"val/{name}": dataset for name, dataset in val.items()}}, recipe.model.in_channels)
    net = build_detector(recipe.model, pretrained=recipe.model.pretrained and init is None and not resume)
    teacher: Detector | None = None
    fresh: tuple[str, ...] = ()
    if init is not None and (keep or not resume):
        fresh = init(net)  # where a run is resumed, its checkpoint replaces this below
        teacher = copy.deepcopy(net) if keep else None
    _record(recipe, folder, {**sources, **{f"val/{name}": dataset for name, dataset in val.items()}}, left_out)
    if val and not can_judge(val):
        warnings.warn("data.val: no box there can be judged, so the last weights count as the best", stacklevel=2)
        val = {}
    caches = build_caches(recipe, sources, cache or folder.parent / "cache")
    samples = Samples(recipe, model_labels(recipe.model), sources, caches)
    module = DetectorTraining(recipe, net, val, teacher, fresh)
    start = _steps_done(last) if resume else 0
    if resume:
        set_log_aside(folder, start)
    val_loader = _val_loader(val, recipe)
    trainer = _trainer(recipe, folder, bool(val), callbacks, progress)
    module.train()  # the trainer leaves modes as they are; this one holds what the recipe freezes
    loader = training_loader(samples, start)
    try:
        trainer.fit(module, loader, val_loader, ckpt_path=last if resume else None, weights_only=True)
    except SystemExit:  # Lightning's answer to an interruption; it also leaves the process deaf to the next one
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, signal.default_int_handler)
        trainer.save_checkpoint(last)
        raise KeyboardInterrupt from None
    trainer.save_checkpoint(last)


def _check_same(recipe: Recipe, folder: Path) -> None:
    """Half a run by one recipe and half by another is a run of neither, whatever the folder then says of it."""
    begun = load_recipe(folder / "recipe.yaml").model_dump(mode="json")
    changed = []
    for name, now in recipe.model_dump(mode="json").items():
        if name not in _MAY_CHANGE and begun[name] != now:
            inside = now if isinstance(now, dict) else {}
            changed += [f"{name}.{key}" for key in inside if begun[name][key] != now[key]] or [name]
    if changed:
        raise RecipeError(
            f"{folder}: was begun with another {', '.join(changed)}; resume with its own recipe or choose another --out"
        )


def set_log_aside(folder: Path, step: int) -> None:
    """Keep the log of a run that goes on from ``step`` as ``metrics.until-step-N.csv``: the logger starts its own anew.

    Where the run went on from that very step before, what it logged since is undone, and the earlier file stays.
    """
    log, kept = folder / "metrics.csv", folder / f"metrics.until-step-{step}.csv"
    if kept.exists():
        log.unlink(missing_ok=True)
    elif log.is_file():
        log.rename(kept)


def best_network(folder: Path) -> tuple[Recipe, Detector]:
    """The averaged weights of a run's best measurement, or of its last checkpoint where it was not measured.

    Raises:
        FileNotFoundError: when the folder holds no run.
    """
    checkpoints = [folder / "checkpoints" / name for name in ("best.ckpt", "last.ckpt")]
    found = next((path for path in checkpoints if path.is_file()), None)
    if found is None or not (folder / "recipe.yaml").is_file():
        raise FileNotFoundError(f"{folder}: holds no training run with a checkpoint")
    recipe = load_recipe(folder / "recipe.yaml")
    net = build_detector(recipe.model, pretrained=False)
    state = torch.load(found, map_location="cpu", weights_only=True)["state_dict"]
    prefix = "average.module."
    net.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    return recipe, net


def _steps_done(checkpoint: Path) -> int:
    step: int = torch.load(checkpoint, map_location="cpu", weights_only=True)["global_step"]
    return step


def _val_loader(val: dict[str, Dataset], recipe: Recipe) -> DataLoader[object] | None:
    if not val:
        return None
    pictures = ValPictures(val, model_labels(recipe.model), recipe.input_size, recipe.model.in_channels)
    return DataLoader(pictures, batch_size=8, collate_fn=list, num_workers=min(recipe.workers, 1))


def _trainer(recipe: Recipe, folder: Path, measured: bool, others: Sequence[L.Callback], progress: bool) -> L.Trainer:
    schedule = recipe.schedule
    checkpoints = folder / "checkpoints"
    callbacks: list[L.Callback] = [
        *others,
        ModelCheckpoint(checkpoints, filename="last", train_time_interval=timedelta(minutes=5), save_top_k=1,
                        enable_version_counter=False),
        LearningRateMonitor("step"),
    ]  # fmt: skip
    if measured:
        callbacks.append(ModelCheckpoint(checkpoints, filename="best", monitor="fitness", mode="max",
                                         enable_version_counter=False))  # fmt: skip
        if schedule.patience:
            callbacks.append(EarlyStopping("fitness", patience=schedule.patience, mode="max",
                                           check_on_train_epoch_end=False))  # fmt: skip
    every = max(1, schedule.validate_every // schedule.batch) if schedule.validate_every else schedule.steps
    return L.Trainer(
        default_root_dir=folder,
        accelerator="auto",
        devices=1,
        precision="bf16-mixed" if recipe.precision == "bf16" else "32-true",
        max_steps=schedule.steps,
        gradient_clip_val=schedule.clip,
        callbacks=callbacks,
        logger=[CSVLogger(folder, name="", version=""), TensorBoardLogger(folder, name="", version="tensorboard")],
        log_every_n_steps=max(1, min(20, schedule.steps // 10)),
        val_check_interval=min(every, schedule.steps) if measured else None,
        check_val_every_n_epoch=None if measured else 1,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=progress,
    )


def _record(recipe: Recipe, folder: Path, datasets: dict[str, Dataset], left_out: dict[str, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "recipe.yaml", yaml.safe_dump(recipe.model_dump(mode="json", by_alias=True), sort_keys=False))
    versions = {"python": platform.python_version()}
    for package in _RECORDED:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    data = {name: {"pictures": len(d), "fingerprint": d.fingerprint()} for name, d in datasets.items()}
    record = {"seed": recipe.seed, "versions": versions, "data": data, "empty maps left out": left_out}
    write_whole(folder / "run.json", json.dumps(record, indent=2))


def write_whole(path: Path, text: str) -> None:
    """Write a text and a newline; the file appears whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text + "\n", encoding="utf-8")
    os.replace(partial, path)
