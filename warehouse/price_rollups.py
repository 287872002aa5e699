"""Spot prices by hours, where they are too old to be kept as they were told.

A week of a series (pool, source, semantics and currency) is rolled up once and whole: what is
told later of such a week changes nothing. Hours are made by the rule by which prices are read
(`price_standing`), so that an answer by hours or longer steps is the same before and after.
"""

from datetime import datetime
from typing import Any

from warehouse.keyset import EARLIEST
from warehouse.price_standing import (
    HOUR,
    LONGEST_RUN,
    STANDING,
    WEEK,
    Speaking,
    at_us,
    epoch_us,
    microseconds,
)
from warehouse.store import Warehouse

SERIES = "provider, region, zone, instance_type, source, semantics, currency"
SAME = ("mean_per_hour", "low_per_hour", "high_per_hour", "known_share", "facts")
"""In what the hours of one row agree."""

WEEKS = f"""
    select distinct
        {SERIES}, unnest(range(
            epoch_us(hour_at) // $week_us,
            (epoch_us(hour_at + to_hours(hours)) - 1) // $week_us + 1
        )) as week
    from spot_price_hour
"""  # noqa: S608 - texts of our own, no values
"""The weeks of which each series has hours."""

ROLL_UP = f"""
    merge into spot_price_hour
    using (
    {STANDING.format(facts="true", own="true", spoken="true")},
    fresh as (
        select
            *,
            (from_us + $hour_us - 1) // $hour_us as whole_from,
            until_us // $hour_us as whole_until
        from (
            select
                {SERIES}, price_per_hour,
                greatest(from_us, $first_us) as from_us, least(until_us, $end_us) as until_us
            from told
        )
        anti join (
            select distinct {SERIES}
            from spot_price_hour
            where hour_at > $first - $longest
                and hour_at < $end
                and hour_at + to_hours(hours) > $first
        ) as done using ({SERIES})
    ),
    part as (
        select
            {SERIES}, price_per_hour, from_us // $hour_us as hour,
            least(until_us, whole_from * cast($hour_us as bigint)) - from_us as us
        from fresh
        where from_us < whole_from * cast($hour_us as bigint)
        union all
        select
            {SERIES}, price_per_hour, whole_until as hour,
            until_us - whole_until * cast($hour_us as bigint) as us
        from fresh
        where whole_until >= whole_from and until_us > whole_until * cast($hour_us as bigint)
    ),
    measured as (
        select
            {SERIES}, hour, 1 as hours,
            least(
                greatest(sum(price_per_hour * us) / sum(us), min(price_per_hour)),
                max(price_per_hour)
            ) as mean_per_hour,
            min(price_per_hour) as low_per_hour,
            max(price_per_hour) as high_per_hour,
            sum(us) / $hour_us as known_share,
            count(*) as facts
        from part
        group by all
        union all
        select
            {SERIES}, whole_from as hour, whole_until - whole_from as hours,
            price_per_hour, price_per_hour, price_per_hour, 1 as known_share, 1 as facts
        from fresh
        where whole_until > whole_from
    ),
    numbered as (
        select
            *, sum(cast(is_new as integer)) over (partition by {SERIES} order by hour) as run
        from (
            select
                *, lag((hour + hours, {", ".join(SAME)})) over (
                    partition by {SERIES} order by hour
                ) is distinct from (hour, {", ".join(SAME)}) as is_new
            from measured
        )
    )
    select
        {SERIES}, make_timestamptz(min(hour) * cast($hour_us as bigint)) as hour_at,
        cast(sum(hours) as integer) as hours, {", ".join(SAME)}
    from numbered
    group by {SERIES}, {", ".join(SAME)}, run
    order by provider, instance_type, region, zone, source, hour_at
    ) as news
    on {" and ".join(f"spot_price_hour.{one} = news.{one}" for one in (*SERIES.split(", "), *SAME))}
        and news.hour_at = $first
        and spot_price_hour.hour_at + to_hours(spot_price_hour.hours) = $first
        and spot_price_hour.hour_at >= $end - $longest
    when matched then update set hours = spot_price_hour.hours + news.hours
    when not matched then insert by name
"""  # noqa: S608 - texts of our own, no values
"""What goes on as it was the week before makes the row of that week longer."""

REMOVE = """
    delete from spot_price
    using (
        select provider, region, zone, instance_type, source, max(effective_at) as newest_at
        from spot_price
        where effective_at < $end
        group by all
    ) as kept
    where spot_price.effective_at < kept.newest_at
        and spot_price.provider = kept.provider
        and spot_price.region = kept.region
        and spot_price.zone = kept.zone
        and spot_price.instance_type = kept.instance_type
        and spot_price.source = kept.source
"""
"""What is in force at the end of the span stays: it speaks of the time after it."""

LATE = f"""
    select min(effective_at)
    from (
        select
            *, epoch_us(effective_at) // $week_us as week,
            lead(effective_at) over (
                partition by provider, region, zone, instance_type, source order by effective_at
            ) as next_at
        from spot_price
        where effective_at < $until
    )
    anti join ({WEEKS}) as done using ({SERIES}, week)
    where effective_at >= $floor and next_at is not null
"""  # noqa: S608 - the same
"""The oldest fact that may go, but of whose week its series has no hours."""


def week_of(at: datetime) -> datetime:
    """When the week of ``at`` begins."""
    return at_us(epoch_us(at) // microseconds(WEEK) * microseconds(WEEK))


def first_week(warehouse: Warehouse, *, floor: datetime, until: datetime) -> datetime | None:
    """The first week that is still to be rolled up, from ``floor`` to ``until``; None if none is.

    Facts of old times that came late, as imports do, are seen as well.
    """
    given = {"floor": floor, "until": until, "week_us": microseconds(WEEK)}
    found = warehouse.rows(LATE, given)[0][0]
    return None if found is None else week_of(found)


def roll_up(warehouse: Warehouse, start: datetime, now: datetime, speaking: Speaking) -> int:
    """Write the hours of the week from ``start`` on that are not there; return how many rows.

    Call it inside the transaction that takes the facts away.
    """
    end = start + WEEK
    given: dict[str, Any] = speaking.given() | {
        "since": EARLIEST,
        "until": end,
        "now": now,
        "first": start,
        "end": end,
        "first_us": epoch_us(start),
        "end_us": epoch_us(end),
        "hour_us": microseconds(HOUR),
        "longest": LONGEST_RUN,
    }
    return int(warehouse.rows(ROLL_UP, given)[0][0])


def remove_before(warehouse: Warehouse, end: datetime) -> int:
    """Take out the facts before ``end`` but the last of each pool and source; return how many."""
    return int(warehouse.rows(REMOVE, {"end": end})[0][0])
