"""Inference: numpy and onnxruntime only. One module a capability, and the pipeline that joins them."""

from vitruvian.finders.analyzer import Analyzer
from vitruvian.finders.assign import assign
from vitruvian.finders.detections import Detections
from vitruvian.finders.detector import Detector
from vitruvian.finders.errors import DeviceError, LabelError
from vitruvian.finders.predict import predict_dataset

__all__ = ["Analyzer", "Detections", "Detector", "DeviceError", "LabelError", "assign", "predict_dataset"]
