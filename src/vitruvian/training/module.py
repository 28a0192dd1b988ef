"""The Lightning module: one training step, averaged weights, and the measurement on ``val``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import Dataset as TorchDataset

from vitruvian.data.background import background_map
from vitruvian.data.dataset import Dataset, Picture
from vitruvian.finders.detections import decode
from vitruvian.images import Letterbox, read_picture
from vitruvian.metrics import BoxResult, Predictions, evaluate_boxes, pool
from vitruvian.networks.assigner import Targets
from vitruvian.networks.backbones import Backbone
from vitruvian.networks.detector import Detector
from vitruvian.networks.losses import detection_loss
from vitruvian.training.augment import MAP_STRIDE
from vitruvian.training.recipe import ModelRecipe, Recipe
from vitruvian.training.sources import model_labels

NMS_IOU = 0.5
"""Duplicates overlap more than this. Of 0.45 to 0.65 it gave the best mean AP50 of the body parts on ``val``."""


def build_detector(recipe: ModelRecipe, pretrained: bool) -> Detector:
    """The network that a recipe describes."""
    backbone = Backbone(recipe.backbone, recipe.in_channels, pretrained, recipe.frozen_stages)
    return Detector(backbone, model_labels(recipe), recipe.width, recipe.depth)


def normalise(images: torch.Tensor, recipe: ModelRecipe) -> torch.Tensor:
    """uint8 pictures to what the network was made for."""
    mean = torch.tensor(recipe.mean, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(recipe.std, device=images.device).view(1, -1, 1, 1)
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


@dataclass(frozen=True, slots=True)
class ValItem:
    """One picture of a validation source: ``(3, H, W)`` uint8, how it was fitted, whose it is, and its labels."""

    image: torch.Tensor
    letterbox: Letterbox
    source: str
    picture_id: int
    targets: Targets


class ValPictures(TorchDataset[ValItem]):
    """The pictures of all validation sources, one after another."""

    def __init__(self, sources: Mapping[str, Dataset], names: Sequence[str], size: int) -> None:
        self.items = [(name, picture) for name, dataset in sources.items() for picture in dataset.pictures]
        self.sources = dict(sources)
        self.names = tuple(names)
        self.size = size

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> ValItem:
        name, picture = self.items[index]
        pixels = read_picture(self.sources[name].path(picture))
        letterbox = Letterbox.fit(picture.width, picture.height, self.size)
        image = torch.from_numpy(letterbox.apply(pixels)).permute(2, 0, 1)
        return ValItem(image, letterbox, name, picture.id, letterboxed_targets(picture, letterbox, self.names))


def letterboxed_targets(picture: Picture, letterbox: Letterbox, names: Sequence[str]) -> Targets:
    """The labels of one whole picture in the pixels of its letterboxed copy."""
    chosen = [a for a in picture.annotations if a.label in names and not a.ignore]
    boxes = np.asarray([a.box for a in chosen], dtype=np.float32).reshape(-1, 4)
    columns, rows = (np.arange(length // MAP_STRIDE) for length in (letterbox.out_width, letterbox.out_height))
    xs = letterbox.points_to_original(np.stack(((columns + 0.5) * MAP_STRIDE, np.zeros(len(columns))), axis=1))[:, 0]
    ys = letterbox.points_to_original(np.stack((np.zeros(len(rows)), (rows + 0.5) * MAP_STRIDE), axis=1))[:, 1]
    return Targets(
        image=torch.zeros(len(chosen), dtype=torch.int64),
        label=torch.tensor([names.index(a.label) for a in chosen], dtype=torch.int64),
        boxes=torch.from_numpy(letterbox.boxes_to_letterbox(boxes)),
        background=torch.from_numpy(background_map(picture, names, xs, ys))[None],
    )


class DetectorTraining(L.LightningModule):
    """Trains a :class:`Detector`.

    Args:
        recipe: What to train and how.
        net: The network, built or loaded.
        val: Sources to measure on, by name.
    """

    def __init__(self, recipe: Recipe, net: Detector, val: Mapping[str, Dataset]) -> None:
        super().__init__()
        self.recipe = recipe
        self.net = net.to(memory_format=torch.channels_last)
        average = get_ema_multi_avg_fn(recipe.schedule.ema)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.net, multi_avg_fn=average, use_buffers=True)
        self.val = dict(val)
        self._found: dict[str, list[tuple[int, Any]]] = {}

    def training_step(self, batch: tuple[torch.Tensor, Targets], batch_index: int) -> torch.Tensor:
        images, targets = batch
        output = self.net(normalise(images, self.recipe.model))
        loss = detection_loss(output, targets)
        self.log_dict({"loss": loss.total.detach(), "loss_score": loss.score, "loss_box": loss.box}, prog_bar=True)
        return loss.total

    def on_train_batch_end(self, *_: object) -> None:
        self.average.update_parameters(self.net)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_index: int) -> Any:
        if isinstance(batch, tuple) and isinstance(batch[1], Targets):
            images, targets = batch
            return images.to(device, non_blocking=True), targets.to(device)
        return batch

    def validation_step(self, batch: list[ValItem], batch_index: int) -> None:
        for item in batch:
            output = self.average.module(normalise(item.image[None].to(self.device), self.recipe.model))
            loss = detection_loss(output, item.targets.to(self.device))
            self.log("val_loss", loss.total, batch_size=1, on_step=False, on_epoch=True)
            scores = output.logits[0].float().sigmoid().cpu().numpy()
            boxes = output.boxes[0].float().cpu().numpy()
            found = decode(scores, boxes, self.net.labels, 0.02, NMS_IOU, most=100)
            restored = item.letterbox.boxes_to_original(found.boxes)
            self._found.setdefault(item.source, []).append((item.picture_id, (restored, found.scores, found.labels)))

    def on_validation_epoch_start(self) -> None:
        self._found = {}
        self.average.eval()

    def on_validation_epoch_end(self) -> None:
        if self.trainer.sanity_checking or not self._found:
            return
        result = self.measure()
        values = {name: value for name, value in result.headline().items() if not math.isnan(value)}
        by_class = {f"AP50/{c.label}": c.ap50 for c in result.classes if not math.isnan(c.ap50)}
        fitness = 0.1 * values.get("AP50", 0.0) + 0.9 * values.get("AP", 0.0)
        self.log_dict({**values, **by_class, "fitness": fitness})
        self.print(f"step {self.global_step}: " + ", ".join(f"{k} {v:.4f}" for k, v in {**values, **by_class}.items()))

    def measure(self) -> BoxResult:
        """The partial-label protocol on what the last validation pass found, all sources pooled."""
        pairs = []
        for name, rows in self._found.items():
            ids = np.concatenate([np.full(len(found[1]), picture) for picture, found in rows])
            boxes, scores, labels = (np.concatenate([found[i] for _, found in rows]) for i in range(3))
            pairs.append((self.val[name], Predictions(ids, boxes, scores, labels, self.net.labels)))
        return evaluate_boxes(*pool(pairs))

    def configure_optimizers(self) -> Any:
        schedule = self.recipe.schedule
        groups = []
        for part, rate in ((self.net.backbone, schedule.backbone_rate), (None, 1.0)):
            inside = {id(p) for p in self.net.backbone.parameters()}
            mine = [p for p in self.net.parameters() if p.requires_grad and (id(p) in inside) == (part is not None)]
            for decayed in (True, False):  # norms and biases are not pulled to zero
                chosen = [p for p in mine if (p.ndim >= 2) == decayed]
                decay = schedule.weight_decay if decayed else 0.0
                groups.append({"params": chosen, "lr": schedule.learning_rate * rate, "weight_decay": decay})
        optimizer = torch.optim.AdamW([g for g in groups if g["params"]])
        warmup = max(1, round(schedule.warmup * schedule.steps))

        def factor(step: int) -> float:
            if step < warmup:
                return (step + 1) / warmup
            progress = (step - warmup) / max(1, schedule.steps - warmup)
            return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))

        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    @property
    def kept(self) -> nn.Module:
        """The averaged network, the one that is measured and exported."""
        module: nn.Module = self.average.module
        return module
