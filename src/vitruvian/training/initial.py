"""Starting a training from a model file: the shipped one fine-tuned on a user's data, say."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch

from vitruvian.networks.backbones import Backbone
from vitruvian.networks.detector import Detector
from vitruvian.networks.errors import WeightsError
from vitruvian.training.export import load_onnx_weights
from vitruvian.training.recipe import ModelRecipe
from vitruvian.zoo import DEFAULT_MODEL, ModelFile, find_model
from vitruvian.zoo.cards import Architecture, Card

SHIPPED = "shipped"
"""Stands for the default model of the package."""


def find_start(model: str) -> ModelFile:
    """The model file of a name, path or address, or the default one for ``shipped``.

    Raises:
        ModelError: when there is no such model.
    """
    return find_model(DEFAULT_MODEL if model == SHIPPED else model)


def load_detector(model: str) -> tuple[Detector, Card]:
    """A model file as a torch network, ready for inference, and its card.

    Raises:
        ModelError: when there is no such model.
        WeightsError: when the file is not one of this package's detectors.
    """
    found = find_start(model)
    card = found.card
    if card.reads is not None:
        raise WeightsError(f"model {card.name!r} reads activation maps, not pictures")
    backbone = Backbone(card.architecture.backbone, card.architecture.in_channels)
    net = Detector(backbone, card.labels, card.architecture.width, card.architecture.depth)
    load_onnx_weights(net, found.path, card.labels)
    return net.eval(), card


def starting_weights(model: str, recipe: ModelRecipe) -> Callable[[Detector], tuple[str, ...]]:
    """What puts a model's weights into a fresh network of the same architecture, and gives the labels it lacks.

    Where labels differ, the rows of labels that both have are carried over too, whatever their order, and the rest of
    the output layers starts fresh.

    Raises:
        ModelError: when there is no such model.
        WeightsError: when its architecture is not the recipe's.
    """
    found = find_start(model)
    wanted = Architecture(**recipe.model_dump(include=set(Architecture.model_fields)))
    if found.card.architecture != wanted:
        differing = [
            name
            for name in Architecture.model_fields
            if getattr(found.card.architecture, name) != getattr(wanted, name)
        ]
        raise WeightsError(f"model {found.card.name!r} differs from the recipe in model.{', model.'.join(differing)}")

    def fill(net: Detector) -> tuple[str, ...]:
        return load_onnx_weights(net, found.path, found.card.labels)

    return fill


def average_with(net: Detector, model: str, share: float, recipe: ModelRecipe) -> dict[str, str]:
    """Average a network's weights with those of a model, the one it was fine-tuned from as a rule.

    Much of what fine-tuning unlearnt comes back, and much of what it taught stays (Wortsman et al., Robust fine-tuning
    of zero-shot models, CVPR 2022).

    Args:
        net: Changed in place.
        model: Name, path or address; ``shipped`` for the default one.
        share: Of the model's weights in the average, in 0..1.
        recipe: The network's.

    Returns:
        What the card's training record says of it.

    Raises:
        ModelError: when there is no such model.
        WeightsError: when its architecture is not the recipe's, or it lacks labels of the network.
    """
    other = copy.deepcopy(net)
    if lacking := starting_weights(model, recipe)(other):
        raise WeightsError(f"model {model!r} has no label {', '.join(lacking)}, so it cannot be averaged with")
    theirs = other.state_dict()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(theirs[name], share)
    card = find_start(model).card
    return {"averaged with": f"{card.name}, share {share:g}, sha256 {card.sha256}"}
