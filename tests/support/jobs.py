"""A process that does jobs on a clock of its own, and is killed at any step."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
from apscheduler.schedulers.base import BaseScheduler

from api.errors import NoAnswerError
from api.job_work import Detail, Job, Work
from api.jobs_running import JobDesk
from api.settings import Settings, settings_from
from warehouse.store import Warehouse

MINUTES = [*[0] * 12, *[1] * 12, *[20] * 5, 300]
"""What runs take; the longest is longer than the time between two dates of some."""

START = datetime(2026, 11, 1, tzinfo=UTC)


class KilledError(BaseException):
    """The process is gone; nobody catches it."""


def settings_with(**schedules: str) -> Settings:
    """The defaults, with other schedules."""
    made = settings_from({})
    return replace(made, jobs=type(made.jobs)(**schedules))


@dataclass(slots=True)
class Dates:
    """What a scheduler is asked for: calls at dates, in order, in the caller's thread."""

    world: "World"
    calls: dict[str, tuple[datetime, Callable[..., None], list[Any]]] = field(default_factory=dict)

    def add_job(
        self, call: Callable[..., None], _: str, *, args: list[Any], run_date: datetime, **more: Any
    ) -> None:
        """As APScheduler's, for dates."""
        self.calls[more["id"]] = run_date, call, args

    def start(self) -> None:
        """Nothing runs by itself."""

    def shutdown(self, *, wait: bool) -> None:
        """Forget all."""
        assert wait
        self.calls.clear()

    def run_until(self, end: datetime) -> None:
        """Make the calls that are due up to ``end``, each at its time or as soon as can be."""
        while self.calls:
            name, (at, call, args) = min(self.calls.items(), key=lambda one: (one[1][0], one[0]))
            if at > end:
                break
            del self.calls[name]
            self.world.pass_time(max(at, self.world.now))
            call(*args)
        self.world.pass_time(max(end, self.world.now))


@dataclass(slots=True)
class World:
    """A database, a clock, and what happened."""

    warehouse: Warehouse
    random: np.random.Generator
    settings: Settings
    jobs: Sequence[Job]
    now: datetime = START
    kill_at: datetime | None = None
    steps_left: int = 0
    running: set[str] = field(default_factory=set)
    away: list[tuple[datetime, datetime]] = field(
        default_factory=lambda: [(START - timedelta(days=9), START)]
    )
    """When nothing could begin: the process was gone, or a job was under way that is not quick."""
    kills: int = 0
    share_failing: float = 0.1
    dates: Dates = field(init=False)

    def begin(self) -> JobDesk:
        """A new process."""
        self.dates = Dates(self)
        self.running.clear()
        jobs = [replace(job, work=self._work_of(job)) for job in self.jobs]
        work = Work(self.lease, self.lease, self.settings, lambda: self.now, self.now)
        desk = JobDesk(work, jobs, scheduler=cast("BaseScheduler", self.dates))
        desk.start()
        return desk

    def live_until(self, end: datetime) -> None:
        """Let a new process work until ``end``, or until it is killed."""
        try:
            self.begin()
            self.dates.run_until(end)
        except KilledError:
            self.kills += 1
            self.kill_at = None
            died, self.now = self.now, self.now + self._time_away()
            self.away.append((died, self.now))

    def kill_after(self, at: datetime, steps: int) -> None:
        """The process will be gone at so many steps after that time."""
        self.kill_at, self.steps_left = at, steps

    @contextmanager
    def lease(self) -> Generator[Warehouse]:
        """The database; taking it and giving it back are steps."""
        self.step()
        yield self.warehouse
        self.step()

    def step(self) -> None:
        """Where the process may be killed."""
        if self.kill_at is not None and self.now >= self.kill_at:
            if not self.steps_left:
                raise KilledError
            self.steps_left -= 1

    def pass_time(self, until: datetime) -> None:
        """The clock moves on; a kill that falls into the time is at its own time."""
        if self.kill_at is not None and self.now < self.kill_at <= until and not self.steps_left:
            self.now = self.kill_at
            raise KilledError
        self.now = until

    def _time_away(self) -> timedelta:
        return timedelta(minutes=int(self.random.choice([0, 1, 30, 240, 1500])))

    def _work_of(self, job: Job) -> Callable[[Work], Detail]:
        def work(given: Work) -> Detail:
            assert job.name not in self.running, "twice at once"
            assert job.is_quick or not any(self._is_slow(name) for name in self.running)
            self.running.add(job.name)
            began = self.now
            try:
                minutes = int(self.random.choice(MINUTES))
                self.step()
                self.dates.run_until(self.now + timedelta(minutes=minutes))
                self.step()
                if self.random.random() < self.share_failing:
                    raise NoAnswerError("the disk was away")
                return {"due_at": given.due_at}
            finally:
                self.running.discard(job.name)
                if not job.is_quick:
                    self.away.append((began, self.now))

        return work

    def _is_slow(self, name: str) -> bool:
        return not next(job for job in self.jobs if job.name == name).is_quick
