"""Is the database whole, and does it say only what can be true?

Every table is read to its last column, so that each block's checksum is computed. Then come the
rules that SQL without keys and checks cannot keep: prices above 0, shares within 0 and 1, times in
order, one row per key, and rows that name others which are there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from warehouse.copies import TABLES_OF, quoted
from warehouse.errors import WarehouseCorruptError
from warehouse.keyset import EARLIEST
from warehouse.store import Warehouse
from warehouse.tables import TABLES

CLOCK_AHEAD = timedelta(days=1)
"""How far our own clock may have been ahead when a row was written. List prices and interruptions
are told ahead by their sources, and are no part of this."""

HERE = "select current_database()"
READ = "select count(*), bit_xor(hash({table})) from {table}"

PRICED = ("spot_price", "on_demand_price")

BROKEN = {
    **{f"{table}: prices are above 0": (table, "not price_per_hour > 0") for table in PRICED},
    **{f"{table}: prices are finite": (table, "not isfinite(price_per_hour)") for table in PRICED},
    "spot_price: semantics are known": (
        "spot_price",
        "semantics not in ('change_point', 'sample', 'interval')",
    ),
    "spot_price_hour: low, mean and high are in order and above 0": (
        "spot_price_hour",
        "not (0 < low_per_hour and mean_per_hour between low_per_hour and high_per_hour)",
    ),
    "spot_price_hour: the known share is above 0 and at most 1": (
        "spot_price_hour",
        "not (known_share > 0 and known_share <= 1)",
    ),
    "spot_price_hour: hours are whole": (
        "spot_price_hour",
        "hours < 1 or hour_at <> date_trunc('hour', hour_at)",
    ),
    "signal: a band's low end is not above its high end": ("signal", "value_low > value_high"),
    "risk_forecast: probabilities are within 0 and 1": (
        "risk_forecast",
        "least(probability, probability_low) < 0 or greatest(probability, probability_high) > 1",
    ),
    "risk_forecast: the interval is in order": (
        "risk_forecast",
        "probability_low > probability_high",
    ),
    "risk_forecast: the horizon is above 0": ("risk_forecast", "not horizon_seconds > 0"),
    "risk_forecast: the evidence is no younger than the forecast": (
        "risk_forecast",
        "evidence_until > issued_at",
    ),
    "availability_tick: available is within 0 and the target": (
        "availability_tick",
        "available < 0 or available > target_capacity",
    ),
    "availability_spell: durations are not negative": (
        "availability_spell",
        "duration_seconds < 0",
    ),
    "exposure: launched, last alive and ended are in order": (
        "exposure",
        "last_alive_at < launched_at or ended_at < launched_at",
    ),
    "exposure: a machine that has ended says when": (
        "exposure",
        "ended_by <> 'still_running' and ended_at is null",
    ),
    "interruption: notices are not negative": ("interruption", "notice_seconds < 0"),
    "feed_run: a run ends after it began": ("feed_run", "finished_at < started_at"),
    "instance_type: shapes are above 0": (
        "instance_type",
        "not (vcpu > 0 and memory_gib > 0 and gpu_count >= 0)",
    ),
    "replacement_action: its hand-over is there": (
        "replacement_action",
        "replacement_id <> '' and replacement_id not in (select replacement_id from replacement)",
    ),
}
"""What must hold of each table, and the condition on a row of which it does not."""

WRITTEN = {
    "spot_price": "observed_at",
    "on_demand_price": "observed_at",
    "instance_type": "observed_at",
    "available_type": "observed_at",
    "zone_alias": "observed_at",
    "feed_run": "started_at",
    "feed_progress": "changed_at",
    "risk_forecast": "issued_at",
    "advice": "issued_at",
    "replacement": "changed_at",
    "replacement_action": "done_at",
    "retention_run": "done_at",
    "message": "created_at",
    "alert_change": "changed_at",
}
"""By our own clock: when a row was written."""

TIMES = """
    select count(*), min({clock})
    from {table}
    where {clock} < $earliest or {clock} > $latest or not isfinite({clock})
"""

TWICE = """
    select coalesce(sum(rows - 1), 0), any_value({first})
    from (select {key}, count(*) as rows from {table} group by {key} having count(*) > 1)
"""


@dataclass(frozen=True, slots=True)
class Checked:
    """One table that was read: its rows, and a digest that does not depend on their order."""

    table: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong, in which table, in how many rows; None if they cannot be counted."""

    table: str
    rule: str
    rows: int | None
    example: str


def check(path: Path, now: datetime) -> Iterator[Checked | Wrong]:
    """Read every table of the file and test every rule; what was read, and what is wrong.

    Raises:
        WarehouseBusyError: another process holds it.
        WarehouseMissingError: there is nothing to read.
        WarehouseCorruptError: it is no database, or its catalogue cannot be read.
        SchemaError: it is newer than this version.
    """
    with Warehouse.as_it_is(path) as warehouse:
        database = warehouse.rows(HERE)[0][0]
        tables = [name for (name,) in warehouse.rows(TABLES_OF, {"database": database})]
    unread = set[str]()
    for table in tables:
        found = _read(path, table)
        if isinstance(found, Wrong):
            unread.add(table)
        yield found
    with Warehouse.as_it_is(path) as warehouse:
        whole = [one for one in tables if one not in unread]
        yield from _rules(warehouse, whole)
        yield from _clocks(warehouse, whole, now)
        yield from _keys(warehouse, whole)


def _read(path: Path, table: str) -> Checked | Wrong:
    """Each table by a conversation of its own: after a damaged block one may be of no more use."""
    try:
        with Warehouse.as_it_is(path) as warehouse:
            rows, digest = warehouse.rows(READ.format(table=quoted(table)))[0]
    except (WarehouseCorruptError, duckdb.Error) as error:
        return Wrong(table, "every row can be read", None, str(error).splitlines()[0])
    return Checked(table, rows, f"{digest or 0:016x}")


def _rules(warehouse: Warehouse, tables: list[str]) -> Iterator[Wrong]:
    for rule, (table, condition) in BROKEN.items():
        if table not in tables:
            continue
        question = f"select count(*), any_value({table}) from {table} where {condition}"  # noqa: S608 - texts of our own
        ((count, example),) = warehouse.rows(question)
        if count:
            yield Wrong(table, rule.partition(": ")[2], count, str(example))


def _clocks(warehouse: Warehouse, tables: list[str], now: datetime) -> Iterator[Wrong]:
    given = {"earliest": EARLIEST, "latest": now + CLOCK_AHEAD}
    for table, clock in WRITTEN.items():
        if table not in tables:
            continue
        ((count, example),) = warehouse.rows(TIMES.format(table=table, clock=clock), given)
        if count:
            rule = f"{clock} is from {EARLIEST:%Y} on and not to come"
            yield Wrong(table, rule, count, str(example))


def _keys(warehouse: Warehouse, tables: list[str]) -> Iterator[Wrong]:
    """Facts of which there is one per key, by the same columns as `Warehouse.append` goes by."""
    for table in TABLES.values():
        if table.name not in tables or table.tracks_changes:
            continue
        key = [*table.key]
        present = [one for one in key if _has(warehouse, table.name, one)]
        asked = TWICE.format(table=table.name, key=", ".join(present), first=_text(present))
        ((count, example),) = warehouse.rows(asked)
        if count:
            yield Wrong(table.name, f"one row per {', '.join(present)}", int(count), str(example))


def _has(warehouse: Warehouse, table: str, column: str) -> bool:
    return (column,) in warehouse.rows(
        "select column_name from duckdb_columns() where table_name = $table", {"table": table}
    )


def _text(columns: list[str]) -> str:
    return f"concat_ws(' ', {', '.join(columns)})"
