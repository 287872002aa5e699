"""How alerts stand, and what they went through. The rules are `api.alerts`'s own."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from warehouse.frames import Schema
from warehouse.store import Warehouse

ALERTS = """
    select
        fingerprint, rule, labels, state, since, began_at, told_at, better_since, is_known, value,
        text
    from alert
    order by rule, fingerprint
"""

FIRING = "select rule, labels from alert where state = 'firing'"

REMOVE = "delete from alert where list_contains($fingerprints, fingerprint)"

INSERT = "insert into alert by name select * from kept_alerts"

INSERT_CHANGES = "insert into alert_change by name select * from alert_changes"

FORGET_LOOK = "delete from alert_look"

NOTE_LOOK = "insert into alert_look values ($looked_at, $readings)"

LOOK = "select max(looked_at) from alert_look"

CHANGES = """
    select changed_at, change, rule, labels, value, text, fingerprint
    from alert_change
    where changed_at between $since and $now
    order by changed_at desc, fingerprint, change
    limit $limit
"""

RUNNING = """
    select distinct provider, region, zone, instance_type
    from (
        from exposure
        where launched_at <= $now and last_alive_at >= $now - $alive_within
        qualify row_number() over (
            partition by provider, node
            order by launched_at desc, last_alive_at desc, ended_at desc nulls last
        ) = 1
    )
    where coalesce(ended_at > $now, true) and region is not null and zone is not null
    order by all
"""

NEWEST_ISSUES = """
    select provider, max(issued_at)
    from risk_forecast
    where issued_at <= $now
    group by provider
"""

PRICED = "select distinct provider from spot_price where effective_at <= $now order by all"

GIVEN_UP = """
    select channel, count(*), arg_max(last_error, ended_at)
    from message
    where state = 'given_up' and ended_at between $since and $now
    group by channel
    order by channel
"""

ALIVE_WITHIN = timedelta(hours=24)
"""How long ago a machine was seen that still counts as running: machines are read every few minutes
from a cluster, and once a day where a user imports them."""

ALERT_SCHEMA: Schema = {
    "fingerprint": pl.String(),
    "rule": pl.String(),
    "labels": pl.String(),
    "state": pl.String(),
    "since": pl.Datetime("us", "UTC"),
    "began_at": pl.Datetime("us", "UTC"),
    "told_at": pl.Datetime("us", "UTC"),
    "better_since": pl.Datetime("us", "UTC"),
    "is_known": pl.Boolean(),
    "value": pl.Float64(),
    "text": pl.String(),
}
"""The columns of ``alert``, for rows of which a column may have nothing but nulls."""

CHANGE_SCHEMA: Schema = {
    "fingerprint": pl.String(),
    "rule": pl.String(),
    "labels": pl.String(),
    "changed_at": pl.Datetime("us", "UTC"),
    "change": pl.String(),
    "value": pl.Float64(),
    "text": pl.String(),
}

Row = Mapping[str, Any]


def alerts(warehouse: Warehouse) -> pl.DataFrame:
    """Every alert that is stored, by rule; the columns are those of the table ``alert``."""
    return warehouse.ask(ALERTS)


def firing_alerts(warehouse: Warehouse) -> list[tuple[str, dict[str, str]]]:
    """The rule and the labels of each alert that fires: all that counting them needs."""
    return [(rule, json.loads(labels)) for rule, labels in warehouse.rows(FIRING)]


def last_look(warehouse: Warehouse) -> datetime | None:
    """When the rules were last judged; None if they never were."""
    found: datetime | None = warehouse.rows(LOOK)[0][0]
    return found


def alert_changes(
    warehouse: Warehouse, now: datetime, since: datetime, *, limit: int
) -> pl.DataFrame:
    """What alerts went through between ``since`` and ``now``, the newest first.

    Columns: changed_at (UTC), change, rule, labels (JSON), value, text, fingerprint.
    """
    return warehouse.ask(CHANGES, {"now": now, "since": since, "limit": limit})


def running_pools(warehouse: Warehouse, now: datetime) -> pl.DataFrame:
    """The pools in which machines of the user's own run, as far as is known: their four names."""
    return warehouse.ask(RUNNING, {"now": now, "alive_within": ALIVE_WITHIN})


def newest_issues(warehouse: Warehouse, now: datetime) -> dict[str, datetime]:
    """When the newest forecast of each provider was issued; those without one are left out."""
    return dict(warehouse.rows(NEWEST_ISSUES, {"now": now}))


def priced_providers(warehouse: Warehouse, now: datetime) -> list[str]:
    """The clouds of which a spot price is stored."""
    return [provider for (provider,) in warehouse.rows(PRICED, {"now": now})]


def given_up_since(
    warehouse: Warehouse, now: datetime, since: datetime
) -> list[tuple[str, int, str | None]]:
    """Channel, number of messages given up between ``since`` and ``now``, the newest's error."""
    rows = warehouse.rows(GIVEN_UP, {"now": now, "since": since})
    return [(channel, count, error) for channel, count, error in rows]


def keep_look(
    warehouse: Warehouse,
    now: datetime,
    readings: int,
    *,
    changed: Sequence[Row],
    gone: Sequence[str],
    changes: Sequence[Row],
) -> None:
    """Store what a look brought: alerts as they stand now, those that are no more, the audit.

    Call it inside the transaction that enqueues what is told of them.
    """
    warehouse.execute(FORGET_LOOK)
    warehouse.execute(NOTE_LOOK, {"looked_at": now, "readings": readings})
    if old := [*gone, *(row["fingerprint"] for row in changed)]:
        warehouse.execute(REMOVE, {"fingerprints": old})
    _insert(warehouse, "kept_alerts", INSERT, pl.DataFrame(changed, schema=ALERT_SCHEMA))
    _insert(warehouse, "alert_changes", INSERT_CHANGES, pl.DataFrame(changes, schema=CHANGE_SCHEMA))


def _insert(warehouse: Warehouse, name: str, statement: str, frame: pl.DataFrame) -> None:
    if frame.is_empty():
        return
    warehouse.connection.register(name, frame)
    try:
        warehouse.execute(statement)
    finally:
        warehouse.connection.unregister(name)
