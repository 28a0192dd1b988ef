from __future__ import annotations

import pytest
import torch

from vitruvian.networks.backbones import Backbone
from vitruvian.networks.detector import Detector
from vitruvian.networks.errors import WeightsError

TINY = "mobilenetv2_035"


def tiny(labels: tuple[str, ...] = ("a", "b", "c"), in_channels: int = 3) -> Detector:
    torch.manual_seed(0)
    return Detector(Backbone(TINY, in_channels), labels, width=16, depth=1).eval()


@pytest.mark.parametrize("channels", [1, 3, 10])
def test_any_number_of_channels_gives_one_box_a_class_and_location(channels: int) -> None:
    with torch.no_grad():
        output = tiny(in_channels=channels)(torch.rand(2, channels, 64, 96))
    locations = (64 // 8) * (96 // 8) + (64 // 16) * (96 // 16) + (64 // 32) * (96 // 32)
    assert output.logits.shape == (2, locations, 3)
    assert output.boxes.shape == (2, locations, 3, 4)
    assert output.centers.shape == (locations, 2)
    assert output.strides.unique().tolist() == [8, 16, 32]


def test_boxes_surround_their_location_and_begin_four_strides_wide() -> None:
    with torch.no_grad():
        output = tiny()(torch.zeros(1, 3, 64, 64))
    boxes, centers = output.boxes[0], output.centers[:, None]
    assert (boxes[..., :2] < centers).all()
    assert (boxes[..., 2:] > centers).all()
    width = (boxes[..., 2] - boxes[..., 0]) / output.strides[:, None]
    assert width.median() == pytest.approx(4.0, rel=0.2)


def test_locations_are_cell_centres_in_reading_order() -> None:
    with torch.no_grad():
        output = tiny()(torch.zeros(1, 3, 32, 64))
    assert output.centers[:9].tolist() == [[4 + 8 * i, 4] for i in range(8)] + [[4, 12]]


def test_a_batch_gives_what_single_pictures_give() -> None:
    images = torch.rand(3, 3, 64, 64)
    net = tiny()
    with torch.no_grad():
        together = net(images)
        alone = [net(image[None]) for image in images]
    for i, single in enumerate(alone):
        torch.testing.assert_close(together.boxes[i], single.boxes[0], rtol=1e-4, atol=1e-3)


def test_the_score_is_linear_in_its_last_feature_map() -> None:
    net = tiny()
    with torch.no_grad():
        (features, boxes), *rest = net.score_features(torch.rand(1, 3, 64, 64))
        one, two = (net.head([(features * k, boxes), *rest]).logits - net.score.bias for k in (1.0, 2.0))
    count = features.shape[2] * features.shape[3]
    torch.testing.assert_close(two[:, :count], 2 * one[:, :count], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(two[:, count:], one[:, count:])


def test_frozen_stages_neither_learn_nor_drift() -> None:
    backbone = Backbone(TINY, frozen_stages=2).train()
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    maps = backbone(torch.rand(2, 3, 64, 64))
    sum(m.mean() for m in maps).backward()
    assert backbone.net.conv_stem.weight.grad is None
    assert backbone.net.blocks[3][0].conv_pw.weight.grad is not None
    after = backbone.state_dict()
    changed = {k for k in before if not torch.equal(before[k], after[k])}
    assert changed
    assert not any(k.startswith(("net.conv_stem", "net.bn1", "net.blocks.0.")) for k in changed)


def test_unsuitable_backbones_and_missing_weights_are_refused() -> None:
    with pytest.raises(WeightsError, match=TINY):
        Backbone(TINY, pretrained=True)
    with pytest.raises(ValueError, match="strides"):
        Backbone("vgg11")


def test_a_backbone_that_timm_lacks_or_of_other_strides_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"no backbone 'mobilenetv2_35'; did you mean 'mobilenetv2_"):
        Backbone("mobilenetv2_35")
    with pytest.raises(WeightsError, match="8, 16 and 32 are needed"):
        Backbone("vgg11")
