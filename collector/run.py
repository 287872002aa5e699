"""Run feeds: collect, check, store. All of a run is stored, or nothing of it.

A run that fails is recorded with its error and stops no other. Collecting does not touch the
warehouse, so that threads may collect at once; storing takes the warehouse for a moment.
"""

import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

import polars as pl

from collector.errors import (
    ImplausibleError,
    NotOfferedError,
    ShrunkError,
    SourceChangedError,
    SourceError,
    SourceUnavailableError,
    UnchangedError,
)
from collector.http import PageVersion
from collector.provider import Feed, Progress, Source
from collector.quality import REASON, check
from collector.quarantine import Quarantine, check_loss
from warehouse.frames import frames_of, required_columns
from warehouse.records import Record, RunOutcome
from warehouse.runs import (
    RunResult,
    begin_run,
    finish_run,
    last_good_pools,
    note_progress,
    note_unchanged,
    progress_of,
)
from warehouse.store import Warehouse
from warehouse.tables import ON_DEMAND_PRICE, POOL, SIGNAL, Table

REPEATED = (SIGNAL, ON_DEMAND_PRICE)
"""What a source says anew each time it is asked: only a change is a new fact."""

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FeedReport:
    """What came of one run, for the user."""

    feed: str
    scope: str
    result: RunResult


def progress(warehouse: Warehouse, feed: str, scope: str) -> Progress:
    """Where the feed goes on, as its last stored run left it."""
    cursor, pages = progress_of(warehouse, feed, scope)
    known = {url: PageVersion(**version) for url, version in json.loads(pages).items()}
    return Progress(cursor=cursor, pages=known)


def run_feed(
    warehouse: Warehouse,
    feed: Feed,
    source: Source,
    clock: Callable[[], datetime],
    quarantine: Quarantine | None = None,
    *,
    acknowledges: bool = True,
) -> FeedReport:
    """Run one feed once. An error of the source is recorded and reported, not raised.

    Without a ``quarantine`` the rows of a payload that shrank are not kept, only refused. A run
    that does not ``acknowledge`` leaves a queue's messages where they are.
    """
    run_id = begin_run(warehouse, feed.name, source.region, clock())
    told = gather(feed, source)
    report = keep(warehouse, feed, source, told, run_id=run_id, now=clock(), quarantine=quarantine)
    if acknowledges:
        acknowledge(report, source)
    return report


def gather(feed: Feed, source: Source) -> list[Record] | SourceError:
    """What the feed tells, or why it tells nothing. Does not touch the warehouse."""
    try:
        records = list(feed.collect(source))
    except SourceError as error:
        return error
    except Exception as error:
        # A fault of ours in one feed stops no other; the log has where it happened.
        LOG.exception("feed_broken feed=%s region=%s", feed.name, source.region)
        return SourceChangedError(feed.name, f"cannot be read: {type(error).__name__} inside")
    if not records and not feed.may_be_quiet:
        return SourceChangedError(feed.name, f"gave no rows at all for {source.region}")
    return records


def keep(
    warehouse: Warehouse,
    feed: Feed,
    source: Source,
    told: list[Record] | SourceError,
    *,
    run_id: UUID,
    now: datetime,
    quarantine: Quarantine | None = None,
) -> FeedReport:
    """Store what was gathered, and how the run ended, in one transaction."""
    try:
        if isinstance(told, SourceError):
            raise told
        result = _store(
            warehouse, feed, source, told, run_id=run_id, now=now, quarantine=quarantine
        )
    except SourceError as error:
        result = _end(warehouse, feed, source, error, run_id=run_id, now=now)
    return FeedReport(feed.name, source.region, result)


def acknowledge(report: FeedReport, source: Source) -> None:
    """Tell the source that its messages are stored; one it is not told of comes again."""
    if report.result.outcome is not RunOutcome.OK:
        return
    for tell in source.progress.after_stored:
        try:
            tell()
        except SourceError as error:
            LOG.warning("not_acknowledged feed=%s reason=%s", report.feed, error)


def _end(
    warehouse: Warehouse,
    feed: Feed,
    source: Source,
    error: SourceError,
    *,
    run_id: UUID,
    now: datetime,
) -> RunResult:
    """Close a run that stored nothing."""
    match error:
        case UnchangedError():
            with warehouse.transaction():
                note_unchanged(
                    warehouse, feed.name, source.region, error.published_at or source.now
                )
                result = RunResult(RunOutcome.UNCHANGED, rows_new=0)
                finish_run(warehouse, run_id, result, now)
            return result
        case NotOfferedError():
            result = RunResult(RunOutcome.SKIPPED, error=str(error))
        case ShrunkError():
            result = RunResult(RunOutcome.QUARANTINED, error=str(error))
        case SourceUnavailableError():
            result = RunResult(
                RunOutcome.FAILED,
                error=str(error),
                body_hash=source.http.body_hash,
                retry_after_seconds=error.retry_after_seconds,
            )
        case _:
            result = RunResult(RunOutcome.FAILED, error=str(error), body_hash=source.http.body_hash)
    finish_run(warehouse, run_id, result, now)
    return result


def _store(
    warehouse: Warehouse,
    feed: Feed,
    source: Source,
    records: list[Record],
    *,
    run_id: UUID,
    now: datetime,
    quarantine: Quarantine | None,
) -> RunResult:
    """Check and append ``records`` and close the run, in one transaction."""
    frames = plausible_frames(warehouse, feed.name, records, source.now)
    pools = sum(_pools(frame) for _, frame in frames)
    if feed.is_snapshot:
        before = last_good_pools(warehouse, feed.name, source.region)
        try:
            check_loss(feed.name, pools, before)
        except ShrunkError:
            if quarantine and before:
                quarantine.hold(
                    run_id,
                    feed.name,
                    source.region,
                    frames,
                    pools=pools,
                    before=before,
                    now=source.now,
                )
            raise
    with warehouse.transaction():
        result = RunResult(
            RunOutcome.OK,
            rows_read=len(records),
            rows_new=append(warehouse, frames),
            pools_read=pools,
            body_hash=source.http.body_hash,
        )
        _keep_progress(warehouse, feed, source)
        finish_run(warehouse, run_id, result, now)
    return result


def append(warehouse: Warehouse, frames: Iterable[tuple[Table, pl.DataFrame]]) -> int:
    """Add the rows of a feed; return how many are new. Call it inside a transaction."""
    return sum(
        warehouse.append(table, frame, only_changes=table in REPEATED) for table, frame in frames
    )


def _keep_progress(warehouse: Warehouse, feed: Feed, source: Source) -> None:
    kept = source.progress
    if kept.cursor is None and not kept.pages:
        return
    pages = {url: asdict(version) for url, version in kept.pages.items()}
    note_progress(
        warehouse,
        feed.name,
        source.region,
        cursor=kept.cursor,
        pages=json.dumps(pages),
        now=source.now,
    )


def _pools(frame: pl.DataFrame) -> int:
    """Of how many different pools, shapes or machines the rows speak."""
    about = [*POOL, "node"] if "node" in frame.columns else list(POOL)
    return frame.select([one for one in about if one in frame.columns]).n_unique()


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
