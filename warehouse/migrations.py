"""Bring a database to this version's schema: numbered files, each applied once and recorded."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING

from warehouse.errors import SchemaError

if TYPE_CHECKING:
    import duckdb

CREATE_LEDGER = """
    create table if not exists schema_migration (
        version integer not null,
        name varchar not null,
        sha256 varchar not null,
        applied_at timestamptz not null
    )
"""
HAS_LEDGER = "select count(*) from duckdb_tables() where table_name = 'schema_migration'"
APPLIED = "select version, name, sha256 from schema_migration order by version"
RECORD = "insert into schema_migration values ($version, $name, $sha256, $applied_at)"

FILE_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered schema file."""

    version: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Digest by which an edited file is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All schema files of this version, in order."""
    found = [
        Migration(int(match[1]), entry.name, entry.read_text(encoding="utf-8"))
        for entry in files("warehouse").joinpath("schema").iterdir()
        if (match := FILE_NAME.match(entry.name))
    ]
    return sorted(found, key=lambda migration: migration.version)


def migrate(connection: "duckdb.DuckDBPyConnection", now: datetime | None = None) -> list[str]:
    """Apply what is missing, each file in its own transaction; return the names applied.

    Raises:
        SchemaError: the database is newer than this version, or a file it was made from has
            been changed since.
    """
    connection.execute(CREATE_LEDGER)
    check_schema(connection, complete=False)
    done = {row[0] for row in connection.execute(APPLIED).fetchall()}
    applied = []
    for migration in migrations():
        if migration.version in done:
            continue
        connection.begin()
        try:
            connection.execute(migration.sql)
            connection.execute(
                RECORD,
                {
                    "version": migration.version,
                    "name": migration.name,
                    "sha256": migration.sha256,
                    "applied_at": now or datetime.now(UTC),
                },
            )
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
        applied.append(migration.name)
    return applied


def check_schema(connection: "duckdb.DuckDBPyConnection", *, complete: bool = True) -> None:
    """Refuse a database that this version cannot use.

    Raises:
        SchemaError: it is newer, was made from files that have changed since, or (if
            ``complete``) lacks a migration, which only a writer may apply.
    """
    known = {migration.version: migration for migration in migrations()}
    ledger = connection.execute(HAS_LEDGER).fetchone()
    rows = connection.execute(APPLIED).fetchall() if ledger and ledger[0] else []
    for version, name, sha256 in rows:
        if version not in known:
            raise SchemaError(
                f"the database has schema {name}, which this version does not know: "
                f"it was written by a newer Spotcast. Upgrade this one."
            )
        if sha256 != known[version].sha256:
            raise SchemaError(
                f"schema file {name} differs from the one the database was made from. "
                f"A schema file never changes once released: add a new one instead."
            )
    missing = sorted(set(known) - {row[0] for row in rows})
    if complete and missing:
        raise SchemaError(
            f"the database lacks schema {known[missing[0]].name}: open it once for writing, "
            f"for example with `spotcast collect` or `spotcast import`, to upgrade it."
        )
