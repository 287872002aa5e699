"""What a report holds: every figure with its unit, its source and its age, whatever the format.

A page, Markdown, JSON and CSV are made from the same document, so they cannot disagree. Times in
cells are RFC 3339 texts in UTC, as JSON has no times; shares run from 0 to 1; null is unknown.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

FORMAT = 1
"""Version of the JSON; a reader of another one must not guess."""

Cell = str | bool | int | float | None
"""A value of a table."""


class Period(StrEnum):
    """How long a report looks back."""

    DAILY = "daily"
    WEEKLY = "weekly"


class Kind(StrEnum):
    """What a column's values are, and so how they are shown."""

    TEXT = "text"
    COUNT = "count"
    USD = "usd"
    SHARE = "share"
    CHANGE = "change"
    NUMBER = "number"
    HOURS = "hours"
    TIME = "time"
    AGE = "age"
    SOURCE = "source"


NUMERIC = frozenset(
    {Kind.COUNT, Kind.USD, Kind.SHARE, Kind.CHANGE, Kind.NUMBER, Kind.HOURS, Kind.AGE}
)
"""Kinds whose values stand at the right of a column."""


class Plain(BaseModel):
    """A part of a document; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(Plain):
    """One column of a table."""

    field: str = Field(description="Name in JSON and CSV; a unit ends it.")
    heading: str
    kind: Kind = Kind.TEXT
    fact: str | None = Field(default=None, description="Of a source: what it told of.")
    is_extra: bool = Field(default=False, description="Not on the page, for want of room.")

    @property
    def is_numeric(self) -> bool:
        """Whether its values stand at the right."""
        return self.kind in NUMERIC


class Table(Plain):
    """Rows of cells, in the order of ``columns``."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    shown: int = Field(description="Rows on the page and in Markdown; JSON and CSV have all.")
    is_folded: bool = Field(default=False, description="The page shows it when it is asked for.")

    def place(self, field: str) -> int:
        """Where in a row that field stands."""
        return [one.field for one in self.columns].index(field)

    def records(self) -> list[dict[str, Cell]]:
        """The rows by field."""
        names = [one.field for one in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


class Drawing(StrEnum):
    """The charts there are."""

    CHANGES = "changes"
    SAVINGS = "savings"
    RISKS = "risks"
    RELIABILITY = "reliability"
    LEVELS = "levels"
    REGRETS = "regrets"


class Chart(Plain):
    """A chart's figures, and what it shows in a sentence for those who do not see it."""

    drawing: Drawing
    caption: str
    text: str
    rows: tuple[dict[str, Cell], ...]


class Section(Plain):
    """One subject. Without data it says in ``missing`` why."""

    name: str
    title: str
    headline: str | None = Field(default=None, description="What to know of it, in a sentence.")
    sentences: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()


class Figure(Plain):
    """One number of the summary."""

    label: str
    value: Cell
    kind: Kind
    about: str


class Source(Plain):
    """Who told of something, what, and how old it is at the end of the period."""

    number: int
    name: str
    fact: str
    told_in_period: int
    newest_at: datetime | None
    age_hours: float | None
    is_stale: bool | None = Field(description="Older than such facts may be; null: not judged.")


class ReportDocument(Plain):
    """A whole report."""

    format: int = FORMAT
    period: Period
    start: datetime
    end: datetime
    headlines: tuple[str, ...]
    figures: tuple[Figure, ...]
    sections: tuple[Section, ...]
    sources: tuple[Source, ...]
    notes: tuple[str, ...]

    def table(self, name: str) -> Table | None:
        """The table of that name; None if its section had no data."""
        tables = (table for section in self.sections for table in section.tables)
        return next((one for one in tables if one.name == name), None)

    def tellers(self, fact: str | None, source: Cell) -> list[Source]:
        """Who of the list of sources told of that; a cell may name several."""
        names = names_in(source)
        return [one for one in self.sources if one.fact == fact and one.name in names]


def names_in(source: Cell) -> list[str]:
    """The sources that a cell of `Kind.SOURCE` names, with commas between them."""
    return source.split(", ") if isinstance(source, str) else []


def cell(value: Any) -> Cell:
    """A value as a cell."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, float) and value != value:  # noqa: PLR0124 - the test for nan
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} is no value of a table")


def table_of(
    name: str,
    caption: str,
    columns: Sequence[Column],
    records: Iterable[Mapping[str, Any]],
    *,
    shown: int,
    is_folded: bool = False,
) -> Table:
    """A table of the fields that ``columns`` name."""
    rows = tuple(tuple(cell(one[column.field]) for column in columns) for one in records)
    return Table(
        name=name,
        caption=caption,
        columns=tuple(columns),
        rows=rows,
        shown=min(shown, len(rows)),
        is_folded=is_folded,
    )
