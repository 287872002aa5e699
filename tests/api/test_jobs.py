"""The table of jobs, and what each leaves."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.config.jobs import JobsSection, ReportsSection, RetentionSection, terms_of
from api.forecasting import retrained_model
from api.job_reports import NOTHING_YET, report_notice, reports_in
from api.job_work import Work
from api.jobs import JOBS, job_named
from api.jobs_running import run_job
from api.reports.market.asked import span_of
from api.reports.market.build import build
from api.reports.market.document import Period
from api.settings import settings_from
from tests.support.cli import Run, a_market, fill
from tests.support.market import a_price
from warehouse.frames import frames_of
from warehouse.job_runs import ENDED_FIRST, JobOutcome, job_standings
from warehouse.retention import Terms
from warehouse.store import SharedWarehouse, Warehouse

NOW = datetime(2026, 11, 24, 9, 20, tzinfo=UTC)
PAGE = Path(__file__).parents[2] / "docs" / "jobs.md"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A small market on disk."""
    made = tmp_path / "spotcast.duckdb"
    fill(made, *a_market(NOW - timedelta(hours=10)))
    return made


@pytest.fixture
def work(path: Path) -> Iterator[Work]:
    """What a job is given."""
    with Warehouse.open(path) as store:
        shared = SharedWarehouse(store)
        settings = settings_from({"SPOTCAST_WAREHOUSE": str(path)})
        yield Work(shared.reading, shared.writing, settings, lambda: NOW, NOW)


def done(name: str, work: Work) -> dict[str, Any]:
    job = job_named(name)
    assert job is not None
    report = run_job(job, work)
    assert report.error is None
    assert report.outcome is JobOutcome.OK
    assert report.detail is not None
    json.dumps(report.detail, default=str, allow_nan=False)
    return report.detail


def test_each_job_has_a_schedule_and_each_schedule_a_job() -> None:
    assert {job.name for job in JOBS} == set(JobsSection.model_fields)
    assert len({job.name for job in JOBS}) == len(JOBS)


def test_the_page_tells_of_each_job_with_its_default() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert "| `collect` |" in page
    for job in JOBS:
        assert f"| `{job.name}` | `{getattr(JobsSection(), job.name)}` |" in page


def test_jobs_by_the_minute_make_no_view_due_and_a_forecast_does(path: Path) -> None:
    with Warehouse.open(path) as store:
        shared = SharedWarehouse(store)
        settings = settings_from({"SPOTCAST_WAREHOUSE": str(path)})
        work = Work(
            shared.reading, shared.writing, settings, lambda: NOW, NOW, noting=shared.noting
        )
        done("alerts", work)
        done("deliver", work)
        before = shared.writes
        done("forecast", work)

    assert (before, shared.writes) == (0, 1)


def test_the_terms_that_are_set_by_default_are_those_of_the_warehouse() -> None:
    assert terms_of(RetentionSection()) == Terms()


@pytest.mark.parametrize("name", [job.name for job in JOBS if job.name != "retrain"])
def test_each_job_is_done_again_without_harm(name: str, work: Work) -> None:
    first, second = done(name, work), done(name, replace(work, clock=lambda: NOW + timedelta(1)))

    assert first.keys() == second.keys()


def test_a_process_that_ends_leaves_the_rest_of_old_prices_to_the_next(work: Work) -> None:
    retain = job_named("retain")
    assert retain is not None
    prices = [a_price(1 + day / 100, effective_at=NOW - timedelta(day)) for day in range(120)]
    with work.writing() as warehouse:
        for table, frame in frames_of(warehouse, prices):
            warehouse.append(table, frame)

    stopped = run_job(retain, replace(work, is_stopping=lambda: True))
    rest = done("retain", work)

    assert (stopped.outcome, stopped.error) == (JobOutcome.KILLED, ENDED_FIRST)
    with work.reading() as warehouse:
        standing = job_standings(warehouse, "retain")["retain"]
        oldest = warehouse.rows("select min(effective_at) from spot_price")[0][0]
    assert rest["rows_removed"]["spot_price"] > 0
    assert oldest > NOW - timedelta(100)
    assert (standing.is_done, standing.kills) == (True, 1)


def test_a_forecast_is_stored_and_one_of_a_band_alone_only_once_a_day(work: Work) -> None:
    later = replace(work, clock=lambda: NOW + timedelta(hours=1))
    next_day = replace(work, clock=lambda: NOW + timedelta(hours=24))

    told = [done("forecast", one) for one in (work, later, next_day)]

    assert [one["pools"] for one in told] == [4, 4, 4]
    assert told[0]["new"] == told[0]["forecasts"] > 0
    # Two of the types have a GPU and a band; those are stored each time.
    assert told[1]["new"] == told[1]["forecasts"]
    with work.writing() as warehouse:
        warehouse.execute("delete from instance_type")
    again = done("forecast", replace(work, clock=lambda: NOW + timedelta(hours=25)))
    assert again["new"] == 0
    assert again["forecasts"] == told[0]["forecasts"]


def test_a_report_is_of_the_days_before_the_date_that_was_due(work: Work) -> None:
    late = replace(work, due_at=datetime(2026, 11, 23, 6, 40, tzinfo=UTC))
    with work.writing() as warehouse:
        for table, frame in frames_of(warehouse, [a_price(effective_at=NOW - timedelta(days=9))]):
            warehouse.append(table, frame)

    told = done("report_weekly", late)

    assert told["end"] == datetime(2026, 11, 23, tzinfo=UTC)
    folder = work.settings.warehouse.parent / "reports"
    names = [f"spotcast-weekly-2026-11-23.{ending}" for ending in ("html", "md", "json")]
    assert told["files"] == [str(folder / name) for name in names]
    tables = "spotcast-weekly-2026-11-23"
    assert {one.name for one in folder.iterdir()} == {*names, tables}
    assert list((folder / tables).glob("*.csv"))


def test_only_the_forms_that_are_set_are_written(work: Work, tmp_path: Path) -> None:
    section = ReportsSection(folder=tmp_path / "out", forms=("md",))

    done("report_daily", replace(work, settings=replace(work.settings, reports=section)))

    assert [one.name for one in (tmp_path / "out").iterdir()] == ["spotcast-daily-2026-11-24.md"]


def test_a_server_that_has_just_begun_reports_on_no_days_before_it(tmp_path: Path) -> None:
    path = tmp_path / "new.duckdb"
    settings = settings_from({"SPOTCAST_WAREHOUSE": str(path)})
    with Warehouse.open(path) as store:
        shared = SharedWarehouse(store)
        work = Work(shared.reading, shared.writing, settings, lambda: NOW, NOW)
        told = done("report_daily", work)

    assert (told["files"], told["messages"], told["headlines"]) == ([], 0, [NOTHING_YET])
    assert not reports_in(settings).exists()


def test_the_notice_of_a_report_is_the_same_for_the_same_days(work: Work) -> None:
    with work.reading() as warehouse:
        document = build(warehouse, work.settings, span_of(Period.DAILY, NOW))

    told = report_notice(document)

    assert told.key == "spotcast-daily-2026-11-24"
    assert told == report_notice(document)
    assert [one.name for one in told.attachments] == [f"{told.key}.html", f"{told.key}.md"]
    assert told.text.splitlines() == list(document.headlines)


def test_a_model_is_not_adopted_without_evidence(work: Work) -> None:
    told = done("retrain", work)

    assert told["is_adopted"] is False
    assert "too little was observed" in told["reason"]
    assert not retrained_model(work.settings).exists()


def test_a_job_by_hand_leaves_a_row_and_is_listed(run: Run, path: Path) -> None:
    ended = run("jobs", "run", "backup", "-w", str(path))
    listed = json.loads(run("jobs", "-w", str(path), "-o", "json").out)["jobs"]
    failed = run("jobs", "run", "forecast", "-w", str(path.with_name("empty.duckdb")))

    assert ended.code == 0
    assert "sha256:" in ended.out
    by_name = {one["job"]: one for one in listed}
    assert set(by_name) == {"collect", *(job.name for job in JOBS)}
    assert by_name["backup"]["state"] == "ok"
    assert by_name["backup"]["next_run"].startswith("in ")
    assert by_name["verify"]["state"] == "never run"
    assert by_name["verify"]["next_run"] == "due"
    assert by_name["backup"]["took_seconds"] > 0
    assert by_name["verify"]["started_at"] is None
    assert by_name["collect"]["detail"].keys() == {"feeds", "late", "never_read"}
    assert failed.code == 1
    assert "collect or import first" in failed.err


def test_a_job_that_is_not_there_is_told_with_those_that_are(run: Run) -> None:
    ended = run("jobs", "run", "collect")

    assert ended.code == 2
    assert "spotcast collect" in ended.err
    assert "report_weekly" in ended.err
