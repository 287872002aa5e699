"""A region's price list: each machine type that is sold there, with its shape and prices.

For clients that know types and zones but no pools, ages or sources. Every type is in it of which a
price or a zone is known; what is unknown of it is null.
"""

from datetime import datetime

import polars as pl

from warehouse.prices import market_frame
from warehouse.records import REGIONAL
from warehouse.store import Warehouse

KEY = "instance_type"

LISTED = """
    with listed as (
        select instance_type, price_per_hour, currency
        from on_demand_price
        where provider = $provider and region = $region and effective_at <= $now
        qualify row_number() over (
            partition by instance_type order by effective_at desc, source
        ) = 1
    ),
    sold as (
        select instance_type, list_sort(list(distinct zone) filter (zone <> $regional)) as zones
        from available_type
        where provider = $provider and region = $region
        group by instance_type
    )
    select
        instance_type, zones,
        price_per_hour as on_demand_per_hour, currency as on_demand_currency
    from listed
    full join sold using (instance_type)
"""
SHAPES = """
    select instance_type, vcpu, memory_gib, architecture, gpu_count
    from current_instance_type
    where provider = $provider and list_contains($types, instance_type)
"""


def price_list(warehouse: Warehouse, now: datetime, provider: str, region: str) -> pl.DataFrame:
    """One row per type, by type; empty if nothing is known of the region.

    Columns: instance_type; vcpu, memory_gib, architecture, gpu_count; zones (where it is sold, of
    those that are known); on_demand_per_hour and on_demand_currency; spot, a list of structs of
    zone, price_per_hour, currency and known_at: the prices in force, as `market` has them.
    """
    given = {"provider": provider, "region": region, "now": now, "regional": REGIONAL}
    listed = warehouse.ask(LISTED, given)
    spot = (
        market_frame(warehouse, now, provider=provider, regions=[region])
        .group_by(KEY)
        .agg(pl.struct("zone", "price_per_hour", "currency", "known_at").alias("spot"))
    )
    every = listed.join(spot, on=KEY, how="full", coalesce=True)
    shapes = warehouse.ask(SHAPES, {"provider": provider, "types": every[KEY].to_list()})
    return every.join(shapes, on=KEY, how="left").sort(KEY)
