"""Pools: what one can buy in one place, with everything that is known of it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from advisor import Policy
from advisor.risk.drivers import driver_text
from api.errors import NoAnswerError
from api.service.catalogue import InstanceTypeOut, links_of, shape_row
from api.service.on_demand import OnDemandOut, on_demand_row
from api.service.page import Page, encoded
from api.service.prices import (
    PriceOut,
    offerings_of,
    price_row,
    saving_share,
    shapeless_notes,
)
from api.service.signals import SignalOut, signal_row
from api.service.state import Service
from warehouse.catalogue import offered_in, shapes
from warehouse.forecasts import newest_forecasts
from warehouse.keyset import Places
from warehouse.on_demand import ListedQuestion, listed_prices
from warehouse.prices import market_frame
from warehouse.records import REGIONAL, Pool
from warehouse.signal_history import SignalQuestion, newest_signal_page
from warehouse.store import Warehouse

SIGNALS_MOST = 100_000
"""Signals that one page of pools may need: far more than definitions times pools of a page."""

PATTERNS_MOST = 20
"""Types up to which forecasts are asked for by name; each is tried on every stored forecast."""


class ForecastOut(BaseModel):
    """The newest forecast of a pool for one horizon. Whether it may be acted on: `/v1/risk`."""

    zone: str = Field(description="`*` is the forecast of the whole region.")
    horizon_seconds: float = Field(examples=[3600])
    probability: float = Field(description="That a machine is interrupted within the horizon.")
    probability_low: float
    probability_high: float
    grade: str = Field(examples=["established"], description="On how much evidence it rests.")
    made_from: str | None = Field(examples=["machine"])
    why: list[str] = Field(description="What drives it, strongest first.")
    issued_at: datetime
    evidence_until: datetime | None
    model_version: str
    is_stale: bool = Field(description="Whether its horizon has passed.")


class PoolOut(PriceOut):
    """A pool with its price in force, what is published of it, and what is forecast."""

    vcpu: float
    memory_gib: float
    gpu_name: str | None = Field(examples=["NVIDIA A10G"])
    gpu_count: int
    gpu_memory_gib: float | None = Field(description="Of each GPU.")
    signals: list[SignalOut] = Field(description="The newest of each definition.")
    forecasts: list[ForecastOut] = Field(description="The newest of each horizon.")


class PoolPage(Page[PoolOut]):
    """Pools with a price, in order."""

    total: int = Field(description="How many there are on all pages.")


class PoolDetail(BaseModel):
    """Everything that is known of one pool. Null is unknown."""

    provider: str = Field(examples=["aws"])
    region: str = Field(examples=["us-east-1"])
    zone: str = Field(examples=["use1-az4"])
    instance_type: str = Field(examples=["g5.xlarge"])
    price: PriceOut | None = Field(description="The spot price in force; null if none is known.")
    on_demand: OnDemandOut | None = Field(description="The list price in force in the region.")
    shape: InstanceTypeOut | None
    is_offered: bool | None = Field(
        description="Whether the cloud says that it sells the type here; null if it told nothing "
        "of the type."
    )
    signals: list[SignalOut]
    forecasts: list[ForecastOut]
    links: dict[str, str] = Field(description="Where its history is.")
    as_of: datetime
    is_stale: bool = Field(description="Whether the price is unknown, or too old to stand for now.")


def pool_page(service: Service, policy: Policy, *, first: int, limit: int) -> PoolPage:
    """The pools that a policy allows, from place ``first`` on."""
    view, age = service.markets.view(), service.settings.price_max_age
    found = list(offerings_of(view, policy))
    shown = found[first : first + limit]
    with service.reading() as warehouse:
        told = told_of(service, warehouse, [one.pool for one in shown], view.taken_at)
    rows = [
        {
            **price_row(one, view.taken_at, age),
            **{name: getattr(one.instance_type, name) for name in SHAPE},
            **told[one.pool],
        }
        for one in shown
    ]
    return PoolPage.model_validate(
        {
            "items": rows,
            "next_cursor": encoded([first + limit]) if first + limit < len(found) else None,
            "as_of": view.taken_at,
            "data_as_of": min((row["known_at"] for row in rows), default=None),
            "is_stale": any(row["is_stale"] for row in rows),
            "notes": shapeless_notes(view),
            "total": len(found),
        }
    )


SHAPE = ("vcpu", "memory_gib", "gpu_name", "gpu_count", "gpu_memory_gib")


def told_of(
    service: Service, warehouse: Warehouse, pools: Sequence[Pool], now: datetime
) -> Mapping[Pool, dict[str, list[dict[str, Any]]]]:
    """The newest signals and forecasts of each pool; what is told of its region is told of it."""
    if not pools:
        return {}
    places = Places(
        providers=sorted({one.provider for one in pools}),
        regions=sorted({one.region for one in pools}),
        types=sorted({one.instance_type for one in pools}),
    )
    question = SignalQuestion(places=places, limit=SIGNALS_MOST)
    signals = newest_signal_page(warehouse, now, question).to_dicts()
    types = places.types if len(places.types or ()) <= PATTERNS_MOST else None
    forecasts = newest_forecasts(warehouse, now, regions=places.regions, types=types).to_dicts()
    signals_of = _by_pool(signal_row(service, row, now) for row in signals)
    forecasts_of = _by_pool(forecast_row(row, now) for row in forecasts)
    return {
        pool: {
            "signals": _of(signals_of, pool, "definition"),
            "forecasts": _of(forecasts_of, pool, "horizon_seconds"),
        }
        for pool in pools
    }


def _by_pool(rows: Iterable[dict[str, Any]]) -> Mapping[Pool, list[dict[str, Any]]]:
    found: defaultdict[Pool, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        pool = Pool(row["provider"], row["region"], row["zone"], row["instance_type"])
        found[pool].append(row)
    return found


def _of(rows: Mapping[Pool, list[dict[str, Any]]], pool: Pool, kind: str) -> list[dict[str, Any]]:
    """What is told of the pool itself, and of its region where nothing of that kind is."""
    whole = Pool(pool.provider, pool.region, REGIONAL, pool.instance_type)
    own = {row[kind]: row for row in rows.get(pool, ())}
    return list({**{row[kind]: row for row in rows.get(whole, ())}, **own}.values())


def forecast_row(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A forecast of the warehouse as `ForecastOut` has it, with the pool it is of."""
    drivers = json.loads(row["drivers"])["drivers"]
    age = (now - row["issued_at"]).total_seconds()
    return {
        **row,
        "why": [driver_text(one) for one in drivers],
        "is_stale": age > row["horizon_seconds"],
    }


def pool_detail(service: Service, pool: Pool) -> PoolDetail:
    """One pool, whether or not it has a price.

    Raises:
        NoAnswerError: no source ever told of it.
    """
    now = service.clock()
    whole_type = {"provider": pool.provider, "instance_type": pool.instance_type}
    with service.reading() as warehouse:
        price = price_of(service, warehouse, pool, now)
        shape = shapes(warehouse, **whole_type)
        offered = offered_in(warehouse, **whole_type)
        listed = _listed(service, warehouse, pool, now)
        told = told_of(service, warehouse, [pool], now)[pool]
    is_offered = any(
        one["region"] == pool.region
        and (one["zone"] == pool.zone or REGIONAL in {one["zone"], pool.zone})
        for one in offered
    )
    if price is None and not is_offered and not any(told.values()):
        raise NoAnswerError(
            f"No source told of {pool.instance_type} in zone {pool.zone} of {pool.region} "
            f"({pool.provider}); /v1/pools lists the pools that have a price."
        )
    zone = {} if pool.zone == REGIONAL else {"zone": pool.zone}
    return PoolDetail.model_validate(
        {
            "provider": pool.provider,
            "region": pool.region,
            "zone": pool.zone,
            "instance_type": pool.instance_type,
            "price": price,
            "on_demand": listed,
            "shape": shape_row(shape[0]) if shape else None,
            "is_offered": is_offered if offered else None,
            **told,
            "links": links_of(**whole_type, region=pool.region, **zone),
            "as_of": now,
            "is_stale": price is None or price["is_stale"],
        }
    )


def price_of(
    service: Service, warehouse: Warehouse, pool: Pool, now: datetime
) -> dict[str, Any] | None:
    """The price in force, also where the machine's shape is unknown; None if there is none."""
    view = service.markets.view()
    for offering in view.known.universe.offerings:
        if offering.pool == pool:
            return price_row(offering, now, service.settings.price_max_age)
    rows = market_frame(warehouse, now, provider=pool.provider, regions=[pool.region]).filter(
        zone=pool.zone, instance_type=pool.instance_type
    )
    if rows.is_empty():
        return None
    row, rates = rows.row(0, named=True), service.settings.usd_per_unit
    usd = _in_usd(row["price_per_hour"], rates.get(row["currency"]))
    listed = _in_usd(row["on_demand_per_hour"], rates.get(row["on_demand_currency"]))
    age = now - row["known_at"]
    return {
        **row,
        "usd_per_hour": usd,
        "on_demand_usd_per_hour": listed,
        "saving_share": saving_share(usd, listed),
        "age_seconds": age.total_seconds(),
        "is_stale": age > service.settings.price_max_age,
    }


def _listed(
    service: Service, warehouse: Warehouse, pool: Pool, now: datetime
) -> dict[str, Any] | None:
    places = Places(providers=[pool.provider], regions=[pool.region], types=[pool.instance_type])
    found = listed_prices(warehouse, now, ListedQuestion(places=places, limit=1))
    return None if found.is_empty() else on_demand_row(service, found.row(0, named=True))


def _in_usd(price: float | None, rate: float | None) -> float | None:
    return None if price is None or rate is None else price * rate
