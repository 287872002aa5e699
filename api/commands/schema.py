"""``spotcast schema``: the tables and the columns of imports, as Markdown (docs/data.md)."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from collector.history import KINDS
from warehouse.describe import TableDescription, describe_tables
from warehouse.store import Warehouse

HEADER = """# Data

Made by `make docs` (`spotcast schema`) from the schema and the import kinds; do not edit.

Times are UTC; a time without a zone in a CSV counts as UTC. Shares run from 0 to 1. An empty
value is unknown, never zero: a price of 0 is refused.
"""

IMPORTS = """
## Columns of `spotcast import`

Parquet or CSV. `--map theirs=ours` renames a column, `--set column=value` fills one. Columns in
bold are required. Columns that are not listed are ignored.
"""


def schema_command(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; else standard output.")
    ] = None,
) -> None:
    """Describe every table and every column, and what imports read, as Markdown."""
    text = data_page()
    if output:
        output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def data_page() -> str:
    """The page: tables first, then the columns of imports."""
    with Warehouse.in_memory() as warehouse:
        tables = "\n".join(_table(table) for table in describe_tables(warehouse))
    return f"{HEADER}\n## Tables\n\n{tables}{IMPORTS}\n{_imports()}"


def _table(table: TableDescription) -> str:
    rows = "\n".join(
        f"| `{column.name}` | {column.type} | {'' if column.required else 'yes'} | "
        f"{column.comment} |"
        for column in table.columns
    )
    head = "| column | type | may be unknown | meaning |\n|---|---|---|---|"
    return f"### {table.name}\n\n{table.comment}\n\n{head}\n{rows}\n"


def _imports() -> str:
    sections = []
    for kind in KINDS.values():
        for number, shape in enumerate(kind.shapes):
            title = f"### import {kind.name}" if not number else "or"
            rows = "\n".join(
                f"| {'**' if column.required else ''}`{column.name}`"
                f"{'**' if column.required else ''} | {column.meaning} |"
                for column in shape.columns
            )
            sections.append(
                f"{title}\n\n{kind.title}, into `{shape.table.name}`.\n\n"
                f"| column | meaning |\n|---|---|\n{rows}\n"
            )
    return "\n".join(sections)
