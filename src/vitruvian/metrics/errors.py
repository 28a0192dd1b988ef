"""The error of this room: predictions or truth that cannot be measured."""

from __future__ import annotations


class MetricError(ValueError):
    """Input that no number can be computed from; the message names the file, the row and the reason."""


def missing_extra(package: str) -> MetricError:
    """The error for an evaluator that is not installed.

    >>> print(missing_extra("faster-coco-eval"))
    faster-coco-eval is needed for this measurement: pip install 'vitruvian[metrics]'
    """
    return MetricError(f"{package} is needed for this measurement: pip install 'vitruvian[metrics]'")
