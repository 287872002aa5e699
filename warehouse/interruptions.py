"""Machines that were lost or announced to be: one row each, by whatever sources told of them."""

from datetime import datetime

import polars as pl

from warehouse.store import Warehouse

MACHINES = """
    select
        provider, region, zone, instance_type, node, first_told_at, announced_at, taken_at,
        notice_seconds, sources
    from machine_interruption
    where first_told_at >= $since and first_told_at <= $now
        and (cast($provider as varchar) is null or provider = $provider)
    order by first_told_at desc, provider, node
"""


def machine_interruptions(
    warehouse: Warehouse, now: datetime, since: datetime, *, provider: str | None = None
) -> pl.DataFrame:
    """The interruptions first told of between ``since`` and ``now``, newest first.

    Columns: provider, region, zone, instance_type (null if no source knew), node, first_told_at,
    announced_at, taken_at (null if that was not seen; all UTC), notice_seconds, sources (a list).
    """
    return warehouse.ask(MACHINES, {"since": since, "now": now, "provider": provider})
