"""The closed forms against the grad-cam library, which makes the same maps by a backward pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from vitruvian.explain.library import library_maps
from vitruvian.networks.activation_maps import activation_maps, gradcam_plus_plus, hirescam

CHANNELS, CLASSES, HEIGHT, WIDTH = 12, 5, 6, 9


class Head(nn.Module):
    """A layer to look at, then the linear score; gives the logits of all locations."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__()
        self.layer = nn.Identity()
        self.score = nn.Conv2d(weight.shape[1], weight.shape[0], 1)
        self.score.weight, self.score.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.score(self.layer(features))
        return scores.flatten(2)


def by_library(features: torch.Tensor, weight: torch.Tensor, method: str) -> torch.Tensor:
    head = Head(weight, torch.arange(len(weight)).to(weight))
    targets = {str(c): (lambda logits, c=c: logits[c].sum()) for c in range(len(weight))}
    return torch.from_numpy(library_maps(head, features, [head.layer], targets, method)[0].maps)


@pytest.fixture
def features() -> torch.Tensor:
    """As after SiLU: some channels sum to below zero, where Grad-CAM++ weights change their sign."""
    torch.manual_seed(0)
    found = nn.functional.silu(torch.randn(1, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64) - 0.5)
    assert (found.sum(dim=(2, 3)) < 0).any()
    assert (found.sum(dim=(2, 3)) > 0).any()
    return found


@pytest.fixture
def weight() -> torch.Tensor:
    torch.manual_seed(1)
    found = torch.randn(CLASSES, CHANNELS, 1, 1, dtype=torch.float64)
    found[0, ::3] = 0
    return found


@pytest.mark.parametrize("method", ["hirescam", "gradcam", "xgradcam"])
def test_three_methods_are_one_under_a_linear_head(features: torch.Tensor, weight: torch.Tensor, method: str) -> None:
    torch.testing.assert_close(hirescam(features, weight)[0].float(), by_library(features, weight, method))


def test_gradcam_plus_plus_needs_no_backward_pass(features: torch.Tensor, weight: torch.Tensor) -> None:
    torch.testing.assert_close(
        gradcam_plus_plus(features, weight)[0].float(), by_library(features, weight, "gradcam++")
    )


def without_relu(features: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    w, totals = w.flatten(1), features.sum(dim=(2, 3))
    alpha = torch.where(w != 0, w**2 / (2 * w**2 + totals * w**3 + 1e-6), 0.0)
    return torch.einsum("ck,bkhw->bchw", HEIGHT * WIDTH * w * alpha, features)


def powers_swapped(features: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    w, totals = w.flatten(1), features.sum(dim=(2, 3))
    alpha = torch.where(w != 0, w**2 / (2 * w**3 + totals * w**2 + 1e-6), 0.0)
    return torch.einsum("ck,bkhw->bchw", HEIGHT * WIDTH * w.relu() * alpha, features)


def mean_for_sum(features: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    w, totals = w.flatten(1), features.mean(dim=(2, 3))
    alpha = torch.where(w != 0, w**2 / (2 * w**2 + totals * w**3 + 1e-6), 0.0)
    return torch.einsum("ck,bkhw->bchw", HEIGHT * WIDTH * w.relu() * alpha, features)


@pytest.mark.parametrize("wrong", [without_relu, powers_swapped, mean_for_sum])
def test_the_comparison_would_notice_a_wrong_formula(
    features: torch.Tensor, weight: torch.Tensor, wrong: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> None:
    expected = by_library(features, weight, "gradcam++")
    assert (wrong(features, weight)[0].float() - expected).abs().max() > 0.01 * expected.abs().max()


def test_hirescam_is_the_logit_without_its_bias(features: torch.Tensor, weight: torch.Tensor) -> None:
    score = nn.Conv2d(CHANNELS, CLASSES, 1).double()
    assert score.bias is not None
    with torch.no_grad():
        score.weight.copy_(weight)
        expected = score(features) - score.bias[None, :, None, None]
        torch.testing.assert_close(activation_maps(features, score, "hirescam"), expected)
        assert not torch.allclose(activation_maps(features, score, "gradcam++"), expected)


@pytest.mark.parametrize("form", [hirescam, gradcam_plus_plus])
def test_a_batch_gives_what_its_pictures_give_alone(
    weight: torch.Tensor, form: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> None:
    batch = torch.randn(3, CHANNELS, HEIGHT, WIDTH, dtype=torch.float64)
    torch.testing.assert_close(form(batch, weight), torch.cat([form(one[None], weight) for one in batch]))
