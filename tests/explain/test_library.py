"""Any torch network through the grad-cam library."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

from vitruvian.explain.errors import ExplainError
from vitruvian.explain.library import CLASSES, library_maps


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3, 2, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
    )  # fmt: skip


TARGETS = {"second": lambda out: out[1], "last": lambda out: out[3]}


@pytest.mark.parametrize("method", CLASSES)
def test_a_classifier_that_is_none_of_ours(network: nn.Sequential, method: str) -> None:
    inputs = torch.randn(1, 3, 16, 24)
    early, late = library_maps(network, inputs, [network[1], network[3]], TARGETS, method)
    names = ("all classes",) if method == "eigencam" else ("second", "last")
    assert early.names == late.names == names
    assert early.maps.shape == (len(names), 16, 24)
    assert late.maps.shape == (len(names), 8, 12)
    assert np.abs(late.maps).max() > 0


@pytest.mark.parametrize("method", CLASSES)
def test_stretched_and_resized_it_is_the_librarys_own_call(network: nn.Sequential, method: str) -> None:
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.image import scale_cam_image

    inputs = torch.randn(1, 3, 16, 24)
    with getattr(pytorch_grad_cam, CLASSES[method])(network, [network[3]]) as cam:
        expected = cam(inputs, [TARGETS["last"]])
    [found] = library_maps(network, inputs, [network[3]], {"last": TARGETS["last"]}, method)
    positive = scale_cam_image(scale_cam_image(np.maximum(found.maps, 0), (24, 16)))
    np.testing.assert_allclose(positive, expected, atol=1e-5)


def test_nothing_is_left_behind(network: nn.Sequential) -> None:
    library_maps(network, torch.randn(1, 3, 8, 8), [network[3]], TARGETS, "gradcam")
    assert all(p.grad is None for p in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_a_frozen_network_has_maps_too(network: nn.Sequential) -> None:
    inputs = torch.randn(1, 3, 8, 8)
    [free] = library_maps(network, inputs, [network[3]], TARGETS, "hirescam")
    [frozen] = library_maps(network.requires_grad_(False), inputs, [network[3]], TARGETS, "hirescam")
    np.testing.assert_array_equal(free.maps, frozen.maps)


def test_layers_that_cannot_be_used(network: nn.Sequential) -> None:
    inputs = torch.randn(1, 3, 8, 8)
    with pytest.raises(ExplainError, match="Linear gives no feature map"):
        library_maps(network, inputs, [network[6]], TARGETS, "gradcam")
    with pytest.raises(ExplainError, match="Conv2d runs 0 times"):
        library_maps(network, inputs, [nn.Conv2d(3, 3, 1)], TARGETS, "gradcam")
    twice = nn.ReLU()
    with pytest.raises(ExplainError, match="ReLU runs 2 times"):
        library_maps(nn.Sequential(network[0], twice, twice, *network[2:]), inputs, [twice], TARGETS, "gradcam")
    with pytest.raises(ExplainError, match="no influence on 'constant'"):
        library_maps(network, inputs, [network[3]], {"constant": lambda out: torch.ones(())}, "gradcam")


def test_bad_arguments(network: nn.Sequential) -> None:
    with pytest.raises(ExplainError, match="unknown method 'cam'"):
        library_maps(network, torch.randn(1, 3, 8, 8), [network[3]], TARGETS, "cam")
    with pytest.raises(ExplainError, match="not one picture"):
        library_maps(network, torch.randn(2, 3, 8, 8), [network[3]], TARGETS, "gradcam")
    with pytest.raises(ExplainError, match="no target"):
        library_maps(network, torch.randn(1, 3, 8, 8), [network[3]], {}, "gradcam")


def test_without_the_library(network: nn.Sequential, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    with pytest.raises(ModuleNotFoundError, match="pytorch_grad_cam"):
        library_maps(network, torch.randn(1, 3, 8, 8), [network[3]], TARGETS, "gradcam")
