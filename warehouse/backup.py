"""Backups: folders with a copy of the database and a manifest of what is in it.

A backup is whole or not there: it is written under another name, counted, and then named
``spotcast-<time>``. A backup is of data; the keys of the server are no part of it.
"""

import contextlib
import json
import shutil
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from warehouse.copies import (
    copied,
    in_place_of,
    log_of,
    rows_of,
    sha256_of,
    sync,
    verified,
    writing_to,
)
from warehouse.errors import (
    SchemaError,
    WarehouseCorruptError,
    WarehouseError,
    WarehouseMissingError,
)
from warehouse.store import Warehouse

DATABASE, MANIFEST, PREFIX = "spotcast.duckdb", "manifest.json", "spotcast-"
NAMED = "%Y%m%dT%H%M%S.%fZ"
SCHEMA = "select max(version) from schema_migration"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    made_at: str
    """When, as an RFC 3339 time in UTC."""
    spotcast: str
    """The version that made it."""
    schema: int
    """Number of the newest schema file of the database."""
    sha256: str
    """Digest of the database's file."""
    size_bytes: int
    rows: dict[str, int]
    """Rows by table."""

    @property
    def made_time(self) -> datetime:
        """When it was made."""
        return datetime.fromisoformat(self.made_at)


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup: its folder and its manifest."""

    folder: Path
    manifest: Manifest

    @property
    def database(self) -> Path:
        """The copy."""
        return self.folder / DATABASE


def back_up(
    warehouse: Warehouse, folder: Path, now: datetime, *, keep: int | None = None
) -> Backup:
    """Copy the open database into a new folder in ``folder``; of one moment, while others write.

    The copy is opened and counted before it is named. Then all but the newest ``keep`` are
    removed, if that is given.

    Raises:
        WarehouseSpaceError: the folder cannot be written, or the disk is full.
        WarehouseCorruptError: the database cannot be read.
    """
    final = folder / f"{PREFIX}{now:{NAMED}}"
    partial = folder / f".{final.name}.{uuid.uuid4().hex}.partial"
    try:
        with writing_to(folder):
            partial.mkdir(parents=True)
        manifest = _written(warehouse, partial, now)
        with writing_to(folder):
            sync(partial)
            partial.rename(final)
            sync(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    if keep is not None:
        _forget(folder, keep)
    return Backup(final, manifest)


def _written(warehouse: Warehouse, folder: Path, now: datetime) -> Manifest:
    """The copy and its manifest, on disk."""
    database, manifest = folder / DATABASE, folder / MANIFEST
    counts = copied(warehouse, database)
    verified(database, counts)
    with Warehouse.as_it_is(database) as copy:
        schema = int(copy.rows(SCHEMA)[0][0])
    told = Manifest(
        made_at=now.isoformat(),
        spotcast=version("spotcast"),
        schema=schema,
        sha256=sha256_of(database),
        size_bytes=database.stat().st_size,
        rows=counts,
    )
    with writing_to(folder):
        manifest.write_text(f"{json.dumps(asdict(told), indent=2)}\n", encoding="utf-8")
        sync(manifest)
    return told


def backups(folder: Path) -> list[Backup]:
    """The backups in the folder, from the newest; what is none is left out."""
    found = [
        Backup(one, read_manifest(one))
        for one in folder.glob(f"{PREFIX}*")
        if (one / MANIFEST).is_file() and (one / DATABASE).is_file()
    ]
    return sorted(found, key=lambda one: one.folder.name, reverse=True)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup.

    Raises:
        WarehouseError: there is none, or it is not one.
    """
    path = folder / MANIFEST
    try:
        return Manifest(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise WarehouseError(f"{path}: no manifest of a backup ({error})") from error


def restore(
    source: Path, target: Path, now: datetime, *, is_forced: bool = False
) -> tuple[dict[str, int], Path | None]:
    """Put the backup in the place of ``target``; its rows by table, and where the old file is now.

    ``source`` is the folder of a backup. Its copy is checked against its manifest, copied beside
    ``target``, upgraded to this version's schema and counted before it takes the place of what is
    there, which is kept under another name.

    Raises:
        WarehouseError: there is a database and it is not to be replaced; or the backup is not
            what its manifest says.
        SchemaError: the backup is of a newer version.
        WarehouseBusyError: another process holds the database.
        WarehouseSpaceError: the folder cannot be written, or the disk is full.
    """
    manifest = read_manifest(source)
    backup = Backup(source, manifest)
    if not backup.database.is_file():
        raise WarehouseMissingError(backup.database)
    if target.exists() and not is_forced:
        raise WarehouseError(
            f"{target}: there is a database already. --force puts the backup in its place and "
            f"keeps the old one under another name."
        )
    if (found := sha256_of(backup.database)) != manifest.sha256:
        raise WarehouseCorruptError(
            backup.database, f"its bytes are not those of its manifest: SHA-256 {found[:12]}…"
        )
    with in_place_of(target) as partial:
        with writing_to(partial):
            shutil.copyfile(backup.database, partial)
        verified(partial, manifest.rows)
        with Warehouse.open(partial) as upgraded:
            rows = rows_of(upgraded)
        sync(partial)
        aside = _set_aside(target, now)
    return rows, aside


def _set_aside(target: Path, now: datetime) -> Path | None:
    """Give the old file a second name; None if there is none. Its log is in it, or goes along."""
    if not target.exists():
        log_of(target).unlink(missing_ok=True)
        return None
    with contextlib.suppress(WarehouseCorruptError, SchemaError):
        # To see that nobody holds it, and to bring its log into it.
        Warehouse.open(target, patience_seconds=0).close()
    aside = target.with_name(f"{target.name}.before-{now:{NAMED}}")
    with writing_to(aside):
        try:
            aside.hardlink_to(target)
        except OSError:
            # Not every file system has names for files apart from the files.
            shutil.copy2(target, aside)
        if log_of(target).exists():
            log_of(target).rename(log_of(aside))
        sync(target.parent)
    return aside


def _forget(folder: Path, keep: int) -> None:
    """Remove all but the newest ``keep``; each is renamed first, so that none is there in part."""
    for old in backups(folder)[keep:]:
        doomed = old.folder.with_name(f".{old.folder.name}.partial")
        with writing_to(folder):
            old.folder.rename(doomed)
            shutil.rmtree(doomed)


def newest_backup(folder: Path) -> Backup:
    """The newest backup in the folder.

    Raises:
        WarehouseError: there is none.
    """
    found = backups(folder)
    if not found:
        raise WarehouseError(f"{folder}: no backup there")
    return found[0]


def backup_folder(database: Path) -> Path:
    """Where backups go by default: beside the database."""
    return database.parent / "backups"
