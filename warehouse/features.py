"""What the forecast may know of the past: probes and machines up to a moment, and the pools."""

from datetime import datetime, timedelta

import polars as pl

from warehouse.forecasts import CLOCK_SKEW, LONGEST_NOTICE
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

KNOWN = """
    with known as (
        select
            provider, region, zone, instance_type, node, launched_at, source,
            least(last_alive_at, $now) as last_alive_at,
            case when ended_at <= $now then ended_at end as ended_at,
            case when ended_at > $now then 'still_running' else ended_by end as ended_by,
            case when ended_at > $now then 'still_running' else end_reason end as end_reason
        from exposure
        where launched_at <= $now
            and (cast($provider as varchar) is null or provider = $provider)
    ),
    report as (
        select provider, node, kind, occurred_at
        from interruption
        where occurred_at <= $now
            and (cast($provider as varchar) is null or provider = $provider)
    )
"""
"""Machines and reports as they were known at a moment: what ended later was still running."""

LIVES = """
    newest as (
        select
            *, lead(launched_at) over (
                partition by provider, node, source order by launched_at
            ) as next_launched_at
        from (
            from known
            qualify row_number() over (
                partition by provider, node, launched_at, source
                order by last_alive_at desc, ended_at desc nulls last, ended_by
            ) = 1
        )
    ),
    reported as (
        select
            newest.provider, newest.node, newest.launched_at, newest.source,
            min(report.occurred_at) filter (report.kind = 'taken') as taken_at,
            bool_or(
                report.kind = 'announced'
                and report.occurred_at between newest.ended_at - $longest_notice
                    and newest.ended_at
            ) as is_announced
        from newest
        join report
            on report.provider = newest.provider
            and report.node = newest.node
            and report.occurred_at >= newest.launched_at
            and report.occurred_at < coalesce(
                least(newest.ended_at + $clock_skew, newest.next_launched_at), 'infinity'
            )
        group by all
    ),
    judged as (
        select
            newest.*, taken_at,
            case ended_by
                when 'interrupted' then coalesce(taken_at, ended_at) is not null
                when 'still_running' then taken_at is not null
                when 'user' then taken_at is not null or coalesce(is_announced, false)
                else false
            end as is_lost
        from newest
        left join reported using (provider, node, launched_at, source)
    ),
    life as (
        select
            provider, region, zone, instance_type, node, launched_at, source, is_lost,
            if(is_lost, coalesce(taken_at, last_alive_at), last_alive_at) as last_alive_at,
            if(is_lost, coalesce(taken_at, ended_at), ended_at) as gone_at,
            coalesce(gone_at, last_alive_at) as told_until,
            if(ended_by = 'policy', 'policy: ' || end_reason, end_reason) as end_reason
        from judged
    )
"""
"""Each machine by each source: which report counts as lost is as in `forecasts.MACHINES`."""

CHOSEN = """
    numbered as (
        select
            *, launched_at > coalesce(
                max(told_until) over (
                    partition by provider, node order by launched_at, source
                    rows between unbounded preceding and 1 preceding
                ),
                '-infinity'
            ) as is_new
        from life
    ),
    told as (
        select
            *, count(*) filter (is_new) over (
                partition by provider, node order by launched_at, source
            ) as life_number
        from numbered
    )
    select
        source, provider, region, zone, instance_type, node as instance,
        launched_at as start_utc,
        greatest(last_alive_at, launched_at) as last_alive_utc,
        gone_at as first_dead_utc,
        cast(is_lost as tinyint) as event,
        end_reason,
        epoch_us(greatest(last_alive_at, launched_at) - launched_at) / 1e6 as min_life_s,
        epoch_us(gone_at - launched_at) / 1e6 as max_life_s
    from told
    where told_until >= $since
    qualify row_number() over (
        partition by provider, node, life_number
        order by is_lost desc, gone_at is not null desc, last_alive_at desc, source
    ) = 1
    order by start_utc, provider, instance, source
"""
LIFETIMES = f"{KNOWN}, {LIVES}, {CHOSEN}"
"""One row per machine and life: of sources that tell of the same one, that which knows most."""

COUNTED = """
    select count(distinct (provider, node))
    from report
    anti join known using (provider, node)
    where occurred_at >= $since
"""

UNEXPOSED = KNOWN + COUNTED


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


def lifetimes_until(
    warehouse: Warehouse, now: datetime, *, provider: str | None = None
) -> pl.DataFrame:
    """The user's machines that ran in the `MEMORY` before ``now``, one row each, by start.

    Columns: source, provider, region, zone (both null if unknown), instance_type, instance,
    start_utc, last_alive_utc, first_dead_utc (null if it was still running at ``now``), event (1 if
    it was interrupted, else 0), end_reason (``policy: ..`` for a known rule such as GCP's limit of
    24 h), min_life_s, max_life_s (null if still running).

    A report that a machine was taken makes it lost then, whatever its end says; one that was
    announced and that the user then ended is lost as well. A machine that is lost, but nobody
    knows when, ends with its last sign of life and is no event.
    """
    return warehouse.ask(
        LIFETIMES,
        {
            "now": now,
            "since": now - MEMORY,
            "provider": provider,
            "longest_notice": LONGEST_NOTICE,
            "clock_skew": CLOCK_SKEW,
        },
    )


def interruptions_without_exposure(
    warehouse: Warehouse, now: datetime, *, provider: str | None = None
) -> int:
    """How many machines were reported interrupted in the `MEMORY` before ``now``, and no more.

    Nothing is known of the time at risk of such a machine or of those around it, so its loss is
    no part of a rate: a user who is told of a risk is told of these as well.
    """
    given = {"now": now, "since": now - MEMORY, "provider": provider}
    return int(warehouse.rows(UNEXPOSED, given)[0][0])
