"""Confidence against accuracy: the reliability diagram, its expected error, and score calibration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vitruvian.data.dataset import Dataset
from vitruvian.metrics.errors import MetricError, missing_extra
from vitruvian.metrics.judging import judge
from vitruvian.metrics.matching import match
from vitruvian.metrics.predictions import Predictions
from vitruvian.metrics.result import Result, Table
from vitruvian.metrics.thresholds import fold_of_pictures

Method = Literal["temperature", "isotonic"]
_NOTE = (
    "a diagnosis: scores are reported, and thresholds kept, as they are; the map that is fitted here is not stored "
    "in a card (temperature: sigmoid(logit(score) / temperature); isotonic: the knots of the json output)"
)


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """A reliability diagram of equally wide bins.

    Attributes:
        edges: ``(B + 1,)`` float64 from 0 to 1; a bin contains its upper edge.
        counts: ``(B,)`` int64 outcomes in each bin.
        confidence, accuracy: ``(B,)`` float64 mean confidence and share of right outcomes; NaN in an empty bin.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]

    @property
    def expected_error(self) -> float:
        """Expected calibration error: mean gap of confidence and accuracy, by count (Guo et al. 2017, eq. 3)."""
        total = self.counts.sum()
        if not total:
            return float("nan")
        return float(np.nansum(self.counts * np.abs(self.confidence - self.accuracy)) / total)


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 15) -> Reliability:
    """The diagram of ``(N,)`` confidences in [0, 1] and whether each was right.

    >>> found = reliability(np.array([0.9, 0.9, 0.2, 0.2]), np.array([True, False, False, False]), bins=2)
    >>> round(found.expected_error, 3)  # (2 * |0.2 - 0| + 2 * |0.9 - 0.5|) / 4
    0.3
    """
    edges = np.linspace(0, 1, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(place, confidence, minlength=bins) / counts
        accuracy = np.bincount(place, right, minlength=bins) / counts
    return Reliability(edges, counts, mean, accuracy)


@dataclass(frozen=True)
class ScoreCalibration(Result):
    """A map from scores to the share of detections with that score that is right.

    A diagnosis: models report their scores, and cards keep their thresholds, as they are. Both are on one scale, also
    with the prediction files that were written before, and a map that keeps the order of scores changes neither AP nor
    what a threshold lets through. Who needs a probability applies :meth:`apply` to the scores that were reported.

    Attributes:
        method: ``temperature`` or ``isotonic``.
        temperature: ``sigmoid(logit(score) / temperature)``; NaN for isotonic.
        knots: ``(2, K)`` scores and calibrated scores between which isotonic interpolates; ``(2, 0)`` for temperature.
        detections: Detections that it was fitted on.
        before, after: Reliability of the scores as they are, and calibrated by what the other folds teach.
    """

    method: Method
    temperature: float
    knots: NDArray[np.float64]
    detections: int
    before: Reliability
    after: Reliability

    def apply(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Calibrated scores; their order stays (isotonic may make some equal)."""
        return _apply(scores, self.temperature, self.knots)

    def headline(self) -> Mapping[str, float]:
        return {
            "calibration error": self.before.expected_error,
            "calibration error, calibrated": self.after.expected_error,
        }

    def tables(self) -> tuple[Table, ...]:
        row = (self.method, self.detections, self.temperature, self.before.expected_error, self.after.expected_error)
        columns = ("method", "detections", "temperature", "error before", "error after, cross-fitted")
        return (Table("Score calibration at IoU 0.5", columns, (row,)),)


def calibrate_scores(
    truth: Dataset, predictions: Predictions, method: Method = "temperature", folds: int = 5
) -> ScoreCalibration:
    """Fit a score map on detections judged under the partial-label protocol, all classes together, at IoU 0.5.

    Args:
        truth: Pictures with their exhaustive labels.
        predictions: Scores in [0, 1].
        method: ``"temperature"`` has one parameter, fitted by likelihood (Guo et al. 2017); ``"isotonic"`` is a
            monotone step fit (Zadrozny and Elkan 2002) and wants a thousand detections or more.
        folds: Folds of pictures over which the error after calibration is measured.

    Raises:
        MetricError: for an unknown method, scores outside [0, 1], no detection that is judged, or only right or only
            wrong ones.
    """
    if method not in ("temperature", "isotonic"):
        raise MetricError(f"unknown calibration {method!r}; there are 'temperature' and 'isotonic'")
    matches = match(judge(truth, predictions, "partial"), ious=(0.5,))
    kept = ~matches.ignored[:, 0]
    scores = matches.judged.det_scores[matches.det][kept]
    right = matches.true[kept, 0]
    if len(scores) and (scores.min() < 0 or scores.max() > 1):
        raise MetricError(f"scores lie outside [0, 1]: from {scores.min():g} to {scores.max():g}")
    if not right.any() or right.all():
        raise MetricError("calibration needs right and wrong detections where labels are complete")
    fold = fold_of_pictures(truth, folds)[matches.judged.det_picture[matches.det][kept]]
    crossed = scores.copy()
    for k in range(folds):
        inside, outside = fold == k, fold != k
        if inside.any() and right[outside].any() and not right[outside].all():
            crossed[inside] = _apply(scores[inside], *_fit(scores[outside], right[outside], method))
    temperature, knots = _fit(scores, right, method)
    return ScoreCalibration(
        protocol="score-calibration",
        evaluator="vitruvian",
        notes=(_NOTE,),
        method=method,
        temperature=temperature,
        knots=knots,
        detections=len(scores),
        before=reliability(scores, right),
        after=reliability(crossed, right),
    )


def _logit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = scores.clip(1e-6, 1 - 1e-6)
    logit: NDArray[np.float64] = np.log(inner / (1 - inner))
    return logit


def _fit(scores: NDArray[np.float64], right: NDArray[np.bool_], method: Method) -> tuple[float, NDArray[np.float64]]:
    if method == "isotonic":
        try:
            from sklearn.isotonic import IsotonicRegression
        except ImportError:
            raise missing_extra("scikit-learn") from None
        fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, right)
        return float("nan"), np.stack([fitted.X_thresholds_, fitted.y_thresholds_])
    try:
        from scipy.optimize import minimize_scalar
    except ImportError:
        raise missing_extra("scipy") from None
    logit, sign = _logit(scores), np.where(right, -1.0, 1.0)

    def loss(log_temperature: float) -> float:
        return float(np.logaddexp(0, sign * logit / np.exp(log_temperature)).mean())

    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded")
    return float(np.exp(best.x)), np.zeros((2, 0))


def _apply(scores: NDArray[np.float64], temperature: float, knots: NDArray[np.float64]) -> NDArray[np.float64]:
    if knots.shape[1]:
        between: NDArray[np.float64] = np.interp(scores, knots[0], knots[1])
        return between
    calibrated: NDArray[np.float64] = 1 / (1 + np.exp(-_logit(scores) / temperature))
    return calibrated
