"""Every number has a named protocol: thin layers over well-kept evaluators.

A result is a frozen dataclass that says which protocol and evaluator made it, and prints as a table, JSON or Markdown.
``list_protocols()`` lists the protocols, ``evaluate(name, truth, predictions)`` runs one.
"""

from __future__ import annotations

from vitruvian.metrics.bootstrap import Interval, bootstrap, bootstrap_boxes, bootstrap_difference
from vitruvian.metrics.box_result import BoxResult
from vitruvian.metrics.boxes import evaluate_boxes, evaluate_boxes_pooled
from vitruvian.metrics.classification import ActivityResult, evaluate_activity
from vitruvian.metrics.classified import Classified, load_classified
from vitruvian.metrics.comparison import ComparisonResult, compare_boxes
from vitruvian.metrics.equal_precision import EqualPrecisionResult, compare_at_precision
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.face_recall import FaceRecallResult, evaluate_face_recall
from vitruvian.metrics.heads import HeadsResult, recall_of_heads
from vitruvian.metrics.intervals import bootstrap_activity, bootstrap_pose, bootstrap_result
from vitruvian.metrics.landmarks import LandmarkResult, evaluate_landmarks
from vitruvian.metrics.oks import PoseResult, evaluate_pose, object_keypoint_similarity
from vitruvian.metrics.paired import PairedResult, compare_activity, compare_measured
from vitruvian.metrics.predictions import Predictions, pool
from vitruvian.metrics.presence import count_false_boxes, recall_of_labelled
from vitruvian.metrics.protocols import Options, Protocol, evaluate, list_protocols
from vitruvian.metrics.reliability import calibrate_scores
from vitruvian.metrics.result import Result, Table
from vitruvian.metrics.slices import evaluate_slices
from vitruvian.metrics.thresholds import ThresholdFit, fit_thresholds

__all__ = [
    "ActivityResult",
    "BoxResult",
    "Classified",
    "ComparisonResult",
    "EqualPrecisionResult",
    "FaceRecallResult",
    "HeadsResult",
    "Interval",
    "LandmarkResult",
    "MetricError",
    "Options",
    "PairedResult",
    "PoseResult",
    "Predictions",
    "Protocol",
    "Result",
    "Table",
    "ThresholdFit",
    "bootstrap",
    "bootstrap_activity",
    "bootstrap_boxes",
    "bootstrap_difference",
    "bootstrap_pose",
    "bootstrap_result",
    "calibrate_scores",
    "compare_activity",
    "compare_at_precision",
    "compare_boxes",
    "compare_measured",
    "count_false_boxes",
    "evaluate",
    "evaluate_activity",
    "evaluate_boxes",
    "evaluate_boxes_pooled",
    "evaluate_face_recall",
    "evaluate_landmarks",
    "evaluate_pose",
    "evaluate_slices",
    "fit_thresholds",
    "list_protocols",
    "load_classified",
    "object_keypoint_similarity",
    "pool",
    "recall_of_heads",
    "recall_of_labelled",
]
