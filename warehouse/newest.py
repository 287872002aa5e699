"""The newest rows of a long table, kept from question to question: only what is new is read.

"What holds now" is asked again and again of a server, and the rows that can be the answer are few:
of each pool those with its newest time. Facts are only ever added, so that the rows kept before
and the rows added since hold the same answer as the whole table.
"""

import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from warehouse.store import Warehouse
from warehouse.tables import POOL, RISK_FORECAST, SIGNAL, SPOT_PRICE, Table

SHARED_FOR = timedelta(minutes=1)
"""How far the times may be apart that two threads ask of, as one waits while the other reads."""

NOTHING = -1
"""The row before the first one."""

ADDED = """
    with newest as (
        select {key}, max({clock}) as {clock}
        from {table}
        where rowid > $last and {clock} <= $now
        group by all
    )
    select {table}.*
    from {table}
    join newest using ({key}, {clock})
    where {table}.rowid > $last
    union all
    from {table}
    where rowid > $last and {clock} > $now
"""

COUNT = """
    select count(*) filter (rowid <= $last), coalesce(max(rowid), -1), count(*)
    from {table}
"""

ROW = "select {key}, {clock} from {table} where rowid = $last"


@dataclass(frozen=True, slots=True)
class _Mark:
    """Up to where a table was read: its last row and what stood in it, and how many there were."""

    last: int
    row: list[tuple[Any, ...]]
    rows: int
    now: datetime


class Newest:
    """The rows of a table that can be the newest of their key, at a time that moves on."""

    def __init__(self, table: Table, key: Sequence[str]) -> None:
        """``key`` is of what the newest is wanted; the table's clock says how new a row is."""
        if table.clock is None:
            raise ValueError(f"{table.name} has no clock")
        self.table = table
        self._key = list(key)
        self._clock = table.clock
        self._names = {"table": table.name, "key": ", ".join(key), "clock": table.clock}
        self._kept = pl.DataFrame()
        self._mark: _Mark | None = None

    def read(self, warehouse: Warehouse, now: datetime) -> pl.DataFrame:
        """All columns of the rows with the newest time up to ``now`` of each key, and of all later.

        Every row with that time, so that a question decides between them as it does on the
        table. The whole table is read the first time, when time went back, and when rows are gone.

        Raises:
            WarehouseCorruptError: the file is damaged.
        """
        with warehouse.transaction():
            mark = self._mark
            known, last, rows = self._counted(warehouse, mark)
            if mark and (
                now < mark.now or known != mark.rows or self._row(warehouse, mark.last) != mark.row
            ):
                mark = None
            added = warehouse.ask(
                ADDED.format(**self._names), {"last": mark.last if mark else NOTHING, "now": now}
            )
            row = self._row(warehouse, last)
        self._keep(added if mark is None else pl.concat([self._kept, added]), now)
        self._mark = _Mark(last, row, rows, now)
        return self._kept

    def _keep(self, frame: pl.DataFrame, now: datetime) -> None:
        clock, is_told = pl.col(self._clock), pl.col(self._clock) <= now
        newest = clock.filter(is_told).max().over(self._key)
        self._kept = frame.filter(~is_told | (clock == newest))

    def _counted(self, warehouse: Warehouse, mark: _Mark | None) -> tuple[int, int, int]:
        given = {"last": mark.last if mark else NOTHING}
        ((known, last, rows),) = warehouse.rows(COUNT.format(**self._names), given)
        return known, last, rows

    def _row(self, warehouse: Warehouse, last: int) -> list[tuple[Any, ...]]:
        return warehouse.rows(ROW.format(**self._names), {"last": last})


class NewestFacts:
    """The newest prices, signals and forecasts, for all threads that ask what holds now."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._since: datetime | None = None
        self._tables = (
            Newest(SPOT_PRICE, POOL),
            Newest(SIGNAL, (*POOL, "definition")),
            Newest(RISK_FORECAST, (*POOL, "horizon_seconds")),
        )

    @contextmanager
    def alone(self, warehouse: Warehouse, now: datetime) -> Generator[None]:
        """Inside, the three tables of this conversation have only the rows that can be newest.

        A question what holds at ``now`` has the same answer as of the whole tables; one of a time
        before it may have another.

        Raises:
            WarehouseCorruptError: the file is damaged.
        """
        with ExitStack() as stack:
            with self._turn:
                since = self._since_of(now)
                frames = {one.table.name: one.read(warehouse, since) for one in self._tables}
            for name, frame in frames.items():
                # A view of the conversation's own goes before the table of the same name.
                warehouse.connection.register(name, frame)
                stack.callback(warehouse.connection.unregister, name)
            yield

    def _since_of(self, now: datetime) -> datetime:
        """From when on what is kept has all rows: not before it was, as long as ``now`` is not."""
        since = now - SHARED_FOR
        if self._since is not None and self._since <= now:
            since = max(since, self._since)
        self._since = since
        return since
