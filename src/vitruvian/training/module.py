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
from vitruvian.images import Letterbox, read_picture, read_planes
from vitruvian.metrics import BoxResult, Predictions, evaluate_boxes, pool
from vitruvian.networks.assigner import Targets
from vitruvian.networks.backbones import Backbone
from vitruvian.networks.detector import Detector
from vitruvian.networks.distillation import distillation_loss
from vitruvian.networks.losses import detection_loss
from vitruvian.networks.map_reader import MapBackbone
from vitruvian.training.augment import MAP_STRIDE
from vitruvian.training.initial import load_detector
from vitruvian.training.map_input import border, maps_read
from vitruvian.training.recipe import ModelRecipe, Recipe, ScheduleRecipe, named_labels
from vitruvian.training.sources import model_labels

NMS_IOU = 0.5
"""Duplicates overlap more than this. Of 0.45 to 0.65 it gave the best mean AP50 of the body parts on ``val``."""


def build_detector(recipe: ModelRecipe, pretrained: bool) -> Detector:
    """The network that a recipe describes.

    Raises:
        ModelError: when it reads the maps of a model that is not there.
        WeightsError: when there are no pretrained weights, or that model is not a detector or lacks a label.
    """
    backbone: Backbone | MapBackbone
    if recipe.maps is None:
        backbone = Backbone(recipe.backbone, recipe.in_channels, pretrained, recipe.frozen_stages)
    else:
        first, _ = load_detector(recipe.maps.model)
        backbone = MapBackbone(first, named_labels(recipe.maps.labels), recipe.maps.method)
    return Detector(backbone, model_labels(recipe), recipe.width, recipe.depth)


def normalise(images: torch.Tensor, recipe: ModelRecipe) -> torch.Tensor:
    """uint8 pictures to what the network was made for."""
    mean = torch.tensor(recipe.mean, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(recipe.std, device=images.device).view(1, -1, 1, 1)
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def _optimizer(schedule: ScheduleRecipe, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    if schedule.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=schedule.momentum, nesterov=schedule.momentum > 0)
    return torch.optim.AdamW(groups, betas=(schedule.momentum, 0.999))


@dataclass(frozen=True, slots=True)
class ValItem:
    """One picture of a validation source: ``(C, H, W)`` uint8, how it was fitted, whose it is, and its labels."""

    image: torch.Tensor
    letterbox: Letterbox
    source: str
    picture_id: int
    targets: Targets


class ValPictures(TorchDataset[ValItem]):
    """The pictures of all validation sources, one after another.

    Raises:
        DataError: when the sources differ in what they hold, or their channels are not the network's.
    """

    def __init__(self, sources: Mapping[str, Dataset], names: Sequence[str], size: int, channels: int = 3) -> None:
        self.items = [(name, picture) for name, dataset in sources.items() for picture in dataset.pictures]
        self.sources = dict(sources)
        self.names = tuple(names)
        self.size = size
        self.reads = maps_read(sources, channels)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> ValItem:
        name, picture = self.items[index]
        path = self.sources[name].path(picture)
        pixels = read_picture(path) if self.reads is None else read_planes(path, self.reads.channels)
        letterbox = Letterbox.fit(picture.width, picture.height, self.size)
        image = torch.from_numpy(letterbox.apply(pixels, border(self.reads))).permute(2, 0, 1)
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
        approximate=torch.tensor([a.approximate for a in chosen], dtype=torch.bool),
    )


class DetectorTraining(L.LightningModule):
    """Trains a :class:`Detector`.

    Args:
        recipe: What to train and how.
        net: The network, built or loaded.
        val: Sources to measure on, by name.
        teacher: What the network started as, where the recipe's ``schedule.keep`` holds on to it.
        fresh: Labels that the teacher does not know.
    """

    def __init__(
        self,
        recipe: Recipe,
        net: Detector,
        val: Mapping[str, Dataset],
        teacher: Detector | None = None,
        fresh: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.net = net.to(memory_format=torch.channels_last)
        average = get_ema_multi_avg_fn(recipe.schedule.ema)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(self.net, multi_avg_fn=average, use_buffers=True)
        self.val = dict(val)
        # In a tuple, which torch does not look into: the teacher is neither trained nor stored in checkpoints.
        self._teacher = () if teacher is None else (teacher.eval().requires_grad_(False),)
        self._known = torch.tensor([label not in fresh for label in net.labels])
        self._found: dict[str, list[tuple[int, Any]]] = {}

    def training_step(self, batch: tuple[torch.Tensor, Targets], batch_index: int) -> torch.Tensor:
        images, targets = batch
        pictures = normalise(images, self.recipe.model)
        features = self.net.score_features(pictures)
        output = self.net.head(features)
        loss = detection_loss(output, targets, self.recipe.schedule.box_weight)
        total, parts = loss.total, {"loss_score": loss.score, "loss_box": loss.box}
        for teacher in self._teacher:
            with torch.no_grad():
                said = teacher.to(self.device)(pictures)
            # The teacher's own last layer reads the new features: what is held are the features, and the rows of labels
            # that nothing teaches stay as they are. (Adam would shake them by its rate, however small the gradient.)
            kept = distillation_loss(teacher.head(features), said, targets, self._known.to(self.device))
            total = total + self.recipe.schedule.keep * kept
            parts["loss_kept"] = kept.detach()
        self.log_dict({"loss": total.detach(), **parts}, prog_bar=True)
        return total

    def train(self, mode: bool = True) -> DetectorTraining:
        """Hold the statistics of batch norms where the recipe says so."""
        super().train(mode)
        if self.recipe.model.frozen_statistics:
            for module in self.net.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

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
            loss = detection_loss(output, item.targets.to(self.device), self.recipe.schedule.box_weight)
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
        optimizer = _optimizer(schedule, [g for g in groups if g["params"]])
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
