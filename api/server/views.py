"""The market's view, the forecasts and their skill are made anew in a thread of its own.

So no request waits for them, once there is a first.
"""

import logging
import threading
import time
from collections.abc import Callable

from api.service.state import Service
from api.service.steady import be_steady
from warehouse.errors import WarehouseError
from warehouse.pace import unhurried

LOG = logging.getLogger("spotcast.views")

UNHURRIED_SECONDS = 0.01
"""Rest after each piece of a view: seven times as long as the piece takes. At a rest of twice as
long, 110 requests a second piled up while a view was made (docs/performance.md)."""

LOOKED_EVERY_SECONDS = 1.0
"""Whether a view is due is two comparisons. Most writes wake us; this finds those of the guard
and of pushed events, and views that grew old."""

REST = 15.0
"""How many times as long as a view took of a core nothing is made: so that views take a sixteenth
of one core at most, however much is stored."""
SHORTEST_REST_SECONDS = 1.0


class ViewKeeper:
    """Makes views until it is told to stop; `wake` says that something was stored."""

    def __init__(self, service: Service, *, made: Callable[[float], None]) -> None:
        """``made`` is told of how many seconds each view of the market took."""
        self._service = service
        self._made = made
        self._woken = threading.Event()

    def wake(self) -> None:
        """Something was stored, or it is time to stop."""
        self._woken.set()

    def keep(self) -> None:
        """Make views while the server runs; a database that cannot be read is tried again."""
        is_steady = False
        while not self._service.stopping.is_set():
            self._woken.clear()
            began = time.thread_time()
            try:
                is_made = self._make()
            except WarehouseError as error:
                LOG.error("view_not_made", extra={"told": {"reason": str(error)}})  # noqa: TRY400 - a sentence for the user, not a fault of ours
                is_made = True
            took = time.thread_time() - began
            if not is_steady:
                be_steady()
                is_steady = True
            if is_made:
                self._service.stopping.wait(max(SHORTEST_REST_SECONDS, REST * took))
            else:
                self._woken.wait(LOOKED_EVERY_SECONDS)

    def _make(self) -> bool:
        """Make what is due; False if nothing was."""
        markets, forecasts = self._service.markets, self._service.forecasts
        is_made = False
        if markets.is_due():
            began = time.perf_counter()
            # For the first one everybody waits.
            with unhurried(UNHURRIED_SECONDS if markets.newest else 0.0):
                markets.refresh()
            self._made(time.perf_counter() - began)
            is_made = True
        for kept in (forecasts.newest, forecasts.skill):
            if kept.is_due() and not self._service.stopping.is_set():
                kept.get()
                is_made = True
        return is_made
