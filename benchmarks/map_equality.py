"""Maps of the model file against the grad-cam library's, from picture to map, on photographs of label files.

    python benchmarks/map_equality.py data/parts/val.json data/masks/val.json ...

The first PICTURES (3) of each file, all classes, every level: onnxruntime's maps and the library's on torch, each from
the picture. HiResCAM differs by an amount, Grad-CAM++ by a share of the map's largest value.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from vitruvian.data.dataset import Dataset
from vitruvian.explain.closed_form import METHODS, explain_picture
from vitruvian.explain.detector_layers import ExplainedDetector, detector_maps
from vitruvian.finders.detector import Detector
from vitruvian.images import read_picture
from vitruvian.zoo import DEFAULT_MODEL, find_model

PICTURES = 3
WITHIN = 1e-4


def main(files: list[Path]) -> None:
    """Print, for each method and level, how many maps agree, and the largest difference."""
    torch.set_num_threads(1)
    detector, network = Detector(find_model(DEFAULT_MODEL), threads=1), ExplainedDetector.load(DEFAULT_MODEL)
    labels = network.detector.labels
    found: dict[tuple[str, int], list[np.ndarray]] = {(m, s): [] for m in METHODS for s in network.strides}
    for dataset in map(Dataset.load, files):
        for picture in dataset.pictures[:PICTURES]:
            pixels = read_picture(dataset.path(picture))
            explained = explain_picture(detector, pixels)
            inputs = network.prepare(pixels, explained.letterbox)
            for (method, stride), differences in found.items():
                expected = detector_maps(network, inputs, f"tower.{stride}", labels, method).maps
                apart = np.abs(explained.level(stride, labels, method).maps - expected).max(axis=(1, 2))
                scale = np.abs(expected).max(axis=(1, 2)) if method == "gradcam++" else 1.0
                differences.append(apart / scale)
    for (method, stride), differences in found.items():
        values = np.concatenate(differences)
        agree = int((values <= WITHIN).sum())
        print(f"{method:<10} stride {stride:<3} {agree} of {len(values)} within {WITHIN:g}, largest {values.max():.1e}")


if __name__ == "__main__":
    main([Path(argument) for argument in sys.argv[1:]])
