"""Errors of the network room."""


class WeightsError(ValueError):
    """Weights that are missing, altered, or do not fit the network; one line that says which and what to do."""
