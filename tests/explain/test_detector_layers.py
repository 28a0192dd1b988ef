"""The detector's layers, its boxes, and the table over layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from vitruvian.data.dataset import Annotation, DataError, Dataset, ExhaustiveRegion, Picture
from vitruvian.explain import ExplainError, location_of
from vitruvian.explain.closed_form import Explained, explain_picture
from vitruvian.explain.detector_layers import ExplainedDetector, box_maps, detector_maps
from vitruvian.explain.layer_table import layer_table
from vitruvian.finders.detector import Detector
from vitruvian.images import read_picture, sample_picture
from vitruvian.zoo import find_model


@pytest.fixture(scope="module")
def network(model_with_maps: Path) -> ExplainedDetector:
    return ExplainedDetector.load(str(model_with_maps))


@pytest.fixture(scope="module")
def explained(model_with_maps: Path) -> Explained:
    return explain_picture(Detector(find_model(model_with_maps), threads=1), read_picture(sample_picture()))


@pytest.fixture(scope="module")
def inputs(network: ExplainedDetector, explained: Explained) -> torch.Tensor:
    return network.prepare(read_picture(sample_picture()), explained.letterbox)


def test_every_layer_has_maps_of_its_own_size(network: ExplainedDetector, inputs: torch.Tensor) -> None:
    for name in network.layers:
        side = 416 // int(name.partition(".")[2])
        assert detector_maps(network, inputs, name, ["nose"], "gradcam").maps.shape == (1, side, side)


def test_looking_does_not_change_what_is_seen(network: ExplainedDetector, inputs: torch.Tensor) -> None:
    with torch.no_grad():
        torch.testing.assert_close(network(inputs), network.detector(inputs).logits)


def test_an_unknown_layer_or_class_is_met_with_the_nearest(network: ExplainedDetector, inputs: torch.Tensor) -> None:
    with pytest.raises(ExplainError, match=r"no layer 'towr\.8'; did you mean 'tower\.8'"):
        detector_maps(network, inputs, "towr.8", ["nose"], "gradcam")
    with pytest.raises(ExplainError, match="no class 'noes'; did you mean 'nose'"):
        detector_maps(network, inputs, "tower.8", ["noes"], "gradcam")


def test_a_box_is_traced_to_the_location_that_made_it(explained: Explained) -> None:
    for number in range(len(explained.found)):
        location, label = location_of(explained, number), explained.found.labels[number]
        assert explained.output.scores[0, location, label] == explained.found.scores[number]
        box = explained.letterbox.boxes_to_original(explained.output.boxes[0, location, label])
        np.testing.assert_allclose(np.clip(box, 0, 512), explained.found.boxes[number], atol=1e-3)
    with pytest.raises(ExplainError, match="there is no box 99: boxes 0 to"):
        location_of(explained, 99)


def test_a_boxs_map_lies_where_the_box_is(
    network: ExplainedDetector, explained: Explained, inputs: torch.Tensor
) -> None:
    names = explained.found.names
    number = next(i for i, label in enumerate(explained.found.labels) if names[label] == "nose")
    found = box_maps(network, inputs, location_of(explained, number), "nose")
    row, column = np.unravel_index(found.maps[0].argmax(), found.maps[0].shape)
    x1, y1, x2, y2 = explained.letterbox.boxes_to_letterbox(explained.found.boxes[number])
    assert x1 - 16 <= 8 * column + 4 <= x2 + 16
    assert y1 - 16 <= 8 * row + 4 <= y2 + 16


def test_at_the_tower_a_boxs_map_is_its_one_location(
    network: ExplainedDetector, explained: Explained, inputs: torch.Tensor
) -> None:
    """Which is why another layer is looked at by default: there it is the closed form's value at that place."""
    label = explained.found.names[explained.found.labels[0]]
    location = location_of(explained, 0)
    stride, begin = next((s, b) for s, b, e in ((8, 0, 2704), (16, 2704, 3380), (32, 3380, 3549)) if location < e)
    values = box_maps(network, inputs, location, label, f"tower.{stride}").maps.ravel()
    assert np.flatnonzero(values).tolist() == [location - begin]
    closed = explained.level(stride, [label]).maps.ravel()[location - begin]
    assert values[location - begin] == pytest.approx(closed, abs=1e-4)
    other = f"tower.{8 if stride != 8 else 16}"
    with pytest.raises(ExplainError, match="no influence"):
        box_maps(network, inputs, location, label, other)


def test_eigencam_cannot_tell_one_box_from_another(
    network: ExplainedDetector, explained: Explained, inputs: torch.Tensor
) -> None:
    label = explained.found.names[explained.found.labels[0]]
    with pytest.raises(ExplainError, match="eigencam looks at no target"):
        box_maps(network, inputs, location_of(explained, 0), label, method="eigencam")


def test_a_level_that_is_not_there(explained: Explained) -> None:
    with pytest.raises(ExplainError, match="there is no level 64; there are 8, 16, 32"):
        explained.level(64, ["nose"])
    with pytest.raises(ExplainError, match="'scorecam' has no closed form"):
        explained.level(8, ["nose"], "scorecam")


def labelled(tmp_path: Path, **fields: object) -> Dataset:
    Image.open(sample_picture()).save(tmp_path / "a.png")
    face = Annotation("Human face", (178, 59, 271, 182), 1)
    picture = Picture(1, "a.png", 512, 512, (face,), **fields)  # type: ignore[arg-type]
    return Dataset(("Human face",), (picture,), tmp_path)


def test_the_table_ranks_layers(network: ExplainedDetector, tmp_path: Path) -> None:
    dataset = labelled(tmp_path, exhaustive=frozenset({"Human face"}))
    layers = ["tower.8", "tower.16", "backbone.8"]
    rows = layer_table(network, dataset, ["Human face"], ["hirescam"], layers)
    assert {row.layer for row in rows} == set(layers)
    assert [row.energy for row in rows] == sorted((row.energy for row in rows), reverse=True)
    tower = next(row for row in rows if row.layer == "tower.16")
    assert tower.maps == 1
    assert tower.hits == 1
    assert tower.area == pytest.approx(93 * 123 / 512**2, abs=0.002)
    assert tower.energy > 3 * tower.area


def test_where_labels_are_not_complete_nothing_is_judged(network: ExplainedDetector, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no picture has a box of Human face that can be judged"):
        layer_table(network, labelled(tmp_path), ["Human face"], layers=["tower.16"])
    region = ExhaustiveRegion((170, 50, 280, 190), frozenset({"Human face"}))
    [row] = layer_table(network, labelled(tmp_path, exhaustive_regions=(region,)), ["Human face"], layers=["tower.16"])
    assert row.area == pytest.approx(93 * 123 / (110 * 140), abs=0.03)
