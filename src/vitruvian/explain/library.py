"""Activation maps of any torch network through the ``grad-cam`` library: a backward pass for each target.

The library's own call rectifies each map, stretches it from its minimum to its maximum and resizes it to the input.
Here its classes' ``get_cam_image`` is asked for what lies before that: signed maps at the layer's resolution. One
forward pass does for all targets, and each backward pass ends at the layers. Needs the extra ``train``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vitruvian.explain.errors import ExplainError
from vitruvian.explain.maps import ActivationMaps

CLASSES = {
    "hirescam": "HiResCAM",
    "gradcam++": "GradCAMPlusPlus",
    "gradcam": "GradCAM",
    "xgradcam": "XGradCAM",
    "eigencam": "EigenCAM",
    "scorecam": "ScoreCAM",
}
"""The library's class of each method."""

WITHOUT_TARGET = ("eigencam",)
"""Methods that look at no target: their map, signed arbitrarily, is of all classes."""
_WITHOUT_GRADIENTS = ("eigencam", "scorecam")

Target = Callable[[Any], torch.Tensor]
"""From the network's output for one picture to the number that is explained."""


def library_maps(
    network: nn.Module,
    inputs: torch.Tensor,
    layers: Sequence[nn.Module],
    targets: dict[str, Target],
    method: str,
) -> list[ActivationMaps]:
    """Signed maps of any network that takes ``(1, C, H, W)``.

    Args:
        network: In evaluation mode afterwards. Its output must be indexable by picture.
        inputs: ``(1, C, H, W)``, as the network wants it.
        layers: Modules whose output ``(1, K, h, w)`` is looked at; each must run exactly once in a forward pass.
        targets: What is explained, by the name that its map shall have.
        method: A key of :data:`CLASSES`.

    Returns:
        For each layer its maps, ``(len(targets), h, w)``; with ``eigencam`` the one channel is ``all classes``.

    Raises:
        ExplainError: for an unknown method, or a layer that has no feature map or no influence on a target.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> [maps] = library_maps(net, torch.zeros(1, 3, 8, 8), [net[0]], {"third": lambda out: out[2]}, "gradcam")
    >>> maps.maps.shape
    (1, 6, 6)
    """
    if method not in CLASSES:
        raise ExplainError(f"unknown method {method!r}; there are {', '.join(CLASSES)}")
    if inputs.ndim != 4 or len(inputs) != 1:
        raise ExplainError(f"input of shape {tuple(inputs.shape)} is not one picture (1, C, H, W)")
    if not targets:
        raise ExplainError("no target is asked for, so there is no map to make")
    kind = getattr(importlib.import_module("pytorch_grad_cam"), CLASSES[method])
    # A network whose weights are frozen still has gradients where its input has one.
    inputs = inputs.detach().requires_grad_(True)
    features, output = _features(network.eval(), inputs, layers)
    values = [feature.detach().cpu().numpy() for feature in features]
    chosen = {"all classes": next(iter(targets.values()))} if method in WITHOUT_TARGET else targets
    rows: list[list[NDArray[np.float32]]] = [[] for _ in layers]
    for name, target in chosen.items():
        gradients: list[Any] = [None] * len(layers)
        if method not in _WITHOUT_GRADIENTS:
            gradients = _gradients(target(output[0]), features, layers, name)
        for layer, value, gradient, maps in zip(layers, values, gradients, rows, strict=True):
            with kind(network, [layer]) as cam:
                maps.append(cam.get_cam_image(inputs.detach(), layer, [target], value, gradient, False)[0])
    return [ActivationMaps(np.stack(maps).astype(np.float32), tuple(chosen)) for maps in rows]


def _features(network: nn.Module, inputs: torch.Tensor, layers: Sequence[nn.Module]) -> tuple[list[torch.Tensor], Any]:
    """One forward pass: what each layer gave, and what the network did."""
    seen: list[list[Any]] = [[] for _ in layers]
    # The loop's list is bound as a default: all the hooks would otherwise fill the last one.
    hooks = [
        layer.register_forward_hook(lambda module, given, result, into=into: into.append(result))
        for layer, into in zip(layers, seen, strict=True)
    ]
    try:
        output = network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    for layer, results in zip(layers, seen, strict=True):
        kind = type(layer).__name__
        if len(results) != 1:
            raise ExplainError(f"layer {kind} runs {len(results)} times, not once, so it has no one feature map")
        if not isinstance(results[0], torch.Tensor) or results[0].ndim != 4:
            raise ExplainError(f"layer {kind} gives no feature map (1, K, h, w), so there is nothing to explain by")
    return [results[0] for results in seen], output


def _gradients(
    value: torch.Tensor, features: Sequence[torch.Tensor], layers: Sequence[nn.Module], name: str
) -> list[NDArray[np.float32]]:
    found: tuple[torch.Tensor | None, ...] = (None,) * len(layers)
    if value.requires_grad:
        found = torch.autograd.grad(value, features, retain_graph=True, allow_unused=True)
    arrays: list[NDArray[np.float32]] = []
    for layer, gradient in zip(layers, found, strict=True):
        if gradient is None:
            raise ExplainError(f"layer {type(layer).__name__} has no influence on {name!r}: choose another")
        arrays.append(gradient.cpu().numpy())
    return arrays
