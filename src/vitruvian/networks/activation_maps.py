"""Class activation maps without a backward pass, for a score that is linear in a feature map.

The target of class c is the sum of its logits over all locations of one feature map A, and the logit is a 1x1
convolution ``sum_k w_ck A_k(i, j) + b_c``. The gradient of the target by ``A_k(i, j)`` is then ``w_ck`` everywhere, so

* HiResCAM (Draelos and Carin, 2020, eq. 2), the sum over channels of gradient times activation, is
  ``sum_k w_ck A_k(i, j)``: the logit without its bias. Grad-CAM (Selvaraju et al., ICCV 2017, eq. 1-2) averages the
  gradient first and XGrad-CAM (Fu et al., BMVC 2020, eq. 8) weighs it by the activation; of a constant both give the
  constant, so both maps equal HiResCAM here.
* Grad-CAM++ (Chattopadhay et al., WACV 2018, eq. 19) weighs channel k by
  ``H W relu(w) alpha`` with ``alpha = w^2 / (2 w^2 + w^3 sum_ij A_k(i, j) + 1e-6)``, zero where w is zero; the constant
  1e-6 is the ``grad-cam`` library's. Where activations are negative (SiLU's are, down to -0.28) alpha has a pole, at
  an activation sum of ``-2 / w``, and is negative beyond it.

All maps are signed: before ReLU, normalisation and resizing.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

Method = Literal["hirescam", "gradcam++"]

_EPSILON = 1e-6


def activation_maps(features: torch.Tensor, score: nn.Conv2d, method: Method) -> torch.Tensor:
    """Maps of all classes at once.

    Args:
        features: ``(B, K, H, W)``, the input of ``score``.
        score: 1x1 convolution from K channels to C classes.
        method: ``hirescam`` or ``gradcam++``.

    Returns:
        ``(B, C, H, W)`` of the dtype of ``features``.
    """
    if method == "hirescam":
        return hirescam(features, score.weight)
    return gradcam_plus_plus(features, score.weight)


def hirescam(features: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """HiResCAM of ``(B, K, H, W)`` features under ``(C, K, 1, 1)`` weights: ``(B, C, H, W)``."""
    return nn.functional.conv2d(features, weight)


def gradcam_plus_plus(features: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Grad-CAM++ of ``(B, K, H, W)`` features under ``(C, K, 1, 1)`` weights: ``(B, C, H, W)``."""
    # In double precision, which is cheap for so few numbers: near a pole of alpha, rounding would be magnified.
    w = weight.flatten(1)[None].double()
    totals = features.double().sum(dim=(2, 3))[:, None, :]
    alpha = torch.where(w != 0, w**2 / (2 * w**2 + totals * w**3 + _EPSILON), 0.0)
    # Every location has the same gradient, so the sum over locations is their number times one term.
    channel_weights = (features.shape[2] * features.shape[3] * w.clamp(min=0) * alpha).to(features.dtype)
    batch, _, height, width = features.shape
    return (channel_weights @ features.flatten(2)).reshape(batch, -1, height, width)
