"""What a server holds while it runs."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import BoundedSemaphore

from api.service.clock import Clock
from api.service.firing import Firing, kept_firing
from api.service.guarding import GuardWatch
from api.service.kept import Kept
from api.service.listening import Listeners
from api.service.market_view import Markets
from api.service.price_lists import PriceLists
from api.service.skill import Forecasts
from api.service.tally import Tally
from api.settings import Settings
from collector.provider import Feed, Provider, providers
from collector.watchlist import Watchlist
from warehouse.store import SharedWarehouse, Warehouse

SOLVERS = 2
"""Solvers that work at a time: each takes a core for seconds, and other questions need one too."""


@dataclass(frozen=True)
class Service:
    """The warehouse, the market and the clock; every answer is made from these."""

    settings: Settings
    warehouse: SharedWarehouse
    clock: Clock
    watchlist: Watchlist
    markets: Markets
    forecasts: Forecasts
    firing: Kept[Firing]
    """How many alerts fire."""
    providers: Mapping[str, Provider] = field(default_factory=providers)
    solvers: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(SOLVERS))
    """Held by each question that a solver works on."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the server is asked to stop; event streams are ended by ``listeners``."""
    planned: Sequence[tuple[Feed, str]] = ()
    """The feeds that this process reads by the clock, each with what it is asked for."""
    does_jobs: bool = False
    """Whether this process does jobs by the clock."""
    dead: Callable[[], Sequence[str]] = tuple
    """Names the threads of this process that have ended and should not have."""
    tally: Tally = field(default_factory=Tally)
    price_lists: PriceLists = field(default_factory=PriceLists)
    listeners: Listeners = field(default_factory=Listeners)
    guard: GuardWatch | None = None
    """The guard of a cluster, where this process runs one."""

    def reading(self) -> AbstractContextManager[Warehouse]:
        """The warehouse for a question; it waits for no writer."""
        return self.warehouse.reading()

    def writing(self) -> AbstractContextManager[Warehouse]:
        """The warehouse for the one writer."""
        return self.warehouse.writing()


def service_of(
    warehouse: Warehouse, settings: Settings, clock: Clock, watchlist: Watchlist
) -> Service:
    """A service on an open warehouse, which its owner closes."""
    return service_on(SharedWarehouse(warehouse), settings, clock, watchlist)


def service_on(
    shared: SharedWarehouse, settings: Settings, clock: Clock, watchlist: Watchlist
) -> Service:
    """The same on a warehouse that is shared already."""
    markets, forecasts = Markets(shared, settings, clock), Forecasts(shared, clock)
    counted = kept_firing(shared, settings, clock)
    return Service(settings, shared, clock, watchlist, markets, forecasts, counted)
