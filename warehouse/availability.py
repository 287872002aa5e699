"""Probes as spells: for how long a pool had how many of the machines that were asked for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from warehouse.forecasts import LONGEST_GAP
from warehouse.keyset import PLACES, Places, behind
from warehouse.store import Warehouse

SPELL_KEY = ("started_at", "source", "trace_id", "spell")
"""By what spells are ordered, from the newest; no two have the same."""

SPELLS = f"""
    with tick as (
        select *
        from availability_tick
        where {PLACES}
            and (cast($probe_kinds as varchar[]) is null or list_contains($probe_kinds, probe_kind))
            and observed_at <= $now
    ),
    followed as (
        select
            *,
            lag(available) over series is distinct from available
                or lag(target_capacity) over series is distinct from target_capacity
                or offset_seconds - lag(offset_seconds) over series > $gap_seconds as is_new
        from tick
        window series as (partition by source, trace_id order by tick)
    ),
    numbered as (
        select
            *,
            count(*) filter (is_new) over (partition by source, trace_id order by tick) as spell
        from followed
    ),
    of_ticks as (
        select
            source, trace_id, provider, region, zone, instance_type, probe_kind, target_capacity,
            available, spell, min(observed_at) as started_at, max(observed_at) as last_seen_at,
            max(offset_seconds) - min(offset_seconds) as duration_seconds,
            count(*) as probes, bool_or(observed_at_is_approximate) as is_approximate
        from numbered
        group by
            source, trace_id, provider, region, zone, instance_type, probe_kind, target_capacity,
            available, spell
    ),
    stored as (
        select
            source, trace_id, provider, region, zone, instance_type, probe_kind, target_capacity,
            available, spell, started_at,
            started_at + to_microseconds(cast(1e6 * duration_seconds as bigint)) as last_seen_at,
            duration_seconds, null as probes, null as is_approximate
        from availability_spell
        anti join (select distinct source, trace_id from availability_tick)
            using (source, trace_id)
        where {PLACES}
            and (cast($probe_kinds as varchar[]) is null or list_contains($probe_kinds, probe_kind))
            and started_at <= $now
    )
    from (from of_ticks union all by name from stored)
    where last_seen_at >= $start
        and started_at < $end
        and (
            cast($after_started_at as timestamptz) is null
            or (started_at, source, trace_id, spell) < (
                cast($after_started_at as timestamptz), cast($after_source as varchar),
                cast($after_trace_id as varchar), cast($after_spell as bigint)
            )
        )
    order by started_at desc, source desc, trace_id desc, spell desc
    limit $limit
"""  # noqa: S608 - texts of our own, no values


def availability_spells(
    warehouse: Warehouse,
    now: datetime,
    between: tuple[datetime, datetime],
    places: Places,
    *,
    probe_kinds: Sequence[str] | None = None,
    limit: int = 100,
    after: Sequence[Any] | None = None,
) -> pl.DataFrame:
    """The spells that touch a time, by `SPELL_KEY`; those behind ``after``.

    A spell is a run of probes of one series that found the same, without a gap of more than
    `LONGEST_GAP`. A series that was stored as spells and not as probes gives those. Columns:
    source, trace_id, spell (its number in the series), provider, region (null if unknown), zone,
    instance_type, probe_kind, target_capacity, available, started_at, last_seen_at (the last probe
    that found it), duration_seconds (0 of a single probe), probes, is_approximate (whether only
    the day is known); the last two are null if the source told of spells.
    """
    given = {
        "now": now,
        "start": between[0],
        "end": between[1],
        "probe_kinds": list(probe_kinds) if probe_kinds else None,
        "gap_seconds": LONGEST_GAP.total_seconds(),
        "limit": limit,
    }
    return warehouse.ask(SPELLS, given | places.given() | behind(SPELL_KEY, after))
