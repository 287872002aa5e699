"""Databases to keep: with a row in every table, of every version, and held by other processes."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from warehouse.migrations import APPLIED, CREATE_LEDGER, RECORD, migrations

TABLES = "select table_name from duckdb_tables() order by table_oid"
COLUMNS = """
    select column_name, data_type
    from duckdb_columns()
    where table_name = $table
    order by column_index
"""

VALUES = {
    "VARCHAR": "'x'",
    "TIMESTAMP WITH TIME ZONE": "timestamptz '2026-01-01 00:00:00+00'",
    "DOUBLE": "0.5",
    "INTEGER": "1",
    "BIGINT": "1",
    "BOOLEAN": "true",
    "UUID": "'00000000-0000-0000-0000-000000000001'",
}
"""One value of each type that the schema has."""

WORDS = {
    "semantics": "'change_point'",
    "outcome": "'ok'",
    "probe_kind": "'launch_probe'",
    "ended_by": "'user'",
    "kind": "'taken'",
    "state": "'done'",
    "fact": "'spot_price'",
    "seen_at": "timestamptz '2026-01-15 00:00:00+00'",
    "pages": "'{}'",
    "detail": "'{}'",
    "drivers": "'[]'",
    "signals": "null",
}
"""Where not every word will do."""

Rows = dict[str, list[tuple[Any, ...]]]


def apply(connection: duckdb.DuckDBPyConnection, versions: int) -> None:
    """The first so many schema files, as the version of that time did."""
    connection.execute(CREATE_LEDGER)
    for one in migrations()[:versions]:
        connection.execute(one.sql)
        given = {
            "version": one.version,
            "name": one.name,
            "sha256": one.sha256,
            "applied_at": "2026-01-01 00:00:00+00",
        }
        connection.execute(RECORD, given)


def an_old_database(path: Path, versions: int) -> Rows:
    """A database of an older version with a row in every table; the rows."""
    with duckdb.connect(path) as connection:
        connection.execute("set timezone = 'UTC'")
        apply(connection, versions)
        for table in tables_of(connection):
            if table != "schema_migration":
                columns = connection.execute(COLUMNS, {"table": table}).fetchall()
                values = ", ".join(WORDS.get(name, VALUES[kind]) for name, kind in columns)
                connection.execute(f"insert into {table} values ({values})")  # noqa: S608 - names of the schema
        return rows_in(connection)


def tables_of(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Every table, in the order in which the schema makes them."""
    return [name for (name,) in connection.execute(TABLES).fetchall()]


def rows_in(connection: duckdb.DuckDBPyConnection) -> Rows:
    """Every row but those of the ledger."""
    return {
        table: connection.execute(f"from {table} order by all").fetchall()
        for table in tables_of(connection)
        if table != "schema_migration"
    }


def versions_of(path: Path) -> list[int]:
    """Which schema files the database has."""
    with duckdb.connect(path, read_only=True) as connection:
        return [row[0] for row in connection.execute(APPLIED).fetchall()]


def in_another_process(
    script: str, *arguments: object, file_limit: int | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments; no file may grow beyond ``file_limit`` bytes."""
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=None if file_limit is None else _limited(file_limit),
    )


def _limited(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
