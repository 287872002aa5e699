"""The service of a process that only asks: the database file is read, never held."""

from collections.abc import Callable
from pathlib import Path

from api.service.clock import Clock
from api.service.state import Service, service_on
from api.settings import Settings
from api.wiring import utc_now
from collector.watchlist import Watchlist
from warehouse.read_only import FileWarehouse


def local_service(
    settings: Settings,
    path: Path,
    watchlist: Watchlist,
    *,
    clock: Clock = utc_now,
) -> tuple[Service, Callable[[], None]]:
    """A service that answers from the file, and what brings it up to date before a question."""
    file = FileWarehouse(path)
    service = service_on(file, settings, clock, watchlist)

    def before() -> None:
        file.notice()
        service.markets.refresh()

    return service, before
