"""A database that other processes write: opened for each question, and let go of after it.

A process that kept it open would keep `spotcast watch` and every import from storing anything.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from warehouse.errors import WarehouseError
from warehouse.store import SharedWarehouse, Warehouse


class FileWarehouse(SharedWarehouse):
    """The file as it is when somebody asks; it may be missing, or held by somebody, meanwhile."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet."""
        self._file = path
        self._marks: tuple[tuple[int, int] | None, ...] = ()
        self.writes = 0
        """How often `notice` found that the file had changed."""

    @property
    def path(self) -> Path:
        """The file."""
        return self._file

    def notice(self) -> None:
        """Count a write if the file, or its log of writes, changed since this was last asked."""
        log = self._file.with_name(f"{self._file.name}.wal")
        marks = tuple(_mark(one) for one in (self._file, log))
        if marks != self._marks:
            self._marks = marks
            self.writes += 1

    @contextmanager
    def reading(self) -> Generator[Warehouse]:
        """The file for a question.

        Raises:
            WarehouseError: it cannot be read, or another process holds it for long.
        """
        with Warehouse.open(self._file, read_only=True) as warehouse:
            yield warehouse

    @contextmanager
    def writing(self) -> Generator[Warehouse]:
        """Nothing: this only reads.

        Raises:
            WarehouseError: always.
        """
        raise WarehouseError(f"{self._file}: is open for reading only")
        yield


def _mark(path: Path) -> tuple[int, int] | None:
    """What changes when the file does; None if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
