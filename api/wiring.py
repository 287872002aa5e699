"""Where the parts are put together: clock, clients, credentials, warehouse.

Everything inside takes these as arguments; only this module and `api.settings` know where they
come from.
"""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import httpx

from api.settings import Settings
from collector.http import ATTEMPTS, Fetcher
from collector.provider import Feed, Network, Provider, Scope, Source, providers
from collector.quarantine import Quarantine
from collector.replay import Recordings, ReplayServer, ReplayTransport
from collector.run import FeedReport, progress, run_feed
from collector.watchlist import Watchlist
from warehouse.runs import abandon_runs, last_success
from warehouse.store import Warehouse

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
"""Seconds. A price list of 300 MB is streamed: the 30 s hold for each piece, not for all."""


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Connections:
    """The ways out of this process: one HTTP client and one connection per provider's own API."""

    http: httpx.Client
    by_provider: Mapping[str, Any]
    is_replay: bool


@contextmanager
def live_connections(environ: Mapping[str, str]) -> Generator[Connections]:
    """To the real sources, with the credentials found in ``environ``."""
    headers = {"user-agent": f"spotcast/{version('spotcast')}"}
    network = Network(environ, utc_now)
    with httpx.Client(timeout=TIMEOUT, headers=headers) as client:
        made = {one.name: one.connect(network) for one in providers().values()}
        yield Connections(client, made, is_replay=False)


@contextmanager
def replay_connections(folder: Path) -> Generator[Connections]:
    """To a loopback server that answers from a folder of recorded payloads."""
    known = providers().values()
    recorded_as = [
        (one.name, stem) for one in known for feed in one.feeds for stem in feed.recorded_as
    ]
    with (
        ReplayServer(Recordings(folder, recorded_as)) as server,
        httpx.Client(timeout=TIMEOUT, transport=ReplayTransport(server.url)) as client,
    ):
        made = {
            one.name: one.connect(Network(one.replay_environ, utc_now, server.endpoint))
            for one in known
        }
        yield Connections(client, made, is_replay=True)


def source_for(
    warehouse: Warehouse,
    connections: Connections,
    feed: Feed,
    scope: str,
    watchlist: Watchlist,
    *,
    now: datetime,
    attempts: int = ATTEMPTS,
) -> Source:
    """All that one run of the feed is given."""
    kept = progress(warehouse, feed.name, scope)
    return Source(
        region=scope,
        now=now,
        http=Fetcher(connections.http, attempts=attempts, pages=kept.pages),
        since=last_success(warehouse, feed.name, scope),
        instance_types=watchlist.instance_types,
        profiles=watchlist.profiles,
        connections=connections.by_provider,
        progress=kept,
    )


def scopes(provider: Provider, feed: Feed, watchlist: Watchlist) -> tuple[str, ...]:
    """What the feed is asked for, one run each."""
    return watchlist.regions_of(provider) if feed.scope is Scope.REGION else ("*",)


def lacking(provider: Provider, feed: Feed, settings: Settings) -> list[str]:
    """What a user must still set before the feed can be asked, in words."""
    account = provider.missing(settings.environ) if feed.needs_account else []
    return [*account, *feed.missing(settings.environ)]


def quarantine_of(warehouse: Warehouse) -> Quarantine | None:
    """The folder beside the database where doubtful payloads wait; None if it is in memory."""
    return Quarantine(warehouse.path.parent / "quarantine") if warehouse.path else None


def collect(
    warehouse: Warehouse,
    connections: Connections,
    feeds: list[tuple[Provider, Feed]],
    watchlist: Watchlist,
    *,
    attempts: int = ATTEMPTS,
    is_dry: bool = False,
) -> Iterator[FeedReport]:
    """Run each feed once in each region (or once, if its answer covers all), in order.

    Each request is tried ``attempts`` times. A dry run keeps nothing aside and acknowledges
    nothing; the caller gives it a database to throw away.
    """
    abandon_runs(warehouse)
    quarantine = None if is_dry else quarantine_of(warehouse)
    for provider, feed in feeds:
        for scope in scopes(provider, feed, watchlist):
            source = source_for(
                warehouse, connections, feed, scope, watchlist, now=utc_now(), attempts=attempts
            )
            yield run_feed(warehouse, feed, source, utc_now, quarantine, acknowledges=not is_dry)
