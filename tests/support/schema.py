"""The schema of a new database, made by the migrations once and copied from then on.

Two hundred statements take half of the time in which a test makes its database. The copy has the
same tables, constraints, views and comments (tests/warehouse/test_migrations.py compares them).
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb

from warehouse.migrations import migrate
from warehouse.store import Warehouse

Migrate = Callable[[duckdb.DuckDBPyConnection, datetime | None], list[str]]

EMPTY = "select count(*) = 0 from duckdb_tables() where not internal"
HERE = "select current_database()"


def copying(template: Path) -> Migrate:
    """The migrations, which find an empty database filled from ``template``; it is made here."""
    Warehouse.open(template).close()

    def filled(connection: duckdb.DuckDBPyConnection, now: datetime | None = None) -> list[str]:
        if connection.execute(EMPTY).fetchall() == [(True,)]:
            copy_of(template, connection)
        return migrate(connection, now)

    return filled


def copy_of(template: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Copy what is in a database's file into an empty database: its schema and its rows."""
    ((name,),) = connection.execute(HERE).fetchall()
    connection.execute(f"attach '{template}' as schema_of_tests (read_only)")
    connection.execute(f'copy from database schema_of_tests to "{name}"')
    connection.execute("detach schema_of_tests")
