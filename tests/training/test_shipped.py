"""The shipped model: it loads back into torch by name, agrees with it, can be fine-tuned, and is as good as it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from training_builders import drawn_recipe

from vitruvian.finders import Detector as OnnxDetector
from vitruvian.finders import predict_dataset
from vitruvian.images import Letterbox, read_picture, sample_picture
from vitruvian.metrics import evaluate_boxes
from vitruvian.networks.detector import Detector
from vitruvian.training.initial import SHIPPED, starting_weights
from vitruvian.training.module import build_detector, normalise
from vitruvian.training.recipe import Recipe, load_recipe
from vitruvian.training.run import train
from vitruvian.training.sources import load_source
from vitruvian.zoo import find_model

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "parts22.yaml"


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe(RECIPE)


@pytest.fixture(scope="module")
def net(recipe: Recipe) -> Detector:
    net = build_detector(recipe.model, pretrained=False)
    starting_weights(SHIPPED, recipe.model)(net)
    return net.eval()


def assert_agreement(net: Detector, recipe: Recipe, picture: Path) -> None:
    detector = OnnxDetector(find_model(), threads=1)
    pixels = read_picture(picture)
    canvas = Letterbox.fit(pixels.shape[1], pixels.shape[0], detector.size).apply(pixels)
    scores, boxes = detector.run(detector.prepare(canvas))
    with torch.no_grad():
        output = net(normalise(torch.from_numpy(canvas).permute(2, 0, 1)[None], recipe.model))
    np.testing.assert_allclose(scores, output.logits.sigmoid().numpy(), atol=1e-3)
    confident = scores > 0.05
    assert confident.any()
    # a thousandth of the input's side
    np.testing.assert_allclose(boxes[confident], output.boxes.numpy()[confident], atol=1e-3 * detector.size)


def test_the_file_agrees_with_torch_on_a_photograph(net: Detector, recipe: Recipe) -> None:
    assert_agreement(net, recipe, sample_picture())


def test_the_file_agrees_with_torch_on_many_photographs(net: Detector, recipe: Recipe, shared_data: Path) -> None:
    for folder in ("parts", "pascal", "masks"):
        for picture in sorted((shared_data / folder / "images").iterdir())[:3]:
            assert_agreement(net, recipe, picture)


def test_fine_tuning_on_other_labels_starts_from_it(recipe: Recipe, tmp_path: Path) -> None:
    overrides = ["model.backbone=mobilenetv2_100", "model.width=96", "model.depth=2", "schedule.pictures=4"]
    own = load_recipe(drawn_recipe(tmp_path), [*overrides, "schedule.batch=2", "schedule.validate_every=0"])
    train(own, tmp_path / "runs" / "own", init=starting_weights(SHIPPED, own.model))
    assert (tmp_path / "runs" / "own" / "checkpoints" / "last.ckpt").is_file()


def test_the_card_can_be_reproduced(recipe: Recipe, shared_data: Path) -> None:
    """Masked faces of the validation pictures: the card's AP50 comes out again."""
    truth = load_source(recipe.data.val["masks"], shared_data)
    model = find_model()
    result = evaluate_boxes(truth, predict_dataset(OnnxDetector(model, threads=1), truth))
    assert model.card.measured is not None
    stated = model.card.measured.sources["facemask"].ap50_by_class["whole face"]
    assert result["whole face"].ap50 == pytest.approx(stated, abs=0.002)
