"""The schema explains itself: every noun has a table, every table and column a comment."""

from pathlib import Path

import pytest

from api.commands.schema import data_page
from warehouse import store
from warehouse.describe import describe_tables
from warehouse.migrations import migrate
from warehouse.store import Warehouse
from warehouse.tables import TABLES

DATA_PAGE = Path(__file__).parents[2] / "docs" / "data.md"
OWN_COLUMNS = {"schema_migration"}
"""The ledger of migrations is DuckDB's and ours, not the user's."""


@pytest.fixture(autouse=True)
def _made_by_the_migrations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not copied: a copy has the tables in another order."""
    monkeypatch.setattr(store, "migrate", migrate)


def test_every_table_and_column_has_a_comment(warehouse: Warehouse) -> None:
    tables = [table for table in describe_tables(warehouse) if table.name not in OWN_COLUMNS]

    assert len(tables) > 10
    assert [table.name for table in tables if not table.comment] == []
    assert [
        f"{table.name}.{column.name}"
        for table in tables
        for column in table.columns
        if not column.comment
    ] == []


def test_every_table_that_takes_facts_exists_with_its_key(warehouse: Warehouse) -> None:
    columns = {
        table.name: {column.name for column in table.columns}
        for table in describe_tables(warehouse)
    }

    assert TABLES
    assert [name for name in TABLES if name not in columns] == []
    assert [name for name, table in TABLES.items() if not set(table.key) <= columns[name]] == []


def test_the_page_about_data_is_the_one_made_from_the_schema() -> None:
    assert DATA_PAGE.read_text(encoding="utf-8") == data_page(), "run `make docs`"
