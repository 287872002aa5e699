"""Work that takes a core for long, in a process of its own with a lower priority."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

NICE = 10
"""Half of the way to the lowest priority: requests go first, and the work still ends."""


def in_process(
    function: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs
) -> Answer:
    """What the function returns; it, what it is given and its answer are sent by pickle.

    The process is begun anew, not forked: a fork would have the database's file and its locks.
    """
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_step_back) as pool:
        return pool.submit(function, *given, **named).result()


def _step_back() -> None:
    """Leave the cores to others, and Ctrl-C to the process that waits for the answer."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
