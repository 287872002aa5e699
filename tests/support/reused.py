"""Empty databases in memory, used again: making one takes ten times as long as emptying it.

One is used again only if it is as new after its rows are gone: the same tables, views and settings,
no transaction, nothing that somebody still holds. Any other is closed.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import duckdb

from warehouse.errors import WarehouseError
from warehouse.store import Warehouse

LEDGER = "schema_migration"
MOST_ROWS = 10_000
"""Of one with more rows a new one is made: DuckDB gives no room of removed rows back in memory."""

USED = """
    select table_name from duckdb_tables()
    where not internal and estimated_size > 0
    order by table_oid
"""
"""Tables that rows were ever put into: the size counts removed rows too, and is 0 for no other."""

CATALOGUE = """
    select 'table ' || coalesce(sql, '') || coalesce(comment, '')
    from duckdb_tables() where not internal
    union all select 'view ' || view_name from duckdb_views() where not internal
    union all select 'setting ' || name || coalesce(value, '') from duckdb_settings()
    union all select 'database ' || database_name from duckdb_databases()
    union all select 'schema ' || name || sha256 from schema_migration
    order by all
"""


class Reused:
    """Databases that were used and are empty again."""

    def __init__(self) -> None:
        self._free: list[duckdb.DuckDBPyConnection] = []
        self._new: list[tuple[str]] = []

    @contextmanager
    def empty(self) -> Generator[Warehouse]:
        """An empty database; whoever takes it leaves in it what he likes."""
        made = Warehouse(self._free.pop(), None) if self._free else self._made()
        try:
            yield made
        finally:
            if self._is_as_new(made):
                self._free.append(made.connection)
            else:
                made.close()

    def close(self) -> None:
        """Let go of all."""
        while self._free:
            self._free.pop().close()

    def _made(self) -> Warehouse:
        made = Warehouse.in_memory()
        self._new = made.rows(CATALOGUE)
        return made

    def _is_as_new(self, used: Warehouse) -> bool:
        try:
            with used.transaction():
                return used.rows(CATALOGUE) == self._new and all(_emptied(used))
        except (duckdb.Error, WarehouseError):
            return False  # Closed, within a transaction, or a table is gone.


def _emptied(used: Warehouse) -> Iterator[bool]:
    """Of each table whether it could be emptied; the ledger stays as it is."""
    names = [name for (name,) in used.rows(USED)]
    counts = " union all ".join(f"select '{name}', count(*) from {name}" for name in names)  # noqa: S608 - names of the schema
    for name, count in used.rows(counts):
        if name != LEDGER and count:
            used.execute(f"truncate {name}")
            yield count < MOST_ROWS
