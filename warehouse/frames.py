"""Records to frames: the form in which the warehouse takes facts in."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import polars as pl

from warehouse.records import Pool, Record
from warehouse.tables import TABLE_OF_RECORD, Table

if TYPE_CHECKING:
    from warehouse.store import Warehouse

Schema = dict[str, pl.DataType]

# Every warehouse that is open has this version's schema: each table is asked about once.
_schemas: dict[str, Schema] = {}
_required: dict[str, list[str]] = {}


def schema_of(warehouse: "Warehouse", table: Table) -> Schema:
    """The table's columns and their Polars types, in the order of the table."""
    if table.name not in _schemas:
        empty = warehouse.ask(f"from {table.name} limit 0")
        _schemas[table.name] = dict(zip(empty.columns, empty.dtypes, strict=True))
    return _schemas[table.name].copy()


def frames_of(
    warehouse: "Warehouse", records: Iterable[Record]
) -> list[tuple[Table, pl.DataFrame]]:
    """One frame per table that ``records`` belong to, rows in the order given."""
    by_table: dict[str, list[Record]] = {}
    for record in records:
        by_table.setdefault(TABLE_OF_RECORD[type(record)].name, []).append(record)
    frames = []
    for same in by_table.values():
        table = TABLE_OF_RECORD[type(same[0])]
        frames.append((table, pl.DataFrame(_columns(same), schema=schema_of(warehouse, table))))
    return frames


def _columns(records: Sequence[Record]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    for field in fields(records[0]):
        values = [getattr(record, field.name) for record in records]
        if isinstance(values[0], Pool):
            for part in fields(Pool):
                columns[part.name] = [getattr(pool, part.name) for pool in values]
        else:
            columns[field.name] = values
    return columns


REQUIRED = """
    select column_name
    from duckdb_columns()
    where table_name = $table and not is_nullable
    order by column_index
"""


def required_columns(warehouse: "Warehouse", table: Table) -> list[str]:
    """The table's columns that may not be null, in its order."""
    if table.name not in _required:
        found = warehouse.rows(REQUIRED, {"table": table.name})
        _required[table.name] = [name for (name,) in found]
    return _required[table.name].copy()
