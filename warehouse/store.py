"""The one door to DuckDB: open, append, ask.

One process writes a file at a time. Appends are bulk (a Polars frame in), idempotent (a fact
that is there already changes nothing) and atomic (inside `Warehouse.transaction` all or nothing
is stored, and a kill leaves nothing).
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import duckdb
import polars as pl

from warehouse.errors import (
    WarehouseBusyError,
    WarehouseCorruptError,
    WarehouseMissingError,
    WarehouseSpaceError,
)
from warehouse.migrations import check_schema, migrate
from warehouse.tables import SPOT_PRICE, Table

HOLDER = re.compile(r"Conflicting lock is held in (?P<command>.+?) \(PID (?P<pid>\d+)\)")

LAST_SEEN = """
    merge into last_seen
    using (
        select source as feed, provider, region, zone, instance_type,
            max(greatest(effective_at, observed_at)) as seen_at
        from incoming
        group by all
    ) as news
    on last_seen.feed = news.feed
        and last_seen.provider = news.provider
        and last_seen.region = news.region
        and last_seen.zone = news.zone
        and last_seen.instance_type = news.instance_type
    when matched and news.seen_at > last_seen.seen_at then update set seen_at = news.seen_at
    when not matched then insert by name
"""


class Warehouse:
    """A DuckDB database with this version's schema. Use `Warehouse.open` or `Warehouse.in_memory`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path | None) -> None:
        self.connection = connection
        self.path = path
        # Every time that enters or leaves is UTC, wherever the machine thinks it is.
        connection.execute("set timezone = 'UTC'")

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """Open the file; a writer makes or upgrades it.

        Raises:
            WarehouseBusyError: another process holds it; names that process.
            WarehouseMissingError: read-only, and there is nothing to read.
            WarehouseCorruptError: the file is not a database.
            WarehouseSpaceError: the folder or file cannot be written.
            SchemaError: the database is newer than this version, or must first be upgraded.
        """
        if read_only and not path.exists():
            raise WarehouseMissingError(path)
        try:
            if not read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
            connection = duckdb.connect(str(path), read_only=read_only)
        except (duckdb.Error, OSError) as error:
            raise _reason(path, error) from error
        try:
            warehouse = cls(connection, path)
            if read_only:
                check_schema(connection)
            else:
                migrate(connection)
        except BaseException:
            connection.close()
            raise
        return warehouse

    @classmethod
    def in_memory(cls) -> Self:
        """A database that is gone when it is closed."""
        warehouse = cls(duckdb.connect(), None)
        migrate(warehouse.connection)
        return warehouse

    def close(self) -> None:
        """Let go of the file."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is done inside is stored, or nothing of it.

        Raises:
            WarehouseSpaceError: the disk is full or the file can no longer be written.
        """
        self.connection.begin()
        try:
            yield
            self.connection.commit()
        except duckdb.IOException as error:
            self._roll_back()
            raise WarehouseSpaceError(self.path or Path(":memory:"), str(error)) from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        """Undo; after a failed commit DuckDB has done so already and says there is nothing to do."""
        try:
            self.connection.rollback()
        except duckdb.TransactionException:
            return

    def append(self, table: Table, frame: pl.DataFrame) -> int:
        """Add the rows that are not there yet; return how many. ``frame`` has the table's columns.

        Of rows with the same key inside ``frame`` the first is taken. Call it inside
        `transaction`.
        """
        if frame.is_empty():
            return 0
        told = [column for column in frame.columns if column != "observed_at"]
        unique = frame.unique(
            subset=told if table.tracks_changes else list(table.key),
            keep="first",
            maintain_order=True,
        )
        span = {}
        if table.clock:
            span = {"low": unique[table.clock].min(), "high": unique[table.clock].max()}
        self.connection.register("incoming", unique.to_arrow())
        try:
            count = self.connection.execute(_insert(table, unique.columns), span).fetchone()
            if table is SPOT_PRICE:
                self.connection.execute(LAST_SEEN)
        finally:
            self.connection.unregister("incoming")
        return int(count[0]) if count else 0

    def ask(self, question: str, given: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Answer a query as a frame; ``given`` fills its ``$name`` parameters."""
        return self.connection.execute(question, given or {}).pl()

    def rows(self, question: str, given: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Answer a query as rows, in the order it asks for."""
        return self.connection.execute(question, given or {}).fetchall()


def _insert(table: Table, columns: list[str]) -> str:
    """The anti-join insert for ``table``; each identifier comes from the schema or tables.py."""
    listed = ", ".join(columns)
    old, same = table.name, list(table.key)
    if table.clock:
        old = f"(from {table.name} where {table.clock} between $low and $high)"
    if table.tracks_changes:
        newest = "observed_at" if "observed_at" in columns else "last_alive_at"
        old = (
            f"(from {table.name} qualify row_number() over "
            f"(partition by {', '.join(table.key)} order by {newest} desc) = 1)"
        )
        same = [column for column in columns if column != "observed_at"]
    match = " and ".join(f"old.{column} is not distinct from incoming.{column}" for column in same)
    return (
        f"insert into {table.name} ({listed}) "  # noqa: S608 - identifiers of our own, no values
        f"select {listed} from incoming anti join {old} as old on {match}"
    )


def utc_now() -> datetime:
    """The clock of the edge; everything inside takes ``now`` as an argument."""
    return datetime.now(UTC)


def _reason(path: Path, error: Exception) -> Exception:
    """Translate what DuckDB or the system said about opening ``path``."""
    text = str(error)
    if holder := HOLDER.search(text):
        return WarehouseBusyError(path, f"{holder['command']} (process {holder['pid']})")
    if isinstance(error, OSError) or "ermission denied" in text or "No space" in text:
        return WarehouseSpaceError(path, text.splitlines()[0])
    return WarehouseCorruptError(path, text.splitlines()[0])
