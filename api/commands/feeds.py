"""``spotcast feeds`` and ``spotcast quarantine``: what came of the feeds, and what waits aside."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import polars as pl
import typer

from api.commands.collect import is_ready, watchlist_of
from api.errors import EXIT_STALE, UsageError
from api.options import Output
from api.options import Warehouse as WarehouseOption
from api.options import Watchlist as WatchlistOption
from api.output import Column, Format, note, write
from api.scheduler import last_run
from api.settings import Settings
from api.units import age_text
from api.wiring import quarantine_of, scopes, utc_now
from collector.cadence import next_run
from collector.provider import Feed, providers
from collector.quarantine import Held
from collector.run import append
from warehouse.records import RunOutcome
from warehouse.runs import RunResult, begin_run, finish_run, latest_runs
from warehouse.store import Warehouse
from warehouse.tables import Table

LATE_BY = 2
"""A feed is late once it has had no good run for this many cadences."""

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
        runs = {(row["feed"], row["scope"]): row for row in latest_runs(store).to_dicts()}
    rows = []
    for provider in known.values():
        for feed in provider.feeds:
            told = [scope for name, scope in runs if name == feed.name]
            is_on = wanted.wants(feed) and is_ready(provider, feed, settings, tells=False)
            planned = scopes(provider, feed, wanted) if is_on else ()
            rows += [
                _feed_row(
                    feed, scope, runs.get((feed.name, scope)), now, is_planned=scope in planned
                )
                for scope in dict.fromkeys([*planned, *told])
            ]
    write(output, FEED_COLUMNS, rows, name="feeds", about={"as_of": now})
    if any(row["is_late"] for row in rows):
        note("A feed is late: is `spotcast watch` running?")
        raise typer.Exit(EXIT_STALE)


def _feed_row(
    feed: Feed, scope: str, run: dict[str, Any] | None, now: datetime, *, is_planned: bool
) -> dict[str, object]:
    """One line; nothing plans a feed that is off, not set up or not watched."""
    due = next_run(feed.cadence, last_run(run) if run else None, now) if is_planned else None
    good = run["last_good_at"] if run else None
    age = (now - good).total_seconds() if good else None
    is_late = due is not None and age is not None and age > LATE_BY * feed.cadence.total_seconds()
    state = run["outcome"] if run else "never read"
    return {
        "feed": feed.name,
        "scope": scope,
        "state": "late" if is_late and state in {"ok", "unchanged"} else state,
        "is_late": is_late,
        "last_run_at": run["started_at"] if run else None,
        "last_good_at": good,
        "last_good_age_seconds": age,
        "last_good": "never" if age is None else f"{age_text(timedelta(seconds=age))} ago",
        "last_good_rows": run["last_good_rows"] if run else None,
        "next_run_at": due,
        "next_run": _due_text(due, now),
        "failures": run["failures"] if run else 0,
        "error": (run["error"] or "") if run else "",
    }


def _due_text(due: datetime | None, now: datetime) -> str:
    if due is None:
        return "not planned"
    return f"in {age_text(due - now)}" if due > now else f"{age_text(now - due)} overdue"


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
