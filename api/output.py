"""What a command prints: a table for people, or JSON, YAML, CSV and one line for programs.

Data formats carry no decoration and go to standard output alone; notes for people go to
standard error.
"""

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

UNKNOWN = "unknown"


WIDEST = 100_000
"""Characters in a line of a table, at most."""


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    ONE_LINE = "one-line"


class Manifest(StrEnum):
    """How a manifest is written."""

    YAML = "yaml"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: the row's field, its heading, and how a value is shown."""

    field: str
    heading: str
    show: Callable[[Any], str] = str
    is_right: bool = False
    is_wide: bool = False


Rows = Sequence[Mapping[str, Any]]


def write(
    form: Format, columns: Sequence[Column], rows: Rows, *, name: str, about: Mapping[str, Any]
) -> None:
    """Write ``rows``; JSON and YAML hold them under ``name``, beside what ``about`` says of them.

    CSV has every field of a row; one line is the instance types, each once, in order.
    """
    match form:
        case Format.TABLE | Format.WIDE:
            shown = [one for one in columns if form is Format.WIDE or not one.is_wide]
            _write_table(shown, rows)
        case Format.JSON:
            text = json.dumps({**about, name: list(rows)}, indent=2, default=_plain)
            sys.stdout.write(f"{text}\n")
        case Format.YAML:
            document = json.loads(json.dumps({**about, name: list(rows)}, default=_plain))
            yaml.safe_dump(document, sys.stdout, sort_keys=False, allow_unicode=True)
        case Format.CSV:
            _write_csv(rows, [column.field for column in columns])
        case Format.ONE_LINE:
            types = dict.fromkeys(row["instance_type"] for row in rows)
            sys.stdout.write(",".join(types) + "\n")


def note(text: str) -> None:
    """A sentence for people, on standard error."""
    sys.stderr.write(f"{text}\n")


def _write_table(columns: Sequence[Column], rows: Rows) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        table.add_column(
            column.heading, justify="right" if column.is_right else "left", no_wrap=True
        )
    for row in rows:
        table.add_row(
            *(
                UNKNOWN if row[column.field] is None else column.show(row[column.field])
                for column in columns
            )
        )
    # As wide as it is: a cell that is cut off is wrong in a file and unread on a screen.
    console = Console(markup=False, highlight=False, soft_wrap=True, width=WIDEST)
    console.width = max(console.measure(table).maximum, 1)
    console.print(table)


def _write_csv(rows: Rows, fields: Sequence[str]) -> None:
    names = list(rows[0]) if rows else list(fields)
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow(
            {
                name: _plain(value) if isinstance(value, datetime) else value
                for name, value in row.items()
            }
        )


def _plain(value: object) -> str:
    """A value that JSON lacks, as text: a time as RFC 3339 in UTC."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)
