"""The one door to DuckDB: open, append, ask.

One process writes a file at a time. Appends are bulk (a Polars frame in), idempotent (a fact
that is there already changes nothing) and atomic (inside `Warehouse.transaction` all or nothing
is stored, and a kill leaves nothing).
"""

import os
import re
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Self

import duckdb
import polars as pl
import pyarrow as pa
import stamina

from warehouse.errors import (
    WarehouseBusyError,
    WarehouseCorruptError,
    WarehouseError,
    WarehouseMissingError,
    WarehouseSpaceError,
)
from warehouse.migrations import check_schema, migrate
from warehouse.tables import SIGNAL, SPOT_PRICE, Table

HOLDER = re.compile(r"Conflicting lock is held in (?P<command>.+?) \(PID (?P<pid>\d+)\)")

UNWRITABLE = (
    "ermission denied",
    "No space",
    "Read-only file system",
    "File too large",
    "quota exceeded",
)
"""What the system says, through DuckDB, of a place that takes no more."""

FAULTS = (duckdb.IOException, duckdb.TransactionException, duckdb.FatalException)
"""What DuckDB raises where the file or the disk fails it; of a commit it is the second."""

IN_MEMORY = Path(":memory:")
"""What an error calls a database without a file."""

ROW_GROUP = 122_880
"""Rows in one row group of a DuckDB table: the piece that one core writes."""

SEEN = {
    SPOT_PRICE.name: """
        select source as feed, provider, region, zone, instance_type, 'spot_price' as fact,
            max(greatest(effective_at, observed_at)) as seen_at
        from incoming
        group by all
    """,
    SIGNAL.name: """
        select source as feed, provider, region, zone, instance_type, definition as fact,
            max(observed_at) as seen_at
        from incoming
        group by all
    """,
}
"""Of what and when a batch speaks, for the tables whose facts are repeated while they hold."""

NOTE_SEEN = """
    merge into last_seen
    using ({seen}) as news
    on last_seen.feed = news.feed
        and last_seen.provider = news.provider
        and last_seen.region = news.region
        and last_seen.zone = news.zone
        and last_seen.instance_type = news.instance_type
        and last_seen.fact = news.fact
    when matched and news.seen_at > last_seen.seen_at then update set seen_at = news.seen_at
    when not matched then insert by name
"""


PATIENCE_SECONDS = 10.0
"""How long a file is waited for that another process holds: storing a run takes less."""


class Warehouse:
    """A DuckDB database with this version's schema: `Warehouse.open` or `Warehouse.in_memory`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path | None) -> None:
        self.connection = connection
        self.path = path
        # One connection is one conversation: threads take turns, a transaction is one turn.
        self._turn = threading.RLock()
        # Every time that enters or leaves is UTC, wherever the machine thinks it is.
        connection.execute("set timezone = 'UTC'")

    @classmethod
    def open(
        cls, path: Path, *, read_only: bool = False, patience_seconds: float = PATIENCE_SECONDS
    ) -> Self:
        """Open the file; a writer makes or upgrades it.

        Another process may hold it for a moment, as `spotcast watch` does after each run: it is
        waited for.

        Raises:
            WarehouseBusyError: another process held it all that time; names that process.
            WarehouseMissingError: read-only, and there is nothing to read.
            WarehouseCorruptError: the file is not a database.
            WarehouseSpaceError: the folder or file cannot be written.
            SchemaError: the database is newer than this version, or must first be upgraded.
        """
        return cls._patiently(path, patience_seconds, read_only=read_only, complete=True)

    @classmethod
    def as_it_is(cls, path: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> Self:
        """Open the file to read, be its schema this version's or an older one.

        Raises:
            WarehouseBusyError: another process held it all that time; names that process.
            WarehouseMissingError: there is nothing to read.
            WarehouseCorruptError: the file is not a database.
            SchemaError: the database is newer than this version.
        """
        return cls._patiently(path, patience_seconds, read_only=True, complete=False)

    @classmethod
    def _patiently(
        cls, path: Path, patience_seconds: float, *, read_only: bool, complete: bool
    ) -> Self:
        if not patience_seconds:
            return cls._opened(path, read_only=read_only, complete=complete)
        for attempt in stamina.retry_context(
            on=WarehouseBusyError,
            attempts=None,
            timeout=patience_seconds,
            wait_initial=0.05,
            wait_max=0.5,
        ):
            with attempt:
                return cls._opened(path, read_only=read_only, complete=complete)
        raise AssertionError("stamina leaves the loop by its last exception")

    @classmethod
    def _opened(cls, path: Path, *, read_only: bool, complete: bool) -> Self:
        if read_only and not path.exists():
            raise WarehouseMissingError(path)
        try:
            if not read_only:
                path.parent.mkdir(parents=True, exist_ok=True)
            connection = duckdb.connect(str(path), read_only=read_only)
        except (duckdb.Error, OSError) as error:
            raise reason(path, error) from error
        try:
            warehouse = cls(connection, path)
            if read_only:
                check_schema(connection, complete=complete)
            else:
                migrate(connection)
        except FAULTS as error:
            connection.close()
            raise reason(path, error) from error
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

    def cursor(self) -> Self:
        """The same open database by another conversation, for another thread; close it after."""
        return type(self)(self.connection.cursor(), self.path)

    def close(self) -> None:
        """Let go of the file; of a cursor: end its conversation."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All that is done inside is stored, or nothing of it.

        Raises:
            WarehouseSpaceError: the disk is full or the file can no longer be written.
            WarehouseCorruptError: the file is damaged.
        """
        with self._turn:
            self.connection.begin()
            try:
                yield
                self.connection.commit()
            except FAULTS as error:
                self._roll_back()
                raise reason(self.path or IN_MEMORY, error) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        """Undo; after a failed commit DuckDB has done so already and says so."""
        try:
            self.connection.rollback()
        except duckdb.TransactionException:
            return

    def append(self, table: Table, frame: pl.DataFrame, *, only_changes: bool = False) -> int:
        """Add the rows that are not there yet; return how many. ``frame`` has the table's columns.

        Of rows with the same key inside ``frame`` the first is taken. With ``only_changes``, as
        for a source that is asked again and again, a row that says the same as the newest one of
        its kind, later, is not added either. Call it inside `transaction`.
        """
        if frame.is_empty():
            return 0
        told = [column for column in frame.columns if column != "observed_at"]
        unique = frame.unique(
            subset=told if table.tracks_changes else list(table.key),
            keep="first",
            maintain_order=True,
        )
        # In pieces, as DuckDB reads a table of one piece on one core only.
        pieces = unique.to_arrow().to_batches(max_chunksize=ROW_GROUP)
        self.connection.register("incoming", pa.Table.from_batches(pieces))
        try:
            return self._add_unknown(
                table, unique, _Sql(table, unique.columns, only_changes=only_changes)
            )
        finally:
            self.connection.unregister("incoming")

    def _add_unknown(self, table: Table, unique: pl.DataFrame, sql: "_Sql") -> int:
        """Insert the rows of the view ``incoming`` that are not stored; return how many.

        Whole batches are new, or are known, far more often than they are mixed, and an insert
        without the anti-join runs on all cores.
        """
        span = {}
        if table.clock and sql.is_bound:
            span = {"low": unique[table.clock].min(), "high": unique[table.clock].max()}
        known = self.rows(sql.count, span)[0][0]
        if known == 0:
            self.connection.execute(sql.insert)
        elif known < unique.height:
            self.connection.execute(sql.insert_unknown, span)
        if seen := SEEN.get(table.name):
            self.connection.execute(NOTE_SEEN.format(seen=seen))
        return unique.height - int(known)

    def execute(self, statement: str, given: Mapping[str, Any] | None = None) -> None:
        """Carry out a statement that gives no rows.

        Raises:
            WarehouseSpaceError: the disk is full or the file can no longer be written.
            WarehouseCorruptError: the file is damaged.
        """
        try:
            with self._turn:
                self.connection.execute(statement, given or {})
        except FAULTS as error:
            raise reason(self.path or IN_MEMORY, error) from error

    def ask(self, question: str, given: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """Answer a query as a frame; ``given`` fills its ``$name`` parameters.

        Raises:
            WarehouseCorruptError: the file is damaged.
        """
        try:
            with self._turn:
                return self.connection.execute(question, given or {}).pl()
        except FAULTS as error:
            raise reason(self.path or IN_MEMORY, error) from error

    def rows(self, question: str, given: Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Answer a query as rows, in the order it asks for.

        Raises:
            WarehouseCorruptError: the file is damaged.
        """
        try:
            with self._turn:
                return self.connection.execute(question, given or {}).fetchall()
        except FAULTS as error:
            raise reason(self.path or IN_MEMORY, error) from error


class SharedWarehouse:
    """One open database for the threads of one process: many may read, one at a time writes.

    Readers see what was stored when their query began, and never wait for the writer.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        """``warehouse`` stays open, and its owner closes it."""
        self._warehouse = warehouse
        # One core stays free for those who wait for an answer while a long query runs.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        warehouse.execute(f"set threads = {max(1, (cores or 1) - 1)}")
        self._turn = threading.RLock()
        self.writes = 0
        """How often somebody wrote: what was read at another count may be out of date."""

    @property
    def path(self) -> Path | None:
        """The file; None if the database is in memory."""
        return self._warehouse.path

    @contextmanager
    def reading(self) -> Generator[Warehouse]:
        """A conversation of the caller's own; for questions only."""
        with self._warehouse.cursor() as warehouse:
            yield warehouse

    @contextmanager
    def writing(self) -> Generator[Warehouse]:
        """The same for the one writer; others wait."""
        with self.noting() as warehouse:
            try:
                yield warehouse
            finally:
                self.writes += 1

    @contextmanager
    def noting(self) -> Generator[Warehouse]:
        """The writer's turn for what no answer is kept of, such as rows of jobs: not counted."""
        with self._turn, self._warehouse.cursor() as warehouse:
            yield warehouse


def lease(path: Path) -> Callable[[], AbstractContextManager[Warehouse]]:
    """A way to take the file for a moment: for a process that must not keep it from others.

    Threads of this process take turns.
    """
    turn = threading.RLock()

    @contextmanager
    def take() -> Generator[Warehouse]:
        with turn, Warehouse.open(path) as warehouse:
            yield warehouse

    return take


class _Sql:
    """The statements on a table; each identifier comes from the schema or tables.py.

    ``count`` asks how many rows of the view ``incoming`` are stored already. If it ``is_bound``,
    it and ``insert_unknown`` take the span of time to look at, ``$low`` to ``$high``.
    """

    def __init__(self, table: Table, columns: list[str], *, only_changes: bool) -> None:
        listed, old, same = ", ".join(columns), table.name, list(table.key)
        only_changes = only_changes or table.tracks_changes
        self.is_bound = bool(table.clock) and not only_changes
        if only_changes:
            clock = table.clock or ("observed_at" if "observed_at" in columns else "last_alive_at")
            identity = ", ".join(column for column in table.key if column != table.clock)
            old = (
                f"(from {table.name} qualify row_number() over "
                f"(partition by {identity} order by {clock} desc) = 1)"
            )
            same = [column for column in columns if column not in {"observed_at", table.clock}]
        elif self.is_bound:
            old = f"(from {table.name} where {table.clock} between $low and $high)"
        unknown = f"incoming anti join {old} as old on {_equal('old', same)}"
        if only_changes and table.clock:
            # A history told again from its start is no change: its rows are there as they are.
            key = _equal("stored", list(table.key))
            unknown += f" anti join {table.name} as stored on {key}"
        self.count = f"select (select count(*) from incoming) - count(*) from {unknown}"  # noqa: S608 - identifiers of our own, no values
        self.insert = f"insert into {table.name} ({listed}) select {listed} from incoming"  # noqa: S608 - the same
        self.insert_unknown = f"insert into {table.name} ({listed}) select {listed} from {unknown}"  # noqa: S608 - the same


def _equal(name: str, columns: list[str]) -> str:
    """The condition that the rows of ``name`` and ``incoming`` agree in ``columns``."""
    return " and ".join(f"{name}.{one} is not distinct from incoming.{one}" for one in columns)


def reason(path: Path, error: Exception) -> Exception:
    """What DuckDB or the system said about ``path``, in our words."""
    text = str(error)
    if holder := HOLDER.search(text):
        return WarehouseBusyError(path, f"{holder['command']} (process {holder['pid']})")
    if isinstance(error, OSError) or any(one in text for one in UNWRITABLE):
        return WarehouseSpaceError(path, text.splitlines()[0])
    if isinstance(error, duckdb.TransactionException):
        return WarehouseError(f"{path}: {text.splitlines()[0]}. Nothing was changed.")
    return WarehouseCorruptError(path, text.splitlines()[0])
