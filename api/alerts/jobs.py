"""Readings of what is done by the clock: jobs, their backups, and messages that were sent."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from api.alerts.judging import Reading
from api.alerts.judging import Standing as Verdict
from api.alerts.sight import Sight, unknown
from api.config.jobs import OFF
from api.job_dates import next_attempt, schedule_of
from api.job_upkeep import backups_in
from api.security.redaction import redacted
from api.units import age_text
from warehouse.alerts import given_up_since
from warehouse.backup import backups
from warehouse.errors import WarehouseError
from warehouse.job_runs import JobOutcome, Standing, job_standings, latest_job_runs

FAULTS = (JobOutcome.FAILED, JobOutcome.KILLED)


def job_readings(sight: Sight) -> list[Reading]:
    """What both rules say of each job that has a schedule."""
    runs = {row["job"]: row for row in latest_job_runs(sight.warehouse).to_dicts()}
    standings = job_standings(sight.warehouse)
    schedules: dict[str, str] = sight.settings.jobs.model_dump()
    return [
        reading
        for job, schedule in schedules.items()
        if schedule != OFF
        for reading in _job(job, schedule, runs.get(job), standings.get(job), sight.now)
    ]


def _job(
    job: str,
    schedule: str,
    run: Mapping[str, Any] | None,
    standing: Standing | None,
    now: datetime,
) -> Iterator[Reading]:
    labels = {"job": job}
    if run is None or standing is None:
        for rule in ("job_failed", "job_overdue"):
            yield Reading(rule, labels, Verdict.UNKNOWN, None, f"The job {job} was never begun.")
        return
    outcome, failures = run["outcome"], run["failures"]
    is_failing = outcome in FAULTS or (outcome == JobOutcome.RUNNING and failures > 0)
    error = f": {run['error'].rstrip('.')}" if run["error"] else ""
    text = f"The last run of the job {job}: {outcome}{error} ({failures} failed since a good one)."
    yield Reading("job_failed", labels, _bad_if(is_failing), failures, text)
    attempt = next_attempt(schedule_of(schedule), standing, now)
    late = now - attempt.at if attempt else timedelta(0)
    is_late = late > timedelta(0) and outcome != JobOutcome.RUNNING
    when = f"is overdue by {age_text(late)}" if is_late else "is in time"
    yield Reading(
        "job_overdue", labels, _bad_if(is_late), late.total_seconds(), f"The job {job} {when}."
    )


def backup_readings(sight: Sight) -> list[Reading]:
    """How old the newest backup is; unknown where none was ever made, or is to be made."""
    settings = sight.settings
    try:
        found = backups(backups_in(settings))
    except WarehouseError as error:
        return list(unknown("backup", str(error)))
    if not found:
        return list(unknown("backup", "There is no backup: `spotcast db backup` makes one."))
    age = sight.now - datetime.fromisoformat(found[0].manifest.made_at)
    is_old = age > timedelta(hours=sight.section.backup.max_age_hours)
    text = f"The newest backup is {age_text(age)} old."
    return [Reading("backup", {"of": "database"}, _bad_if(is_old), age.total_seconds(), text)]


def message_readings(sight: Sight) -> list[Reading]:
    """The messages that were given up lately, by channel: it may be the one that tells of it."""
    since = sight.now - timedelta(hours=sight.section.message.within_hours)
    return [
        Reading(
            "message",
            {"channel": channel},
            Verdict.BAD,
            count,
            f"{count} messages to the channel {channel} were given up: "
            f"{redacted(error or 'no reason')}.",
        )
        for channel, count, error in given_up_since(sight.warehouse, sight.now, since)
    ]


def _bad_if(is_bad: bool) -> Verdict:  # noqa: FBT001 - the one thing that is asked
    return Verdict.BAD if is_bad else Verdict.GOOD
