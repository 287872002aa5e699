"""Feed runs: each attempt to read a source leaves a row, whatever came of it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import polars as pl

from warehouse.records import RunOutcome
from warehouse.store import Warehouse

BEGIN = """
    insert into feed_run (run_id, feed, scope, started_at, outcome)
    values ($run_id, $feed, $scope, $now, 'running')
"""
FINISH = """
    update feed_run
    set finished_at = $now, outcome = $outcome, rows_read = $rows_read, rows_new = $rows_new,
        rows_rejected = $rows_rejected, error = $error, body_hash = $body_hash
    where run_id = $run_id
"""
ABANDON = """
    update feed_run
    set outcome = 'killed', error = 'its process ended before the run did'
    where outcome = 'running'
"""
LAST_SUCCESS = """
    select max(started_at)
    from feed_run
    where feed = $feed and scope = $scope and outcome = 'ok'
"""
LATEST_RUNS = """
    select feed, scope, started_at, finished_at, outcome, rows_read, rows_new, rows_rejected, error
    from feed_run
    qualify row_number() over (partition by feed, scope order by started_at desc) = 1
    order by feed, scope
"""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of one run. Counts are None if the run ended before they were known."""

    outcome: RunOutcome
    rows_read: int | None = None
    rows_new: int | None = None
    rows_rejected: int = 0
    error: str | None = None
    body_hash: str | None = None


def begin_run(warehouse: Warehouse, feed: str, scope: str, now: datetime) -> UUID:
    """Record that a run has started; survives a kill as ``running``."""
    run_id = uuid4()
    warehouse.connection.execute(
        BEGIN, {"run_id": run_id, "feed": feed, "scope": scope, "now": now}
    )
    return run_id


def finish_run(warehouse: Warehouse, run_id: UUID, result: RunResult, now: datetime) -> None:
    """Record how a run ended. Inside the transaction of its rows, both are stored or neither."""
    warehouse.connection.execute(
        FINISH,
        {
            "run_id": run_id,
            "now": now,
            "outcome": result.outcome.value,
            "rows_read": result.rows_read,
            "rows_new": result.rows_new,
            "rows_rejected": result.rows_rejected,
            "error": result.error,
            "body_hash": result.body_hash,
        },
    )


def abandon_runs(warehouse: Warehouse) -> None:
    """Mark runs whose process is gone. Call it once, by the one writer, when it starts."""
    warehouse.connection.execute(ABANDON)


def last_success(warehouse: Warehouse, feed: str, scope: str) -> datetime | None:
    """When the newest successful run of the feed in the scope began; None if there is none."""
    found: datetime | None = warehouse.rows(LAST_SUCCESS, {"feed": feed, "scope": scope})[0][0]
    return found


def latest_runs(warehouse: Warehouse) -> pl.DataFrame:
    """The newest run of each feed and scope, by name."""
    return warehouse.ask(LATEST_RUNS)
