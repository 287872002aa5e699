"""Jobs in threads, by the real scheduler, and what is told when something goes wrong."""

import threading
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path

import pytest

from api.job_work import Detail, Job, Work
from api.jobs_running import JobDesk, JobReport, run_job
from api.scheduler import background
from api.wiring import utc_now
from tests.support.jobs import settings_with
from tests.support.processes import wait_for
from warehouse.errors import WarehouseSpaceError
from warehouse.job_runs import JobOutcome, begin_job_run
from warehouse.store import SharedWarehouse, Warehouse


def done(_: Work) -> Detail:
    return {"rows": 1}


def faulty(_: Work) -> Detail:
    raise KeyError("Authorization: Bearer very-secret")


def a_work(warehouse: Warehouse, **schedules: str) -> Work:
    shared = SharedWarehouse(warehouse)
    return Work(shared.reading, shared.writing, settings_with(**schedules), utc_now, utc_now())


def test_threads_do_one_slow_job_at_a_time_and_stop_waits_for_it(warehouse: Warehouse) -> None:
    begun, may_end, at_once = threading.Event(), threading.Event(), list[str]()

    def slow(_: Work) -> Detail:
        begun.set()
        assert may_end.wait(10)
        at_once.append("slow")
        return {}

    def other(_: Work) -> Detail:
        at_once.append("other")
        return {}

    jobs = [
        Job("backup", "", slow),
        Job("compact", "", other),
        Job("verify", "", done, is_quick=True),
    ]
    reports = list[JobReport]()
    desk = JobDesk(a_work(warehouse), jobs, scheduler=background(6), told=reports.append)
    desk.start()
    assert begun.wait(10)
    wait_for(lambda: [one.job for one in reports] == ["verify"], "only the quick one is done")
    may_end.set()
    wait_for(lambda: len(reports) >= 3, "all are done")
    desk.stop()

    assert sorted(at_once) == ["other", "slow"]
    assert {(one.job, one.outcome) for one in reports} == {
        (name, JobOutcome.OK) for name in ("backup", "compact", "verify")
    }


def test_a_fault_leaves_a_row_without_secrets(
    warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    report = run_job(Job("backup", "", faulty), a_work(warehouse))

    [(outcome, error)] = warehouse.rows("select outcome, error from job_run")
    assert outcome == report.outcome == "failed"
    assert error == report.error
    assert error.startswith("KeyError: ")
    assert "very-secret" not in error
    assert "job_fault" in caplog.text


def test_a_row_that_could_not_be_ended_is_found_by_the_next_run(warehouse: Warehouse) -> None:
    work = a_work(warehouse)
    begin_job_run(warehouse, "backup", work.due_at, work.due_at - timedelta(minutes=1))

    run_job(Job("backup", "", done), work)

    outcomes = warehouse.rows("select outcome from job_run order by started_at")
    assert outcomes == [("killed",), ("ok",)]


def test_a_disk_that_takes_no_row_is_told_to_the_caller(warehouse: Warehouse) -> None:
    class Full(Warehouse):
        def execute(self, *_: object, **__: object) -> None:
            raise WarehouseSpaceError(Path("full.duckdb"), "No space left")

    full = Full(warehouse.connection, None)
    work = a_work(warehouse)
    refusing = Work(work.reading, lambda: nullcontext(full), work.settings, utc_now, work.due_at)

    with pytest.raises(WarehouseSpaceError):
        run_job(Job("backup", "", done), refusing)


def test_a_job_that_is_off_is_not_done(warehouse: Warehouse) -> None:
    desk = JobDesk(
        a_work(warehouse, backup="off"),
        [Job("backup", "", done), Job("compact", "", done)],
        scheduler=background(2),
    )

    assert [job.name for job in desk.jobs] == ["compact"]
