"""The schema: applied once, recorded, and refused where this version cannot use it."""

from pathlib import Path

import duckdb
import pytest

from tests.support.market import NOW
from warehouse.errors import SchemaError
from warehouse.migrations import migrate, migrations
from warehouse.store import Warehouse


def test_the_files_are_numbered_without_gap_from_one() -> None:
    assert [one.version for one in migrations()] == list(range(1, len(migrations()) + 1))


@pytest.mark.parametrize(
    "asked",
    [
        "table_name, comment, sql from duckdb_tables()",
        "* exclude (database_oid, table_oid, schema_oid) from duckdb_columns()",
        "table_name, constraint_type, constraint_text from duckdb_constraints()",
        "view_name, comment, sql from duckdb_views()",
        "table_name, index_name, sql from duckdb_indexes()",
        "version, name, sha256 from schema_migration",
    ],
)
def test_the_databases_of_the_tests_are_as_the_migrations_make_them(
    warehouse: Warehouse, asked: str
) -> None:
    with duckdb.connect() as made:
        migrate(made)
        question = f"select {asked} order by all"

        assert warehouse.rows(question) == made.execute(question).fetchall()
    assert warehouse.rows("select distinct database_name from duckdb_tables()") == [("memory",)]


def test_a_second_opening_applies_nothing(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    Warehouse.open(path).close()

    with Warehouse.open(path) as again:
        assert migrate(again.connection) == []
        assert again.rows("select count(*) from schema_migration") == [(len(migrations()),)]


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    with Warehouse.open(path) as made:
        made.connection.execute(
            "insert into schema_migration values (9999, '9999_later.sql', 'x', $now)",
            {"now": NOW},
        )

    for read_only in (True, False):
        with pytest.raises(SchemaError, match=r"9999_later\.sql.*newer Spotcast"):
            Warehouse.open(path, read_only=read_only)


def test_a_schema_file_that_was_edited_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    with Warehouse.open(path) as made:
        made.connection.execute("update schema_migration set sha256 = 'other' where version = 1")

    with pytest.raises(SchemaError, match="differs from the one"):
        Warehouse.open(path)


def test_a_reader_of_an_older_database_is_told_to_upgrade_it(tmp_path: Path) -> None:
    path = tmp_path / "spotcast.duckdb"
    with Warehouse.open(path) as made:
        made.connection.execute("delete from schema_migration where version = 2")

    with pytest.raises(SchemaError, match="open it once for writing"):
        Warehouse.open(path, read_only=True)
