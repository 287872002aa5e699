"""What is costly to make of the database, kept until something was stored or it is too old."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from api.service.clock import Clock
from warehouse.store import SharedWarehouse, Warehouse

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Made(Generic[Value]):
    """A value, when it was made, and of how many writes it knows."""

    value: Value
    made_at: datetime
    writes: int


class Kept(Generic[Value]):
    """Keeps the newest one. ``make`` is called by one thread at a time.

    It is made anew when it is older than ``longest``, or if something was stored since and it is
    older than ``shortest``: so a busy database does not make it at each write.
    """

    def __init__(
        self,
        make: Callable[[Warehouse, datetime], Value],
        warehouse: SharedWarehouse,
        clock: Clock,
        *,
        shortest: timedelta,
        longest: timedelta,
    ) -> None:
        self._make = make
        self._warehouse = warehouse
        self._clock = clock
        self._shortest = shortest
        self._longest = longest
        self._turn = threading.Lock()
        self._made: Made[Value] | None = None

    @property
    def made(self) -> Made[Value] | None:
        """The newest one, however old; None before the first."""
        return self._made

    def get(self) -> Made[Value]:
        """The newest one. If it is due and nobody makes it, it is made now.

        Others that ask meanwhile get the one before; if there is none, they wait.

        Raises:
            WarehouseError: there is none yet, or it is due, and the database cannot be read.
        """
        made = self._made
        if made and not (self.is_due() and self._turn.acquire(blocking=False)):
            return made
        if made:
            try:
                return self._remade()
            finally:
                self._turn.release()
        with self._turn:
            return self._made or self._remade()

    def is_due(self) -> bool:
        """Whether `get` would make it."""
        made = self._made
        if made is None:
            return True
        age = self._clock() - made.made_at
        is_behind = made.writes != self._warehouse.writes
        return age >= self._longest or (is_behind and age >= self._shortest)

    def _remade(self) -> Made[Value]:
        # Counted first: what is stored while we read makes it due again.
        writes, now = self._warehouse.writes, self._clock()
        with self._warehouse.reading() as warehouse:
            self._made = Made(self._make(warehouse, now), now, writes)
        return self._made
