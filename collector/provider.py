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

from collector.http import Fetcher
from warehouse.records import Record, Semantics


class Scope(StrEnum):
    """How often a feed must be asked to cover the world."""

    REGION = "region"
    """Once per region."""
    GLOBAL = "global"
    """Once; the answer covers all regions."""


@dataclass(frozen=True, slots=True)
class Source:
    """All that a run of a feed is given: nothing is read from the environment or a global.

    ``since`` is when the last successful run of the same feed and region began (None on the
    first); ``instance_types`` are the types watched, for feeds that must be asked one by one;
    ``connections`` holds what the wiring made for providers with their own client, by provider.
    """

    region: str
    now: datetime
    http: Fetcher
    since: datetime | None = None
    instance_types: tuple[str, ...] = ()
    connections: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Feed:
    """One thing that a cloud publishes.

    ``recorded_as`` says under which file name a plain URL is found in a replay folder:
    (end of the URL's path, stem of the file).
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
    recorded_as: tuple[tuple[str, str], ...] = ()
    opt_in: str | None = None
    """Why it is off unless asked for by name; None if it is on."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One cloud, or one group of public sources.

    ``missing`` gives what a user must still set to use the feeds that need an account, in
    words; empty if all is there. It is handed the environment.
    """

    name: str
    title: str
    feeds: tuple[Feed, ...]
    default_regions: tuple[str, ...]
    missing: Callable[[Mapping[str, str]], list[str]]


def providers() -> dict[str, Provider]:
    """Every provider found under ``collector.providers``, by name."""
    package = importlib.import_module("collector.providers")
    found: dict[str, Provider] = {}
    for module in pkgutil.iter_modules(package.__path__):
        provider: Provider = importlib.import_module(f"collector.providers.{module.name}").PROVIDER
        found[provider.name] = provider
    return dict(sorted(found.items()))
