"""Errors of the model zoo."""


class ModelError(ValueError):
    """A model that cannot be found, read, verified or downloaded; one line that names it and the reason."""
