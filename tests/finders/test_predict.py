"""Both passes over a data set: what a second look sees for itself, and what it adds to what is sure."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vitruvian.data.dataset import Dataset, Picture
from vitruvian.finders.detections import box_iou
from vitruvian.finders.detector import Detector
from vitruvian.finders.predict import predict_faces
from vitruvian.finders.recovery import SecondLook, found_again
from vitruvian.images import read_picture
from vitruvian.zoo import find_model, find_second_look

SAMPLES = Path(__file__).resolve().parents[2] / "src" / "vitruvian" / "images" / "samples"


def test_a_look_for_itself_finds_sure_faces_again_and_after_the_first_pass_none_of_them() -> None:
    height, width = read_picture(SAMPLES / "astronaut.jpg").shape[:2]
    dataset = Dataset((), (Picture(7, "astronaut.jpg", width, height),), SAMPLES)
    first = Detector(find_model(), threads=1)
    look = SecondLook(first, find_second_look(first.card), threads=1)
    found = predict_faces(first, {"look": look}, dataset)
    sure = found.first.above(first.card.thresholds)
    assert sure.image_ids.tolist() == [7]
    alone, after = found.alone["look"], found.after["look"]
    assert box_iou(sure.boxes.astype(np.float32), alone.boxes.astype(np.float32)).max() > 0.5
    assert not found_again(after.boxes.astype(np.float32), sure.boxes.astype(np.float32)).any()
    assert len(after) < len(alone)
