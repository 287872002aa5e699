"""What is done by the clock: each job with its last run and its next."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from api.jobs import JOBS
from api.rows.feeds import feed_rows
from api.rows.jobs import collect_row, job_rows
from api.service.state import Service
from warehouse.job_runs import job_standings, latest_job_runs
from warehouse.runs import latest_runs


class JobOut(BaseModel):
    """One job. Null is unknown, or never."""

    job: str = Field(examples=["backup"])
    about: str
    schedule: str = Field(examples=["43 1 * * *", "off"], description="Cron, in UTC.")
    state: str = Field(description="Of the last run: ok, failed, killed, running; or never run.")
    started_at: datetime | None = Field(description="Of the last run.")
    took_seconds: float | None = Field(description="Null while it runs, or if it was killed.")
    last_good_at: datetime | None
    failures: int = Field(description="Since the last good run.")
    next_at: datetime | None = Field(description="In the past if it is due; null if it is off.")
    error: str = Field(description="Of the last run, in a sentence; empty if there is none.")
    detail: Mapping[str, Any] | None = Field(description="What the last good run did.")


def job_list(service: Service) -> list[JobOut]:
    """Every job, also those that are off; reading the feeds, as one line, is the first."""
    now = service.clock()
    with service.reading() as warehouse:
        runs = latest_job_runs(warehouse).to_dicts()
        standings = job_standings(warehouse)
        read = latest_runs(warehouse).to_dicts()
    feeds = feed_rows(service.providers, service.watchlist, service.settings, read, now)
    rows = [collect_row(feeds), *job_rows(JOBS, service.settings, runs, standings, now)]
    return [JobOut.model_validate(row) for row in rows]
