"""Run feeds: collect, check, store. All of a run is stored, or nothing of it.

A run that fails is recorded with its error and stops no other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import polars as pl

from collector.errors import ImplausibleError, NotOfferedError, SourceChangedError, SourceError
from collector.provider import Feed, Source
from collector.quality import REASON, check
from warehouse.frames import frames_of, required_columns
from warehouse.records import Record, RunOutcome
from warehouse.runs import RunResult, begin_run, finish_run
from warehouse.store import Warehouse
from warehouse.tables import ON_DEMAND_PRICE, SIGNAL, Table

REPEATED = (SIGNAL, ON_DEMAND_PRICE)
"""What a source says anew each time it is asked: only a change is a new fact."""


@dataclass(frozen=True, slots=True)
class FeedReport:
    """What came of one run, for the user."""

    feed: str
    scope: str
    result: RunResult


def run_feed(
    warehouse: Warehouse, feed: Feed, source: Source, clock: Callable[[], datetime]
) -> FeedReport:
    """Run one feed once. An error of the source is recorded and reported, not raised."""
    scope = source.region
    run_id = begin_run(warehouse, feed.name, scope, clock())
    try:
        records = list(feed.collect(source))
        result = _store(warehouse, feed, source, records, run_id=run_id, clock=clock)
    except NotOfferedError as error:
        result = RunResult(RunOutcome.SKIPPED, error=str(error))
        finish_run(warehouse, run_id, result, clock())
    except SourceError as error:
        result = RunResult(RunOutcome.FAILED, error=str(error), body_hash=source.http.body_hash)
        finish_run(warehouse, run_id, result, clock())
    return FeedReport(feed.name, scope, result)


def _store(
    warehouse: Warehouse,
    feed: Feed,
    source: Source,
    records: list[Record],
    *,
    run_id: UUID,
    clock: Callable[[], datetime],
) -> RunResult:
    """Check and append ``records`` and close the run, in one transaction."""
    if not records:
        raise SourceChangedError(feed.name, f"gave no rows at all for {source.region}")
    frames = plausible_frames(warehouse, feed.name, records, source.now)
    with warehouse.transaction():
        new = sum(
            warehouse.append(table, frame, only_changes=table in REPEATED)
            for table, frame in frames
        )
        result = RunResult(
            RunOutcome.OK,
            rows_read=len(records),
            rows_new=new,
            body_hash=source.http.body_hash,
        )
        finish_run(warehouse, run_id, result, clock())
    return result


def plausible_frames(
    warehouse: Warehouse, feed: str, records: Iterable[Record], now: datetime
) -> list[tuple[Table, pl.DataFrame]]:
    """The records as frames, one per table.

    Raises:
        ImplausibleError: a row cannot be true; names the row and what is wrong with it.
    """
    frames = frames_of(warehouse, records)
    for table, frame in frames:
        checked = check(frame, table.name, now, required_columns(warehouse, table))
        refused = checked.filter(pl.col(REASON).is_not_null())
        if not refused.is_empty():
            first = refused.row(0, named=True)
            place = "/".join(str(first[column]) for column in table.key)
            more = f" (and {refused.height - 1} more rows)" if refused.height > 1 else ""
            raise ImplausibleError(feed, f"{table.name} {place}: {first[REASON]}{more}")
    return frames
