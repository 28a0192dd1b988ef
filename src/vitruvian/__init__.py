"""vitruvian finds people's parts in pictures."""

__version__ = "0.1.0"
