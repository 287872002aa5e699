"""Jobs by the clock: each when its schedule says, none twice at once, none forgotten.

When a job is due is told from its rows (`api.job_dates`), here is only who runs now. So a process
that was asleep or killed finds what it missed and does it once.
"""

import logging
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from apscheduler.schedulers.base import BaseScheduler

from advisor.errors import AdvisorError
from api.config.jobs import OFF
from api.errors import NoAnswerError, StaleDataError, UsageError
from api.job_dates import Schedule, next_attempt, schedule_of
from api.job_work import Job, ProcessEndsError, Work
from api.scheduler import RETRY
from api.security.redaction import redacted
from api.settings import Settings
from warehouse.errors import WarehouseError
from warehouse.job_runs import (
    ENDED_FIRST,
    JobOutcome,
    abandon_job_runs,
    begin_job_run,
    finish_job_run,
    job_standings,
    refuse_job_run,
)

LOG = logging.getLogger(__name__)

TOLD = (NoAnswerError, StaleDataError, UsageError, WarehouseError, AdvisorError)
"""Errors whose text is a sentence for users; others are faults of ours or of a library."""

LONGEST_ERROR = 2_000
"""Characters of an error that are kept."""


@dataclass(frozen=True, slots=True)
class JobReport:
    """What came of one run."""

    job: str
    due_at: datetime
    outcome: JobOutcome
    took: timedelta
    error: str | None = None
    detail: dict[str, Any] | None = None


def schedule_in(settings: Settings, job: Job) -> Schedule | None:
    """The schedule of the job; None if it is off."""
    text: str = getattr(settings.jobs, job.name)
    return None if text == OFF else schedule_of(text)


def run_job(job: Job, work: Work) -> JobReport:
    """Do the job once and leave a row, whatever comes of it.

    The caller sees to it that no other run of the job is under way.

    Raises:
        WarehouseError: the row could not be stored; the job may have been done.
    """
    began = work.clock()
    with work.notes() as warehouse:
        run_id = begin_job_run(warehouse, job.name, work.due_at, began)
    report = _done(job, work)
    ended = work.clock()
    with work.notes() as warehouse:
        finish_job_run(
            warehouse, run_id, report.outcome, ended, error=report.error, detail=report.detail
        )
    return replace(report, took=ended - began)


def _done(job: Job, work: Work) -> JobReport:
    try:
        detail = dict(job.work(work))
    except ProcessEndsError:
        return JobReport(job.name, work.due_at, JobOutcome.KILLED, timedelta(0), ENDED_FIRST)
    except TOLD as error:
        return _failed(job, work, str(error))
    except Exception as error:  # one job's fault must stop no other: it is in the log and the row
        LOG.exception("job_fault job=%s", job.name)
        return _failed(job, work, f"{type(error).__name__}: {error}")
    return JobReport(job.name, work.due_at, JobOutcome.OK, timedelta(0), detail=detail)


def _failed(job: Job, work: Work, error: str) -> JobReport:
    text = redacted(error)[:LONGEST_ERROR]
    return JobReport(job.name, work.due_at, JobOutcome.FAILED, timedelta(0), text)


class JobDesk:
    """The jobs that are done by the clock. `start` returns at once; `stop` waits for runs."""

    def __init__(
        self,
        work: Work,
        jobs: Sequence[Job],
        *,
        scheduler: BaseScheduler,
        told: Callable[[JobReport], None] = lambda _: None,
    ) -> None:
        """``work`` is what runs are given, each with a date of its own.

        ``told`` is called with each run's report, in the thread of the run.
        """
        self._work = work
        self._scheduler = scheduler
        self._told = told
        self._is_stopping = False
        self._changed = threading.Condition()
        self._running = set[str]()
        self._waiting = dict[str, Job]()
        """For the one that is not quick and runs now."""
        schedules = {job.name: schedule_in(work.settings, job) for job in jobs}
        self._schedules = {name: one for name, one in schedules.items() if one}
        self._slow = {job.name for job in jobs if not job.is_quick}
        self.jobs = [job for job in jobs if job.name in self._schedules]

    def start(self) -> None:
        """Set each job's first date and begin."""
        with self._work.notes() as warehouse:
            abandon_job_runs(warehouse, self._work.clock())
        for job in self.jobs:
            self._plan(job)
        self._scheduler.start()

    def stop(self) -> None:
        """Begin no further run, and wait for those under way."""
        with self._changed:
            self._is_stopping = True
            self._changed.wait_for(lambda: not self._running)
        # Only now: it holds the lock that planning needs while it waits for its threads.
        self._scheduler.shutdown(wait=True)

    def _plan(self, job: Job, *, not_before: datetime | None = None) -> None:
        """Set the date of the next run, by the rows there are."""
        now = self._work.clock()
        with self._work.reading() as warehouse:
            standing = job_standings(warehouse, job.name).get(job.name)
        attempt = next_attempt(self._schedules[job.name], standing, now)
        if attempt:
            self._fire_at(job, max(attempt.at, not_before or now))

    def _fire_at(self, job: Job, at: datetime) -> None:
        self._scheduler.add_job(
            self._fire,
            "date",
            args=[job],
            # Two dates of a job may be waited for: that of the next run, and the one at which it
            # is refused if this run is still under way.
            id=f"{job.name} {at.isoformat()}",
            name=job.name,
            replace_existing=True,
            run_date=at,
            # However late (the machine slept), it is looked at: the rows say what is due.
            misfire_grace_time=None,
        )

    def _fire(self, job: Job) -> None:
        """Run the job if it is due by its rows, and plan its next run, whatever came of this."""
        try:
            with self._turn(job) as is_ours:
                if is_ours:
                    self._run_if_due(job)
                elif job.name in self._running:
                    self._refuse(job)
                return
        except WarehouseError as error:
            LOG.error("job_not_stored job=%s reason=%s", job.name, error)  # noqa: TRY400 - a sentence for the user, not a fault of ours
        self._fire_at(job, self._work.clock() + RETRY)

    @contextmanager
    def _turn(self, job: Job) -> Generator[bool]:
        """Whether the job may run now; others that waited for its end are planned after it."""
        with self._changed:
            is_taken = job.name in self._slow and bool(self._running & self._slow)
            is_ours = not (self._is_stopping or is_taken or job.name in self._running)
            if is_ours:
                self._running.add(job.name)
            elif is_taken and job.name not in self._running:
                self._waiting[job.name] = job
        try:
            yield is_ours
        finally:
            if is_ours:
                self._end_turn(job)

    def _end_turn(self, job: Job) -> None:
        with self._changed:
            self._running.discard(job.name)
            waited, self._waiting = list(self._waiting.values()), {}
            self._changed.notify_all()
        if not self._is_stopping:
            for one in waited:
                self._fire_at(one, self._work.clock())

    def _run_if_due(self, job: Job) -> None:
        now, schedule = self._work.clock(), self._schedules[job.name]
        with self._work.reading() as warehouse:
            standing = job_standings(warehouse, job.name).get(job.name)
        attempt = next_attempt(schedule, standing, now)
        if attempt and attempt.at <= now:
            if after := schedule.after(now):
                self._fire_at(job, after)
            self._told(run_job(job, replace(self._work, due_at=attempt.due_at)))
        self._plan(job)

    def _refuse(self, job: Job) -> None:
        """Note that a date came while the run before it was under way, and wait for the next."""
        now, schedule = self._work.clock(), self._schedules[job.name]
        due = schedule.newest(now)
        if due is None:
            return
        text = "the run before it was still under way"
        with self._work.notes() as warehouse:
            standing = job_standings(warehouse, job.name).get(job.name)
            if standing is None or standing.covered_until < due:
                refuse_job_run(warehouse, job.name, due, now, text)
        self._told(JobReport(job.name, due, JobOutcome.REFUSED, timedelta(0), text))
        if after := schedule.after(now):
            self._fire_at(job, after)
