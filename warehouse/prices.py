"""The market at one moment: the price in force in each pool, with its shape and list price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from warehouse.records import (
    CapacityType,
    InstanceType,
    Offering,
    Pool,
    Semantics,
)
from warehouse.store import Warehouse

CARRIED = timedelta(days=400)
"""How long a change point stays in force unrepeated. GCP's list prices rest for up to a year."""

STANDS = timedelta(days=30)
"""How long a sample or mean still describes a pool whose region has newer prices; after that
its feed has stopped or the pool is gone. A regional price also yields to a zone's own price
that is at most this much older."""

MARKET = """
    with priced as (
        select
            spot_price.*,
            greatest(spot_price.effective_at, spot_price.observed_at, last_seen.seen_at) as known_at
        from spot_price
        left join last_seen
            on last_seen.feed = spot_price.source
            and last_seen.provider = spot_price.provider
            and last_seen.region = spot_price.region
            and last_seen.zone = spot_price.zone
            and last_seen.instance_type = spot_price.instance_type
            and last_seen.fact = 'spot_price'
        where (cast($provider as varchar) is null or spot_price.provider = $provider)
            and (cast($regions as varchar[]) is null or list_contains($regions, spot_price.region))
            and spot_price.effective_at <= $now
        qualify row_number() over (
            partition by
                spot_price.provider, spot_price.region, spot_price.zone, spot_price.instance_type
            order by spot_price.effective_at desc, known_at desc, spot_price.source
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
    offerings, shapeless = [], []
    for row in frame.iter_rows(named=True):
        pool = Pool(row["provider"], row["region"], row["zone"], row["instance_type"])
        if row["vcpu"] is None:
            shapeless.append(pool)
            continue
        rate = usd_per_unit.get(row["currency"])
        listed, listed_rate = row["on_demand_per_hour"], usd_per_unit.get(row["on_demand_currency"])
        offerings.append(
            Offering(
                pool=pool,
                capacity_type=CapacityType.SPOT,
                price_per_hour=row["price_per_hour"],
                currency=row["currency"],
                usd_per_hour=None if rate is None else row["price_per_hour"] * rate,
                price_semantics=Semantics(row["semantics"]),
                price_source=row["source"],
                price_observed_at=row["known_at"],
                on_demand_usd_per_hour=(
                    None if listed is None or listed_rate is None else listed * listed_rate
                ),
                instance_type=InstanceType(
                    provider=row["provider"],
                    instance_type=row["instance_type"],
                    vcpu=row["vcpu"],
                    memory_gib=row["memory_gib"],
                    architecture=row["architecture"],
                    gpu_name=row["gpu_name"],
                    gpu_count=row["gpu_count"],
                    gpu_memory_gib=row["gpu_memory_gib"],
                    local_disk_gb=row["local_disk_gb"],
                    source=row["shape_source"],
                    observed_at=row["shape_observed_at"],
                ),
            )
        )
    return Market(offerings, shapeless)


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
