"""Machines that were lost or announced to be: one row each, by whatever sources told of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from warehouse.keyset import EVERYWHERE, PLACES, Places, behind
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

MACHINE_KEY = ("first_told_at", "provider", "node")
"""By what machines are ordered, from the newest; no two have the same."""

MACHINE_PAGE = f"""
    select
        provider, region, zone, instance_type, node, first_told_at, announced_at, taken_at,
        notice_seconds, sources
    from machine_interruption
    where {PLACES}
        and first_told_at >= $start
        and first_told_at < $end
        and first_told_at <= $now
        and (
            cast($after_first_told_at as timestamptz) is null
            or (first_told_at, provider, node) < (
                cast($after_first_told_at as timestamptz), cast($after_provider as varchar),
                cast($after_node as varchar)
            )
        )
    order by first_told_at desc, provider desc, node desc
    limit $limit
"""  # noqa: S608 - texts of our own, no values

REPORT_COLUMNS = """
    select
        rowid as position, provider, region, zone, instance_type, node, kind, occurred_at,
        notice_seconds, source, observed_at
    from interruption
"""

REPORTS = f"""
    {REPORT_COLUMNS}
    where {PLACES} and rowid > $position
    order by rowid
    limit $limit
"""

NEWEST_REPORT = f"{REPORT_COLUMNS} order by rowid desc limit 1"

REPORT_AT = f"{REPORT_COLUMNS} where rowid = $position"

LAST_READ_BEFORE = """
    select coalesce(max(rowid), -1)
    from interruption
    where rowid < coalesce(
        (select min(rowid) from interruption where observed_at >= $observed_at), 9223372036854775807
    )
"""


def machine_interruptions(
    warehouse: Warehouse, now: datetime, since: datetime, *, provider: str | None = None
) -> pl.DataFrame:
    """The interruptions first told of between ``since`` and ``now``, newest first.

    Columns: provider, region, zone, instance_type (null if no source knew), node, first_told_at,
    announced_at, taken_at (null if that was not seen; all UTC), notice_seconds, sources (a list).
    """
    return warehouse.ask(MACHINES, {"since": since, "now": now, "provider": provider})


def machine_interruption_page(
    warehouse: Warehouse,
    now: datetime,
    between: tuple[datetime, datetime],
    *,
    places: Places = EVERYWHERE,
    limit: int = 100,
    after: Sequence[Any] | None = None,
) -> pl.DataFrame:
    """The same of a time from the first to before the second, by `MACHINE_KEY`; behind ``after``.

    A machine of an unknown place is in no place that is named.
    """
    given = {"now": now, "start": between[0], "end": between[1], "limit": limit}
    return warehouse.ask(MACHINE_PAGE, given | places.given() | behind(MACHINE_KEY, after))


def reports_behind(
    warehouse: Warehouse, position: int, *, places: Places = EVERYWHERE, limit: int = 100
) -> list[dict[str, Any]]:
    """The reports that were stored after the one at ``position``, in the order of storing.

    By the order of storing none is missed: a slow feed stores late what it read early. Keys:
    position, provider, region, zone, instance_type, node, kind, occurred_at, notice_seconds,
    source, observed_at.
    """
    given = {"position": position, "limit": limit} | places.given()
    return warehouse.ask(REPORTS, given).to_dicts()


def newest_report(warehouse: Warehouse) -> dict[str, Any] | None:
    """The report that was stored last; None if there is none."""
    return next(iter(warehouse.ask(NEWEST_REPORT).to_dicts()), None)


def report_at(warehouse: Warehouse, position: int) -> dict[str, Any] | None:
    """The report that stands there; None if there is none."""
    return next(iter(warehouse.ask(REPORT_AT, {"position": position}).to_dicts()), None)


def position_before(warehouse: Warehouse, observed_at: datetime) -> int:
    """The position before the first report that was read at ``observed_at`` or later."""
    return int(warehouse.rows(LAST_READ_BEFORE, {"observed_at": observed_at})[0][0])
