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
        rows_rejected = $rows_rejected, pools_read = $pools_read, error = $error,
        body_hash = $body_hash, retry_after_seconds = $retry_after_seconds
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
LAST_GOOD_POOLS = """
    select arg_max(pools_read, started_at)
    from feed_run
    where feed = $feed and scope = $scope and outcome = 'ok' and pools_read is not null
"""
LATEST_RUNS = """
    with latest as (
        from feed_run
        where (cast($feed as varchar) is null or feed = $feed)
            and (cast($scope as varchar) is null or scope = $scope)
        qualify row_number() over (partition by feed, scope order by started_at desc) = 1
    ),
    good as (
        select
            feed, scope, max(started_at) as last_good_at,
            arg_max(rows_read, started_at) filter (outcome = 'ok') as last_good_rows
        from feed_run
        where outcome in ('ok', 'unchanged')
        group by all
    )
    select
        feed, scope, started_at, finished_at, outcome, rows_read, rows_new, rows_rejected, error,
        retry_after_seconds, last_good_at, last_good_rows,
        (
            select count(*)
            from feed_run as run
            where run.feed = latest.feed and run.scope = latest.scope
                and run.outcome in ('failed', 'quarantined')
                and run.started_at > coalesce(last_good_at, '-infinity')
        ) as failures
    from latest
    left join good using (feed, scope)
    order by feed, scope
"""
RUNS_OF = """
    select
        run_id::varchar as run_id, feed, scope, started_at, finished_at, outcome, rows_read,
        rows_new, rows_rejected, error, retry_after_seconds
    from feed_run
    where feed = $feed
        and started_at <= $now
        and (cast($scope as varchar) is null or scope = $scope)
        and (cast($outcome as varchar) is null or outcome = $outcome)
        and (
            cast($before_at as timestamptz) is null
            or started_at < $before_at
            or (started_at = $before_at and run_id::varchar > $before_id)
        )
    order by started_at desc, run_id::varchar
    limit $limit
"""
PROGRESS = "select cursor, pages from feed_progress where feed = $feed and scope = $scope"
NOTE_PROGRESS = """
    merge into feed_progress
    using (select $feed as feed, $scope as scope) as news
    on feed_progress.feed = news.feed and feed_progress.scope = news.scope
    when matched then update set cursor = $cursor, pages = $pages, changed_at = $now
    when not matched then
        insert (feed, scope, cursor, pages, changed_at)
        values ($feed, $scope, $cursor, $pages, $now)
"""
SEEN_AGAIN = """
    update last_seen
    set seen_at = $seen_at
    where feed = $feed and seen_at < $seen_at and ($scope = '*' or region = $scope)
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
    pools_read: int | None = None
    retry_after_seconds: float | None = None


def begin_run(warehouse: Warehouse, feed: str, scope: str, now: datetime) -> UUID:
    """Record that a run has started; survives a kill as ``running``."""
    run_id = uuid4()
    warehouse.execute(BEGIN, {"run_id": run_id, "feed": feed, "scope": scope, "now": now})
    return run_id


def finish_run(warehouse: Warehouse, run_id: UUID, result: RunResult, now: datetime) -> None:
    """Record how a run ended. Inside the transaction of its rows, both are stored or neither."""
    warehouse.execute(
        FINISH,
        {
            "run_id": run_id,
            "now": now,
            "outcome": result.outcome.value,
            "rows_read": result.rows_read,
            "rows_new": result.rows_new,
            "rows_rejected": result.rows_rejected,
            "pools_read": result.pools_read,
            "error": result.error,
            "body_hash": result.body_hash,
            "retry_after_seconds": result.retry_after_seconds,
        },
    )


def abandon_runs(warehouse: Warehouse) -> None:
    """Mark runs whose process is gone. Call it once, by the one writer, when it starts."""
    warehouse.execute(ABANDON)


def last_success(warehouse: Warehouse, feed: str, scope: str) -> datetime | None:
    """When the newest successful run of the feed in the scope began; None if there is none."""
    found: datetime | None = warehouse.rows(LAST_SUCCESS, {"feed": feed, "scope": scope})[0][0]
    return found


def last_good_pools(warehouse: Warehouse, feed: str, scope: str) -> int | None:
    """Of how many pools the newest successful run spoke; None if there is none."""
    found: int | None = warehouse.rows(LAST_GOOD_POOLS, {"feed": feed, "scope": scope})[0][0]
    return found


def latest_runs(
    warehouse: Warehouse, *, feed: str | None = None, scope: str | None = None
) -> pl.DataFrame:
    """The newest run of each feed and scope, or of the one named, by name.

    Columns: those of ``feed_run`` that tell what came of it, last_good_at (start of the newest
    run that was ok or unchanged; null if there is none), last_good_rows (rows read by the newest
    that was ok) and failures (runs that failed or were quarantined since the last good one).
    """
    return warehouse.ask(LATEST_RUNS, {"feed": feed, "scope": scope})


def runs_of(
    warehouse: Warehouse,
    feed: str,
    now: datetime,
    *,
    scope: str | None = None,
    outcome: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int,
) -> pl.DataFrame:
    """The runs of one feed, the newest first; ``before`` is start and id of the last one known.

    Columns: run_id, feed, scope, started_at, finished_at (null while it runs; both UTC), outcome,
    rows_read, rows_new, rows_rejected, error and retry_after_seconds (null if there is none).
    """
    before_at, before_id = before or (None, None)
    given = {
        "feed": feed,
        "now": now,
        "scope": scope,
        "outcome": outcome,
        "before_at": before_at,
        "before_id": before_id,
        "limit": limit,
    }
    return warehouse.ask(RUNS_OF, given)


def progress_of(warehouse: Warehouse, feed: str, scope: str) -> tuple[str | None, str]:
    """The feed's cursor and its pages (JSON) as the last stored run left them."""
    rows = warehouse.rows(PROGRESS, {"feed": feed, "scope": scope})
    return rows[0] if rows else (None, "{}")


def note_progress(
    warehouse: Warehouse, feed: str, scope: str, *, cursor: str | None, pages: str, now: datetime
) -> None:
    """Keep where the feed goes on. Call it inside the transaction of the run's rows."""
    given = {"feed": feed, "scope": scope, "cursor": cursor, "pages": pages, "now": now}
    warehouse.execute(NOTE_PROGRESS, given)


def note_unchanged(warehouse: Warehouse, feed: str, scope: str, seen_at: datetime) -> None:
    """All that the feed said before, it has said again at ``seen_at``."""
    warehouse.execute(SEEN_AGAIN, {"feed": feed, "scope": scope, "seen_at": seen_at})
