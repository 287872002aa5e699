"""What a report of a span of time asks: the facts told in it, and the times without feeds."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from warehouse.store import Warehouse

QUIET = timedelta(days=2)
"""A pool that a source which repeats its prices has not told of for so long is gone: the slowest of
them are daily, and may miss one."""

REPEATS = 0.9
"""The share of a region's pools that a source must have told of lately to count as one that repeats
them: one that tells changes only is silent of all that rest."""

PRICES_TOLD = """
    select
        provider, region, zone, instance_type, source, currency, effective_at, price_per_hour
    from spot_price
    where effective_at > $start and effective_at <= $end
    order by provider, region, zone, instance_type, source, effective_at
"""

COME_AND_GONE = """
    with pool as (
        select
            provider, region, zone, instance_type, source,
            min(effective_at) as first_at, max(effective_at) as last_at,
            arg_max(price_per_hour, effective_at) as price_per_hour,
            arg_max(currency, effective_at) as currency
        from spot_price
        where effective_at <= $end
        group by all
    ),
    told as (
        select
            pool.*,
            greatest(last_at, least(seen_at, $end)) as told_at,
            min(first_at) over (partition by provider, region, pool.source) as source_first_at,
            min(first_at) over (
                partition by provider, region, zone, instance_type
            ) as pool_first_at
        from pool
        left join (select * exclude (feed), feed as source from last_seen where fact = 'spot_price')
            using (provider, region, zone, instance_type, source)
    ),
    last as (
        select
            *,
            max(told_at) over (partition by provider, region, source) as source_told_at,
            max(told_at) over (
                partition by provider, region, zone, instance_type
            ) as pool_told_at
        from told
    ),
    judged as (
        select
            *,
            pool_first_at > $start and source_first_at <= $start as is_new,
            pool_told_at + $quiet > $start
                and pool_told_at + $quiet <= source_told_at
                and avg(cast(told_at + $quiet > source_told_at as integer)) over (
                    partition by provider, region, source
                ) >= $repeats as is_gone
        from last
    )
    select
        provider, region, zone, instance_type, source, price_per_hour, currency, first_at, told_at,
        is_new, is_gone
    from judged
    where is_new <> is_gone
    qualify row_number() over (
        partition by provider, region, zone, instance_type order by told_at desc, source
    ) = 1
    order by provider, region, zone, instance_type
"""

TELLERS = """
    with told as (
        select 'spot price' as fact, source, effective_at as told_at from spot_price
        union all
        select 'on-demand price', source, effective_at from on_demand_price
        union all
        select 'published risk', source, observed_at from signal
        union all
        select 'interruption', source, occurred_at from interruption
        union all
        select 'time at risk', source, last_alive_at from exposure
        union all
        select 'availability', source, observed_at from availability_tick
        union all
        select 'forecast', model_version, issued_at from risk_forecast
        union all
        select 'hand-over', 'spotcast guard', changed_at from replacement
        union all
        select 'feed run', 'spotcast', started_at from feed_run
    ),
    repeated as (
        select
            if(fact = 'spot_price', 'spot price', 'published risk') as fact, feed as source,
            max(seen_at) as seen_at
        from last_seen
        where seen_at <= $end
        group by all
    )
    select
        fact, source,
        count(*) filter (told_at > $start) as told_in_period,
        greatest(max(told_at), any_value(seen_at)) as newest_at
    from told
    left join repeated using (fact, source)
    where told_at <= $end
    group by all
    order by fact, source
"""

FEED_RUNS = """
    select
        feed, scope,
        count(*) as runs,
        count(*) filter (outcome in ('ok', 'unchanged')) as good,
        count(*) filter (outcome in ('failed', 'quarantined', 'killed')) as bad,
        cast(sum(rows_new) as bigint) as rows_new,
        arg_max(error, started_at) filter (error is not null) as error
    from feed_run
    where started_at > $start and started_at <= $end
    group by all
    order by feed, scope
"""

STALE_SPANS = """
    with ran as (
        select feed, scope, min(started_at) as first_at
        from feed_run
        where started_at <= $end and list_contains($feeds, feed)
        group by all
    ),
    good as (
        select feed, scope, started_at
        from feed_run
        where started_at <= $end
            and outcome in ('ok', 'unchanged')
            and list_contains($feeds, feed)
        union all
        -- Before its first run nobody expected anything of it.
        select feed, scope, first_at from ran
    ),
    followed as (
        select
            feed, scope, started_at as last_good_at,
            started_at + to_microseconds(
                list_extract($late_us, list_position($feeds, feed))
            ) as late_at,
            coalesce(lead(started_at) over (
                partition by feed, scope order by started_at
            ), $end) as next_at,
            lead(started_at) over (partition by feed, scope order by started_at) is null as is_open
        from (select distinct * from good)
    )
    select
        feed, scope, last_good_at,
        greatest(late_at, $start) as stale_from, next_at as stale_until, is_open
    from followed
    where next_at > greatest(late_at, $start)
    order by feed, scope, stale_from
"""

AT_RISK = """
    select
        provider, region, zone, instance_type,
        array_to_string(list_sort(list(distinct source)), ', ') as source,
        least(max(last_alive_at), $end) as newest_at
    from exposure
    where launched_at < $end and last_alive_at > $start
    group by all
"""

ROUGH_PROBES = """
    select count(*)
    from availability_tick
    where observed_at > $start and observed_at <= $end and observed_at_is_approximate
"""


def prices_told(warehouse: Warehouse, start: datetime, end: datetime) -> pl.DataFrame:
    """Every spot price that came into force after ``start`` and up to ``end``, by pool and time.

    Columns: provider, region, zone, instance_type, source, currency, effective_at, price_per_hour.
    """
    return warehouse.ask(PRICES_TOLD, {"start": start, "end": end})


def come_and_gone(warehouse: Warehouse, start: datetime, end: datetime) -> pl.DataFrame:
    """The pools whose first price came in a span of time, and those that it was the last of.

    New is a pool that no source had a price of before, in a region that its source did speak of.
    Gone is one that was last told of `QUIET` before its source last spoke of the region, which
    can be said only of a source that repeats what holds: `REPEATS` of the region's pools.

    Columns: provider, region, zone, instance_type, source, price_per_hour, currency (the newest),
    first_at, told_at (when the source last told of it), is_new, is_gone.
    """
    given = {"start": start, "end": end, "quiet": QUIET, "repeats": REPEATS}
    return warehouse.ask(COME_AND_GONE, given)


def tellers(warehouse: Warehouse, start: datetime, end: datetime) -> pl.DataFrame:
    """Who told of what by ``end``, by fact and source; of forecasts the model is the source.

    Columns: fact, source, told_in_period (facts after ``start``), newest_at (UTC; when the source
    last told or repeated one).
    """
    return warehouse.ask(TELLERS, {"start": start, "end": end})


def feed_runs(warehouse: Warehouse, start: datetime, end: datetime) -> pl.DataFrame:
    """What came of each feed's runs in a span of time, by feed and scope.

    Columns: feed, scope, runs, good, bad (failed, quarantined or killed), rows_new, error (the
    newest; null if there was none).
    """
    return warehouse.ask(FEED_RUNS, {"start": start, "end": end})


def stale_spans(
    warehouse: Warehouse, start: datetime, end: datetime, late_after: Mapping[str, timedelta]
) -> pl.DataFrame:
    """The times in which a feed was late: no good run for longer than ``late_after`` says of it.

    One row per span, cut to the time asked for; a feed counts from its first run on. Columns:
    feed, scope, last_good_at (or the first run, if none was good), stale_from, stale_until,
    is_open (it was still late at ``end``).
    """
    microsecond = timedelta(microseconds=1)
    given = {
        "start": start,
        "end": end,
        "feeds": list(late_after),
        "late_us": [one // microsecond for one in late_after.values()],
    }
    return warehouse.ask(STALE_SPANS, given)


def told_at_risk(warehouse: Warehouse, start: datetime, end: datetime) -> pl.DataFrame:
    """Who told of machines that were up in a span of time, by pool.

    Columns: provider, region, zone, instance_type, source (several with commas between them),
    newest_at (when one of them was last seen alive, UTC).
    """
    return warehouse.ask(AT_RISK, {"start": start, "end": end})


def rough_probes(warehouse: Warehouse, start: datetime, end: datetime) -> int:
    """How many probes of a span of time are dated by the day only, so that they score nothing."""
    return int(warehouse.rows(ROUGH_PROBES, {"start": start, "end": end})[0][0])
