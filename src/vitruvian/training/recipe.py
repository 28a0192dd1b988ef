"""Recipes: one YAML file says all that a training run needs, and nothing it does not know is accepted."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vitruvian.taxonomy import BODY_PARTS, FACIAL_PARTS, PARTS

MAX_RECIPE_BYTES = 1_000_000
_NAMED_LABELS = {"parts": PARTS.names, "body_parts": BODY_PARTS.names, "facial_parts": FACIAL_PARTS.names}
Zoom = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""Factor on a size."""


class RecipeError(ValueError):
    """A recipe that cannot be used; one line that names the file, the key and the reason."""


def named_labels(labels: str | Sequence[str]) -> tuple[str, ...]:
    """A recipe's list of labels, or the one that its name stands for."""
    return _NAMED_LABELS[labels] if isinstance(labels, str) else tuple(labels)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceRecipe(_Section):
    """One labelled set that pictures are drawn from.

    Attributes:
        json_file: COCO or canonical json, relative to ``data_dir`` (``json`` in the file).
        exhaustive: What is fully labelled where the file does not say: ``file``, ``all``, ``none`` or a list of labels
            (names in the file, before renaming).
        images: Folder of the pictures; by default ``images`` beside the file, or the file's own folder.
        where: Only pictures whose attribute is one of these: ``{source: [celebamask, ccp]}``. ``source`` is the
            picture's source, anything else one of its attributes; several must all hold.
        with: Only pictures in which something of each of these labels (names in the file) is labelled.
        without: Only pictures in which nothing of these labels (names in the file) is labelled.
        rename: Labels of the file to labels of the model.
        derive: Boxes to compute: ``facial_parts`` from face landmarks, ``limbs`` from body joints, or whole faces
            where heads and noses are labelled (``faces_from_noses``).
        weight: Share of the pictures drawn that come from here, relative to the other sources.
        about: Where the set comes from, for the model's card.
        terms: Its licence or terms of use, for the model's card.
    """

    json_file: str = Field(alias="json")
    exhaustive: Literal["file", "all", "none"] | list[str] = "file"
    images: str | None = None
    where: dict[str, list[str]] = {}
    having: list[str] = Field([], alias="with")
    without: list[str] = []
    rename: dict[str, str] = {}
    derive: Literal["facial_parts", "limbs", "faces_from_noses"] | None = None
    weight: float = Field(1.0, ge=0)
    about: str = ""
    terms: str = ""


class DataRecipe(_Section):
    """Where pictures come from and how they are drawn.

    Attributes:
        train: Sources by name.
        val: Sources that the run is measured on; a label is judged only where it is exhaustive.
        fit: Training pictures on which a second look's witnesses are joined and its threshold is chosen, faces covered
            anew; without any, one half of ``val`` serves for that.
        cache_side: Pictures are kept decoded with their long side at most this.
    """

    train: dict[str, SourceRecipe]
    val: dict[str, SourceRecipe] = {}
    fit: dict[str, SourceRecipe] = {}
    cache_side: int = Field(448, ge=32)


class AugmentRecipe(_Section):
    """How a picture is varied.

    Attributes:
        mosaic: Share of samples made of four pictures.
        zoom: Smallest and largest factor on the size at which a picture fills the canvas.
        flip: Share of samples mirrored.
        turn: Share of samples turned, half of them by quarters of a circle and half by any angle
            (:func:`vitruvian.training.augment.turn`): for people who lie, hang or are held in every way.
        brightness, contrast, saturation: Largest relative change of each.
        hue: Largest turn of the colours, as a share of the colour circle.
        grey: Share of samples without colour. Activation maps have no colours: none of these changes them.
        last_plain: Share of the run, at its end, without mosaic.
        occlude: Share of samples in which something is covered.
        occluders: ``patches`` lays a grey or noisy rectangle over any labelled box; ``realistic`` covers 20 to 80 % of
            a face (``whole face``, ``Human face`` or ``Human head``) with the training kinds of
            :mod:`vitruvian.data.occlusion`, and leaves samples without a large enough face alone. A
            covered sample of 256 to 320 pixels takes 20 to 65 ms of a processor core more, as the face grows from a
            seventh to over half the picture (a patch: under 0.1 ms).
    """

    mosaic: float = Field(0.5, ge=0, le=1)
    zoom: tuple[Zoom, Zoom] = (0.5, 1.6)
    flip: float = Field(0.5, ge=0, le=1)
    turn: float = Field(0.0, ge=0, le=1)
    brightness: float = Field(0.3, ge=0, le=1)
    contrast: float = Field(0.3, ge=0, le=1)
    saturation: float = Field(0.4, ge=0, le=1)
    hue: float = Field(0.0, ge=0, le=0.5)
    grey: float = Field(0.05, ge=0, le=1)
    occlude: float = Field(0.15, ge=0, le=1)
    occluders: Literal["patches", "realistic"] = "patches"
    last_plain: float = Field(0.1, ge=0, le=1)


class MapsRecipe(_Section):
    """What a second look reads in place of a picture: activation maps of a frozen first model.

    Attributes:
        model: Name or path of the first model; ``shipped`` is the package's.
        method: ``hirescam`` or ``gradcam++``.
        labels: Classes of the first model, one channel each: ``parts``, ``facial_parts``, or a list of names.
    """

    model: str = "shipped"
    method: Literal["hirescam", "gradcam++"] = "hirescam"
    labels: Literal["parts", "body_parts", "facial_parts"] | list[str] = "parts"


class ModelRecipe(_Section):
    """The network.

    Attributes:
        labels: ``parts`` (all 22), ``body_parts`` (12), ``facial_parts`` (10), or a list of names.
        maps: Read another model's activation maps at feature resolution in place of a backbone's features; what
            concerns the backbone then does not count.
        backbone: timm architecture.
        pretrained: Start the backbone from packaged ImageNet weights.
        frozen_stages: Leading backbone stages that are not trained.
        frozen_statistics: Every batch norm keeps the mean and variance that it starts with.
        in_channels: Channels of the input.
        width, depth: Channels of pyramid and head; convolutions in each tower of the head.
        mean, std: Input normalisation of pixel values in 0..1, one value for all channels or one each.
    """

    labels: Literal["parts", "body_parts", "facial_parts"] | list[str] = "parts"
    maps: MapsRecipe | None = None
    backbone: str = "mobilenetv2_100"
    pretrained: bool = True
    frozen_stages: int = Field(0, ge=0)
    frozen_statistics: bool = False
    in_channels: int = Field(3, ge=1)
    width: int = Field(96, ge=8)
    depth: int = Field(2, ge=0)
    mean: list[float] = [0.485, 0.456, 0.406]
    std: list[float] = [0.229, 0.224, 0.225]

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> ModelRecipe:
        names = named_labels(self.labels)
        if not names:
            raise ValueError("labels needs at least one")
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"labels has {twice[0]!r} twice")
        return self

    @model_validator(mode="after")
    def _normalisation_fits(self) -> ModelRecipe:
        for name in ("mean", "std"):
            if len(getattr(self, name)) not in (1, self.in_channels):
                raise ValueError(f"{name} needs 1 or {self.in_channels} values")
        return self


class ScheduleRecipe(_Section):
    """How long and how fast.

    Attributes:
        pictures: Number of training pictures drawn in all.
        batch: Pictures a step.
        sizes: Input sizes in pixels with the share of the run at which each begins.
        optimizer: ``adamw``, or ``sgd`` with Nesterov momentum.
        momentum: Of SGD; the decay of AdamW's mean gradient.
        learning_rate: Peak rate for pyramid and head.
        backbone_rate: Factor on it for the backbone.
        weight_decay: Of weights with two or more dimensions. ``adamw`` shrinks weights by it times the learning rate,
            ``sgd`` adds it times the weight to the gradient, so that usual values are a hundredth of AdamW's.
        box_weight: Weight of the box loss beside the score loss.
        warmup: Share of the run with a rising rate; a half cosine down to 2 % follows.
        ema: Decay of the averaged weights, which are the ones kept.
        clip: Largest gradient norm.
        keep: Weight of what the starting model says wherever the labels say nothing (0: it may be forgotten); see
            :func:`vitruvian.networks.distillation.distillation_loss`.
        validate_every: Pictures between measurements on ``val`` (0: only at the end).
        patience: Measurements without a better fitness after which the run ends (0: never).
    """

    pictures: int = Field(100_000, ge=1)
    batch: int = Field(16, ge=1)
    sizes: list[tuple[float, int]] = [(0.0, 256), (0.45, 320)]
    optimizer: Literal["adamw", "sgd"] = "adamw"
    momentum: float = Field(0.9, ge=0, lt=1)
    learning_rate: float = Field(1e-3, gt=0)
    backbone_rate: float = Field(0.3, ge=0)
    weight_decay: float = Field(0.05, ge=0)
    box_weight: float = Field(2.0, ge=0)
    warmup: float = Field(0.05, ge=0, le=1)
    ema: float = Field(0.998, ge=0, lt=1)
    clip: float = Field(10.0, gt=0)
    keep: float = Field(0.0, ge=0)
    validate_every: int = Field(20_000, ge=0)
    patience: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _sizes_fit(self) -> ScheduleRecipe:
        if not self.sizes or self.sizes[0][0] != 0 or sorted(self.sizes, key=lambda s: s[0]) != self.sizes:
            raise ValueError("sizes must begin at 0 and rise in share")
        if any(size % 32 for _, size in self.sizes):
            raise ValueError("sizes must be multiples of 32")
        return self

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return max(1, self.pictures // self.batch)

    def size_at(self, step: int) -> int:
        """Input size in pixels at a step."""
        return [size for share, size in self.sizes if step >= share * self.steps][-1]


class CardRecipe(_Section):
    """What only a person can say of the model; it goes into the card as it stands.

    Attributes:
        summary: One sentence.
        commercial_use: Whether the terms of the data cover it.
        weaknesses: What holds the model back, by label or topic.
    """

    summary: str = "A detector trained by its owner."
    commercial_use: str = "not stated"
    weaknesses: dict[str, str] = {}


class Recipe(_Section):
    """A whole training run.

    Attributes:
        name: Names the run folder and the exported model; without slashes.
        data_dir: Folder that source files start from; relative paths start from the working folder.
        seed: Of everything random.
        threads: CPU threads of the network (0: all).
        workers: Processes that prepare pictures.
        precision: ``bf16`` (AMP; needs no loss scaling) or ``32``.
        input_size: Long side in pixels at which the model is measured and used.
        best_f1: Labels whose threshold is that of the best F1, for what looks again where they are not found; other
            labels take the best F0.5, at which fewer of the boxes are wrong.
    """

    name: str
    data_dir: str = "."
    seed: int = 0
    threads: int = Field(0, ge=0)
    workers: int = Field(2, ge=0)
    precision: Literal["bf16", "32"] = "bf16"
    input_size: int = Field(416, ge=32)
    best_f1: list[str] = []
    model: ModelRecipe = ModelRecipe()
    data: DataRecipe
    augment: AugmentRecipe = AugmentRecipe()
    schedule: ScheduleRecipe = ScheduleRecipe()
    card: CardRecipe = CardRecipe()

    @field_validator("name")
    @classmethod
    def _name_is_of_a_file(cls, name: str) -> str:
        if name in ("", ".", "..") or set(name) & set("/\\"):
            raise ValueError("it names a folder and a file, so it is not empty and has no slash")
        return name

    @model_validator(mode="after")
    def _sections_fit_together(self) -> Recipe:
        if self.model.in_channels != 3 and self.augment.occlude and self.augment.occluders == "realistic":
            raise ValueError("augment.occluders: realistic ones are drawn on pictures of 3 channels; set occlude to 0")
        if self.data.fit and self.model.maps is None:
            raise ValueError("data.fit: only what reads another model's maps (model.maps) has witnesses to fit")
        if self.model.in_channels != 3 and self.augment.turn:
            raise ValueError("augment.turn: only pictures of 3 channels are turned; set it to 0")
        for label in self.best_f1:
            if label not in named_labels(self.model.labels):
                raise ValueError(f"best_f1: the model has no label {label!r}")
        return self


def load_recipe(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply ``key.sub=value`` overrides (the value is YAML).

    Raises:
        RecipeError: for a file that cannot be read or is no mapping, an unknown key (the nearest valid one is
            named), or a value that does not fit.
    """
    raw = read_mapping(path, "a recipe")
    for override in overrides:
        _override(raw, override)
    try:
        return Recipe.model_validate(raw)
    except ValidationError as error:
        raise RecipeError(f"{path}: {_explain(error)}") from error


def read_mapping(path: str | os.PathLike[str], what: str) -> dict[str, Any]:
    """A YAML file that holds keys and values; ``what`` names it in errors.

    Raises:
        RecipeError: for a file that cannot be read, is too large, or holds anything else.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise RecipeError(f"{path}: larger than {MAX_RECIPE_BYTES} bytes, so not {what}")
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise RecipeError(f"{path}: {what} is a mapping of keys to values")
    return raw


def _override(raw: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise RecipeError(f"--set {override}: expected key=value")
    *parents, last = key.split(".")
    place = raw
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise RecipeError(f"--set {override}: {parent!r} holds a value, not keys")
    try:
        place[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"--set {override}: the value is not valid YAML") from error


def _fields_at(location: Sequence[int | str]) -> list[str]:
    """Valid keys of the section that a location lies in."""
    section: Any = Recipe
    for step in location:
        if isinstance(section, type) and issubclass(section, BaseModel):
            field = next((f for n, f in section.model_fields.items() if step in (n, f.alias)), None)
            if field is None:
                break
            section = field.annotation
        arguments = getattr(section, "__args__", ())  # dict[str, Section] or Section | None
        section = next((a for a in arguments if isinstance(a, type) and issubclass(a, BaseModel)), section)
    if isinstance(section, type) and issubclass(section, BaseModel):
        return [field.alias or name for name, field in section.model_fields.items()]
    return []


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(first["loc"][-1]), _fields_at(first["loc"][:-1]), n=1, cutoff=0.0)
        return f"unknown key {key!r}; did you mean {near[0]!r}?" if near else f"unknown key {key!r}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{key}: {first['msg']}{more}"
