"""What came of each job, and when it is due: for ``spotcast jobs`` and the dashboard."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from api.config.jobs import OFF
from api.job_dates import next_attempt, schedule_of
from api.job_work import Job
from api.rows.feeds import NEVER_READ
from api.settings import Settings
from api.units import age_text
from warehouse.job_runs import JobOutcome, Standing

NEVER_RUN = "never run"
"""A state beside those of a run."""

COLLECT = "collect"
"""What reads the feeds: no job of the table, as each feed has its own cadence."""


def job_rows(
    jobs: Sequence[Job],
    settings: Settings,
    runs: Iterable[Mapping[str, Any]],
    standings: Mapping[str, Standing],
    now: datetime,
) -> list[dict[str, Any]]:
    """One row per job; ``runs`` are those of `warehouse.job_runs.latest_job_runs`.

    ``next_at`` is null for a job that is off, and in the past for one that nobody does.
    """
    by_job = {run["job"]: run for run in runs}
    return [_row(job, settings, by_job.get(job.name), standings.get(job.name), now) for job in jobs]


def collect_row(feeds: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The planned ones among the rows of feeds as one line; its detail has the counts."""
    planned = [one for one in feeds if one["next_run_at"] is not None]
    never = sum(one["state"] == NEVER_READ for one in planned)
    late = sum(bool(one["is_late"]) for one in planned)
    counts = {"late": late, "never read": never}
    return {
        "job": COLLECT,
        "about": "Read the feeds: see `spotcast feeds`.",
        "schedule": f"{len(planned)} feeds, each its own",
        "state": ", ".join(f"{number} {word}" for word, number in counts.items() if number) or "ok",
        "started_at": None,
        "took_seconds": None,
        "last_good_at": None,
        "last_good": "see feeds",
        "failures": sum(bool(one["failures"]) for one in planned),
        "next_at": None,
        "next_run": "see feeds",
        "error": "",
        "detail": {"feeds": len(planned), "late": late, "never_read": never},
    }


def _row(
    job: Job,
    settings: Settings,
    run: Mapping[str, Any] | None,
    standing: Standing | None,
    now: datetime,
) -> dict[str, Any]:
    schedule = getattr(settings.jobs, job.name)
    attempt = None if schedule == OFF else next_attempt(schedule_of(schedule), standing, now)
    good = run["last_good_at"] if run else None
    detail = run["last_good_detail"] if run else None
    return {
        "job": job.name,
        "about": job.about,
        "schedule": schedule,
        "state": run["outcome"] if run else NEVER_RUN,
        "started_at": run["started_at"] if run else None,
        "took_seconds": _took(run) if run else None,
        "last_good_at": good,
        "last_good": f"{age_text(now - good)} ago" if good else "never",
        "failures": run["failures"] if run else 0,
        "next_at": attempt.at if attempt else None,
        "next_run": _until(attempt.at if attempt else None, now),
        "error": (run["error"] or "") if run else "",
        "detail": json.loads(detail) if detail else None,
    }


def _took(run: Mapping[str, Any]) -> float | None:
    """How long it took; None while it runs, and of a killed one, whose end nobody saw."""
    if run["finished_at"] is None or run["outcome"] == JobOutcome.KILLED:
        return None
    seconds: float = (run["finished_at"] - run["started_at"]).total_seconds()
    return seconds


def _until(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    return "due" if at <= now else f"in {age_text(at - now)}"
