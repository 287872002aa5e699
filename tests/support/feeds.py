"""Every feed there is, pointed at a server of the test's: replayed payloads, or faults."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import httpx

from api.wiring import Connections
from collector.http import Fetcher
from collector.provider import Feed, Network, Progress, Provider, Scope, Source, providers
from collector.replay import Recordings, ReplayServer, ReplayTransport
from collector.watchlist import read_watchlist

FIXTURES = Path(__file__).parents[1] / "fixtures"
PAYLOADS = FIXTURES / "payloads"

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
"""After everything that the payloads tell of."""

KNOWN = providers()
WATCHLIST = read_watchlist(FIXTURES / "watchlist.yaml", KNOWN)
"""With it every feed has something to ask for."""

FAULT_TIMEOUT_SECONDS = 0.5
"""How long a feed waits for a server that a test has made silent."""


@dataclass(frozen=True, slots=True)
class Case:
    """One feed and the provider it is of."""

    provider: Provider
    feed: Feed

    @property
    def name(self) -> str:
        """The feed's name, for the test's."""
        return self.feed.name

    @property
    def scope(self) -> str:
        """What the feed is asked for: the first region that the watchlist has."""
        if self.feed.scope is Scope.GLOBAL:
            return "*"
        return WATCHLIST.regions_of(self.provider)[0]


CASES = [Case(provider, feed) for provider in KNOWN.values() for feed in provider.feeds]


def recorded_as() -> Recordings:
    """The payloads, found by what the feeds declare."""
    declared = [(case.provider.name, one) for case in CASES for one in case.feed.recorded_as]
    return Recordings(PAYLOADS, declared)


@contextmanager
def replay_server() -> Generator[ReplayServer]:
    """A server that answers every feed from the payloads."""
    with ReplayServer(recorded_as()) as server:
        yield server


@cache
def connection(provider: str, url: str, timeout_seconds: float | None = None) -> object:
    """The provider's own connection, at ``url``; nothing is tried twice.

    Made once, for boto3 takes a fifth of a second to read what EC2 can do.
    """
    return KNOWN[provider].connect(
        Network(
            environ=KNOWN[provider].replay_environ,
            clock=lambda: NOW,
            endpoint=lambda host: f"{url}/{host}",
            attempts=1,
            timeout_seconds=timeout_seconds,
        )
    )


@contextmanager
def source_for(
    case: Case, url: str, *, timeout_seconds: float | None = None, now: datetime = NOW
) -> Generator[Callable[..., Source]]:
    """Makes the source of one run after the other, all at the server at ``url``.

    It takes the progress that the last run left, if there was one.
    """
    timeout = httpx.Timeout(timeout_seconds or 10.0)
    transport = ReplayTransport(url)
    with httpx.Client(transport=transport, timeout=timeout) as client:
        made = {case.provider.name: connection(case.provider.name, url, timeout_seconds)}

        def source(progress: Progress | None = None) -> Source:
            kept = progress or Progress()
            return Source(
                region=case.scope,
                now=now,
                http=Fetcher(client, attempts=1, pages=kept.pages),
                instance_types=WATCHLIST.instance_types,
                profiles=WATCHLIST.profiles,
                connections=made,
                progress=kept,
            )

        yield source


@contextmanager
def connections() -> Generator[Connections]:
    """Every provider's own client, at a server that answers from the payloads."""
    with ExitStack() as stack:
        server = stack.enter_context(replay_server())
        client = stack.enter_context(httpx.Client(transport=ReplayTransport(server.url)))
        made = {name: connection(name, server.url) for name in KNOWN}
        yield Connections(client, made, is_replay=True)


def facts(rows: Callable[[str], list[tuple[object, ...]]]) -> dict[str, int]:
    """How many rows each table of facts has; tables without any are left out."""
    tables = rows("select table_name from duckdb_tables() where not internal order by 1")
    names = [str(name) for (name,) in tables if name not in {"feed_run", "schema_migration"}]
    counted = rows(" union all ".join(f"select '{name}', count(*) from {name}" for name in names))  # noqa: S608 - names of tables
    return {str(name): count for name, count in counted if isinstance(count, int) and count}


def each(cases: list[Case]) -> Iterator[str]:
    """Their names, for pytest's ids."""
    return (case.name for case in cases)
