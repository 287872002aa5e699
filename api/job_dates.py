"""When jobs are due: cron expressions in UTC, APScheduler's trigger hidden here.

A date is due until a run was done for it or for a later one, so dates that were missed are made up
for once. All times are UTC: there is no summer time in which a date is skipped or comes twice.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from apscheduler.triggers.cron import CronTrigger

from warehouse.job_runs import Standing

FIELDS = 5
RARE = timedelta(days=9 * 366)
"""How far back or on a date is looked for: two leap days are eight years apart around 2100."""

RETRIES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=25))
"""Waits before a run that failed is tried again: a source or a disk that is away for a moment is
back in a minute, one that is restarted in half an hour. Then the next date is waited for."""

LONGEST_AFTER_KILL = timedelta(hours=1)
"""A run that is killed again and again, as one that takes all memory is, waits as long at most."""


class ScheduleError(ValueError):
    """A text that is no schedule; says why, and how to write one."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cron expression."""

    trigger: CronTrigger

    def after(self, moment: datetime) -> datetime | None:
        """The first date later than ``moment``; None if none is near (`RARE`)."""
        found: datetime | None = self.trigger.get_next_fire_time(None, moment + MOMENT)
        return found if found and found <= moment + RARE else None

    def newest(self, now: datetime) -> datetime | None:
        """The last date up to ``now``; None if none is near."""
        back = timedelta(minutes=1)
        while back < RARE:
            found = self.after(now - back)
            if found and found <= now:
                while (later := self.after(found)) and later <= now:
                    found = later
                return found
            back *= 2
        return None


MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run to come: for which date, and when it may begin."""

    due_at: datetime
    at: datetime


@lru_cache(maxsize=256)
def schedule_of(text: str) -> Schedule:
    """The schedule that a cron expression means: minute, hour, day, month, day of the week.

    Raises:
        ScheduleError: it is none, or has no date.
    """
    fields = text.split()
    how = 'write five fields such as "30 2 * * mon" (minute, hour, day, month, weekday; UTC)'
    if len(fields) != FIELDS:
        raise ScheduleError(f"{text!r} has {len(fields)} fields: {how}, or off")
    if any(letter.isdigit() for letter in fields[4].partition("/")[0]):
        # Cron counts from Sunday and APScheduler from Monday: a number would be misread by one.
        raise ScheduleError(f"{text!r}: name the days of the week, such as mon or mon-fri")
    if fields[2] != "*" and fields[4] != "*":
        # Cron takes days that meet either, APScheduler those that meet both.
        raise ScheduleError(f"{text!r}: give the day of the month or of the week, not both")
    try:
        minute, hour, day, month, weekday = fields
        trigger = CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=weekday, timezone=UTC
        )
    except ValueError as error:
        raise ScheduleError(f"{text!r}: {error}; {how}") from error
    schedule = Schedule(trigger)
    if schedule.after(datetime(2026, 1, 1, tzinfo=UTC)) is None:
        raise ScheduleError(f"{text!r} has no date: there is no such day")
    return schedule


def next_attempt(schedule: Schedule, standing: Standing | None, now: datetime) -> Attempt | None:
    """The next run of a job, by its schedule and what became of its newest date; None if none is.

    A job that was never begun is due at once, for the last date of its schedule. Of several dates
    that were missed the last counts. A run that failed is tried again as long as `RETRIES` says,
    one that was killed until it ends; a date that comes meanwhile takes the place of the old one.
    """
    newest = schedule.newest(now)
    if newest and (standing is None or newest > standing.covered_until):
        return Attempt(newest, newest)
    after = schedule.after(max(now, standing.covered_until) if standing else now)
    coming = Attempt(after, after) if after else None
    if standing is None or standing.is_done or standing.failures > len(RETRIES):
        return coming
    again = Attempt(standing.due_at, standing.ended_at + _wait(standing))
    return min((one for one in (again, coming) if one), key=lambda one: one.at)


def _wait(standing: Standing) -> timedelta:
    failed = RETRIES[standing.failures - 1] if standing.failures else timedelta(0)
    if standing.kills < 2:  # noqa: PLR2004 - the first kill is nobody's fault
        return failed
    doublings = min(standing.kills - 2, 10)
    return max(failed, min(LONGEST_AFTER_KILL, timedelta(minutes=2**doublings)))
