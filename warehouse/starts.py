"""How long parts of starts took in the user's own clusters: stored once, read back newest last."""

from collections.abc import Sequence
from datetime import datetime

from warehouse.frames import frames_of
from warehouse.records import StartDuration
from warehouse.store import Warehouse

SINCE = """
    select
        part, provider, region, zone, instance_type, image, model, way, seconds, size_gb, subject,
        observed_at, source
    from start_duration
    where observed_at >= $since and observed_at <= $now
        and (cast($providers as varchar[]) is null or list_contains($providers, provider))
    order by observed_at, part, provider, subject, source
"""


def store_starts(warehouse: Warehouse, seen: Sequence[StartDuration]) -> int:
    """Add what is not there yet; how many that was. A start that is seen again is the same one."""
    with warehouse.transaction():
        return sum(warehouse.append(table, frame) for table, frame in frames_of(warehouse, seen))


def starts_since(
    warehouse: Warehouse,
    now: datetime,
    since: datetime,
    *,
    providers: Sequence[str] | None = None,
) -> list[StartDuration]:
    """The parts that were over from ``since`` to ``now``, the oldest first."""
    given = {
        "now": now,
        "since": since,
        "providers": list(providers) if providers is not None else None,
    }
    return [StartDuration(*row) for row in warehouse.rows(SINCE, given)]
