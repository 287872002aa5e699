"""What is known of each cloud: its regions and zones, how many types and pools, and how fresh."""

from datetime import datetime
from typing import Any

import polars as pl

from warehouse.records import InstanceType
from warehouse.store import Warehouse

POOLS = """
    with pool as (
        select
            provider, region, zone, instance_type,
            max(least(seen_at, $now)) filter (fact = 'spot_price') as price_seen_at,
            max(least(seen_at, $now)) filter (fact <> 'spot_price') as signal_seen_at
        from last_seen
        group by all
        union all
        select provider, region, zone, instance_type, null, null
        from available_type
    )
"""
"""Priced, hinted at or offered; a pool may be told of twice."""

COUNTED = """
        count(distinct instance_type) as instance_types,
        count(distinct (region, zone, instance_type)) as pools,
        count(distinct (region, zone, instance_type)) filter (price_seen_at is not null)
            as priced_pools,
        max(price_seen_at) as newest_price_at,
        max(signal_seen_at) as newest_signal_at
    from pool
"""

PROVIDERS = f"""
    {POOLS},
    counted as (
        select
            provider,
            list_sort(list(distinct region)) as regions,
            count(distinct (region, zone)) filter (zone <> '*') as zones,
            {COUNTED}
        group by provider
    ),
    shaped as (
        select provider, count(*) as shapes, least(max(observed_at), $now) as newest_shape_at
        from current_instance_type
        group by provider
    )
    select *
    from counted
    full join shaped using (provider)
    order by provider
"""  # noqa: S608 - texts of our own, no values

REGIONS = f"""
    {POOLS}
    select
        provider, region,
        coalesce(list_sort(list(distinct zone) filter (zone <> '*')), []) as zones,
        {COUNTED}
    where cast($provider as varchar) is null or provider = $provider
    group by provider, region
    order by provider, region
"""

SHAPES = """
    select
        provider, instance_type, vcpu, memory_gib, architecture, gpu_name, gpu_count,
        gpu_memory_gib, local_disk_gb, source, observed_at
    from current_instance_type
    where (cast($provider as varchar) is null or provider = $provider)
        and (cast($instance_type as varchar) is null or instance_type = $instance_type)
    order by provider, instance_type
"""

OFFERED = """
    select
        region, zone, min(observed_at) as told_at, list_sort(list(distinct source)) as told_by
    from available_type
    where provider = $provider and instance_type = $instance_type
    group by all
    order by all
"""


def known_providers(warehouse: Warehouse, now: datetime) -> pl.DataFrame:
    """One row per cloud that anything is known of.

    Columns: provider, regions (a list), zones, instance_types, pools, priced_pools,
    newest_price_at, newest_signal_at, shapes, newest_shape_at. Counts are null where nothing was
    told, times UTC.
    """
    return warehouse.ask(PROVIDERS, {"now": now})


def known_regions(
    warehouse: Warehouse, now: datetime, *, provider: str | None = None
) -> pl.DataFrame:
    """One row per region: provider, region, zones (a list) and the counts and times as above."""
    return warehouse.ask(REGIONS, {"now": now, "provider": provider})


def shapes(
    warehouse: Warehouse, *, provider: str | None = None, instance_type: str | None = None
) -> list[InstanceType]:
    """The machine shapes that are known, by provider and name."""
    given = {"provider": provider, "instance_type": instance_type}
    return [InstanceType(*row) for row in warehouse.rows(SHAPES, given)]


def offered_in(warehouse: Warehouse, provider: str, instance_type: str) -> list[dict[str, Any]]:
    """Where the cloud says that it offers a type: region, zone, told_at (at first), told_by."""
    given = {"provider": provider, "instance_type": instance_type}
    return warehouse.ask(OFFERED, given).to_dicts()
