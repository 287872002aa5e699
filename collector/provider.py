"""What a cloud must offer: a `Provider` with its `Feed` objects, found by being there.

A provider is a package under ``collector/providers`` whose ``__init__`` holds ``PROVIDER``; a
feed is a module in it that fetches (network) and parses (pure). Nothing lists them: a new cloud
is one new folder.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from collector.http import Fetcher, PageVersion
from collector.profiles import WorkloadProfile
from warehouse.records import Record, Semantics


class Scope(StrEnum):
    """How often a feed must be asked to cover the world."""

    REGION = "region"
    """Once per region."""
    GLOBAL = "global"
    """Once; the answer covers all regions."""


@dataclass(slots=True)
class Progress:
    """What a feed carries from one run to the next, and what must wait until a run is stored.

    ``cursor`` is the feed's own text (a resource version, the list version it read last): given
    as the last stored run left it, None on the first. What a run sets is stored with its rows, or
    lost with them. ``pages`` does the same for `Fetcher.page`.

    ``after_stored`` are called once the rows are durable: a queue's messages are deleted there
    and nowhere else, so that a kill at any moment loses none.
    """

    cursor: str | None = None
    pages: dict[str, PageVersion] = field(default_factory=dict)
    after_stored: list[Callable[[], None]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    """All that a run of a feed is given: nothing is read from the environment or a global.

    ``since`` is when the last successful run of the same feed and region began (None on the
    first); ``instance_types`` are the types watched, for feeds that must be asked one by one;
    ``profiles`` are the workloads whose placement scores are asked for; ``connections`` holds
    what each provider's ``connect`` made, by provider.
    """

    region: str
    now: datetime
    http: Fetcher
    since: datetime | None = None
    instance_types: tuple[str, ...] = ()
    profiles: tuple[WorkloadProfile, ...] = ()
    connections: Mapping[str, Any] = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)


@dataclass(frozen=True, slots=True)
class RecordedAs:
    """Under which file name a replay folder holds a plain URL's answer.

    ``end`` is how host and path end, ``stem`` the file's name without page and suffix. ``asking``
    is a text that the query or the body must hold, where one URL answers different questions.
    """

    end: str
    stem: str
    asking: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """An environment variable that a feed cannot do without, and what to put there."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Feed:
    """One thing that a cloud publishes.

    ``settings`` is what this feed needs beyond its provider's account (a queue, say).
    """

    name: str
    title: str
    meaning: str
    semantics: Semantics
    cadence: timedelta
    scope: Scope
    collect: Callable[[Source], Iterator[Record]]
    needs_account: bool
    permissions: tuple[str, ...] = ()
    recorded_as: tuple[RecordedAs, ...] = ()
    settings: tuple[Setting, ...] = ()
    is_snapshot: bool = False
    """Each run tells of everything there is: far fewer pools than last time is a fault."""
    may_be_quiet: bool = False
    """A run without rows is no fault: nothing was interrupted."""
    opt_in: str | None = None
    """Why it is off unless asked for by name; None if it is on."""

    def missing(self, environ: Mapping[str, str]) -> list[str]:
        """The settings that are not there, in words."""
        return [
            f"set {one.name}: {one.meaning}"
            for one in self.settings
            if not environ.get(one.name, "").strip()
        ]


@dataclass(frozen=True, slots=True)
class Network:
    """What a provider's own client is made from.

    ``endpoint`` maps a host to the URL that answers for it, for clients that are not built on
    the `Fetcher` (boto3, a Kubernetes client); None if each host answers for itself.
    """

    environ: Mapping[str, str]
    clock: Callable[[], datetime]
    endpoint: Callable[[str], str] | None = None
    attempts: int | None = None
    """Tries at one request; None for the client's own number."""
    timeout_seconds: float | None = None
    """How long one answer is waited for; None for the client's own time."""


def no_connection(_: Network) -> None:
    """For a provider whose feeds need nothing but the `Fetcher`."""
    return


@dataclass(frozen=True, slots=True)
class Provider:
    """One cloud, or one group of public sources.

    ``missing`` gives what a user must still set to use the feeds that need an account, in
    words; empty if all is there. It is handed the environment. ``connect`` makes what the feeds
    find under the provider's name in ``Source.connections``; it does not touch the network, and
    gives None if the account is not set up. ``pushed`` reads one event that arrived over HTTP, as
    JSON and without its envelope, at a time: no records for an event that says nothing to us,
    `SourceChangedError` for one of a form we do not know. ``replay_environ``
    are the stand-in credentials with which it connects to a replay folder.
    """

    name: str
    title: str
    feeds: tuple[Feed, ...]
    default_regions: tuple[str, ...]
    missing: Callable[[Mapping[str, str]], list[str]]
    connect: Callable[[Network], Any] = no_connection
    pushed: Callable[[Mapping[str, Any], datetime], Iterator[Record]] | None = None
    replay_environ: Mapping[str, str] = field(default_factory=dict)


def providers() -> dict[str, Provider]:
    """Every provider found under ``collector.providers``, by name."""
    package = importlib.import_module("collector.providers")
    found: dict[str, Provider] = {}
    for module in pkgutil.iter_modules(package.__path__):
        provider: Provider = importlib.import_module(f"collector.providers.{module.name}").PROVIDER
        found[provider.name] = provider
    return dict(sorted(found.items()))
