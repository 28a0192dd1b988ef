"""Activation maps by closed form against the grad-cam library's backward passes, in one run.

    python benchmarks/activation_maps.py [MODEL] [PICTURE] [RUNS]

Same picture, layer (the last feature map of the score tower, each level in turn) and resolution; HiResCAM and
Grad-CAM++ of all classes; one thread each. Times are processor time, the median over RUNS (7) interleaved runs.

(a) From the letterboxed picture to the maps, network included. Closed form: one forward pass of the model file, which
gives both methods at all three levels. Library: its own call for each class, a forward and a backward pass of the torch
network each, then rectified and resized as it always does; and, kinder than it is, one forward pass for all classes and
backward passes that end at the layer.
(b) The maps beyond the detection pass. Closed form: the formulas on the feature maps that the detection pass has made,
and the whole pass with maps over the one without. Library: the kinder variant without its forward pass.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytorch_grad_cam
import torch

from vitruvian.explain.closed_form import explain_picture
from vitruvian.explain.detector_layers import ExplainedDetector, detector_maps
from vitruvian.explain.library import CLASSES
from vitruvian.finders.detector import Detector
from vitruvian.images import read_picture, sample_picture
from vitruvian.networks.activation_maps import Method, activation_maps
from vitruvian.zoo import DEFAULT_MODEL, find_model

METHODS: tuple[Method, ...] = ("hirescam", "gradcam++")


def main(model: str, picture: Path, runs: int) -> None:
    """Print times and ratios."""
    torch.set_num_threads(1)
    detector, network = Detector(find_model(model), threads=1), ExplainedDetector.load(model)
    pixels = read_picture(picture)
    letterbox = explain_picture(detector, pixels).letterbox
    images = detector.prepare(letterbox.apply(pixels))
    inputs, labels = network.prepare(pixels, letterbox), network.detector.labels
    with torch.no_grad():
        features = [score_map for score_map, _ in network.detector.score_features(inputs)]

    def plain_pass() -> None:
        detector.run(images)

    def closed() -> None:
        detector.run_with_maps(images)

    def formulas() -> None:
        with torch.no_grad():
            for method in METHODS:
                for feature in features:
                    activation_maps(feature, network.detector.score, method)

    def by_call() -> None:
        for method in METHODS:
            for stride in network.strides:
                layer = f"tower.{stride}"
                targets = network.targets(layer, labels, inputs)
                with getattr(pytorch_grad_cam, CLASSES[method])(network, [network.layers[layer]]) as cam:
                    for target in targets.values():
                        cam(inputs, [target])

    def kinder() -> None:
        for method in METHODS:
            for stride in network.strides:
                detector_maps(network, inputs, f"tower.{stride}", labels, method)

    def forward() -> None:
        for _ in range(len(METHODS) * len(network.strides)):
            network(inputs.detach().requires_grad_(True))

    jobs: dict[str, Callable[[], None]] = {
        "detection pass without maps": plain_pass,
        "detection pass with maps": closed,
        "formulas alone": formulas,
        "library, one forward": kinder,
        "library's forward passes alone": forward,
    }
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for run in range(runs + 1):  # the first is not counted
        for name, job in jobs.items():
            begin = time.process_time()
            job()
            if run:
                times[name].append(time.process_time() - begin)
    # 132 forward and backward passes: once is enough for a ratio of this size.
    begin = time.process_time()
    by_call()
    times["library's own call"] = [time.process_time() - begin]
    taken = {name: statistics.median(values) for name, values in times.items()}
    print(f"{len(labels)} classes, {len(METHODS)} methods, {len(network.strides)} levels, {tuple(images.shape)}")
    for name, seconds in taken.items():
        print(f"{name:<32} {1000 * seconds:10.1f} ms")
    own_call = taken["library's own call"]
    whole, plain = taken["detection pass with maps"], taken["detection pass without maps"]
    print(f"(a) library's own call / closed form      {own_call / whole:8.1f}")
    print(f"(a) library, one forward / closed form    {taken['library, one forward'] / whole:8.1f}")
    backward = taken["library, one forward"] - taken["library's forward passes alone"]
    print(f"(b) library's backward passes / formulas  {backward / taken['formulas alone']:8.1f}")
    print(f"(b) detection with maps / without         {whole / plain:8.3f}")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    main(
        arguments[0] if arguments else DEFAULT_MODEL,
        Path(arguments[1]) if len(arguments) > 1 else sample_picture(),
        int(arguments[2]) if len(arguments) > 2 else 7,
    )
