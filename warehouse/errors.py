"""What can go wrong with the database, one class per reaction of the caller."""

from pathlib import Path


class WarehouseError(Exception):
    """Base of all errors of the warehouse; the message says what, where and how to mend it."""


class WarehouseBusyError(WarehouseError):
    """Another process holds the file: wait, stop that process, or ask it over HTTP."""

    def __init__(self, path: Path, holder: str) -> None:
        super().__init__(
            f"{path}: in use by {holder}. One process writes at a time: ask it over HTTP if it is "
            f"`spotcast serve`, stop it, wait until it has finished, or choose another file with "
            f"--warehouse."
        )
        self.path = path
        self.holder = holder


class WarehouseMissingError(WarehouseError):
    """There is no database to read."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path}: no database there. `spotcast import` or `spotcast collect` makes one; "
            f"--warehouse or SPOTCAST_WAREHOUSE names another place."
        )
        self.path = path


class WarehouseCorruptError(WarehouseError):
    """The file is not a database that DuckDB can read: a person must look."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: damaged, or no database ({reason}). Restore it from a backup.")
        self.path = path


class WarehouseSpaceError(WarehouseError):
    """The database cannot be written: no space, no permission, no folder."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: cannot be written ({reason}). Nothing was changed.")
        self.path = path
        self.reason = reason


class SchemaError(WarehouseError):
    """The database's schema is not one that this version can use."""
