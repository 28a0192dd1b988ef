"""Batches of training samples, drawn from several sources in fixed proportions.

Sample number n of a run depends on the seed and on n alone, so a resumed run goes on exactly where it stopped, and the
number of worker processes changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from vitruvian.data.dataset import DataError, Dataset
from vitruvian.networks.assigner import Targets
from vitruvian.training.augment import (
    Labelled,
    Sample,
    empty_sample,
    mirror,
    mirror_indices,
    occlude,
    occlude_face,
    paste,
    recolour,
    turn,
)
from vitruvian.training.cache import PictureCache
from vitruvian.training.map_input import border, maps_read
from vitruvian.training.recipe import Recipe, RecipeError


class Samples(TorchDataset[Sample]):
    """Training samples by their number.

    Args:
        recipe: Proportions, sizes and variation.
        names: Class names in index order.
        sources: Data sets by name, one for each of the recipe's training sources.
        caches: Their decoded pictures.

    Raises:
        RecipeError: when nothing is to be drawn: no source, or none with a weight.
        DataError: when a source holds no pictures, sources differ in what they hold, or their channels are not the
            network's.
    """

    def __init__(
        self, recipe: Recipe, names: Sequence[str], sources: Mapping[str, Dataset], caches: Mapping[str, PictureCache]
    ) -> None:
        self.recipe = recipe
        self.names = tuple(names)
        self.sources = [sources[name] for name in recipe.data.train]
        self.caches = [caches[name] for name in recipe.data.train]
        weights = np.asarray([source.weight for source in recipe.data.train.values()])
        if not weights.sum():
            raise RecipeError("data.train: no source to draw pictures from, or each has weight 0")
        for name, source, weight in zip(recipe.data.train, self.sources, weights, strict=True):
            if weight and not source.pictures:
                raise DataError(f"{source.images_dir}: source {name!r} holds no pictures to train on")
        self.weights = weights / weights.sum()
        self.mirrored = mirror_indices(self.names)
        seen = {a.label for source in self.sources for p in source.pictures for a in p.annotations if not a.ignore}
        taught = np.asarray([name in seen for name in self.names])
        # Shown only where it is not, a label would be unlearnt: the borders of pictures alone would do that.
        self.untaught = ~(taught | taught[self.mirrored])
        self.reads = maps_read(sources, recipe.model.in_channels)
        stacked = self.reads is not None and self.reads.channels == len(self.reads.labels)
        self.mirrored_planes = mirror_indices(self.reads.labels) if self.reads is not None and stacked else None

    def __len__(self) -> int:
        return self.recipe.schedule.steps * self.recipe.schedule.batch

    def __getitem__(self, number: int) -> Sample:
        rng = np.random.default_rng([self.recipe.seed, number])
        augment, schedule = self.recipe.augment, self.recipe.schedule
        step = number // schedule.batch
        size = schedule.size_at(step)
        sample = empty_sample(size, len(self.names), self.recipe.model.in_channels, border(self.reads))
        plain = step >= (1 - augment.last_plain) * schedule.steps
        if not plain and rng.random() < augment.mosaic:
            split = (rng.uniform(0.35, 0.65, 2) * size).round().astype(int)
            xs, ys = (0, int(split[0]), size), (0, int(split[1]), size)
            cells = [(xs[i], ys[j], xs[i + 1] - xs[i], ys[j + 1] - ys[j]) for j in range(2) for i in range(2)]
        else:
            cells = [(0, 0, size, size)]
        for cell in cells:
            zoom = float(np.exp(rng.uniform(*np.log(augment.zoom))))
            paste(sample, self._draw(rng), self.names, cell, zoom, rng)
        if rng.random() < augment.occlude:
            if augment.occluders == "realistic":
                occlude_face(sample, self.names, rng)
            else:
                occlude(sample, rng)
        if augment.turn and rng.random() < augment.turn:  # a run without draws the same samples as before there was any
            turn(sample, self.names, rng)
        if rng.random() < augment.flip:
            mirror(sample, self.mirrored, self.mirrored_planes)
        sample.background[self.untaught] = False
        if self.reads is None:
            sample.image = recolour(sample.image, augment, rng)
        return sample

    def _draw(self, rng: np.random.Generator) -> Labelled:
        source = int(rng.choice(len(self.sources), p=self.weights))
        index = int(rng.integers(len(self.sources[source])))
        return Labelled(self.caches[source][index], self.sources[source].pictures[index])


class _From(Sampler[int]):
    """Sample numbers from ``start`` on, in order.

    Its length is that of the whole run: the trainer counts batches from the run's beginning, also when resumed.
    """

    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop = start, stop

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    def __len__(self) -> int:
        return self.stop


def collate(samples: Sequence[Sample]) -> tuple[torch.Tensor, Targets]:
    """``(B, channels, S, S)`` uint8 channels-last pictures and the targets of the batch."""
    images = torch.from_numpy(np.stack([s.image for s in samples])).permute(0, 3, 1, 2)
    counts = torch.tensor([len(s.boxes) for s in samples])
    targets = Targets(
        image=torch.repeat_interleave(torch.arange(len(samples)), counts),
        label=torch.from_numpy(np.concatenate([s.labels for s in samples])),
        boxes=torch.from_numpy(np.concatenate([s.boxes for s in samples])),
        background=torch.from_numpy(np.stack([s.background for s in samples])),
        approximate=torch.from_numpy(np.concatenate([s.approximate for s in samples])),
    )
    return images, targets


def training_loader(samples: Samples, start_step: int = 0) -> DataLoader[Sample]:
    """Batches from ``start_step`` to the end of the run."""
    batch, workers = samples.recipe.schedule.batch, samples.recipe.workers
    return DataLoader(
        samples,
        batch_size=batch,
        sampler=_From(start_step * batch, len(samples)),
        num_workers=workers,
        collate_fn=collate,
        drop_last=True,
        persistent_workers=workers > 0,
        prefetch_factor=4 if workers else None,
        worker_init_fn=_one_thread if workers else None,
    )


def _one_thread(worker: int) -> None:
    torch.set_num_threads(1)


def build_caches(recipe: Recipe, sources: Mapping[str, Dataset], folder: Path) -> dict[str, PictureCache]:
    """Decode the pictures of every source once.

    Raises:
        DataError, ReadError: for sources or files that the network cannot read.
    """
    reads = maps_read(sources, recipe.model.in_channels)
    maps = None if reads is None else reads.channels
    return {
        name: PictureCache([source.path(p) for p in source.pictures], recipe.data.cache_side, folder, maps=maps)
        for name, source in sources.items()
    }
