"""A second look from recipe to pipeline: trained on the maps of a first model, exported, and put to work."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vitruvian.finders import Analyzer, Detector
from vitruvian.finders.recovery import SecondLook
from vitruvian.images import Letterbox, sample_picture
from vitruvian.taxonomy import WHOLE_FACE
from vitruvian.training.initial import load_detector
from vitruvian.training.module import build_detector
from vitruvian.training.publish import publish
from vitruvian.training.publish_second_look import publish_second_look
from vitruvian.training.recipe import Recipe, load_recipe
from vitruvian.training.run import best_network, train
from vitruvian.zoo import ModelError, ModelFile, find_model

SQUARE = Letterbox.fit(96, 96, 96)
FIRST = """
name: first
seed: 1
threads: 1
workers: 0
precision: "32"
input_size: 96
model: {labels: facial_parts, backbone: mobilenetv2_035, pretrained: false, width: 16, depth: 1}
data: {cache_side: 96, train: {}}
"""
SECOND = """
name: second
data_dir: DATA
seed: 3
threads: 1
workers: 0
precision: "32"
input_size: 96
model: {labels: [whole face], maps: {model: FIRST, labels: [nose, mouth, whole face]}, width: 16, depth: 1}
data:
  cache_side: 96
  train: {faces: {json: faces.json, about: drawn, terms: none}}
  val: {faces: {json: faces.json}}
schedule: {pictures: 160, batch: 8, sizes: [[0.0, 64]], validate_every: 0, ema: 0.5, learning_rate: 0.01}
"""


def faces(folder: Path) -> None:
    """Bright squares that are called faces."""
    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    images, annotations = [], []
    for number in range(1, 9):
        canvas = rng.integers(0, 60, (64, 64, 3), dtype=np.uint8)
        x, y = (int(v) for v in rng.integers(2, 30, 2))
        canvas[y : y + 28, x : x + 28] = (220, 160, 140)
        Image.fromarray(canvas).save(folder / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 64, "height": 64,
                       "exhaustive_category_ids": [1]})  # fmt: skip
        annotations.append({"id": number, "image_id": number, "category_id": 1, "bbox": [x, y, 28, 28]})
    table = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": WHOLE_FACE}]}
    (folder / "faces.json").write_text(json.dumps(table))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("second_look")
    faces(folder)
    (folder / "first.yaml").write_text(FIRST)
    recipe = load_recipe(folder / "first.yaml")
    torch.manual_seed(0)
    net = build_detector(recipe.model, pretrained=False)
    torch.nn.init.normal_(net.score.weight, std=0.5)
    publish(net, recipe, folder)
    return folder


@pytest.fixture(scope="module")
def recipe(folder: Path) -> Recipe:
    text = SECOND.replace("DATA", str(folder)).replace("FIRST", str(folder / "first.onnx"))
    (folder / "second.yaml").write_text(text)
    return load_recipe(folder / "second.yaml")


@pytest.fixture(scope="module")
def second(folder: Path, recipe: Recipe) -> ModelFile:
    train(recipe, folder / "run")
    _, net = best_network(folder / "run")
    return publish_second_look(net, recipe, folder, folder / "scratch")


def test_the_first_model_is_the_same_after_training(folder: Path, second: ModelFile) -> None:
    trained, (before, _) = best_network(folder / "run")[1], load_detector(str(folder / "first.onnx"))
    after = {k.removeprefix("backbone.first."): v for k, v in trained.state_dict().items() if "backbone.first" in k}
    for name, value in before.state_dict().items():
        torch.testing.assert_close(after[name], value, msg=name)


def test_the_file_agrees_with_torch_on_a_photograph(folder: Path, second: ModelFile) -> None:
    net = best_network(folder / "run")[1].eval()
    detector = Detector(find_model(folder / "first.onnx"), threads=1)
    pixels = np.asarray(Image.open(sample_picture()).resize((96, 96)))
    images = detector.prepare(pixels)
    output = detector.run_with_maps(images)
    known = np.zeros((0, 4), dtype=np.float32)
    found = SecondLook(detector, second, threads=1)(output, SQUARE, known, threshold=0.0)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.no_grad():
        dense = net((torch.from_numpy(images) - mean) / std)
    best = dense.logits[0, :, 0].sigmoid().max()
    assert found.scores[0] == pytest.approx(float(best), abs=1e-3)
    place = int(dense.logits[0, :, 0].argmax())
    np.testing.assert_allclose(found.boxes[0], dense.boxes[0, place, 0].numpy(), atol=0.1)


def test_the_card_says_what_it_reads_and_what_it_recovers(folder: Path, second: ModelFile) -> None:
    card = second.card
    assert card.task == "second look"
    assert card.reads is not None
    assert card.reads.sha256 == find_model(folder / "first.onnx").card.sha256
    assert card.reads.labels == ["nose", "mouth", "whole face"]
    assert card.measured is not None or card.thresholds == {WHOLE_FACE: 1.0}


def test_the_maps_of_another_model_are_refused(folder: Path, second: ModelFile) -> None:
    other = find_model(folder / "first.onnx")
    altered = ModelFile(other.path, other.card.model_copy(update={"sha256": "0" * 64}))
    with pytest.raises(ModelError, match="does not read the activation maps of 'first'"):
        SecondLook(Detector(altered, threads=1), second)


def test_a_second_look_is_no_detector_to_start_from(second: ModelFile) -> None:
    with pytest.raises(ValueError, match="reads activation maps, not pictures"):
        load_detector(str(second.path))


def test_a_sure_face_is_not_recovered_again(folder: Path, second: ModelFile) -> None:
    detector = Detector(find_model(folder / "first.onnx"), threads=1)
    look = SecondLook(detector, second, threads=1)
    output = detector.run_with_maps(np.random.default_rng(0).random((1, 3, 96, 96), dtype=np.float32))
    everything = look(output, SQUARE, np.zeros((0, 4), dtype=np.float32), threshold=0.0)
    assert len(everything)
    rest = look(output, SQUARE, everything.boxes[:1], threshold=0.0)
    assert len(rest) < len(everything)
    assert not (rest.boxes == everything.boxes[0]).all(axis=1).any()
    all_of_it = np.array([[0, 0, 96, 96]], dtype=np.float32)
    assert len(look(output, SQUARE, all_of_it, threshold=0.0)) == 0


def test_empty_maps_give_nothing(folder: Path, second: ModelFile) -> None:
    detector = Detector(find_model(folder / "first.onnx"), threads=1)
    output = detector.run_with_maps(np.zeros((1, 3, 96, 96), dtype=np.float32))
    output.scores[:] = 0.02
    found = SecondLook(detector, second, threads=1)(output, SQUARE, np.zeros((0, 4), dtype=np.float32), threshold=0.0)
    assert (len(found), found.boxes.shape, found.evidence) == (0, (0, 4), ())


def test_without_a_reader_of_its_own_a_model_is_looked_at_map_free(folder: Path) -> None:
    analyzer = Analyzer(folder / "first.onnx", threads=1, recover=True)
    scene = analyzer.analyze(sample_picture())
    assert all(face.found_by == "first_pass" or face.evidence is not None for face in scene.faces)
