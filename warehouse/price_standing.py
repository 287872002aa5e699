"""What a price says of the time around it: from when until when each fact stands.

Each kind of fact says something else (`Semantics`). A change point stands until the next one of
its pool and source; the newest stands until its source last spoke of the region, as a source that
tells changes and told of others had none to tell, but never longer than `CARRIED` after it was
last known. So does a price of a list, which its source repeats while it holds. A sample speaks for
the documented time of its source and no longer, another interval for its period. The time between
is unknown: nothing is interpolated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from warehouse.prices import CARRIED

SAMPLE_SPEAKS = timedelta(hours=1)
"""How long a sample of a source without a documented time stands: the finest series of samples
that a cloud publishes are hourly (Alibaba Cloud's history, AWS' price page)."""

INTERVAL_SPEAKS = timedelta(days=1)
"""The same for the period of an interval: means of the public archives are daily."""

HOUR = timedelta(hours=1)
WEEK = timedelta(days=7)
"""What is rolled up at once. Weeks begin on a Thursday, as 1970 did."""

LONGEST_RUN = 13 * WEEK
"""The longest time of hours that are the same in one row: how far back rows must be looked for."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

STANDING = """
    with fact as (
        select
            provider, region, zone, instance_type, source, semantics, currency, price_per_hour,
            effective_at, observed_at,
            lead(effective_at) over (
                partition by provider, region, zone, instance_type, source order by effective_at
            ) as next_at
        from spot_price
        where {facts}
            and effective_at >= $since
            and effective_at < $until
            and effective_at <= $now
    ),
    own as (
        select
            feed as source, provider, region, zone, instance_type, least(seen_at, $now) as seen_at
        from last_seen
        where {own} and fact = 'spot_price'
    ),
    spoken as (
        select feed as source, provider, region, least(max(seen_at), $now) as spoken_at
        from last_seen
        where {spoken} and fact = 'spot_price'
        group by all
    ),
    dated as (
        select
            fact.*,
            semantics = 'change_point'
                or semantics = 'interval' and list_contains($listed, fact.source) as stands,
            greatest(effective_at, least(observed_at, $now), seen_at) as known_at,
            greatest(spoken_at, known_at) as told_until,
            effective_at + to_microseconds(coalesce(
                list_extract($spans, list_position($spoken_for, fact.source)),
                if(semantics = 'sample', $sample_us, $interval_us)
            )) as spoken_until
        from fact
        left join own using (source, provider, region, zone, instance_type)
        left join spoken using (source, provider, region)
    ),
    known as (
        select
            provider, region, zone, instance_type, source, semantics, currency, price_per_hour,
            epoch_us(effective_at) as from_us,
            epoch_us(least($now, next_at, if(
                stands, coalesce(next_at, least(told_until, known_at + $carried)), spoken_until
            ))) as until_us
        from dated
    ),
    told as (
        from known
        where until_us > from_us
            and until_us > $first_us
            and from_us < $end_us
    )
"""
"""``told`` has the facts that speak of the time asked for: each from when until when. To be filled
in: which facts, and of which rows of ``last_seen`` their own and their region's times come."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """How long a fact of each source speaks: its documented time or period, if it has one.

    ``listed`` are the sources whose intervals are prices of a list, each in force until the next.
    """

    by_source: Mapping[str, timedelta]
    listed: frozenset[str] = frozenset()

    def given(self) -> dict[str, Any]:
        """The parameters of `STANDING`."""
        return {
            "spoken_for": list(self.by_source),
            "spans": [microseconds(one) for one in self.by_source.values()],
            "sample_us": microseconds(SAMPLE_SPEAKS),
            "interval_us": microseconds(INTERVAL_SPEAKS),
            "listed": sorted(self.listed),
            "carried": CARRIED,
        }


def microseconds(span: timedelta) -> int:
    """How many; DuckDB's times are whole microseconds."""
    return span // MICROSECOND


def epoch_us(at: datetime) -> int:
    """Microseconds since `EPOCH`."""
    return (at - EPOCH) // MICROSECOND


def at_us(us: int) -> datetime:
    """The moment so many microseconds after `EPOCH`."""
    return EPOCH + us * MICROSECOND
