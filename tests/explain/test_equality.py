"""The proof: maps from the model file's one forward pass equal the grad-cam library's, on photographs.

Compared are signed maps (the library's ``get_cam_image``: before ReLU, normalisation and resizing), for every class and
each pyramid level. HiResCAM is compared from picture to map, onnxruntime against torch, within 1e-4.

Grad-CAM++ values grow with the number of locations into the thousands, so they are compared as shares of the map's
largest value. The formula has poles where a channel's activations sum to ``-2 / w``; near one, the last digits in which
any runtimes' activations differ are magnified (torch in single precision is then off from torch in double by up
to 0.8 % itself). So the formula is proved on the very activations that the file's maps were made of, within 1e-4, and
from picture to map, on one picture and for four classes, it is checked within 1e-4 at strides 16 and 32 and
within 1e-3 at stride 8; ``benchmarks/map_equality.py`` counts how many maps of other photographs are as close.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import nn

from vitruvian.explain.closed_form import Explained, explain_picture
from vitruvian.explain.detector_layers import ExplainedDetector, detector_maps
from vitruvian.explain.library import library_maps
from vitruvian.finders.detector import Detector
from vitruvian.images import read_picture, sample_picture
from vitruvian.zoo import find_model

STRIDES = (8, 16, 32)
LABELS = ("Human face", "nose", "Human body", "eyes")


@dataclass(frozen=True)
class Case:
    """The model as a file and as a torch network, and a picture that went through both."""

    path: Path
    network: ExplainedDetector
    pixels: NDArray[np.uint8]
    explained: Explained
    inputs: torch.Tensor


@pytest.fixture(scope="module")
def both(model_with_maps: Path) -> tuple[Path, ExplainedDetector, Detector]:
    detector = Detector(find_model(model_with_maps), threads=1)
    return model_with_maps, ExplainedDetector.load(str(model_with_maps)), detector


def case_of(both: tuple[Path, ExplainedDetector, Detector], picture: Path) -> Case:
    path, network, detector = both
    pixels = read_picture(picture)
    explained = explain_picture(detector, pixels)
    return Case(path, network, pixels, explained, network.prepare(pixels, explained.letterbox))


@pytest.fixture(scope="module")
def astronaut(both: tuple[Path, ExplainedDetector, Detector]) -> Case:
    return case_of(both, sample_picture())


def activations_inside_the_file(case: Case) -> dict[int, NDArray[np.float32]]:
    """The score towers' last feature maps as onnxruntime computes them: the inputs of the map convolutions."""
    model = onnx.load(str(case.path))
    made_by = {name: node for node in model.graph.node for name in node.output}
    names = {}
    for stride in STRIDES:
        node = made_by[f"hirescam_{stride}"]
        while node.op_type != "Conv":
            node = made_by[node.input[0]]
        names[stride] = node.input[0]
        model.graph.output.append(helper.make_tensor_value_info(node.input[0], TensorProto.FLOAT, None))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    canvas = case.explained.letterbox.apply(case.pixels)
    values = session.run(list(names.values()), {"images": Detector.prepare(canvas)})
    return dict(zip(names, values, strict=True))


def assert_formula(case: Case) -> None:
    """Every class and level, both methods, on the file's own activations."""
    labels = case.explained.found.names
    targets = {label: (lambda logits, c=c: logits[c].sum()) for c, label in enumerate(labels)}
    for stride, features in activations_inside_the_file(case).items():
        head = nn.Sequential(nn.Identity(), copy.deepcopy(case.network.detector.score).double())
        for method in ("hirescam", "gradcam++"):
            [expected] = library_maps(head, torch.from_numpy(features).double(), [head[0]], targets, method)
            found = case.explained.level(stride, labels, method)
            largest = np.abs(expected.maps).max(axis=(1, 2))
            scale = np.maximum(largest, 1) if method == "gradcam++" else np.ones_like(largest)
            assert (np.abs(found.maps - expected.maps).max(axis=(1, 2)) <= 1e-4 * scale).all(), (stride, method)


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("method", ["hirescam", "gradcam", "xgradcam"])
def test_from_picture_to_map_three_methods_are_the_files_hirescam(astronaut: Case, stride: int, method: str) -> None:
    expected = detector_maps(astronaut.network, astronaut.inputs, f"tower.{stride}", LABELS, method)
    found = astronaut.explained.level(stride, LABELS)
    np.testing.assert_allclose(found.maps, expected.maps, rtol=0, atol=1e-4)
    assert expected.maps.max() > 1  # there is something to compare


@pytest.mark.parametrize(("stride", "within"), [(8, 1e-3), (16, 1e-4), (32, 1e-4)])
def test_from_picture_to_map_gradcam_plus_plus(astronaut: Case, stride: int, within: float) -> None:
    expected = detector_maps(astronaut.network, astronaut.inputs, f"tower.{stride}", LABELS, "gradcam++")
    found = astronaut.explained.level(stride, LABELS, "gradcam++")
    largest = np.abs(expected.maps).max(axis=(1, 2))
    assert (np.abs(found.maps - expected.maps).max(axis=(1, 2)) <= within * largest).all()


def test_the_formula_on_the_same_activations(astronaut: Case) -> None:
    assert_formula(astronaut)


def test_many_photographs(both: tuple[Path, ExplainedDetector, Detector], shared_data: Path) -> None:
    for folder in ("parts", "masks"):
        case = case_of(both, sorted((shared_data / folder / "images").iterdir())[0])
        assert_formula(case)
        for stride in STRIDES:
            expected = detector_maps(case.network, case.inputs, f"tower.{stride}", LABELS, "hirescam")
            np.testing.assert_allclose(case.explained.level(stride, LABELS).maps, expected.maps, rtol=0, atol=1e-4)


def test_scores_are_the_maps_with_bias_and_sigmoid(astronaut: Case) -> None:
    """What is explained is what decides: score = sigmoid(HiResCAM + bias) at every location."""
    labels = astronaut.explained.found.names
    bias = astronaut.network.detector.score.bias
    assert bias is not None
    logits = (
        np.concatenate(
            [astronaut.explained.level(stride, labels).maps.reshape(len(labels), -1) for stride in STRIDES], axis=1
        )
        + bias.detach().numpy()[:, None]
    )
    np.testing.assert_allclose(astronaut.explained.output.scores[0].T, 1 / (1 + np.exp(-logits)), atol=1e-5)
