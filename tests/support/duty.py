"""What a page of alerts has to show: rules that were judged, jobs that ran, messages that wait."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from api.alerts.looking import Looker
from api.config.alerts import AlertsSection
from api.config.channels import FolderChannel
from api.config.jobs import OFF, JobsSection
from api.service.firing import kept_firing
from api.service.state import Service
from api.settings import Settings
from tests.support.alerting import MINUTE, OPS
from tests.support.market import NOW
from warehouse.job_runs import JobOutcome, begin_job_run, finish_job_run
from warehouse.outbox import Message, enqueue, give_up, note_failed
from warehouse.store import Warehouse

DAY = timedelta(days=1)
SECRET = "xoxb-1234"  # noqa: S105 - an error told it, and no page may
ERRORS = {
    OPS: "the disk is full",
    "pager": f"it answered 403: bad credentials in 'Bearer {SECRET}'",
    "old-desk": "the configuration has no channel 'old-desk'",
}


def on_duty(service: Service) -> Service:
    """The service with rules, silences, channels and jobs of `duty_settings`, all of them busy.

    Fires: the risk of a pool, a backup that failed and, silenced, a feed. Pending: a cloud without
    forecast. Resolved: a job an hour ago, another three days ago.
    """
    settings = duty_settings(service.settings)
    _looks(service, settings)
    with service.writing() as warehouse:
        _messages(warehouse)
    return replace(
        service,
        settings=settings,
        does_jobs=True,
        firing=kept_firing(service.warehouse, settings, service.clock),
    )


def duty_settings(base: Settings) -> Settings:
    """Rules that tell a folder; one feed is silenced, one rule and one job are off."""
    silence = {
        "starts_at": NOW - DAY,
        "ends_at": NOW + DAY,
        "rules": ["feed_failing"],
        "labels": {"feed": "public.*"},
    }
    rules = {
        "risk": {
            "instance_types": ["g5.*"],
            "probability": 0.1,
            "needs_skill": False,
            "for_minutes": 0,
        },
        "feed_failing": {"failures": 1},
        "forecast": {"for_minutes": 5_000},
        "skill": {"enabled": False},
    }
    given = {"channels": [OPS], "recover_minutes": 1, "silences": [silence], **rules}
    return replace(
        base,
        alerts=AlertsSection.model_validate(given),
        jobs=JobsSection(report_weekly=OFF),
        channels={OPS: FolderChannel(kind="folder", path=Path("alerts"))},
    )


def _run(warehouse: Warehouse, job: str, age: timedelta, error: str | None = None) -> None:
    """A run that began so long ago and took 40 s."""
    began = NOW - age
    run = begin_job_run(warehouse, job, began, began)
    outcome = JobOutcome.FAILED if error else JobOutcome.OK
    finish_job_run(warehouse, run, outcome, began + timedelta(seconds=40), error=error)


def _jobs(warehouse: Warehouse) -> None:
    for job in ("forecast", "deliver", "alerts"):
        _run(warehouse, job, 5 * MINUTE)
    _run(warehouse, "backup", DAY)
    _run(warehouse, "backup", 70 * MINUTE, "the folder /srv/backups is full")


def _looks(service: Service, settings: Settings) -> None:
    """Looks that see one job fail and get well three days ago, another one an hour ago."""
    looker = Looker()

    def look(age: timedelta) -> None:
        looker(service.reading, service.warehouse.noting, settings, lambda: NOW - age)

    shared = service.warehouse

    def fail_and_mend(job: str, age: timedelta) -> None:
        with shared.noting() as warehouse:
            _run(warehouse, job, age, "it was refused")
        look(age - MINUTE)
        with shared.noting() as warehouse:
            _run(warehouse, job, age - 2 * MINUTE)
        look(age - 3 * MINUTE)
        look(age - 4 * MINUTE)

    fail_and_mend("verify", 3 * DAY)
    with shared.noting() as warehouse:
        _jobs(warehouse)
    fail_and_mend("advise", 64 * MINUTE)
    look(10 * MINUTE)
    look(timedelta(0))


def _messages(warehouse: Warehouse) -> None:
    """One that waits and one that was given up, to each of three channels."""
    at = NOW - 2 * timedelta(hours=1)
    for channel, error in ERRORS.items():
        several = [
            Message(f"{channel}-{number}", channel, "desk@example.com", "alert", "S", at, "{}")
            for number in (1, 2)
        ]
        enqueue(warehouse, several)
        note_failed(warehouse, several[0].message_id, error, NOW + 5 * MINUTE)
        give_up(warehouse, several[1].message_id, error, NOW - 30 * MINUTE)
