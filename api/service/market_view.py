"""The market as a server answers from it: read once for each change, not once for each request."""

import hashlib
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from api.answers import Known, Risks, known_in
from api.service.clock import Clock
from api.settings import Settings
from warehouse.newest import NewestFacts
from warehouse.store import SharedWarehouse

LONGEST = timedelta(minutes=5)
"""A view is made anew after this time even if nothing was stored, as risks and prices age. What is
stale is so after hours (prices) or after its horizon, of a quarter of an hour at least (forecasts).
"""


@dataclass(frozen=True)
class MarketView:
    """All offerings and what is known of their risk, at one moment; it never changes."""

    known: Known
    writes: int

    @property
    def taken_at(self) -> datetime:
        """The moment that ages and staleness are told for."""
        return self.known.now

    @cached_property
    def version(self) -> str:
        """Another view has another one; for entity tags."""
        text = f"{self.taken_at.isoformat()} {self.writes}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @cached_property
    def types_of_regions(self) -> frozenset[tuple[str, str, str]]:
        """The clouds, regions and instance types that are offered."""
        return frozenset(
            (one.pool.provider, one.pool.region, one.pool.instance_type)
            for one in self.known.universe.offerings
        )


class Markets:
    """Keeps the newest `MarketView`."""

    def __init__(self, warehouse: SharedWarehouse, settings: Settings, clock: Clock) -> None:
        self._warehouse = warehouse
        self._settings = settings
        self._clock = clock
        self._turn = threading.Lock()
        self._view: MarketView | None = None
        self.facts = NewestFacts()
        """What was read of the database; it is read once for all threads that ask what holds."""
        self._risks = Risks()

    @property
    def newest(self) -> MarketView | None:
        """The newest view that was made; None before the first."""
        return self._view

    def view(self) -> MarketView:
        """The newest view that was made; the first one is made now.

        Raises:
            WarehouseError: there is none yet, and the database cannot be read.
        """
        return self._view or self.refresh()

    def is_due(self) -> bool:
        """Whether something was stored since, time went back, or the view is older than `LONGEST`.

        Making one takes a second of one core, so whoever does it by the clock rests meanwhile.
        """
        view = self._view
        if view is None or view.writes != self._warehouse.writes:
            return True
        return not timedelta(0) <= self._clock() - view.taken_at < LONGEST

    def refresh(self) -> MarketView:
        """Make a view of what is stored now; those who ask meanwhile get the one before.

        Raises:
            WarehouseError: the database cannot be read; the view before stays.
        """
        with self._turn:
            if self._view and not self.is_due():
                return self._view
            # Counted first: what is stored while we read makes the view due again.
            writes = self._warehouse.writes
            now = self._clock()
            with self._warehouse.reading() as warehouse, self.facts.alone(warehouse, now):
                known = known_in(
                    warehouse,
                    self._settings,
                    now,
                    provider=None,
                    regions=None,
                    risks=self._risks,
                )
            self._view = MarketView(known, writes)
            return self._view
