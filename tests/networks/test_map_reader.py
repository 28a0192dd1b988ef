from __future__ import annotations

import pytest
import torch

from vitruvian.networks.backbones import Backbone
from vitruvian.networks.detector import Detector
from vitruvian.networks.errors import WeightsError
from vitruvian.networks.map_reader import MapBackbone


def first() -> Detector:
    torch.manual_seed(0)
    return Detector(Backbone("mobilenetv2_035"), ("a", "b", "c"), width=16, depth=1)


def test_it_reads_the_logits_without_their_bias_of_the_chosen_classes() -> None:
    net = first()
    torch.nn.init.normal_(net.score.bias)
    images = torch.rand(2, 3, 64, 96)
    maps = MapBackbone(net, ("c", "a")).eval()(images)
    with torch.no_grad():
        logits = net(images).logits - net.score.bias
    flat = torch.cat([m.flatten(2) for m in maps], dim=2).transpose(1, 2)
    torch.testing.assert_close(flat, logits[:, :, [2, 0]])


def test_training_the_second_leaves_the_first_as_it_was() -> None:
    net = first()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    second = Detector(MapBackbone(net, net.labels), ("face",), width=8, depth=1).train()
    optimizer = torch.optim.SGD([p for p in second.parameters() if p.requires_grad], lr=0.1)
    second(torch.rand(2, 3, 64, 64)).logits.sum().backward()
    optimizer.step()
    assert all(torch.equal(before[k], v) for k, v in net.state_dict().items())
    assert not any(p.requires_grad for p in net.parameters())
    assert second.score.weight.grad is not None
    assert second.score.weight.grad.abs().sum() > 0


def test_a_label_that_the_first_lacks_is_refused() -> None:
    with pytest.raises(WeightsError, match="no label 'd'"):
        MapBackbone(first(), ("a", "d"))
