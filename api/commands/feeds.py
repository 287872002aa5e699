"""``spotcast feeds`` and ``spotcast quarantine``: what came of the feeds, and what waits aside."""

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import polars as pl
import typer

from api.commands.collect import watchlist_of
from api.errors import EXIT_STALE, UsageError
from api.options import Output
from api.options import Warehouse as WarehouseOption
from api.options import Watchlist as WatchlistOption
from api.output import Column, Format, note, write
from api.rows.feeds import feed_rows
from api.settings import Settings
from api.wiring import quarantine_of, utc_now
from collector.provider import providers
from collector.quarantine import Held
from collector.run import append
from warehouse.records import RunOutcome
from warehouse.runs import RunResult, begin_run, finish_run, latest_runs
from warehouse.store import Warehouse
from warehouse.tables import Table

FEED_COLUMNS = (
    Column("feed", "FEED"),
    Column("scope", "REGION", lambda scope: "all" if scope == "*" else str(scope)),
    Column("state", "STATE"),
    Column("last_good", "LAST GOOD", is_right=True),
    Column("last_good_rows", "ROWS", "{:,}".format, is_right=True),
    Column("next_run", "NEXT RUN", is_right=True),
    Column("failures", "FAILURES", str, is_right=True),
    Column("error", "ERROR"),
)
HELD_COLUMNS = (
    Column("run_id", "RUN"),
    Column("feed", "FEED"),
    Column("scope", "REGION"),
    Column("held_at", "SINCE"),
    Column("pools", "POOLS", "{:,}".format, is_right=True),
    Column("pools_before", "BEFORE", "{:,}".format, is_right=True),
)


def feeds_command(
    context: typer.Context,
    watchlist: WatchlistOption = None,
    output: Output = Format.TABLE,
    warehouse: WarehouseOption = None,
) -> None:
    """Show each feed's last run, its age, its rows and when it is due.

    Ends with exit code 3 if a feed that was read before is late: no good run for twice its
    cadence.
    """
    settings: Settings = context.obj
    known = providers()
    wanted = watchlist_of(settings, watchlist, known)
    now = utc_now()
    with Warehouse.open(warehouse or settings.warehouse, read_only=True) as store:
        runs = latest_runs(store).to_dicts()
    rows = feed_rows(known, wanted, settings, runs, now)
    write(output, FEED_COLUMNS, rows, name="feeds", about={"as_of": now})
    if any(row["is_late"] for row in rows):
        note("A feed is late: is `spotcast watch` running?")
        raise typer.Exit(EXIT_STALE)


class Verdict(StrEnum):
    """What to do with a payload that waits aside."""

    LIST = "list"
    ACCEPT = "accept"
    DISCARD = "discard"


def quarantine_command(
    context: typer.Context,
    verdict: Annotated[Verdict, typer.Argument(help="list, accept or discard.")] = Verdict.LIST,
    run: Annotated[str | None, typer.Argument(help="The run whose payload is meant.")] = None,
    output: Output = Format.TABLE,
    warehouse: WarehouseOption = None,
) -> None:
    """Look at payloads that told of far less than the last good one; store or forget them.

    One that is accepted becomes what the next payload is measured by.
    """
    settings: Settings = context.obj
    path = warehouse or settings.warehouse
    with Warehouse.open(path, read_only=verdict is not Verdict.ACCEPT) as store:
        aside = quarantine_of(store)
        waiting = aside.held() if aside else []
        if aside is None or verdict is Verdict.LIST:
            write(output, HELD_COLUMNS, [asdict(one) for one in waiting], name="held", about={})
            return
        chosen = _chosen(waiting, run)
        if verdict is Verdict.ACCEPT:
            new = _accept(store, aside.frames(chosen), chosen)
            note(f"{chosen.feed} ({chosen.scope}): {new:,} new rows stored.")
        aside.discard(chosen)


def _chosen(waiting: list[Held], run: str | None) -> Held:
    found = [one for one in waiting if run and one.run_id.startswith(run)]
    if len(found) != 1:
        names = ", ".join(one.run_id for one in waiting) or "none"
        raise UsageError(f"name one run (its first characters do); waiting are: {names}")
    return found[0]


def _accept(warehouse: Warehouse, frames: Sequence[tuple[Table, pl.DataFrame]], held: Held) -> int:
    """Store the rows as a good run of its own."""
    run_id = begin_run(warehouse, held.feed, held.scope, utc_now())
    with warehouse.transaction():
        new = append(warehouse, frames)
        result = RunResult(
            RunOutcome.OK,
            rows_read=sum(frame.height for _, frame in frames),
            rows_new=new,
            pools_read=held.pools,
        )
        finish_run(warehouse, run_id, result, utc_now())
    return new
