"""The market at one moment: the price in force in each pool, with its shape and list price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import repeat
from typing import Any

import polars as pl

from warehouse.pace import paced
from warehouse.records import (
    CapacityType,
    InstanceType,
    Offering,
    Pool,
    Semantics,
)
from warehouse.store import Warehouse
from warehouse.tables import POOL

CARRIED = timedelta(days=400)
"""How long a change point stays in force unrepeated. GCP's list prices rest for up to a year."""

STANDS = timedelta(days=30)
"""How long a sample or mean still describes a pool whose region has newer prices; after that
its feed has stopped or the pool is gone. A regional price also yields to a zone's own price
that is at most this much older."""

MARKET = """
    with newest as (
        select provider, region, zone, instance_type, max(effective_at) as effective_at
        from spot_price
        where (cast($provider as varchar) is null or provider = $provider)
            and (cast($regions as varchar[]) is null or list_contains($regions, region))
            and effective_at <= $now
        group by all
    ),
    told as (
        select spot_price.*
        from spot_price
        join newest using (provider, region, zone, instance_type, effective_at)
    ),
    priced as (
        select
            told.*,
            greatest(told.effective_at, told.observed_at, last_seen.seen_at) as known_at
        from told
        left join last_seen
            on last_seen.feed = told.source
            and last_seen.provider = told.provider
            and last_seen.region = told.region
            and last_seen.zone = told.zone
            and last_seen.instance_type = told.instance_type
            and last_seen.fact = 'spot_price'
        qualify row_number() over (
            partition by told.provider, told.region, told.zone, told.instance_type
            order by known_at desc, told.source
        ) = 1
    ),
    in_force as (
        select *
        from priced
        qualify known_at >= max(known_at) over (partition by provider, region)
            - case semantics when 'change_point' then $carried else $stands end
    ),
    finest as (
        select *
        from in_force
        qualify zone <> '*' or not coalesce(
            max(known_at) filter (where zone <> '*')
                over (partition by provider, region, instance_type) >= known_at - $stands,
            false
        )
    ),
    listed as (
        select provider, region, instance_type, price_per_hour, currency
        from on_demand_price
        where effective_at <= $now
        qualify row_number() over (
            partition by provider, region, instance_type order by effective_at desc, source
        ) = 1
    )
    select
        finest.provider, finest.region, finest.zone, finest.instance_type,
        finest.price_per_hour, finest.currency, finest.semantics, finest.source,
        finest.effective_at, least(finest.known_at, $now) as known_at,
        listed.price_per_hour as on_demand_per_hour, listed.currency as on_demand_currency,
        shape.vcpu, shape.memory_gib, shape.architecture, shape.gpu_name, shape.gpu_count,
        shape.gpu_memory_gib, shape.local_disk_gb,
        shape.source as shape_source, shape.observed_at as shape_observed_at
    from finest
    left join listed using (provider, region, instance_type)
    left join current_instance_type as shape using (provider, instance_type)
    order by finest.provider, finest.region, finest.instance_type, finest.zone
"""
"""Of a long history only the newest rows of each pool are joined, ordered and numbered: the whole
of it is read for two columns more than the pool's, ten times as fast."""


PRICE_COLUMNS = (
    *("price_per_hour", "currency", "usd", "semantics", "source", "known_at", "listed"),
)
SHAPE_COLUMNS = (
    *("provider", "instance_type", "vcpu", "memory_gib", "architecture", "gpu_name", "gpu_count"),
    *("gpu_memory_gib", "local_disk_gb", "shape_source", "shape_observed_at"),
)
"""The columns of `MARKET` in the order of the fields of `Offering` and `InstanceType`."""


@dataclass(frozen=True, slots=True)
class Market:
    """The offerings at one moment, and the pools that have a price but no known shape."""

    offerings: list[Offering]
    shapeless: list[Pool]


def market(
    warehouse: Warehouse,
    now: datetime,
    *,
    usd_per_unit: Mapping[str, float],
    provider: str | None = None,
    regions: Sequence[str] | None = None,
) -> Market:
    """Each pool's spot price in force at ``now``, by pool; ``usd_per_unit`` converts currencies.

    A pool is left out if its price was last known more than `CARRIED` (a change point) or
    `STANDS` (other kinds) before the newest price of its region; how old the whole answer is
    against ``now`` is for the caller to judge and to say. Where zones have their own price, the
    regional one is left out.
    """
    frame = market_frame(warehouse, now, provider=provider, regions=regions)
    is_known = pl.col("vcpu").is_not_null()
    return Market(
        offerings=offerings_of(frame.filter(is_known), usd_per_unit),
        shapeless=list(map(Pool, *_lists(frame.filter(~is_known), POOL))),
    )


def offerings_of(frame: pl.DataFrame, usd_per_unit: Mapping[str, float]) -> list[Offering]:
    """Rows of `market_frame` of known shape as offerings; machines of one type share a shape."""
    each, listed = pl.col("price_per_hour"), pl.col("on_demand_per_hour")
    frame = frame.with_columns(
        usd=each * _rate("currency", usd_per_unit),
        listed=listed * _rate("on_demand_currency", usd_per_unit),
        semantics=pl.col("semantics").cast(pl.String),
    )
    shapes = _shapes(frame)
    kinds = {one.value: one for one in Semantics}
    return [
        Offering(pool, spot, price, currency, usd, kinds[kind], source, known, demand, shapes[key])
        for pool, spot, price, currency, usd, kind, source, known, demand, key in paced(
            zip(
                map(Pool, *_lists(frame, POOL)),
                repeat(CapacityType.SPOT),
                *_lists(frame, PRICE_COLUMNS),
                zip(*_lists(frame, ("provider", "instance_type")), strict=True),
            )
        )
    ]


def _rate(currency: str, usd_per_unit: Mapping[str, float]) -> pl.Expr:
    """USD for one unit of the currency in that column; null if it is not known."""
    worth = pl.Series(usd_per_unit.values(), dtype=pl.Float64)
    return pl.col(currency).replace_strict(list(usd_per_unit), worth, default=None)


def _shapes(frame: pl.DataFrame) -> dict[tuple[str, str], InstanceType]:
    every = frame.unique(["provider", "instance_type"])
    return {
        (one.provider, one.instance_type): one
        for one in map(InstanceType, *_lists(every, SHAPE_COLUMNS))
    }


def _lists(frame: pl.DataFrame, columns: Sequence[str]) -> list[list[Any]]:
    return [frame[name].to_list() for name in columns]


def market_frame(
    warehouse: Warehouse,
    now: datetime,
    *,
    provider: str | None = None,
    regions: Sequence[str] | None = None,
) -> pl.DataFrame:
    """The same as one frame, one row per pool; the shape's columns are null if it is unknown."""
    return warehouse.ask(
        MARKET,
        {
            "provider": provider,
            "regions": None if regions is None else list(regions),
            "now": now,
            "carried": CARRIED,
            "stands": STANDS,
        },
    )
