"""``spotcast collect`` and ``spotcast providers``: read the feeds, and what is set up for that."""

import shutil
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from api.errors import EXIT_FAILED, UsageError
from api.feed_options import FeedChoice
from api.options import Output, with_fields
from api.output import Column, Format, note, write
from api.settings import Settings
from api.wiring import collect, lacking, live_connections, replay_connections
from collector.provider import Feed, Provider, providers
from collector.run import FeedReport
from collector.watchlist import Watchlist, read_watchlist
from warehouse.records import RunOutcome
from warehouse.store import Warehouse

NEEDS_A_LOOK = {RunOutcome.FAILED, RunOutcome.QUARANTINED}
"""Outcomes after which the command does not end well."""

RUN_COLUMNS = (
    Column("feed", "FEED"),
    Column("scope", "REGION", lambda scope: "all" if scope == "*" else str(scope)),
    Column("outcome", "OUTCOME"),
    Column("rows_read", "READ", "{:,}".format, is_right=True),
    Column("rows_new", "NEW", "{:,}".format, is_right=True),
    Column("error", "ERROR", str),
)
PROVIDER_COLUMNS = (
    Column("feed", "FEED"),
    Column("title", "WHAT"),
    Column("state", "STATE"),
    Column("cadence_minutes", "EVERY MIN", "{:g}".format, is_right=True),
    Column("off_because", "OFF BECAUSE", is_wide=True),
    Column("meaning", "MEANING", is_wide=True),
)


@with_fields(FeedChoice)
def collect_command(
    asked: FeedChoice,
    context: typer.Context,
    *,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Read and check, but store nothing and acknowledge nothing."
        ),
    ] = False,
    output: Output = Format.TABLE,
) -> None:
    """Read feeds into the warehouse, once. One feed's failure stops no other."""
    settings: Settings = context.obj
    watchlist, chosen = chosen_by(asked, settings)
    with ExitStack() as stack:
        if asked.replay:
            connections = stack.enter_context(replay_connections(asked.replay))
        else:
            chosen = [one for one in chosen if is_ready(*one, settings, named=bool(asked.feed))]
            connections = stack.enter_context(live_connections(settings.environ))
        path = asked.warehouse or settings.warehouse
        store = stack.enter_context(_dry(path) if dry_run else Warehouse.open(path))
        reports = list(collect(store, connections, chosen, watchlist, is_dry=dry_run))
    write(output, RUN_COLUMNS, [_row(report) for report in reports], name="runs", about={})
    if not reports or any(one.result.outcome in NEEDS_A_LOOK for one in reports):
        raise typer.Exit(EXIT_FAILED)


def chosen_by(
    asked: FeedChoice, settings: Settings
) -> tuple[Watchlist, list[tuple[Provider, Feed]]]:
    """What is to be read, and the feeds that the options name.

    Raises:
        WatchlistError: the watchlist cannot be used.
        UsageError: a name is not known.
    """
    known = providers()
    found = watchlist_of(settings, asked.watchlist, known)
    if asked.region:
        found = replace(found, regions=dict.fromkeys(known, tuple(asked.region)))
    if asked.instance_type:
        found = replace(found, instance_types=tuple(asked.instance_type))
    return found, choose(known, found, asked.provider or [], asked.feed or [])


def watchlist_of(settings: Settings, path: Path | None, known: Mapping[str, Provider]) -> Watchlist:
    """The watchlist in force.

    Raises:
        WatchlistError: the file cannot be used.
    """
    file = path or settings.watchlist
    return read_watchlist(file, known) if file else Watchlist()


@contextmanager
def _dry(path: Path) -> Generator[Warehouse]:
    """A copy of the database that is thrown away, so that a dry run sees what a real one would."""
    with TemporaryDirectory(prefix="spotcast-dry-") as folder:
        copy = Path(folder) / "dry.duckdb"
        if path.exists():
            shutil.copyfile(path, copy)
        with Warehouse.open(copy) as warehouse:
            yield warehouse


def choose(
    known: Mapping[str, Provider],
    watchlist: Watchlist,
    provider_names: list[str],
    feed_names: list[str],
) -> list[tuple[Provider, Feed]]:
    """The feeds asked for; without a name all that the watchlist wants.

    Raises:
        UsageError: a name is not known; lists those that are.
    """
    feeds = {feed.name: (one, feed) for one in known.values() for feed in one.feeds}
    for wanted, have in ((provider_names, known), (feed_names, feeds)):
        if unknown := [name for name in wanted if name not in have]:
            raise UsageError(f"unknown {', '.join(unknown)}; known are {', '.join(have)}")
    if feed_names:
        return [feeds[name] for name in feed_names]
    return [
        (one, feed)
        for one, feed in feeds.values()
        if watchlist.wants(feed) and (not provider_names or _is_of(one, feed, provider_names))
    ]


def _is_of(provider: Provider, feed: Feed, names: list[str]) -> bool:
    """Whether a provider named has the feed; ``public`` has all that need no account."""
    return provider.name in names or ("public" in names and not feed.needs_account)


def is_ready(
    provider: Provider, feed: Feed, settings: Settings, *, named: bool = False, tells: bool = True
) -> bool:
    """Whether the feed can be asked; one that was named is tried whatever is missing."""
    missing = lacking(provider, feed, settings)
    if missing and not named and tells:
        note(f"{feed.name}: not set up ({'; '.join(missing)})")
    return named or not missing


def _row(report: FeedReport) -> dict[str, object]:
    result = report.result
    return {
        "feed": report.feed,
        "scope": report.scope,
        "outcome": result.outcome.value,
        "rows_read": result.rows_read,
        "rows_new": result.rows_new,
        "error": result.error or "",
    }


def providers_command(context: typer.Context, output: Output = Format.TABLE) -> None:
    """List every cloud and feed: what is set up, and what to set for the rest."""
    settings: Settings = context.obj
    rows: list[dict[str, object]] = []
    to_do = []
    for provider in providers().values():
        missing = provider.missing(settings.environ)
        if missing:
            to_do.append(f"{provider.title}: to set it up, {'; '.join(missing)}.")
        for feed in provider.feeds:
            lacks = lacking(provider, feed, settings)
            state = "off" if feed.opt_in else "ready"
            rows.append(
                {
                    "provider": provider.name,
                    "feed": feed.name,
                    "title": feed.title,
                    "state": "not set up" if lacks else state,
                    "needs_account": feed.needs_account,
                    "cadence_minutes": feed.cadence.total_seconds() / 60,
                    "semantics": feed.semantics.value,
                    "permissions": " ".join(feed.permissions),
                    "missing": "; ".join(lacks),
                    "off_because": feed.opt_in or "",
                    "meaning": feed.meaning,
                }
            )
    write(output, PROVIDER_COLUMNS, rows, name="feeds", about={})
    for text in to_do:
        note(text)
