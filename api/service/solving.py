"""Questions that a solver works on for seconds: so many at a time, the others come back later."""

from collections.abc import Generator
from contextlib import contextmanager

from api.service.state import Service

RETRY_SECONDS = 5
"""When to come back: most are done by then."""


class BusyError(Exception):
    """All solvers are at work; trying again later helps."""


@contextmanager
def solving(service: Service) -> Generator[None]:
    """Hold one of the solvers.

    Raises:
        BusyError: none is free.
    """
    if not service.solvers.acquire(blocking=False):
        raise BusyError(
            f"All solvers are at work on other questions: ask again in {RETRY_SECONDS} s."
        )
    try:
        yield
    finally:
        service.solvers.release()
