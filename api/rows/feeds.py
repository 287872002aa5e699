"""What came of each feed, and when it is due: for ``spotcast feeds``, a server and its health."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from api.scheduler import last_run
from api.settings import Settings
from api.units import age_text
from api.wiring import lacking, scopes
from collector.cadence import next_run
from collector.provider import Feed, Provider
from collector.push import PUSH
from collector.watchlist import Watchlist

LATE_BY = 2
"""A feed is late once it has had no good run for this many cadences."""

NEVER_READ, LATE = "never read", "late"
"""States beside those of a run."""

Run = Mapping[str, Any]
"""A row of `warehouse.runs.latest_runs`."""


def feed_rows(
    known: Mapping[str, Provider],
    wanted: Watchlist,
    settings: Settings,
    runs: Iterable[Run],
    now: datetime,
) -> list[dict[str, Any]]:
    """One row per feed and scope that is planned or was read, by provider.

    Last come those that nobody asks: what is pushed to us.
    """
    by_feed: dict[str, dict[str, Run]] = {}
    for run in runs:
        by_feed.setdefault(run["feed"], {})[run["scope"]] = run
    rows = []
    for provider in known.values():
        for feed in provider.feeds:
            told = by_feed.pop(feed.name, {})
            is_on = wanted.wants(feed) and not lacking(provider, feed, settings)
            planned = scopes(provider, feed, wanted) if is_on else ()
            rows += [
                feed_row(feed.name, scope, told.get(scope), now, feed if scope in planned else None)
                for scope in dict.fromkeys([*planned, *told])
            ]
    pushed = [
        (name, scope, run)
        for name, told in by_feed.items()
        for scope, run in told.items()
        if name.endswith(PUSH)
    ]
    return rows + [feed_row(name, scope, run, now, None) for name, scope, run in pushed]


def feed_row(
    name: str, scope: str, run: Run | None, now: datetime, planned: Feed | None
) -> dict[str, Any]:
    """One line; nothing plans a feed that is off, not set up, not watched, or pushed."""
    due = next_run(planned.cadence, last_run(run) if run else None, now) if planned else None
    good = run["last_good_at"] if run else None
    age = (now - good).total_seconds() if good else None
    patience = LATE_BY * planned.cadence.total_seconds() if planned else None
    is_late = age is not None and patience is not None and age > patience
    state = run["outcome"] if run else NEVER_READ
    return {
        "feed": name,
        "scope": scope,
        "state": LATE if is_late and state in {"ok", "unchanged"} else state,
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
