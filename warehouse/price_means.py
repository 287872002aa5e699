"""What pools have cost of late, on average over the time of which a price is known."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from warehouse.price_standing import STANDING, Speaking, epoch_us
from warehouse.prices import CARRIED
from warehouse.store import Warehouse

CHOSEN = "list_contains($types, instance_type)"

MEANS = f"""
    {STANDING.format(facts=CHOSEN, own=CHOSEN, spoken="true")},
    clipped as (
        select
            provider, region, zone, instance_type, source, currency, price_per_hour,
            least(until_us, $end_us) - greatest(from_us, $first_us) as us
        from told
    )
    select
        provider, region, zone, instance_type, currency, source,
        sum(price_per_hour * us) / sum(us) as mean_per_hour,
        sum(us) / 1e6 as known_seconds
    from clipped
    where us > 0
    group by provider, region, zone, instance_type, currency, source
    qualify row_number() over (
        partition by provider, region, zone, instance_type, currency
        order by known_seconds desc, source
    ) = 1
"""  # noqa: S608 - expressions of our own, no values


def price_means(
    warehouse: Warehouse,
    now: datetime,
    span: timedelta,
    types: Sequence[str],
    speaking: Speaking,
) -> pl.DataFrame:
    """The mean price of each pool of these instance types over the ``span`` before ``now``.

    Weighted by time, and by the one source that knows most of it. Columns: provider, region, zone,
    instance_type, currency, source, mean_per_hour, known_seconds (of how much of the span).
    """
    start = now - span
    given = speaking.given() | {
        "types": list(types),
        "now": now,
        "since": start - CARRIED,
        "until": now,
        "first_us": epoch_us(start),
        "end_us": epoch_us(now),
    }
    return warehouse.ask(MEANS, given)
