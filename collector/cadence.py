"""When a feed is due: its cadence after a good run, a growing wait after a bad one.

Everything follows from the rows that runs leave, so a restart changes nothing and any process
can tell when the next run is.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from warehouse.records import RunOutcome

JITTER = 0.1
"""Share of the wait by which a run is put off, each time another: so that a fleet of Spotcasts
does not ask at the same second."""
LONGEST_JITTER = timedelta(minutes=5)

FIRST_RETRY = timedelta(seconds=30)
"""Wait after the first failure; it doubles with each further one."""
LONGEST_RETRY = timedelta(hours=1)
"""Where doubling ends, for feeds that are asked more often than this."""
MOST_DOUBLINGS = 20
"""A year; no cadence is longer, and a wait must stay a number that a clock can hold."""
SKIPPED_AGAIN = timedelta(hours=1)
"""A source that has nothing for us (a region not opted in) is asked again after this, at least."""
KILLED_AGAIN = timedelta(seconds=30)
"""A run whose process was killed is repeated after this: not at once, for it may be the killer."""


@dataclass(frozen=True, slots=True)
class LastRun:
    """What the newest run of a feed in a scope left. ``failures`` counts those since the last good.

    ``finished_at`` is None if its process was killed.
    """

    feed: str
    scope: str
    started_at: datetime
    finished_at: datetime | None
    outcome: RunOutcome
    failures: int = 0
    retry_after_seconds: float | None = None


def next_run(cadence: timedelta, last: LastRun | None, now: datetime) -> datetime:
    """When the feed is due; ``now`` if it never ran. May lie in the past: then it is overdue.

    A source that asked us to stay away is never asked sooner.
    """
    if last is None:
        return now
    wait = _wait(cadence, last)
    due = last.started_at + wait + min(wait * JITTER, LONGEST_JITTER) * _chance(last)
    if last.retry_after_seconds is not None:
        ended = last.finished_at or last.started_at
        due = max(due, ended + timedelta(seconds=last.retry_after_seconds))
    return due


def _wait(cadence: timedelta, last: LastRun) -> timedelta:
    match last.outcome:
        case RunOutcome.FAILED:
            doublings = min(max(last.failures, 1) - 1, MOST_DOUBLINGS)
            return min(FIRST_RETRY * (1 << doublings), max(cadence, LONGEST_RETRY))
        case RunOutcome.SKIPPED:
            return max(cadence, SKIPPED_AGAIN)
        case RunOutcome.KILLED | RunOutcome.RUNNING:
            return min(cadence, KILLED_AGAIN)
        case _:
            return cadence


def _chance(last: LastRun) -> float:
    """A number from 0 to 1 that looks random and is the same in every process."""
    told = f"{last.feed} {last.scope} {last.started_at.timestamp()}"
    return int.from_bytes(hashlib.sha256(told.encode()).digest()[:4]) / 2**32
