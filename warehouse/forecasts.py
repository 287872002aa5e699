"""Forecasts as they were issued, and what became of the machines they spoke of.

A forecast says how likely a machine that is up in its pool is interrupted within its horizon. It
is scored when the horizon has passed, on evidence of two sorts that are never pooled: machines
(`exposure` and `interruption`), and probes (`availability_tick`). An outcome is a fact about one
machine or one series of probes, so a forecast has as many outcomes as were watched in its pool.

Evidence of a region (zone ``*``) belongs to a forecast for the region, and to no zone in it.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

import polars as pl

from warehouse.records import Pool
from warehouse.store import Warehouse
from warehouse.tables import RISK_FORECAST

LONGEST_GAP = timedelta(minutes=30)
"""Time between two probes up to which the state between them counts as known. Beyond it a forecast
made from the probes is much worse as well (docs/verification.md)."""

CLOCK_SKEW = timedelta(minutes=10)
"""How late after its end, by another clock, the report that a machine was taken still is of it."""

LONGEST_NOTICE = timedelta(minutes=10)
"""An end by the user this soon after the cloud's announcement answers it. Notices are 30 s (GCP),
2 min (AWS) and 5 min (Alibaba Cloud); the rest is for draining that is slow to be seen."""

WITHOUT_GPU = """
    select distinct provider, region, zone, instance_type
    from risk_forecast
    anti join (
        select provider, instance_type from current_instance_type where gpu_count > 0
    ) as with_gpu using (provider, instance_type)
    where issued_at > $since
"""

STORED = """
    with stored as (
        select *, issued_at + to_microseconds(cast(1e6 * horizon_seconds as bigint)) as resolved_at
        from risk_forecast
        where (cast($since as timestamptz) is null or issued_at >= $since)
            and (cast($provider as varchar) is null or provider = $provider)
            and (cast($horizon_seconds as double) is null or horizon_seconds = $horizon_seconds)
            and (cast($model_version as varchar) is null or model_version = $model_version)
            and (
                cast($pool as varchar[]) is null
                or [provider, region, zone, instance_type] = $pool
            )
    ),
    passed as (
        from stored
        where resolved_at <= $now
    ),
    moment as (
        select distinct provider, region, zone, instance_type, issued_at
        from passed
    )
"""
"""The forecasts whose horizon has passed, and the pools and moments they were issued for."""

MACHINES = """
    newest as (
        select
            *, lead(launched_at) over (
                partition by provider, node, source order by launched_at
            ) as next_launched_at
        from (
            from exposure
            semi join moment using (provider, zone, instance_type)
            where region is not null or zone <> '*'
            qualify row_number() over (
                partition by provider, node, launched_at, source
                order by last_alive_at desc, ended_at desc nulls last, ended_by
            ) = 1
        )
    ),
    reported as (
        select
            newest.provider, newest.node, newest.launched_at, newest.source,
            min(interruption.occurred_at) filter (interruption.kind = 'taken') as taken_at,
            bool_or(
                interruption.kind = 'announced'
                and interruption.occurred_at between newest.ended_at - $longest_notice
                    and newest.ended_at
            ) as is_announced
        from newest
        join interruption
            on interruption.provider = newest.provider
            and interruption.node = newest.node
            and interruption.occurred_at >= newest.launched_at
            and interruption.occurred_at < coalesce(
                least(newest.ended_at + $clock_skew, newest.next_launched_at), 'infinity'
            )
        group by all
    ),
    judged as (
        select
            newest.*, taken_at,
            case ended_by
                when 'interrupted' then true
                when 'still_running' then taken_at is not null
                when 'user' then taken_at is not null or coalesce(is_announced, false)
                else false
            end as is_lost
        from newest
        left join reported using (provider, node, launched_at, source)
    ),
    machine as (
        select
            *,
            case when is_lost then coalesce(taken_at, last_alive_at) else last_alive_at end
                as alive_until,
            case when is_lost then coalesce(taken_at, ended_at) end as lost_at,
            coalesce(lost_at, ended_at) as gone_at
        from judged
    ),
    of_machines as (
        select
            moment.*,
            'machine' as evidence_kind,
            machine.node as subject,
            machine.alive_until,
            machine.lost_at
        from moment
        join machine
            on machine.provider = moment.provider
            and machine.zone = moment.zone
            and machine.instance_type = moment.instance_type
            and coalesce(machine.region, moment.region) = moment.region
            and machine.launched_at <= moment.issued_at
            and machine.alive_until >= moment.issued_at
            and (machine.gone_at is null or machine.gone_at > moment.issued_at)
        qualify row_number() over (
            partition by
                moment.provider, moment.region, moment.zone, moment.instance_type,
                moment.issued_at, machine.node
            order by machine.is_lost desc, machine.gone_at is not null desc,
                machine.last_alive_at desc, machine.source
        ) = 1
    )
"""
"""Each machine known to be up at a moment: alive until when at least, lost when at the latest."""

PROBES = """
    tick as (
        select
            struct_pack(provider, region, zone, instance_type, probe_kind, trace_id) as series,
            observed_at, bool_or(2 * available < target_capacity) as is_down
        from availability_tick
        semi join moment using (provider, zone, instance_type)
        where probe_kind in ('held_instance', 'launch_probe')
            and not observed_at_is_approximate
            and observed_at <= $now
            and observed_at >= (select min(issued_at) from moment) - $longest_gap
            and (region is not null or zone <> '*')
        group by all
    ),
    followed as (
        select
            *,
            lead(observed_at) over (partition by series order by observed_at) as next_at,
            next_at is null or next_at > observed_at + $longest_gap as is_last
        from tick
    ),
    probe as (
        select
            *,
            min(observed_at) filter (is_down) over ahead as lost_at,
            min(observed_at) filter (is_last) over ahead as known_until
        from followed
        window ahead as (
            partition by series
            order by observed_at rows between current row and unbounded following
        )
    ),
    watched as (
        select moment.*, series
        from moment
        join (select distinct series from tick)
            on series.provider = moment.provider
            and series.zone = moment.zone
            and series.instance_type = moment.instance_type
            and coalesce(series.region, moment.region) = moment.region
    ),
    of_probes as (
        select
            watched.*,
            watched.series.probe_kind as evidence_kind,
            watched.series.trace_id as subject,
            probe.next_at, probe.lost_at, probe.known_until
        from watched
        asof join probe
            on probe.series = watched.series
            and watched.issued_at >= probe.observed_at
        where not probe.is_down
            and probe.observed_at >= watched.issued_at - $longest_gap
    )
"""
"""Each series that was up at a moment: its next probe, its first loss, and its first gap."""

OUTCOMES = """
    outcome as (
        select
            passed.*, evidence_kind, subject, lost_at,
            case when lost_at <= resolved_at then 1 when alive_until >= resolved_at then 0 end
                as label
        from passed
        join of_machines using (provider, region, zone, instance_type, issued_at)
        union all
        select
            passed.*, evidence_kind, subject, lost_at,
            case
                when next_at is null or next_at > resolved_at or known_until < resolved_at then null
                when lost_at <= resolved_at then 1
                else 0
            end as label
        from passed
        join of_probes using (provider, region, zone, instance_type, issued_at)
    )
    select
        provider, region, zone, instance_type, issued_at, horizon_seconds, resolved_at,
        probability, probability_low, probability_high, model_version, grade, evidence_until,
        made_from, recalibration, signals, evidence_kind, subject, cast(label as double) as outcome,
        case label when 1 then lost_at end as event_at
    from outcome
    order by
        issued_at, horizon_seconds, provider, region, zone, instance_type, model_version,
        evidence_kind, subject
"""

RESOLVED = f"{STORED}, {MACHINES}, {PROBES}, {OUTCOMES}"

COUNTS = """
    select count(*), count(*) filter (resolved_at <= $now), min(resolved_at)
    from stored
"""


NEWEST = """
    with newest as (
        select provider, region, zone, instance_type, horizon_seconds, max(issued_at) as issued_at
        from risk_forecast
        where issued_at <= $now
            and (cast($provider as varchar) is null or provider = $provider)
            and (cast($regions as varchar[]) is null or list_contains($regions, region))
            and (cast($zones as varchar[]) is null or list_contains($zones, zone))
            and (
                cast($types as varchar[]) is null
                or list_bool_or(list_transform($types, lambda one: instance_type glob one))
            )
            and (cast($horizon_seconds as double) is null or horizon_seconds = $horizon_seconds)
        group by all
    )
    select risk_forecast.*
    from risk_forecast
    join newest using (provider, region, zone, instance_type, horizon_seconds, issued_at)
    qualify row_number() over (
        partition by provider, region, zone, instance_type, horizon_seconds order by model_version
    ) = 1
    order by provider, region, instance_type, zone, horizon_seconds
"""


ISSUED = """
    select count(*), max(issued_at)
    from risk_forecast
    where issued_at <= $now
"""


@dataclass(frozen=True, slots=True)
class ForecastCounts:
    """How many forecasts are stored, of how many the horizon has passed, and when the first did.

    ``first_resolved_at`` is when the first horizon ends or ended; None if nothing is stored.
    """

    stored: int
    passed: int
    first_resolved_at: datetime | None


def append_forecasts(warehouse: Warehouse, frame: pl.DataFrame) -> int:
    """Store forecasts as they are issued; return how many were not there yet.

    ``frame`` has the columns of ``risk_forecast``, one row per pool, ``issued_at``, horizon and
    model version. What was issued once stays as it was: a second row of the same key is dropped.
    Call it inside `Warehouse.transaction`.
    """
    return warehouse.append(RISK_FORECAST, frame)


def pools_without_gpu(warehouse: Warehouse, *, since: datetime) -> pl.DataFrame:
    """The pools that have a forecast issued after ``since``, without those known to have GPUs.

    Columns: provider, region, zone, instance_type.
    """
    return warehouse.ask(WITHOUT_GPU, {"since": since})


def newest_forecasts(
    warehouse: Warehouse,
    now: datetime,
    *,
    provider: str | None = None,
    regions: Sequence[str] | None = None,
    zones: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
    horizon_seconds: float | None = None,
) -> pl.DataFrame:
    """The newest forecast of each pool and horizon, with all columns, by pool and horizon.

    ``types`` are shell patterns (``g5.*``). However old: ``issued_at`` says when it was made.
    """
    return warehouse.ask(
        NEWEST,
        {
            "now": now,
            "provider": provider,
            "regions": None if regions is None else list(regions),
            "zones": None if zones is None else list(zones),
            "types": None if types is None else list(types),
            "horizon_seconds": horizon_seconds,
        },
    )


def forecasts_issued(warehouse: Warehouse, now: datetime) -> tuple[int, datetime | None]:
    """How many forecasts there are, and when the last was issued: if neither changed, none did.

    It costs far less than to read them.
    """
    ((count, last),) = warehouse.rows(ISSUED, {"now": now})
    return count, last


def resolved_forecasts(
    warehouse: Warehouse,
    now: datetime,
    since: datetime | None = None,
    *,
    provider: str | None = None,
    horizon_seconds: float | None = None,
    model_version: str | None = None,
    pool: Pool | None = None,
) -> pl.DataFrame:
    """The forecasts whose horizon has passed by ``now``, with what happened, by ``issued_at``.

    One row per forecast and machine, or series of probes, that was up in its pool when it was
    issued; a forecast for a pool in which nothing was watched has none. Columns: those of
    ``risk_forecast`` without ``drivers``; ``resolved_at``, the end of the horizon (UTC);
    ``evidence_kind``, machine, held_instance or launch_probe; ``subject``, the node or the
    series; ``outcome``, 1.0 if lost in (issued_at, resolved_at], 0.0 if not, null if it cannot
    be told (censored); ``event_at``, when it was lost (UTC), null unless the outcome is 1.

    ``since`` is the earliest ``issued_at``. The rules are in docs/verification.md.
    """
    given = {
        "now": now,
        "since": since,
        "provider": provider,
        "horizon_seconds": horizon_seconds,
        "model_version": model_version,
        "pool": list(astuple(pool)) if pool else None,
        "longest_gap": LONGEST_GAP,
        "longest_notice": LONGEST_NOTICE,
        "clock_skew": CLOCK_SKEW,
    }
    return warehouse.ask(RESOLVED, given)


def forecast_counts(
    warehouse: Warehouse,
    now: datetime,
    since: datetime | None = None,
    *,
    provider: str | None = None,
    horizon_seconds: float | None = None,
    model_version: str | None = None,
) -> ForecastCounts:
    """How many forecasts there are to score, whether or not anything was watched in their pools."""
    given = {
        "now": now,
        "since": since,
        "provider": provider,
        "horizon_seconds": horizon_seconds,
        "model_version": model_version,
        "pool": None,
    }
    return ForecastCounts(*warehouse.rows(STORED + COUNTS, given)[0])
