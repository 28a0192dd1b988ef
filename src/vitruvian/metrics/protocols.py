"""The register of protocols: every way of measuring that has a name, and one call that runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.boxes import evaluate_boxes
from vitruvian.metrics.breakdown import evaluate_breakdown
from vitruvian.metrics.challenger import evaluate_challenger
from vitruvian.metrics.confusion import confusion_matrix, detection_ratio
from vitruvian.metrics.errors import MetricError
from vitruvian.metrics.face_recall import OCCLUSION, evaluate_face_recall
from vitruvian.metrics.heads import recall_of_heads
from vitruvian.metrics.landmarks import evaluate_landmarks
from vitruvian.metrics.oks import evaluate_pose
from vitruvian.metrics.open_images import evaluate_open_images
from vitruvian.metrics.pck import evaluate_pck, evaluate_pckh
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.presence import count_false_boxes, recall_of_labelled
from vitruvian.metrics.recovery import evaluate_recovery
from vitruvian.metrics.result import Result
from vitruvian.metrics.wider import evaluate_wider
from vitruvian.taxonomy import WHOLE_FACE, Skeleton

Subject = Literal["boxes", "faces", "pose", "landmarks"]


@dataclass(frozen=True, slots=True)
class Options:
    """What some protocols ask for besides truth and predictions.

    Attributes:
        threshold: Confidence where the protocol has a fixed one.
        thresholds: Label -> confidence; they go before ``threshold``.
        attribute: Of boxes or pictures, to break down by.
        label: The class that is meant.
        precision: To be held where the protocol asks for recall at a precision.
        resamples: Bootstrap draws of the protocols that always state intervals.
        skeleton: Whose joints the keypoints are; None takes it from the truth.
        training: The training set, for the ratio of detections to training boxes.
        recovered: Detections of a second pass.
        hierarchy: Class -> the class that it is a kind of.
    """

    threshold: float = 0.5
    thresholds: Mapping[str, float] = field(default_factory=dict)
    attribute: str = OCCLUSION
    label: str = WHOLE_FACE
    precision: float = 0.9
    resamples: int = 1000
    skeleton: Skeleton | None = None
    training: Dataset | None = None
    recovered: Predictions | None = None
    hierarchy: Mapping[str, str] | None = None

    @property
    def cut(self) -> float | Mapping[str, float]:
        """The thresholds by label if there are any, else the one for all."""
        return self.thresholds or self.threshold


Run = Callable[[Dataset, Predictions, Options], Result]


@dataclass(frozen=True, slots=True)
class Protocol:
    """A named way of measuring.

    Attributes:
        name: What ``vitruvian evaluate --protocol`` takes.
        subject: What it measures.
        summary: One line.
        run: Computes the result.
    """

    name: str
    subject: Subject
    summary: str
    run: Run


def list_protocols() -> tuple[Protocol, ...]:
    """Every protocol for boxes, faces, pose and landmarks. (Activity reads tables: see ``evaluate_activity``.)

    >>> [p.name for p in list_protocols() if p.subject == "landmarks"]
    ['landmarks-corners', 'landmarks-pupils', 'landmarks-diagonal']
    """
    return _PROTOCOLS


def protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        MetricError: when there is none; the message lists the names.
    """
    for candidate in _PROTOCOLS:
        if candidate.name == name:
            return candidate
    raise MetricError(f"unknown protocol {name!r}; there are {', '.join(p.name for p in _PROTOCOLS)}, activity")


def evaluate(name: str, truth: Dataset, predictions: Predictions, options: Options = Options()) -> Result:
    """Measure ``predictions`` against ``truth`` under the named protocol.

    Raises:
        MetricError: for an unknown name, or as the protocol does.
    """
    return protocol(name).run(truth, predictions, options)


def _ratio(truth: Dataset, predictions: Predictions, options: Options) -> Result:
    if options.training is None:
        raise MetricError("detection-ratio compares with the training boxes: give the training set")
    predictions.picture_index(truth)
    return detection_ratio(options.training, predictions, options.threshold)


def _recovery(truth: Dataset, predictions: Predictions, options: Options) -> Result:
    if options.recovered is None:
        raise MetricError("faces-recovered needs the second pass's predictions besides the first's")
    cut = options.thresholds.get(options.label, options.threshold)
    return evaluate_recovery(
        truth, predictions, options.recovered, options.label, first_threshold=cut, second_threshold=options.threshold
    )


def _face_recall(truth: Dataset, predictions: Predictions, options: Options) -> Result:
    cut = options.thresholds.get(options.label, options.threshold)
    return evaluate_face_recall(
        truth, predictions, options.label, options.precision, cut, by=options.attribute, resamples=options.resamples
    )


def _heads(truth: Dataset, predictions: Predictions, options: Options) -> Result:
    cut = options.thresholds.get(options.label, options.threshold)
    return recall_of_heads(truth, predictions, cut, options.label, resamples=options.resamples)


def _challenger(truth: Dataset, predictions: Predictions, options: Options) -> Result:
    if options.skeleton is None:
        return evaluate_challenger(truth, predictions)
    return evaluate_challenger(truth, predictions, options.skeleton)


_PROTOCOLS = (
    Protocol(
        "boxes-partial",
        "boxes",
        "COCO averages; a class is judged only where it is exhaustively labelled; beside the naive numbers",
        lambda t, p, o: evaluate_boxes(t, p, "partial", fixed=(0.25, o.threshold)),
    ),
    Protocol(
        "boxes-coco",
        "boxes",
        "COCO averages; whatever is not labelled is wrong",
        lambda t, p, o: evaluate_boxes(t, p, "coco", fixed=(0.25, o.threshold)),
    ),
    Protocol(
        "boxes-open-images",
        "boxes",
        "Open Images Challenge: AP at IoU 0.5, group-of boxes, verified labels, hierarchy on request",
        lambda t, p, o: evaluate_open_images(t, p, o.hierarchy),
    ),
    Protocol(
        "boxes-by-attribute",
        "boxes",
        "AP and best F1 by an attribute of the boxes, as MAFA's degrees of occlusion",
        lambda t, p, o: evaluate_breakdown(t, p, o.attribute, o.threshold),
    ),
    Protocol(
        "confusion",
        "boxes",
        "YOLOv5's confusion matrix with background, at 0.25 and IoU 0.45, and its accuracy",
        lambda t, p, o: confusion_matrix(t, p),
    ),
    Protocol("detection-ratio", "boxes", "share of detections over share of training boxes, by class", _ratio),
    Protocol(
        "false-boxes",
        "boxes",
        "boxes a picture on pictures without people",
        lambda t, p, o: count_false_boxes(t, p, o.cut),
    ),
    Protocol(
        "labelled-recall",
        "boxes",
        "share of labelled instances found at IoU 0.5, whatever else is unlabelled",
        lambda t, p, o: recall_of_labelled(t, p, o.cut),
    ),
    Protocol(
        "faces-wider", "faces", "WIDER FACE: AP on easy, medium and hard faces", lambda t, p, o: evaluate_wider(t, p)
    ),
    Protocol("faces-recovered", "faces", "coverage and precision of faces that a second pass recovers", _recovery),
    Protocol(
        "faces-recall",
        "faces",
        "recall at a wanted precision and at the threshold, by degree of occlusion, intervals over photographs",
        _face_recall,
    ),
    Protocol(
        "faces-in-heads",
        "faces",
        "share of labelled heads with a face's centre in them and a tenth of their area, by source",
        _heads,
    ),
    Protocol(
        "pose-oks",
        "pose",
        "COCO keypoint AP by object keypoint similarity",
        lambda t, p, o: evaluate_pose(t, p, o.skeleton),
    ),
    Protocol("pose-aic", "pose", "AI Challenger's official score, not comparable with COCO's AP", _challenger),
    Protocol(
        "pose-pckh", "pose", "PCKh at 0.5 and 0.1 of the head (MPII)", lambda t, p, o: evaluate_pckh(t, p, o.skeleton)
    ),
    Protocol(
        "pose-pck-person",
        "pose",
        "PCK at 0.2 of the torso (LSP), the subject's own sides",
        lambda t, p, o: evaluate_pck(t, p, o.skeleton, "person"),
    ),
    Protocol(
        "pose-pck-observer",
        "pose",
        "PCK at 0.2 of the torso (LSP), the observer's sides",
        lambda t, p, o: evaluate_pck(t, p, o.skeleton, "observer"),
    ),
    Protocol(
        "landmarks-corners",
        "landmarks",
        "NME by outer eye corners (300-W, WFLW, COFW), failures, AUC",
        lambda t, p, o: evaluate_landmarks(t, p, "corners"),
    ),
    Protocol(
        "landmarks-pupils",
        "landmarks",
        "NME by the distance of the pupils, failures, AUC",
        lambda t, p, o: evaluate_landmarks(t, p, "pupils"),
    ),
    Protocol(
        "landmarks-diagonal",
        "landmarks",
        "NME by the diagonal of the face box, failures, AUC",
        lambda t, p, o: evaluate_landmarks(t, p, "diagonal"),
    ),
)
