"""Building millions of small objects at once."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collection_paused() -> Iterator[None]:
    """Pause the cyclic garbage collector, as a context or a decorator.

    While a large label file is read, nothing can be freed, yet the collector goes through all its objects over and
    over: of a million boxes, half the time (``benchmarks/data_workshop.py``).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
