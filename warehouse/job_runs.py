"""Job runs: each attempt to do a job leaves a row, whatever came of it.

When a job is due is told from these rows alone, so a process that was killed forgets nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import polars as pl

from warehouse.store import Warehouse

ENDED_FIRST = "its process ended before the run did"
"""The error of a run that was killed, or gave up because its process was told to end."""

BEGIN = """
    insert into job_run (run_id, job, due_at, started_at, outcome)
    values ($run_id, $job, $due_at, $now, 'running')
"""
REFUSE = """
    insert into job_run (run_id, job, due_at, started_at, finished_at, outcome, error)
    values ($run_id, $job, $due_at, $now, $now, 'refused', $error)
"""
FINISH = """
    update job_run
    set finished_at = $now, outcome = $outcome, error = $error, detail = $detail
    where run_id = $run_id
"""
ABANDON = """
    update job_run
    set finished_at = $now, outcome = 'killed', error = $error
    where outcome = 'running' and (cast($job as varchar) is null or job = $job)
"""
STANDINGS = """
    with newest as (
        select
            job, max(due_at) as covered_until,
            max(due_at) filter (outcome <> 'refused') as due_at
        from job_run
        where cast($job as varchar) is null or job = $job
        group by job
    )
    select
        job, due_at, covered_until,
        count(*) filter (outcome = 'ok') > 0 as is_done,
        count(*) filter (outcome = 'failed') as failures,
        count(*) filter (outcome in ('killed', 'running')) as kills,
        max(coalesce(finished_at, started_at)) as ended_at
    from newest
    join job_run using (job, due_at)
    where outcome <> 'refused'
    group by job, due_at, covered_until
    order by job
"""
LATEST = """
    with good as (
        select
            job, max(started_at) as last_good_at,
            arg_max(detail, started_at) as last_good_detail
        from job_run
        where outcome = 'ok'
        group by job
    )
    select
        job, due_at, started_at, finished_at, outcome, error, last_good_at,
        last_good_detail,
        (
            select count(*)
            from job_run as run
            where run.job = job_run.job
                and run.outcome = 'failed'
                and run.started_at > coalesce(last_good_at, '-infinity')
        ) as failures
    from job_run
    left join good using (job)
    where outcome <> 'refused'
    qualify row_number() over (partition by job order by started_at desc, run_id) = 1
    order by job
"""


class JobOutcome(StrEnum):
    """How a run of a job ended."""

    RUNNING = "running"
    OK = "ok"
    FAILED = "failed"
    KILLED = "killed"
    """Its process ended first: found by the next one, or said by the run itself."""
    REFUSED = "refused"
    """It was due while the run before it was still under way."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of the newest date for which a job was begun."""

    due_at: datetime
    covered_until: datetime
    """The newest date that this run stands for: those that came while it was under way were
    refused."""
    is_done: bool
    failures: int
    """Runs for that date that failed."""
    kills: int
    """Runs for that date whose process ended first."""
    ended_at: datetime
    """When the last of them ended, or was found dead."""


def begin_job_run(warehouse: Warehouse, job: str, due_at: datetime, now: datetime) -> UUID:
    """Record that a run has begun; survives a kill as ``running``.

    The caller sees to it that no other run of the job is under way: what is left ``running`` by
    one whose end could not be stored is marked as killed.
    """
    run_id = uuid4()
    with warehouse.transaction():
        warehouse.execute(ABANDON, {"job": job, "now": now, "error": ENDED_FIRST})
        given = {"run_id": run_id, "job": job, "due_at": due_at, "now": now}
        warehouse.execute(BEGIN, given)
    return run_id


def refuse_job_run(
    warehouse: Warehouse, job: str, due_at: datetime, now: datetime, error: str
) -> None:
    """Record that a run was due and not begun; says why."""
    given = {"run_id": uuid4(), "job": job, "due_at": due_at, "now": now, "error": error}
    warehouse.execute(REFUSE, given)


def finish_job_run(
    warehouse: Warehouse,
    run_id: UUID,
    outcome: JobOutcome,
    now: datetime,
    *,
    error: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Record how a run ended; ``detail`` is what JSON has, and times."""
    text = None if detail is None else json.dumps(detail, default=str, allow_nan=False)
    given = {"outcome": outcome.value, "error": error, "detail": text}
    warehouse.execute(FINISH, {"run_id": run_id, "now": now, **given})


def abandon_job_runs(warehouse: Warehouse, now: datetime) -> None:
    """Mark runs whose process is gone. Call it once, by the one writer, when it starts."""
    warehouse.execute(ABANDON, {"job": None, "now": now, "error": ENDED_FIRST})


def job_standings(warehouse: Warehouse, job: str | None = None) -> dict[str, Standing]:
    """How each job stands, or the one named; a job that was never begun is not there."""
    rows = warehouse.rows(STANDINGS, {"job": job})
    return {name: Standing(*rest) for name, *rest in rows}


def latest_job_runs(warehouse: Warehouse) -> pl.DataFrame:
    """The newest run of each job that was not refused, by name.

    Columns: job, due_at, started_at, finished_at (null while it runs), outcome, error,
    last_good_at (start of the newest that was ok; null if there is none), last_good_detail (its
    detail, JSON text) and failures (runs that failed since).
    """
    return warehouse.ask(LATEST)
