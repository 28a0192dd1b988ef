"""Errors of the explaining room."""


class ExplainError(ValueError):
    """Maps that cannot be made, read or written; one line that says of what and why."""
