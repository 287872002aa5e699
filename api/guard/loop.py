"""The guard by the clock: one look after another, whatever goes wrong, until it is told to stop."""

import logging
import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import timedelta
from random import Random

from advisor.errors import AdvisorError
from warehouse.errors import WarehouseError

JITTER = 0.1
"""Share by which a pause is longer or shorter, so that several guards do not look in step."""

LOG = logging.getLogger(__name__)

Say = Callable[[str], None]
Failed = Callable[[Exception, float], None]
Sleep = Callable[[float], bool]
"""Waits so many seconds; True if it is time to stop."""


class Troubles:
    """Says each kind of trouble once, and how often it came when it is over."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.counts: Counter[str] = Counter()

    def failed(self, error: Exception) -> None:
        """A look failed."""
        kind = type(error).__name__
        self.counts[kind] += 1
        if self.counts[kind] == 1:
            said = str(error).rstrip(".")
            self._say(f"{said}. It is tried again; the next of this kind are only counted.")

    def succeeded(self) -> None:
        """A look went well: what comes next is news again."""
        for kind, count in sorted(self.counts.items()):
            times = "once" if count == 1 else f"{count} times"
            self._say(f"Well again: {kind} came {times}.")
        self.counts.clear()


def keep_looking(
    look: Callable[[], None],
    *,
    interval: timedelta,
    sleep: Sleep,
    random: Random,
    troubles: Troubles,
    failed: Callable[[Exception], None] = lambda _: None,
) -> None:
    """Look until ``sleep`` says that it is time to stop.

    An API server or a warehouse that is away, busy or damaged is told and tried again. Any other
    error is a fault of ours, and ends it.
    """
    while True:
        try:
            look()
        except (AdvisorError, WarehouseError) as error:
            troubles.failed(error)
            failed(error)
        else:
            troubles.succeeded()
        pause = interval.total_seconds() * (1 + JITTER * (2 * random.random() - 1))
        if sleep(pause):
            return


@contextmanager
def until_signalled(say: Say) -> Generator[threading.Event]:
    """An event that SIGTERM and SIGINT set; a second one does what it does by default."""
    stop = threading.Event()

    def asked(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        say("Stopping: the hand-over in hand is finished first.")
        stop.set()

    before = {one: signal.signal(one, asked) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
