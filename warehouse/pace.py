"""Long loops that leave other threads of the process their turn.

Python runs one thread at a time. A request that is answered while a view of the market is made
waits for its turn a dozen times, each time as long as the other computes without a break: at 100
requests a second they pile up. A loop that rests after each small piece takes longer, and nobody
waits for it.
"""

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")

WORK_SECONDS = 0.0015
"""Between two rests: a quarter of what answering a request takes."""
LOOKED_EVERY = 50
"""Items between two looks at the clock: a tenth of a millisecond or two."""

_rest_seconds: ContextVar[float] = ContextVar("rest_seconds", default=0.0)


@contextmanager
def unhurried(rest_seconds: float) -> Generator[None]:
    """Inside, loops over `paced` items of this thread rest so long after each piece."""
    before = _rest_seconds.set(rest_seconds)
    try:
        yield
    finally:
        _rest_seconds.reset(before)


def paced(items: Iterable[Item]) -> Iterable[Item]:
    """The items, as fast as they come unless somebody is `unhurried`."""
    rest = _rest_seconds.get()
    return _resting(items, rest) if rest else items


def _resting(items: Iterable[Item], rest_seconds: float) -> Iterator[Item]:
    until = time.perf_counter() + WORK_SECONDS
    for number, one in enumerate(items):
        if number % LOOKED_EVERY == 0 and time.perf_counter() > until:
            time.sleep(rest_seconds)
            until = time.perf_counter() + WORK_SECONDS
        yield one
