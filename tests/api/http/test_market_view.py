"""The view of the market that a server answers from."""

from datetime import timedelta

from api.service.market_view import LONGEST
from api.service.state import Service, service_of
from api.settings import settings_from
from collector.watchlist import Watchlist
from tests.support.cli import a_market
from tests.support.market import NOW, a_pool, a_price
from tests.support.served import add
from warehouse.store import Warehouse


def usd(service: Service) -> float | None:
    """What the newest view says that a g5.xlarge costs."""
    offerings = service.markets.view().known.universe.offerings
    return next(one.usd_per_hour for one in offerings if one.pool == a_pool())


def test_a_view_is_due_after_something_was_stored_and_then_shows_it() -> None:
    now = NOW
    with Warehouse.in_memory() as warehouse:
        add(warehouse, *a_market(NOW))
        service = service_of(warehouse, settings_from({}), lambda: now, Watchlist())
        assert (service.markets.is_due(), usd(service)) == (True, 0.4)
        with service.writing() as writer:
            add(writer, a_price(0.7, effective_at=NOW + timedelta(seconds=1)))
        now = NOW + timedelta(seconds=1)
        assert (service.markets.is_due(), usd(service)) == (True, 0.4)
        service.markets.refresh()
        assert (service.markets.is_due(), usd(service)) == (False, 0.7)


def test_a_view_is_due_after_a_while_though_nothing_was_stored_and_when_time_went_back() -> None:
    now = NOW
    with Warehouse.in_memory() as warehouse:
        add(warehouse, *a_market(NOW))
        service = service_of(warehouse, settings_from({}), lambda: now, Watchlist())
        first = service.markets.view()
        now = NOW + LONGEST - timedelta(seconds=1)
        assert (service.markets.is_due(), service.markets.refresh()) == (False, first)
        now = NOW + LONGEST
        assert service.markets.is_due()
        now = NOW - timedelta(seconds=1)
        assert service.markets.is_due()
        assert service.markets.refresh().taken_at == now
