"""Time that passes when a test says so: the scheduler's own loop, without its waiting."""

from datetime import datetime, timedelta
from typing import Any

import time_machine
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.base import BaseScheduler


class SteppedScheduler(BaseScheduler):  # type: ignore[misc] # no stubs published
    """APScheduler's base, whose jobs run in the caller's thread when the clock is moved on."""

    def __init__(self) -> None:
        super().__init__(timezone="UTC", executors={"default": DebugExecutor()})

    def wakeup(self) -> None:
        """Nobody sleeps."""

    def shutdown(self, wait: bool = True) -> None:  # noqa: FBT001, FBT002 - the base's signature
        """Forget the jobs."""
        super().shutdown(wait)

    def run_until(self, end: datetime, clock: Any) -> None:
        """Run every job that is due up to ``end``, each at its own time by ``clock``."""
        while True:
            wait = self._process_jobs()
            due = datetime.now(end.tzinfo) + timedelta(seconds=wait or 0)
            if wait is None or due > end:
                clock.move_to(end, tick=False)
                return
            clock.move_to(due, tick=False)


def stopped_at(moment: datetime) -> time_machine.travel:
    """A clock that stands still, to be used as a context."""
    return time_machine.travel(moment, tick=False)
