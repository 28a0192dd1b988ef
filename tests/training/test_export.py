"""What onnxruntime makes of an exported file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from training_builders import drawn_recipe

from vitruvian.training.export import export_onnx
from vitruvian.training.module import build_detector, normalise
from vitruvian.training.recipe import load_recipe
from vitruvian.zoo import find_model, find_second_look


def optimised(path: Path, folder: Path) -> list[str]:
    """Operators that are left when onnxruntime has loaded a file."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    options.log_severity_level = 3
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return [node.op_type for node in onnx.load(str(folder / "optimised.onnx")).graph.node]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny detector, exported, whose file gives what the network gives."""
    folder = tmp_path_factory.mktemp("exported")
    recipe = load_recipe(drawn_recipe(folder))
    torch.manual_seed(0)
    net = build_detector(recipe.model, pretrained=False).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # norms that do something
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2.0)
    path = folder / "tiny.onnx"
    export_onnx(net, recipe.model, path)
    picture = torch.rand(2, 3, 96, 64)
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    scores, boxes = session.run(["scores", "boxes"], {"images": picture.numpy()})
    with torch.no_grad():
        output = net(normalise(picture * 255, recipe.model))
    np.testing.assert_allclose(scores, output.logits.sigmoid().numpy(), atol=1e-3)
    np.testing.assert_allclose(boxes, output.boxes.numpy(), atol=0.2)
    return path


@pytest.mark.parametrize("which", ["exported", "parts22", "second_look"])
def test_norms_are_merged_into_convolutions(which: str, exported: Path, tmp_path: Path) -> None:
    """Left by themselves they take as long as the convolutions."""
    second = find_second_look(find_model().card)
    assert second is not None
    path = {"exported": exported, "parts22": find_model().path, "second_look": second.path}[which]
    left = optimised(path, tmp_path)
    assert left.count("BatchNormalization") <= 3  # the maps ask for the shape before the last norm of each level
    stored = [node.op_type for node in onnx.load(str(path)).graph.node]
    assert stored.count("BatchNormalization") > 10
    assert "CastLike" not in stored
