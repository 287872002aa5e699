"""Interruptions beside the time at risk: a count alone is no rate."""

from datetime import datetime
from enum import StrEnum

import polars as pl

from warehouse.features import LIFETIMES
from warehouse.forecasts import CLOCK_SKEW, LONGEST_NOTICE
from warehouse.keyset import EVERYWHERE, PLACES, Places
from warehouse.store import Warehouse


class RateBy(StrEnum):
    """What machines are counted by."""

    POOL = "pool"
    INSTANCE_TYPE = "instance_type"
    REGION = "region"
    PROVIDER = "provider"


COUNTED_BY = {
    RateBy.POOL: ("region", "zone", "instance_type"),
    RateBy.INSTANCE_TYPE: ("instance_type",),
    RateBy.REGION: ("region",),
    RateBy.PROVIDER: (),
}
"""Beside the cloud."""

RATES = f"""
    with life as (
        select
            provider, region, zone, instance_type, instance as node, 1 as machines,
            greatest(0, epoch_us(last_alive_utc - greatest(start_utc, $since))) / 3.6e9
                as node_hours,
            cast(event = 1 and first_dead_utc >= $since as integer) as interruptions,
            0 as without_exposure
        from ({LIFETIMES})
    ),
    unexposed as (
        select
            provider, region, zone, instance_type, node, null as machines, null as node_hours,
            null as interruptions, 1 as without_exposure
        from machine_interruption
        anti join (from exposure where launched_at <= $now) as exposed
            on exposed.provider = machine_interruption.provider
            and exposed.node = machine_interruption.node
        where first_told_at >= $since and first_told_at < $now
            and (cast($provider as varchar) is null or provider = $provider)
    ),
    counted as (
        select
            provider,
            if($by_region, region, null) as region,
            if($by_zone, zone, null) as zone,
            if($by_type, instance_type, null) as instance_type,
            sum(machines) as machines,
            sum(node_hours) as node_hours,
            sum(interruptions) as interruptions,
            sum(without_exposure) as interruptions_without_exposure
        from (from life union all by name from unexposed)
        where {PLACES}
        group by all
    )
    select
        provider, region, zone, instance_type,
        cast(coalesce(machines, 0) as bigint) as machines,
        node_hours,
        cast(interruptions as bigint) as interruptions,
        cast(interruptions_without_exposure as bigint) as interruptions_without_exposure
    from counted
    order by provider, region nulls last, zone nulls last, instance_type nulls last
"""  # noqa: S608 - texts of our own, no values


def interruption_counts(
    warehouse: Warehouse,
    between: tuple[datetime, datetime],
    by: RateBy,
    *,
    places: Places = EVERYWHERE,
) -> pl.DataFrame:
    """Interruptions and time at risk between two times, as known at the second, by cloud.

    Within a cloud they are counted ``by`` what is asked for.

    Columns: provider; region, zone and instance_type, null if not asked ``by`` or not known;
    machines, of which the time at risk is known; node_hours, that they were known to be up
    (null without a machine); interruptions, those of them that were lost (null likewise);
    interruptions_without_exposure, machines that were only reported lost.
    """
    columns = COUNTED_BY[by]
    given = {
        "since": between[0],
        "now": between[1],
        "provider": None,
        "longest_notice": LONGEST_NOTICE,
        "clock_skew": CLOCK_SKEW,
        "by_region": "region" in columns,
        "by_zone": "zone" in columns,
        "by_type": "instance_type" in columns,
    }
    return warehouse.ask(RATES, given | places.given())
