"""APScheduler, hidden here: every feed at its own cadence, one run at a time, none forgotten.

Each feed and region is one job with one date: when it is due. A run that ends sets the next date
from what it left in the warehouse. So a process that was asleep or killed finds its overdue feeds
and runs each once, and a source that asked for patience gets it.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_STOPPED, BaseScheduler

from api.wiring import Connections, quarantine_of, scopes, source_for
from collector.cadence import LastRun, next_run
from collector.provider import Feed, Provider
from collector.run import FeedReport, acknowledge, gather, keep
from collector.watchlist import Watchlist
from warehouse.errors import WarehouseError
from warehouse.records import RunOutcome
from warehouse.runs import abandon_runs, begin_run, latest_runs
from warehouse.store import Warehouse

WORKERS = 16
"""Feeds that may be read at once. They wait for the network, not for a processor, and some wait
long: the watches of a cluster and the polls of the clouds' queues hold five for up to a minute."""

RETRY = timedelta(minutes=1)
"""When a run is tried again that the warehouse could not take (a full disk, another writer)."""

LOG = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Lease = Callable[[], AbstractContextManager[Warehouse]]
"""Gives the warehouse for as long as the context lasts."""


@dataclass(frozen=True, slots=True)
class Job:
    """One feed in one scope."""

    provider: Provider
    feed: Feed
    scope: str

    @property
    def name(self) -> str:
        """What it is called in the log."""
        return f"{self.feed.name}@{self.scope}"


class _Watched(BackgroundScheduler):  # type: ignore[misc] # the library has no types
    """Says what its thread died of: without it no feed would be read, and nothing would tell."""

    died: Callable[[BaseException], None]

    def _main_loop(self) -> None:
        try:
            super()._main_loop()
        except BaseException as error:
            # Told to stop while it looks through what is due, it no longer finds what it has begun.
            if isinstance(error, JobLookupError) and self.state == STATE_STOPPED:
                return
            self.died(error)
            raise


def background(
    workers: int = WORKERS, *, died: Callable[[BaseException], None] = lambda _: None
) -> BaseScheduler:
    """A scheduler that works in threads of its own until it is shut down.

    ``died`` is told if it ends of a fault.
    """
    scheduler = _Watched(
        timezone="UTC", executors={"default": ThreadPoolExecutor(max_workers=workers)}
    )
    scheduler.died = died
    return scheduler


class Desk:
    """The feeds that are read by the clock. `start` returns at once; `stop` waits for runs."""

    def __init__(
        self,
        lease: Lease,
        connections: Connections,
        feeds: Sequence[tuple[Provider, Feed]],
        watchlist: Watchlist,
        *,
        clock: Clock,
        scheduler: BaseScheduler,
        told: Callable[[FeedReport], None] = lambda _: None,
    ) -> None:
        """``told`` is called with each run's report, in the thread of the run."""
        self._lease = lease
        self._connections = connections
        self._watchlist = watchlist
        self._clock = clock
        self._scheduler = scheduler
        self._told = told
        self._is_stopping = False
        self._under_way = 0
        self._changed = threading.Condition()
        self.jobs = [
            Job(provider, feed, scope)
            for provider, feed in feeds
            for scope in scopes(provider, feed, watchlist)
        ]

    def start(self) -> None:
        """Set each feed's first date and begin."""
        with self._lease() as warehouse:
            abandon_runs(warehouse)
            last = last_runs(warehouse)
        for job in self.jobs:
            due = next_run(job.feed.cadence, last.get((job.feed.name, job.scope)), self._clock())
            self._plan(job, due)
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no further run, and wait for those under way."""
        with self._changed:
            self._is_stopping = True
            self._changed.wait_for(lambda: self._under_way == 0)
        # Only now: it holds the lock that planning needs while it waits for its threads.
        self._scheduler.shutdown(wait=True)

    def _plan(self, job: Job, due: datetime) -> None:
        at = max(due, self._clock())
        self._scheduler.add_job(
            self._run,
            "date",
            args=[job],
            # Each run is a job of its own: the one under way is forgotten only after it ended,
            # and would take a job of the same name with it.
            id=f"{job.name} {at.isoformat()}",
            name=job.name,
            run_date=at,
            # However late (the machine slept), it runs, and once: the next is planned by its end.
            misfire_grace_time=None,
        )

    def _run(self, job: Job) -> None:
        """Run the feed and plan its next run, whatever came of this one."""
        with self._changed:
            if self._is_stopping:
                return
            self._under_way += 1
        try:
            self._run_and_plan(job)
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def _run_and_plan(self, job: Job) -> None:
        due = self._clock() + RETRY
        try:
            report = self._report(job)
            with self._lease() as warehouse:
                last = last_runs(warehouse, job)[job.feed.name, job.scope]
            due = next_run(job.feed.cadence, last, self._clock())
            self._told(report)
        except WarehouseError as error:
            LOG.error("not_stored feed=%s region=%s reason=%s", job.feed.name, job.scope, error)  # noqa: TRY400 - a sentence for the user, not a fault of ours
        finally:
            self._plan(job, due)

    def _report(self, job: Job) -> FeedReport:
        with self._lease() as warehouse:
            now = self._clock()
            source = source_for(
                warehouse, self._connections, job.feed, job.scope, self._watchlist, now=now
            )
            run_id = begin_run(warehouse, job.feed.name, job.scope, now)
        told = gather(job.feed, source)
        with self._lease() as warehouse:
            report = keep(
                warehouse,
                job.feed,
                source,
                told,
                run_id=run_id,
                now=self._clock(),
                quarantine=quarantine_of(warehouse),
            )
        acknowledge(report, source)
        return report


def last_runs(warehouse: Warehouse, job: Job | None = None) -> dict[tuple[str, str], LastRun]:
    """The newest run of each feed and scope, or of the one job."""
    runs = latest_runs(
        warehouse, feed=job.feed.name if job else None, scope=job.scope if job else None
    )
    return {(row["feed"], row["scope"]): last_run(row) for row in runs.iter_rows(named=True)}


def last_run(row: Mapping[str, Any]) -> LastRun:
    """What a row of `latest_runs` says of when the next run is due."""
    return LastRun(
        feed=row["feed"],
        scope=row["scope"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        outcome=RunOutcome(row["outcome"]),
        failures=row["failures"],
        retry_after_seconds=row["retry_after_seconds"],
    )
