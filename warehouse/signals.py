"""Published signals: the newest of each definition in each pool."""

from collections.abc import Sequence
from datetime import datetime

from warehouse.records import Pool, Signal
from warehouse.store import Warehouse

NEWEST_SIGNALS = """
    select signal.provider, signal.region, signal.zone, signal.instance_type,
        least(greatest(signal.observed_at, last_seen.seen_at), $now) as known_at,
        signal.definition, signal.value_low, signal.value_high, signal.source, signal.detail
    from signal
    left join last_seen
        on last_seen.feed = signal.source
        and last_seen.provider = signal.provider
        and last_seen.region = signal.region
        and last_seen.zone = signal.zone
        and last_seen.instance_type = signal.instance_type
        and last_seen.fact = signal.definition
    where list_contains($definitions, signal.definition)
        and signal.observed_at <= $now
        and (cast($provider as varchar) is null or signal.provider = $provider)
        and (cast($regions as varchar[]) is null or list_contains($regions, signal.region))
    qualify row_number() over (
        partition by
            signal.provider, signal.region, signal.zone, signal.instance_type, signal.definition
        order by signal.observed_at desc, signal.source
    ) = 1
    order by signal.provider, signal.region, signal.zone, signal.instance_type, signal.definition
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
    rows = warehouse.rows(
        NEWEST_SIGNALS,
        {
            "definitions": list(definitions),
            "now": now,
            "provider": provider,
            "regions": None if regions is None else list(regions),
        },
    )
    return [Signal(Pool(*row[:4]), *row[4:]) for row in rows]
