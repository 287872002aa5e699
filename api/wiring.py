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
from uuid import uuid4

import httpx

from collector.http import ATTEMPTS, Fetcher
from collector.provider import Feed, Provider, Scope, Source
from collector.providers.alibaba.client import (
    AlibabaConnection,
    AlibabaCredentials,
    credentials_from,
)
from collector.providers.aws.client import AwsConnection
from collector.replay import Recordings, ReplayServer, ReplayTransport
from collector.run import FeedReport, run_feed
from warehouse.runs import abandon_runs, last_success
from warehouse.store import Warehouse

TIMEOUT = httpx.Timeout(30.0, connect=5.0)
"""Seconds. A price list of 300 MB is streamed: the 30 s hold for each piece, not for all."""

REPLAYED_CREDENTIALS = AlibabaCredentials("replay", "replay")


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def new_nonce() -> str:
    """A word that no request before has carried."""
    return uuid4().hex


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
    with httpx.Client(timeout=TIMEOUT, headers=headers) as client:
        by_provider: dict[str, Any] = {"aws": AwsConnection()}
        if credentials := credentials_from(environ):
            by_provider["alibaba"] = AlibabaConnection(credentials, clock=utc_now, nonce=new_nonce)
        yield Connections(client, by_provider, is_replay=False)


@contextmanager
def replay_connections(folder: Path, known: Mapping[str, Provider]) -> Generator[Connections]:
    """To a loopback server that answers from a folder of recorded payloads."""
    recorded_as = [
        (provider.name, end, stem)
        for provider in known.values()
        for feed in provider.feeds
        for end, stem in feed.recorded_as
    ]
    with (
        ReplayServer(Recordings(folder, recorded_as)) as server,
        httpx.Client(timeout=TIMEOUT, transport=ReplayTransport(server.url)) as client,
    ):
        by_provider = {
            "aws": AwsConnection(endpoint=server.endpoint),
            "alibaba": AlibabaConnection(REPLAYED_CREDENTIALS, clock=utc_now, nonce=new_nonce),
        }
        yield Connections(client, by_provider, is_replay=True)


def collect(
    warehouse: Warehouse,
    connections: Connections,
    feeds: list[tuple[Provider, Feed]],
    *,
    regions: list[str] | None,
    instance_types: tuple[str, ...],
    attempts: int = ATTEMPTS,
) -> Iterator[FeedReport]:
    """Run each feed once in each region (or once, if its answer covers all), in order.

    Each request is tried ``attempts`` times.
    """
    abandon_runs(warehouse)
    for provider, feed in feeds:
        scopes = regions or list(provider.default_regions)
        for region in scopes if feed.scope is Scope.REGION else ["*"]:
            source = Source(
                region=region,
                now=utc_now(),
                http=Fetcher(connections.http, attempts=attempts),
                since=last_success(warehouse, feed.name, region),
                instance_types=instance_types,
                connections=connections.by_provider,
            )
            yield run_feed(warehouse, feed, source, utc_now)
