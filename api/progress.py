"""What a long command is doing, for a person who waits in front of it."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Stage = Callable[[str], None]
"""Told what begins now, in words."""


@contextmanager
def stages() -> Generator[Stage]:
    """A line on standard error with the present stage and the time so far, gone at the end.

    Nothing is shown where standard error is no terminal.
    """
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as shown:
        line = shown.add_task("")
        yield lambda words: shown.update(line, description=words)
