"""A detector as a function: the shipped model, and any other in its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitruvian.data.dataset import Dataset, Picture
from vitruvian.finders.errors import LabelError
from vitruvian.finders.faces import FaceModel, find_faces
from vitruvian.finders.predict import predict_dataset
from vitruvian.images import read_picture, sample_picture


def astronaut() -> Dataset:
    path = sample_picture()
    return Dataset(("whole face",), (Picture(3, path.name, 512, 512),), path.parent)


def test_the_shipped_models_faces_are_those_of_its_detections() -> None:
    model = FaceModel(threshold=0.01)
    found = find_faces(model, astronaut())
    every = predict_dataset(model.detector, astronaut(), 0.01)
    faces = every[every.labels == every.names.index("whole face")]
    assert len(found) > 1
    assert np.allclose(found.boxes, faces.boxes)
    assert np.allclose(found.scores, faces.scores)
    assert set(found.image_ids.tolist()) == {3}
    sure = FaceModel(model.detector)
    assert sure.threshold == sure.shipped_threshold == model.detector.card.thresholds["whole face"]
    [box] = sure.boxes(read_picture(sample_picture()))
    assert np.allclose(box, found.boxes[0], atol=1)
    assert model.name != sure.name


def test_a_label_that_the_model_lacks_is_named() -> None:
    with pytest.raises(LabelError, match=r"parts22 has no label 'nostril'"):
        FaceModel(label="nostril")


def test_boxes_of_any_detector_are_cut_off_at_the_picture(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30)).save(tmp_path / "a.png")
    Image.new("RGB", (40, 30)).save(tmp_path / "b.png")
    dataset = Dataset(("face",), (Picture(1, "a.png", 40, 30), Picture(2, "b.png", 40, 30)), tmp_path)
    seen: list[tuple[int, ...]] = []

    def finder(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        seen.append(picture.shape)
        if len(seen) == 2:
            return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)
        return np.float32([[-5, -5, 50, 20], [41, 0, 60, 20], [1, 2, 3, 4]]), np.float32([0.9, 0.8, 0.7])

    done: list[int] = []
    found = find_faces(finder, dataset, "face", lambda: done.append(1))
    assert found.boxes.tolist() == [[0, 0, 40, 20], [1, 2, 3, 4]]
    assert found.scores.tolist() == pytest.approx([0.9, 0.7])
    assert (found.image_ids.tolist(), found.names) == ([1, 1], ("face",))
    assert (seen, len(done)) == ([(30, 40, 3)] * 2, 2)
    assert len(find_faces(finder, Dataset(("face",), (), tmp_path), "face")) == 0
