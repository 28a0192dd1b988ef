"""From a trained network to a model file and back.

The file is ONNX. Its initializers keep the names of the torch parameters, so that it loads back into the torch module
by name and can be trained further. Convolution weights are stored in half precision; onnxruntime widens them when it
loads the file, so the arithmetic is in single precision. Beside scores and boxes it gives the class activation maps of
every pyramid level; who does not ask onnxruntime for them does not pay for them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from vitruvian.networks.activation_maps import gradcam_plus_plus, hirescam
from vitruvian.networks.detector import Detector
from vitruvian.networks.errors import WeightsError
from vitruvian.training.recipe import ModelRecipe

_OPSET = 18
_MAPS = {"hirescam": hirescam, "gradcampp": gradcam_plus_plus}


class _Exported(nn.Module):
    """What the file computes: normalisation, network, sigmoid, activation maps."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, detector: Detector, recipe: ModelRecipe) -> None:
        super().__init__()
        self.detector = detector
        self.register_buffer("mean", torch.tensor(recipe.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(recipe.std).view(1, -1, 1, 1), persistent=False)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        features = self.detector.score_features((images - self.mean) / self.std)
        output = self.detector.head(features)
        weight = self.detector.score.weight
        maps = [function(score_map, weight) for function in _MAPS.values() for score_map, _ in features]
        return output.logits.sigmoid(), output.boxes, *maps


def export_onnx(detector: Detector, recipe: ModelRecipe, path: Path) -> None:
    """Write a detector as ONNX.

    The graph takes ``images`` ``(B, channels, H, W)`` float32 in 0..1 with H and W multiples of 32, and gives
    ``scores`` ``(B, N, C)`` in 0..1 and ``boxes`` ``(B, N, C, 4)`` ``xyxy`` in pixels of the input; further, for each
    pyramid level of stride s, ``hirescam_<s>`` and ``gradcampp_<s>`` ``(B, C, H / s, W / s)``, the classes' activation
    maps on the last feature map of the score tower, before ReLU, normalisation and resizing
    (:mod:`vitruvian.networks.activation_maps`).
    """
    model = _Exported(detector, recipe).float().cpu().eval()
    example = torch.zeros(1, recipe.in_channels, 128, 160)
    sizes = {
        0: torch.export.Dim("batch"),
        2: 32 * torch.export.Dim("rows", min=1),
        3: 32 * torch.export.Dim("columns", min=1),
    }
    program = torch.onnx.export(
        model,
        (example,),
        input_names=["images"],
        output_names=["scores", "boxes", *(f"{name}_{s}" for name in _MAPS for s in detector.backbone.strides)],
        dynamic_shapes=(sizes,),
        opset_version=_OPSET,
        dynamo=True,
        optimize=False,
        verbose=False,
    )
    _save(program, path)


class _ExportedSecondLook(nn.Module):
    """What a second look's file computes: maps to scores and boxes."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, *maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        output = self.detector.head(self.detector.towers(maps))
        return output.logits.sigmoid(), output.boxes


def export_second_look(detector: Detector, path: Path) -> None:
    """Write a detector that reads activation maps (:class:`~vitruvian.networks.map_reader.MapBackbone`) as ONNX.

    The graph takes the maps themselves, ``maps_<s>`` ``(B, channels, H / s, W / s)`` for each pyramid level of stride
    s, and gives ``scores`` and ``boxes`` as :func:`export_onnx` describes them. The first model is not part of it.
    """
    strides = detector.backbone.strides
    example = tuple(
        torch.zeros(1, c, 128 // s, 160 // s) for c, s in zip(detector.backbone.channels, strides, strict=True)
    )
    batch, rows, columns = (torch.export.Dim(name, min=1) for name in ("batch", "rows", "columns"))
    factors = [max(strides) // s for s in strides]
    sizes = tuple({0: batch, 2: rows if f == 1 else f * rows, 3: columns if f == 1 else f * columns} for f in factors)
    program = torch.onnx.export(
        _ExportedSecondLook(detector).float().cpu().eval(),
        example,
        input_names=[f"maps_{s}" for s in strides],
        output_names=["scores", "boxes"],
        dynamic_shapes=(sizes,),
        opset_version=_OPSET,
        dynamo=True,
        optimize=False,
        verbose=False,
    )
    _save(program, path)


def _save(program: torch.onnx.ONNXProgram | None, path: Path) -> None:
    assert program is not None
    proto = program.model_proto
    _name_types(proto)
    _store_half(proto.graph)
    _strip(proto)
    onnx.checker.check_model(proto)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(proto.SerializeToString())
    os.replace(partial, path)


def _name_types(proto: onnx.ModelProto) -> None:
    """Turn every CastLike into a Cast to that type. onnxruntime folds constants through the one and not the other, and
    the zero biases that the exporter gives to convolutions are behind them: left there, norms and activations are not
    merged into convolutions, and the network takes twice as long."""
    graph = onnx.shape_inference.infer_shapes(proto).graph
    types = {value.name: value.type.tensor_type.elem_type for value in (*graph.value_info, *graph.input)}
    types |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    for node in proto.graph.node:
        if node.op_type == "CastLike":
            node.attribute.append(helper.make_attribute("to", types[node.input.pop()]))
            node.op_type = "Cast"


def _strip(proto: onnx.ModelProto) -> None:
    """Remove the exporter's notes (source paths, stack traces): they say where a model was made, not what it is."""
    graph = proto.graph
    for item in (proto, graph, *graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        item.ClearField("metadata_props")
        item.ClearField("doc_string")
    del graph.value_info[:]


def _store_half(graph: Any) -> None:
    """Store weights of two and more dimensions in half precision, widened by a Cast; norms and biases stay single."""
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < 256:
            continue
        name = tensor.name
        half = numpy_helper.from_array(values.astype(np.float16), name)
        tensor.CopyFrom(half)
        wide = f"{name}.float"
        for node in graph.node:
            for i, value in enumerate(node.input):
                if value == name:
                    node.input[i] = wide
        casts.append(helper.make_node("Cast", [name], [wide], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def load_onnx_weights(detector: Detector, path: Path, labels: Sequence[str] | None = None) -> tuple[str, ...]:
    """Put the weights of an exported file into a torch detector, by name.

    Args:
        detector: Changed in place.
        path: File written by :func:`export_onnx`.
        labels: The file's labels, where they may differ from the detector's: output rows of shared labels are then
            carried over one by one.

    Returns:
        The detector's labels that keep fresh output rows.

    Raises:
        WeightsError: when the file is no such export or does not fit.
    """
    try:
        graph = onnx.load(str(path)).graph
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror}") from error
    except Exception as error:  # protobuf's DecodeError has no base in common with the rest
        raise WeightsError(f"{path}: not an ONNX file") from error
    stored = {
        t.name.removeprefix("detector."): torch.from_numpy(numpy_helper.to_array(t).astype(np.float32))
        for t in graph.initializer
        if t.data_type in (TensorProto.FLOAT, TensorProto.FLOAT16)
    }
    theirs = tuple(detector.labels if labels is None else labels)
    rows = [(i, theirs.index(name)) for i, name in enumerate(detector.labels) if name in theirs]
    with torch.no_grad():
        for name, tensor in detector.state_dict().items():
            if not tensor.is_floating_point():
                continue
            if name not in stored:
                raise WeightsError(f"{path}: has no tensor {name!r}, so it is not of this network")
            value, per_label = stored[name], {"score": 1, "box": 4}.get(name.split(".")[0])
            expected = (len(theirs) * per_label, *tensor.shape[1:]) if per_label else tuple(tensor.shape)
            if tuple(value.shape) != expected:
                raise WeightsError(f"{path}: {name!r} has shape {tuple(value.shape)}, the network needs {expected}")
            if per_label is None:
                tensor.copy_(value)
            else:
                for mine, its in rows:
                    tensor[mine * per_label : (mine + 1) * per_label] = value[its * per_label : (its + 1) * per_label]
    return tuple(name for name in detector.labels if name not in theirs)
