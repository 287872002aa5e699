"""What the page of one instance type asks: its pools, prices, signals, losses and forecasts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from advisor import Demand, Policy
from api.rows.offerings import Sort
from api.service.offerings import RankedOut
from api.service.prices import HistoryIn, PriceStepOut, Step, fact_page, step_page
from api.service.rankings import ranking_page
from api.service.risk import (
    ForecastOut,
    PastForecastOut,
    Wanted,
    forecast_history_page,
    forecast_page,
)
from api.service.state import Service
from warehouse.interruptions import machine_interruption_page
from warehouse.keyset import Places
from warehouse.records import Offering, Pool
from warehouse.signal_history import SignalQuestion, newest_signal_page

MOST = 500
"""Pools, losses or signals of one type in one region that a page shows."""

MOST_STEPS = 8_000
"""Steps of a price chart: a month of six-hour steps in more zones than a region has."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One instance type in one region of a cloud."""

    provider: str
    instance_type: str
    region: str

    @property
    def places(self) -> Places:
        """As the warehouse is asked."""
        return Places(providers=[self.provider], regions=[self.region], types=[self.instance_type])


def offered(service: Service, provider: str, instance_type: str) -> list[Offering]:
    """Wherever it can be had."""
    return [
        one
        for one in service.markets.view().known.universe.offerings
        if one.pool.instance_type == instance_type and one.pool.provider == provider
    ]


def regions_of(offerings: Sequence[Offering]) -> dict[str, float | None]:
    """Regions that offer it, with the lowest price in each (USD per hour), the cheapest first."""
    prices: dict[str, list[float]] = {}
    for one in offerings:
        known = prices.setdefault(one.pool.region, [])
        known += [] if one.usd_per_hour is None else [one.usd_per_hour]
    lowest = {name: min(several, default=None) for name, several in prices.items()}
    return dict(sorted(lowest.items(), key=lambda one: (one[1] is None, one[1] or 0, one[0])))


def pools(service: Service, subject: Subject) -> list[RankedOut]:
    """Its pools, by expected cost."""
    policy = Policy(
        providers=(subject.provider,), regions=(subject.region,), types=(subject.instance_type,)
    )
    demand = Demand(gpu_manufacturer=None)
    return ranking_page(service, demand, policy, sort=Sort.COST, first=0, limit=MOST).items


def newest_price_at(service: Service, subject: Subject) -> datetime | None:
    """When the newest price fact of it came into force; None if there is none."""
    asked = HistoryIn(
        provider=subject.provider, instance_type=subject.instance_type, region=[subject.region]
    )
    found = fact_page(service, asked, limit=1, cursor=None, is_newest_first=True).items
    return found[0].effective_at if found else None


def price_steps(
    service: Service, subject: Subject, start: datetime, end: datetime, step: Step
) -> Sequence[PriceStepOut]:
    """What is known of its price in each step, by time."""
    asked = HistoryIn(
        provider=subject.provider,
        instance_type=subject.instance_type,
        region=[subject.region],
        start=start,
        end=end,
    )
    return step_page(
        service, asked, step, limit=MOST_STEPS, cursor=None, is_newest_first=False
    ).items


def signals(service: Service, subject: Subject) -> list[dict[str, Any]]:
    """The newest published signal of each definition in each of its pools."""
    question = SignalQuestion(places=subject.places, limit=MOST)
    with service.reading() as warehouse:
        return newest_signal_page(warehouse, service.clock(), question).to_dicts()


def losses(service: Service, subject: Subject, start: datetime) -> list[dict[str, Any]]:
    """Machines of it that were lost since, the newest first."""
    now = service.clock()
    between = (start, now + timedelta(microseconds=1))
    with service.reading() as warehouse:
        found = machine_interruption_page(
            warehouse, now, between, places=subject.places, limit=MOST
        )
    return found.to_dicts()


def forecasts(service: Service, subject: Subject) -> list[ForecastOut]:
    """The newest forecasts of its pools, for every window."""
    wanted = Wanted(
        provider=[subject.provider],
        region=[subject.region],
        instance_type=[subject.instance_type],
    )
    return forecast_page(service, wanted, first=0, limit=MOST).items


def past_forecasts(
    service: Service, pool: Pool, start: datetime, end: datetime, horizon_seconds: float
) -> list[PastForecastOut]:
    """The forecasts of one pool over time with what became of them, the oldest first."""
    found = forecast_history_page(
        service,
        pool,
        start=start,
        end=end,
        horizon_seconds=horizon_seconds,
        cursor=None,
        limit=MOST,
    )
    return list(reversed(found.items))
