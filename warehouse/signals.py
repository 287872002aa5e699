"""Published signals: the newest of each definition in each pool, and those that prices give."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from warehouse.prices import market_frame
from warehouse.records import Pool, Signal
from warehouse.store import Warehouse
from warehouse.tables import POOL

PAID = "spotcast.price_paid_share"
"""The spot price in force as a share of the on-demand price in force, both in one currency."""

MOVED = "spotcast.price_against_day_before"
"""The spot price in force over that of 24 hours before, by the same source."""

DAY = timedelta(days=1)

NEWEST_SIGNALS = """
    with newest as (
        select provider, region, zone, instance_type, definition, max(observed_at) as observed_at
        from signal
        where (
                cast($definitions as varchar[]) is null
                or list_contains($definitions, definition)
            )
            and observed_at <= $now
            and (cast($provider as varchar) is null or provider = $provider)
            and (cast($regions as varchar[]) is null or list_contains($regions, region))
        group by all
    ),
    told as (
        select signal.*
        from signal
        join newest using (provider, region, zone, instance_type, definition, observed_at)
        qualify row_number() over (
            partition by
                signal.provider, signal.region, signal.zone, signal.instance_type, signal.definition
            order by signal.source
        ) = 1
    )
    select told.provider, told.region, told.zone, told.instance_type,
        least(greatest(told.observed_at, last_seen.seen_at), $now) as known_at,
        told.definition, told.value_low, told.value_high, told.source, told.detail
    from told
    left join last_seen
        on last_seen.feed = told.source
        and last_seen.provider = told.provider
        and last_seen.region = told.region
        and last_seen.zone = told.zone
        and last_seen.instance_type = told.instance_type
        and last_seen.fact = told.definition
    order by told.provider, told.region, told.zone, told.instance_type, told.definition
"""


def newest_signals(
    warehouse: Warehouse,
    now: datetime,
    definitions: Sequence[str],
    *,
    provider: str | None = None,
    regions: Sequence[str] | None = None,
) -> list[Signal]:
    """The newest signal of each of ``definitions`` in each pool, by pool.

    However old: ``observed_at`` is when the source last said so, for the caller to judge.
    """
    return signals_in(
        newest_signal_frame(warehouse, now, definitions, provider=provider, regions=regions)
    )


def newest_signal_frame(
    warehouse: Warehouse,
    now: datetime,
    definitions: Sequence[str],
    *,
    provider: str | None = None,
    regions: Sequence[str] | None = None,
) -> pl.DataFrame:
    """The same as one frame, one row per signal; ``known_at`` is when the source last said so."""
    return warehouse.ask(
        NEWEST_SIGNALS,
        {
            "definitions": list(definitions),
            "now": now,
            "provider": provider,
            "regions": None if regions is None else list(regions),
        },
    )


def signals_in(frame: pl.DataFrame) -> list[Signal]:
    """The rows of `newest_signal_frame` as records."""
    columns = [frame[name].to_list() for name in frame.columns]
    pools = map(Pool, *columns[: len(POOL)])
    return list(map(Signal, pools, *columns[len(POOL) :]))


SIGNALS_SINCE = """
    select
        provider, region, zone, instance_type, definition, value_low as value, observed_at
    from signal
    where list_contains($definitions, definition)
        and observed_at > $since
        and observed_at <= $now
        and (cast($provider as varchar) is null or provider = $provider)
    order by observed_at, provider, region, zone, instance_type, definition
"""


def signals_since(
    warehouse: Warehouse,
    now: datetime,
    since: datetime,
    definitions: Sequence[str],
    *,
    provider: str | None = None,
) -> pl.DataFrame:
    """Every signal of ``definitions`` after ``since`` and up to ``now``, by time.

    Columns: provider, region, zone, instance_type, definition, value (the lower end of a band),
    observed_at (UTC).
    """
    return warehouse.ask(
        SIGNALS_SINCE,
        {"definitions": list(definitions), "since": since, "now": now, "provider": provider},
    )


def newest_signal_values(
    warehouse: Warehouse,
    now: datetime,
    definitions: Sequence[str],
    *,
    provider: str | None = None,
) -> pl.DataFrame:
    """The same of the newest signal of each definition in each pool, however old, by pool.

    ``observed_at`` is when the source last said so.
    """
    found = newest_signal_frame(warehouse, now, definitions, provider=provider)
    return found.select(
        "provider",
        "region",
        "zone",
        "instance_type",
        "definition",
        pl.col("value_low").alias("value"),
        pl.col("known_at").alias("observed_at"),
    )


def price_signals(
    warehouse: Warehouse, now: datetime, *, provider: str | None = None
) -> pl.DataFrame:
    """What prices say, with the same columns: `PAID` and `MOVED` of each pool that has them.

    A share needs both prices in one currency, a movement the same source and currency on both
    days; ``observed_at`` is when the spot price was last known to be true.
    """
    today = market_frame(warehouse, now, provider=provider)
    before = market_frame(warehouse, now - DAY, provider=provider)
    pool = ["provider", "region", "zone", "instance_type"]
    price = pl.col("price_per_hour")
    paid = today.filter(
        pl.col("on_demand_currency") == pl.col("currency"), pl.col("on_demand_per_hour") > 0
    ).with_columns(definition=pl.lit(PAID), value=price / pl.col("on_demand_per_hour"))
    moved = today.join(
        before.select(*pool, "source", "currency", before="price_per_hour"),
        on=[*pool, "source", "currency"],
    ).with_columns(definition=pl.lit(MOVED), value=price / pl.col("before"))
    known = pl.concat([paid, moved], how="diagonal")
    return known.select(*pool, "definition", "value", pl.col("known_at").alias("observed_at"))
