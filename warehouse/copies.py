"""Copies of a database: made beside what they replace, complete on disk before they take its place.

A copy is of one moment (one transaction), however much is written meanwhile. Nothing that is there
is touched before the copy is whole; a kill leaves at most a file named ``.*.partial``.
"""

import os
import sys
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

from warehouse.errors import WarehouseError, WarehouseSpaceError
from warehouse.store import FAULTS, IN_MEMORY, Warehouse, reason

HERE = "select current_database()"
TABLES_OF = """
    select table_name
    from duckdb_tables()
    where database_name = $database and schema_name = 'main'
    order by table_oid
"""


def copied(warehouse: Warehouse, target: Path) -> dict[str, int]:
    """Write all that the database holds to a new file; the rows of each table, as there were.

    Others may write meanwhile: what they have not committed when this begins is not in the copy.

    Raises:
        WarehouseSpaceError: ``target`` cannot be written, or the disk is full.
        WarehouseCorruptError: the database cannot be read.
    """
    with attached(warehouse, target) as (own, other), warehouse.transaction():
        counts = rows_of(warehouse, own)
        warehouse.execute(f"copy from database {own} to {other}")
    return counts


@contextmanager
def attached(warehouse: Warehouse, path: Path) -> Generator[tuple[str, str]]:
    """The file as another database of this connection; their names, quoted. Whole on disk after."""
    alias = f"copy_{uuid.uuid4().hex}"
    own = quoted(str(warehouse.rows(HERE)[0][0]))
    with writing_to(path):
        warehouse.connection.execute(f"attach {literal(path)} as {alias} (read_write)")
    try:
        yield own, alias
    except WarehouseSpaceError as error:
        # The database itself is only read.
        raise WarehouseSpaceError(path, error.reason) from error
    finally:
        _let_go(warehouse, alias, path)
    sync(path)


def _let_go(warehouse: Warehouse, alias: str, path: Path) -> None:
    """Detach the copy, which writes what is in its log into it; one that failed has no more to."""
    is_failing = sys.exc_info()[0] is not None
    try:
        with writing_to(path):
            warehouse.connection.execute(f"detach {alias}")
    except WarehouseError:
        if not is_failing:
            raise


@contextmanager
def writing_to(path: Path) -> Generator[None]:
    """What the database engine or the system says of writing to ``path``, in our words."""
    try:
        yield
    except (*FAULTS, OSError) as error:
        raise reason(path, error) from error


def rows_of(warehouse: Warehouse, database: str | None = None) -> dict[str, int]:
    """How many rows each table has, in the order in which the schema makes them."""
    own = database or quoted(str(warehouse.rows(HERE)[0][0]))
    names = warehouse.rows(TABLES_OF, {"database": own.strip('"')})
    return {
        name: int(warehouse.rows(f"select count(*) from {own}.{quoted(name)}")[0][0])  # noqa: S608 - names of the schema
        for (name,) in names
    }


def verified(path: Path, counts: Mapping[str, int]) -> None:
    """Open the copy and count.

    Raises:
        WarehouseError: it does not have these rows.
    """
    with Warehouse.as_it_is(path) as copy:
        found = rows_of(copy)
    if found != dict(counts):
        wrong = [f"{name}: {counts.get(name)}, not {found.get(name)}" for name in counts]
        raise WarehouseError(f"{path}: the copy has other rows than its source ({wrong})")


@contextmanager
def in_place_of(target: Path) -> Generator[Path]:
    """A name beside ``target`` to write to; what is there takes its place if all goes well.

    Raises:
        WarehouseSpaceError: the folder cannot be written.
    """
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    try:
        with writing_to(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with writing_to(target):
            partial.replace(target)
            sync(target.parent)
    finally:
        for left in (partial, log_of(partial)):
            left.unlink(missing_ok=True)


def log_of(path: Path) -> Path:
    """Where DuckDB keeps what it has not yet written into the file."""
    return path.with_name(f"{path.name}.wal")


def sync(path: Path) -> None:
    """Wait until the file, or the names in the folder, are on disk."""
    with writing_to(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sha256_of(path: Path) -> str:
    """Digest of the file's bytes."""
    with path.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def path_of(warehouse: Warehouse) -> Path:
    """The file; an error if the database has none."""
    if warehouse.path is None:
        raise WarehouseSpaceError(IN_MEMORY, "it has no file")
    return warehouse.path


def quoted(name: str) -> str:
    """A name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(path: Path) -> str:
    """A path as SQL has it, where it takes no parameters."""
    return "'" + str(path).replace("'", "''") + "'"
