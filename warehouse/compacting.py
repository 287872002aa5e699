"""Files written anew: the database sorted and without holes, and tables as Parquet or CSV."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import stamina

from warehouse.copies import (
    TABLES_OF,
    attached,
    in_place_of,
    literal,
    log_of,
    path_of,
    quoted,
    rows_of,
    sync,
    verified,
    writing_to,
)
from warehouse.errors import WarehouseError
from warehouse.store import Warehouse

PATIENCE_SECONDS = 30.0
"""How long it is waited for a transaction of another thread: they end within seconds."""

ORDER = {
    "spot_price": "date_trunc('month', effective_at), provider, instance_type, region, zone, "
    "source, effective_at",
    "spot_price_hour": "date_trunc('month', hour_at), provider, instance_type, region, zone, "
    "source, hour_at",
    "signal": "date_trunc('month', observed_at), provider, definition, instance_type, region, "
    "zone, observed_at",
    "availability_tick": "source, trace_id, tick",
    "availability_hour": "source, trace_id, hour_at",
    "risk_forecast": "date_trunc('month', issued_at), provider, instance_type, region, zone, "
    "issued_at",
    "last_seen": "provider, fact, instance_type, region, zone, feed",
}
"""How a table is sorted; the rest stays in its order. By time first, as the newest facts are asked
for most and new ones are added at the end; within a month by what is asked for, one type."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """The size of the file before and after, bytes."""

    size_before: int
    size_after: int


class ExportFormat(StrEnum):
    """How a table is written to a file."""

    PARQUET = "parquet"
    CSV = "csv"

    @property
    def ending(self) -> str:
        """Of the file's name."""
        return ".parquet" if self is ExportFormat.PARQUET else ".csv.zst"


def compact(path: Path) -> Compacted:
    """Write the file anew, sorted and without holes, and put it in the place of the old one.

    Raises:
        WarehouseBusyError: another process holds it.
        WarehouseSpaceError: there is no space for the second file; nothing was changed.
        WarehouseCorruptError: it cannot be read.
    """
    with Warehouse.open(path, patience_seconds=0) as warehouse:
        warehouse.execute("checkpoint")
        before = path.stat().st_size
        with in_place_of(path) as partial:
            counts = _sorted_copy(warehouse, partial)
            verified(partial, counts)
            # The log belongs to the old file: nothing may be in it when the new one is there.
            if log_of(path).exists():
                raise WarehouseError(f"{path}: written to meanwhile; nothing was changed")
    return Compacted(before, path.stat().st_size)


def _sorted_copy(warehouse: Warehouse, target: Path) -> dict[str, int]:
    with attached(warehouse, target) as (own, other), warehouse.transaction():
        counts = rows_of(warehouse, own)
        warehouse.execute(f"copy from database {own} to {other} (schema)")
        for table in counts:
            order = f"order by {ORDER[table]}" if table in ORDER else ""
            name = quoted(table)
            warehouse.execute(f"insert into {other}.{name} from {own}.{name} {order}")
    return counts


def export(
    warehouse: Warehouse, folder: Path, form: ExportFormat, tables: list[str] | None = None
) -> dict[Path, int]:
    """Write tables, all if none is named, to one file each; the files and their rows.

    All are of one moment. Both forms are packed with Zstandard.

    Raises:
        WarehouseError: there is no such table.
        WarehouseSpaceError: the folder cannot be written, or the disk is full.
    """
    known = _tables(warehouse)
    if unknown := [one for one in tables or [] if one not in known]:
        raise WarehouseError(f"{', '.join(unknown)}: no such table; there are {', '.join(known)}")
    written = {}
    with warehouse.transaction():
        for table in tables or known:
            path = folder / f"{table}{form.ending}"
            with in_place_of(path) as partial, writing_to(path):
                written[path] = _write(warehouse, table, partial, form)
                sync(partial)
    return written


def _write(warehouse: Warehouse, table: str, path: Path, form: ExportFormat) -> int:
    order = f"order by {ORDER[table]}" if table in ORDER else ""
    header = ", header" if form is ExportFormat.CSV else ""
    copying = (
        f"copy (from {quoted(table)} {order}) to {literal(path)} "
        f"(format {form}, compression zstd{header})"
    )
    return int(warehouse.rows(copying)[0][0])


def _tables(warehouse: Warehouse) -> list[str]:
    database = warehouse.rows("select current_database()")[0][0]
    return [name for (name,) in warehouse.rows(TABLES_OF, {"database": database})]


def reclaim(warehouse: Warehouse) -> Compacted:
    """Give the space of removed rows back as far as it can be while the file is open.

    What only `compact` can give back is reused by what is stored next.

    Raises:
        WarehouseError: another thread's transaction did not end meanwhile.
    """
    path = path_of(warehouse)
    before = path.stat().st_size
    for attempt in stamina.retry_context(
        on=_is_under_way, attempts=None, timeout=PATIENCE_SECONDS, wait_initial=0.1, wait_max=1.0
    ):
        with attempt:
            warehouse.execute("checkpoint")
    return Compacted(before, path.stat().st_size)


def _is_under_way(error: Exception) -> bool:
    """Whether DuckDB refused a checkpoint because of a transaction that writes."""
    return isinstance(error, WarehouseError) and "write transactions active" in str(error)
