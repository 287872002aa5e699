"""Spot prices over time: the facts as they were told, and what they say of each step of time.

What a fact says of the time around it is in `price_standing`. Where facts are kept by hours only
(`retention`), the hours stand for them; an answer says which it rests on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from warehouse.keyset import EARLIEST, behind
from warehouse.price_standing import (
    LONGEST_RUN,
    MICROSECOND,
    STANDING,
    WEEK,
    Speaking,
    at_us,
    epoch_us,
    microseconds,
)
from warehouse.prices import CARRIED
from warehouse.store import Warehouse

RECENT = timedelta(days=31)
"""Where facts are looked for first. Facts are stored by time, so that little else is read."""

WIDER = 4
"""How much longer each further look back is than the one before."""

WHERE = """
        provider = $provider
        and instance_type = $instance_type
        and (cast($regions as varchar[]) is null or list_contains($regions, region))
        and (cast($zones as varchar[]) is null or zone = '*' or list_contains($zones, zone))
        and (cast($sources as varchar[]) is null or list_contains($sources, source))
"""

FACTS = """
    select
        provider, region, zone, instance_type, effective_at, price_per_hour, currency, semantics,
        source, observed_at
    from spot_price
    where {where}
        and effective_at >= $since
        and effective_at < $until
        and effective_at <= $now
        and (
            cast($after_at as timestamptz) is null
            or (effective_at, region, zone, source) {beyond} (
                cast($after_at as timestamptz), cast($after_region as varchar),
                cast($after_zone as varchar), cast($after_source as varchar)
            )
        )
    order by effective_at {order}, region {order}, zone {order}, source {order}
    limit $limit
"""

NEWEST_FIRST = FACTS.format(where=WHERE, order="desc", beyond="<")
OLDEST_FIRST = FACTS.format(where=WHERE, order="asc", beyond=">")

OF_TYPE = "provider = $provider and instance_type = $instance_type"

ROLLED = f""",
    rolled as (
        select
            region, zone, source, semantics, currency, mean_per_hour, low_per_hour, high_per_hour,
            known_share, 'hour' as resolution, epoch_us(hour_at) as from_us,
            epoch_us(hour_at + to_hours(hours)) as until_us
        from spot_price_hour
        where {WHERE}
            and hour_at > make_timestamptz(cast($first_us as bigint)) - $longest
            and hour_at < make_timestamptz(cast($end_us as bigint))
            and until_us > $first_us
    ),
    rolled_week as (
        select distinct
            region, zone, source, semantics, currency,
            unnest(range(from_us // $week_us, (until_us - 1) // $week_us + 1)) as week
        from rolled
    ),
    as_told as (
        select
            region, zone, source, semantics, currency,
            unnest(range(
                greatest(from_us, $first_us) // $week_us,
                (least(until_us, $end_us) - 1) // $week_us + 1
            )) as week,
            price_per_hour as mean_per_hour, price_per_hour as low_per_hour,
            price_per_hour as high_per_hour, 1.0 as known_share, 'fact' as resolution,
            greatest(from_us, week * cast($week_us as bigint)) as from_us,
            least(until_us, (week + 1) * cast($week_us as bigint)) as until_us
        from told
    ),
    spoken_of as (
        from rolled
        union all by name
        select * exclude (week)
        from as_told
        anti join rolled_week using (region, zone, source, semantics, currency, week)
    )
"""  # noqa: S608 - texts of our own, no values

KNOWN = STANDING.format(facts=WHERE, own=OF_TYPE, spoken="provider = $provider") + ROLLED
"""``spoken_of`` has what is known of the time asked for: facts, and hours where a week of a series
is kept by hours only."""

STEPS = """,
    series as (
        select distinct region, zone, source, semantics, currency
        from spoken_of
    ),
    page as (
        select
            cast(ceil($limit / greatest(count(*), 1)) as bigint) as steps,
            if($is_newest_first, greatest($first, $last - steps), $first) as first,
            if($is_newest_first, $last, least($last, $first + steps)) as last
        from series
    ),
    piece as (
        select
            * exclude (from_us, until_us),
            (least(until_us, step_us + $step_us) - greatest(from_us, step_us)) * known_share as us
        from (
            select
                spoken_of.*,
                unnest(range(
                    greatest(from_us // $step_us, page.first),
                    least((until_us - 1) // $step_us, page.last) + 1
                )) as step,
                step * cast($step_us as bigint) as step_us
            from spoken_of, page
        )
    ),
    measured as (
        select
            region, zone, source, semantics, currency, step,
            sum(mean_per_hour * us) / sum(us) as mean_per_hour,
            min(low_per_hour) as low_per_hour,
            max(high_per_hour) as high_per_hour,
            least(sum(us) / $step_us, 1) as known_share,
            max(resolution) as resolution
        from piece
        group by all
    ),
    grid as (
        select series.*, step
        from series, (select unnest(range(page.first, page.last + 1)) as step from page)
    )
    select
        make_timestamptz(step * cast($step_us as bigint)) as step_at,
        $provider as provider, region, zone, $instance_type as instance_type,
        source, semantics, currency,
        least(greatest(mean_per_hour, low_per_hour), high_per_hour) as mean_per_hour,
        low_per_hour, high_per_hour, coalesce(known_share, 0) as known_share, resolution
    from grid
    left join measured using (region, zone, source, semantics, currency, step)
    where cast($after_step as bigint) is null
        or (step, region, zone, source, semantics, currency) {beyond} (
            cast($after_step as bigint), cast($after_region as varchar),
            cast($after_zone as varchar), cast($after_source as varchar),
            cast($after_semantics as varchar), cast($after_currency as varchar)
        )
    order by
        step {order}, region {order}, zone {order}, source {order}, semantics {order},
        currency {order}
    limit $limit
"""

SILENT = """
    select count(*)
    from last_seen
    anti join (
        select distinct source, region, zone
        from spot_price
        where {where} and effective_at >= $since and effective_at <= $start
    ) as found
    on found.source = last_seen.feed
        and found.region = last_seen.region
        and found.zone = last_seen.zone
    where {seen}
        and fact = 'spot_price'
        and seen_at >= $oldest
"""
"""How many series may stand at the start by a fact that is older than ``since``."""

COUNT_SILENT = SILENT.format(where=WHERE, seen=WHERE.replace(", source)", ", feed)"))

STEPS_NEWEST_FIRST = KNOWN + STEPS.format(order="desc", beyond="<")
STEPS_OLDEST_FIRST = KNOWN + STEPS.format(order="asc", beyond=">")

FACT_KEY = ("effective_at", "region", "zone", "source")
"""By what facts are ordered; no two have the same."""

STEP_KEY = ("step_at", "region", "zone", "source", "semantics", "currency")
"""The same of steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceQuestion:
    """Which prices of one instance type, from ``start`` to before ``end``, and at most how many.

    None is everything, or no limit.
    """

    provider: str
    instance_type: str
    regions: Sequence[str] | None = None
    zones: Sequence[str] | None = None
    sources: Sequence[str] | None = None
    start: datetime | None = None
    end: datetime | None = None
    is_newest_first: bool = True
    limit: int = 100

    def given(self, now: datetime) -> dict[str, Any]:
        """The parameters of `WHERE`."""
        lists = {"regions": self.regions, "zones": self.zones, "sources": self.sources}
        return {
            "provider": self.provider,
            "instance_type": self.instance_type,
            "now": now,
            "limit": self.limit,
            **{name: None if one is None else list(one) for name, one in lists.items()},
        }


def price_facts(
    warehouse: Warehouse,
    now: datetime,
    question: PriceQuestion,
    after: Sequence[Any] | None = None,
) -> pl.DataFrame:
    """The facts as their sources told them, by `FACT_KEY`; those behind ``after``, such a key.

    Columns: provider, region, zone, instance_type, effective_at, price_per_hour, currency,
    semantics, source, observed_at.
    """
    since = question.start or EARLIEST
    until = min(question.end or now + MICROSECOND, now + MICROSECOND)
    given = question.given(now) | behind(("at", *FACT_KEY[1:]), after)
    if not question.is_newest_first:
        since = max(since, after[0]) if after else since
        return warehouse.ask(OLDEST_FIRST, given | {"since": since, "until": until})
    until = min(until, after[0] + MICROSECOND) if after else until
    found: list[pl.DataFrame] = []
    missing, span = question.limit, RECENT
    while missing and (until > since or not found):
        begin = max(since, until - span)
        given |= {"since": begin, "until": until, "limit": missing}
        found.append(warehouse.ask(NEWEST_FIRST, given))
        missing -= found[-1].height
        until, span = begin, span * WIDER
    return pl.concat(found)


def price_steps(
    warehouse: Warehouse,
    now: datetime,
    question: PriceQuestion,
    step: timedelta,
    speaking: Speaking,
    *,
    after: Sequence[Any] | None = None,
) -> pl.DataFrame:
    """What is known of each step of time, by `STEP_KEY`; those behind ``after``, such a key.

    One row per step and series (region, zone, source, semantics and currency) of which anything
    is known between ``start`` and ``end``, which both are given; the first and the last step are
    whole. Steps begin at multiples of ``step`` since 1970-01-01 UTC. Columns: step_at, provider,
    region, zone, instance_type, source, semantics, currency; mean_per_hour, weighted by time,
    low_per_hour and high_per_hour, of the part of the step that is known; known_share, that part.
    The three prices are null where it is 0. resolution is ``fact``, or ``hour`` where any of it is
    kept by hours only: a step of less than an hour then has the prices of its hour, and the step is
    null where nothing is known. Nothing is known of the time after ``now``.
    """
    if question.start is None or question.end is None:
        raise ValueError("steps are asked for between two times")
    if question.end <= question.start:
        raise ValueError("the steps end before they start")
    step_us = microseconds(step)
    first = epoch_us(question.start) // step_us
    last = (epoch_us(question.end) - 1) // step_us
    after_step = None if after is None else epoch_us(after[0]) // step_us
    begin, finish = first, last
    if after_step is not None:
        begin = begin if question.is_newest_first else max(first, after_step)
        finish = min(last, after_step) if question.is_newest_first else finish
    given = question.given(now) | speaking.given() | behind(("step", *STEP_KEY[1:]), after)
    given |= {
        "since": _reach(warehouse, question, now, at_us(first * step_us)),
        "until": at_us((last + 1) * step_us),
        "after_step": after_step,
        "step_us": step_us,
        "first_us": first * step_us,
        "end_us": (last + 1) * step_us,
        "first": begin,
        "last": finish,
        "is_newest_first": question.is_newest_first,
        "longest": LONGEST_RUN,
        "week_us": microseconds(WEEK),
    }
    sql = STEPS_NEWEST_FIRST if question.is_newest_first else STEPS_OLDEST_FIRST
    return warehouse.ask(sql, given)


def _reach(
    warehouse: Warehouse, question: PriceQuestion, now: datetime, start: datetime
) -> datetime:
    """From when on facts must be read to know what stood at ``start``.

    Most pools have a fact of the days before; those that rest cost a longer look back.
    """
    given = question.given(now) | {"start": start, "oldest": start - CARRIED}
    del given["limit"], given["now"]
    span = RECENT / WIDER
    while span < CARRIED and start - span > EARLIEST:
        since = start - span
        if warehouse.rows(COUNT_SILENT, given | {"since": since})[0][0] == 0:
            return since
        span *= WIDER
    return EARLIEST
