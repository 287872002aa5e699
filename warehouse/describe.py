"""The schema in its own words: tables, columns and the comments that explain them."""

from dataclasses import dataclass

from warehouse.store import Warehouse

TABLES = """
    select table_name, comment
    from duckdb_tables()
    where schema_name = 'main'
    order by table_oid
"""
COLUMNS = """
    select column_name, data_type, not is_nullable, comment
    from duckdb_columns()
    where schema_name = 'main' and table_name = $table
    order by column_index
"""


@dataclass(frozen=True, slots=True)
class ColumnDescription:
    """One column; ``comment`` is empty if the schema explains nothing."""

    name: str
    type: str
    required: bool
    comment: str


@dataclass(frozen=True, slots=True)
class TableDescription:
    """One table with its columns in order."""

    name: str
    comment: str
    columns: list[ColumnDescription]


def describe_tables(warehouse: Warehouse) -> list[TableDescription]:
    """Every table, in the order in which the schema makes them."""
    return [
        TableDescription(
            name,
            comment or "",
            [
                ColumnDescription(column, kind.lower(), required, text or "")
                for column, kind, required, text in warehouse.rows(COLUMNS, {"table": name})
            ],
        )
        for name, comment in warehouse.rows(TABLES)
    ]
