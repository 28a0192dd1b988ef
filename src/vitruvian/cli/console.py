"""What all verbs share: one-line errors and progress on standard error."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ParamSpec

import typer

_P = ParamSpec("_P")


def fail(line: str) -> None:
    """Print one error line to standard error."""
    print(f"error: {' '.join(line.split())}", file=sys.stderr, flush=True)


def guarded(verb: Callable[_P, None]) -> Callable[_P, None]:
    """Turn the toolkit's own errors into one line and exit code 2; anything else is a defect and has a traceback."""

    @functools.wraps(verb)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            verb(*args, **kwargs)
        except BrokenPipeError:  # nobody reads the output any more, as after "| head"
            with suppress(OSError):  # what is left is flushed at the end, to nowhere
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except (ValueError, OSError) as error:
            # Every error class of the toolkit is a ValueError; files that cannot be reached raise OSError.
            if type(error).__module__.startswith("vitruvian.") or isinstance(error, OSError):
                fail(str(error))
                raise typer.Exit(2) from None
            raise
        except ModuleNotFoundError as error:
            fail(f"{error.name} is not installed: pip install 'vitruvian[train]'")
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            fail("interrupted; what was finished is kept")
            raise typer.Exit(130) from None

    return run


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[], Any]]:
    """A progress bar on standard error where that is a terminal; gives a function to call after each item.

    Without a total it counts the items.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


@contextmanager
def counting(what: str, count: Callable[[], int]) -> Iterator[None]:
    """A line on standard error where that is a terminal: what goes on, how far it is, for how long.

    ``count`` is asked ten times a second from another thread, so that the work itself is not slowed down.
    """
    from rich.console import Console
    from rich.progress import Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
    from rich.text import Text

    class Count(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{count():,}")

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), Count(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task(what, total=None)
        yield
