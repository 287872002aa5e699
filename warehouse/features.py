"""What the forecast may know of the past: probes up to a moment, and the pools to forecast."""

from datetime import datetime, timedelta

import polars as pl

from warehouse.records import Pool
from warehouse.store import Warehouse

MEMORY = timedelta(days=45)
"""How far back probes are read: four half-lives of the slowest count that fades (a week), and the
length of the longest public series."""

TICKS = """
    select
        trace_id, source, probe_kind, provider, region, zone, instance_type, target_capacity,
        offset_seconds as offset_s, observed_at as ts_utc, available
    from availability_tick
    where observed_at between $since and $now
        and (cast($provider as varchar) is null or provider = $provider)
    order by trace_id, offset_seconds
"""

POOLS = """
    select distinct provider, region, zone, instance_type
    from (
        select provider, region, zone, instance_type from spot_price where effective_at <= $now
        union all
        select provider, region, zone, instance_type from available_type where observed_at <= $now
        union all
        select provider, region, zone, instance_type
        from availability_tick
        where observed_at <= $now and region is not null
    )
    where cast($provider as varchar) is null or provider = $provider
    order by all
"""


def ticks_until(
    warehouse: Warehouse, now: datetime, *, provider: str | None = None
) -> pl.DataFrame:
    """The probes of the `MEMORY` before ``now``, one row each, by series and time.

    Columns: trace_id, source, probe_kind, provider, region, zone, instance_type,
    target_capacity, offset_s (seconds since the series began), ts_utc, available.
    """
    return warehouse.ask(TICKS, {"since": now - MEMORY, "now": now, "provider": provider})


def pools_until(warehouse: Warehouse, now: datetime, *, provider: str | None = None) -> list[Pool]:
    """Every pool that was known by ``now``: priced, offered or probed; in order."""
    rows = warehouse.rows(POOLS, {"now": now, "provider": provider})
    return [Pool(*row) for row in rows]
