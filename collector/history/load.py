"""Read one file into the warehouse: map, cast, check, append; report what was refused and why.

Each batch is a transaction, so a kill loses at most the batch in work; importing the file again
adds what is missing and nothing twice.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from collector.history.files import BATCH_ROWS, ROW, HistoryFile, HistoryFileError
from collector.history.kinds import NOW, Kind, Progress, Shape
from collector.quality import REASON, check
from warehouse.frames import Schema, required_columns, schema_of
from warehouse.records import RunOutcome
from warehouse.runs import RunResult, begin_run, finish_run
from warehouse.store import Warehouse

REFUSED_SHOWN = 1_000
"""Refused rows kept with their reason; more are only counted."""

TIME_FORMATS = ("%+", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f")
"""RFC 3339 with its zone, and the two plain spellings, which are read as UTC."""

TRUE_WORDS = ["true", "t", "1", "yes"]
FALSE_WORDS = ["false", "f", "0", "no"]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that was not stored: its number in the file (from 1) and why."""

    row: int
    reason: str


@dataclass(slots=True)
class FileReport:
    """What came of one file."""

    path: Path
    rows_read: int = 0
    rows_new: int = 0
    rows_refused: int = 0
    refused: list[RefusedRow] = field(default_factory=list)
    error: str | None = None

    def refuse(self, rows: Iterator[tuple[int, str]]) -> None:
        """Count refused rows and keep the first ones."""
        for row, reason in rows:
            self.rows_refused += 1
            if len(self.refused) < REFUSED_SHOWN:
                self.refused.append(RefusedRow(row, reason))


def load_file(
    warehouse: Warehouse,
    kind: Kind,
    path: Path,
    *,
    clock: Callable[[], datetime],
    renamed: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    strict: bool = False,
    progress: Progress = lambda _done, _total: None,
    batch_rows: int = BATCH_ROWS,
) -> FileReport:
    """Import ``path``; ``renamed`` maps its column names to ours, ``given`` fills columns.

    With ``strict`` the file is first read and checked whole, and a refused row stores nothing.

    Raises:
        HistoryFileError: it cannot be read, lacks columns, or (strict) holds a refused row. The
            run is recorded as failed; batches stored before stay and are valid.
    """
    report = FileReport(path)
    run_id = begin_run(warehouse, f"import.{kind.name}", path.name, clock())
    outcome = RunOutcome.FAILED
    try:
        reader = _Reader(
            warehouse,
            kind,
            HistoryFile(path, batch_rows=batch_rows),
            renamed=renamed or {},
            given=given or {},
            now=clock(),
        )
        if strict:
            reader.check_all()
        _load(warehouse, reader, report, progress)
        outcome = RunOutcome.OK
    except HistoryFileError as error:
        report.error = str(error)
        raise
    finally:
        counts = (report.rows_read, report.rows_new, report.rows_refused)
        finish_run(warehouse, run_id, RunResult(outcome, *counts, report.error), clock())
    return report


def _load(warehouse: Warehouse, reader: "_Reader", report: FileReport, progress: Progress) -> None:
    for frame in reader.checked():
        good = frame.filter(pl.col(REASON).is_null()).drop(ROW, REASON)
        with warehouse.transaction():
            report.rows_new += warehouse.append(reader.shape.table, good)
        report.rows_read += frame.height
        report.refuse(frame.filter(pl.col(REASON).is_not_null()).select(ROW, REASON).iter_rows())
        progress(report.rows_read, reader.file.rows)
    report.rows_read += len(reader.file.broken)
    report.refuse(iter(reader.file.broken))
    report.refused.sort(key=lambda refused: refused.row)


class _Reader:
    """One file as frames of its table's columns, with `ROW` and `REASON`."""

    def __init__(
        self,
        warehouse: Warehouse,
        kind: Kind,
        file: HistoryFile,
        *,
        renamed: Mapping[str, str],
        given: Mapping[str, str],
        now: datetime,
    ) -> None:
        self.file = file
        self._renamed = {theirs: ours for theirs, ours in renamed.items() if theirs in file.columns}
        if unknown := set(renamed) - set(file.columns):
            raise HistoryFileError(
                file.path, f"has no column {', '.join(sorted(unknown))} to rename"
            )
        self._given = given
        self._now = now
        have = {self._renamed.get(column) or column for column in file.columns} | set(given)
        self.shape = _shape(file.path, kind, have)
        self._schema = schema_of(warehouse, self.shape.table)
        self._required = required_columns(warehouse, self.shape.table)

    def check_all(self) -> None:
        """Read it once without storing.

        Raises:
            HistoryFileError: a row would be refused; names the first.
        """
        for frame in self.checked():
            bad = frame.filter(pl.col(REASON).is_not_null()).head(1).select(ROW, REASON).rows()
            if bad or self.file.broken:
                row, reason = min([*bad, *self.file.broken])
                raise HistoryFileError(self.file.path, f"row {row}: {reason}. Nothing was stored")

    def checked(self) -> Iterator[pl.DataFrame]:
        """Batches of the table's columns plus `ROW` and `REASON` (null for a good row)."""
        self.file.broken.clear()
        for batch in self.file.batches():
            frame = self._as_table(batch)
            broken = frame.filter(pl.col(REASON).is_not_null())
            fine = frame.filter(pl.col(REASON).is_null()).drop(REASON)
            yield pl.concat([check(fine, self.shape.table.name, self._now, self._required), broken])

    def _as_table(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Rename, fill, cast and derive; a value that cannot be cast gives the row a reason."""
        frame = batch.rename(self._renamed).with_columns(
            pl.lit(value).alias(column) for column, value in self._given.items()
        )
        frame = frame.with_columns(
            pl.lit(None, pl.String).alias(column.name)
            for column in self.shape.columns
            if column.name not in frame.columns
        )
        casts = [
            (column, _cast(column.name, frame.schema[column.name], self._type(column.name)))
            for column in self.shape.columns
        ]
        reasons = [
            pl.when(pl.col(column.name).is_not_null() & cast.is_null()).then(
                pl.format(
                    f"{column.name} '{{}}' is no {_word(self._type(column.name))}", column.name
                )
            )
            for column, cast in casts
        ]
        reasons += [
            pl.when(broken).then(pl.lit(reason)) for reason, broken in self.shape.refuse.items()
        ]
        return (
            frame.select(
                ROW,
                pl.lit(self._now).alias(NOW),
                *(cast.alias(column.becomes or column.name) for column, cast in casts),
                *([pl.coalesce(reasons[: len(casts)]).alias(REASON)]),
            )
            .with_columns(pl.coalesce(REASON, *reasons[len(casts) :]).alias(REASON))
            .with_columns(**self.shape.derive)
            .select(ROW, *self._schema, REASON)
            .cast(pl.Schema(self._schema))
        )

    def _type(self, name: str) -> pl.DataType:
        """The type that a file's column is read as."""
        becomes = {column.name: column.becomes or column.name for column in self.shape.columns}
        return self._schema.get(becomes[name]) or SOURCE_TYPES.get(name, pl.String())


SOURCE_TYPES: Schema = {
    "event": pl.Int64(),
    "success": pl.Boolean(),
    "valid_config": pl.Boolean(),
    "ts_local": pl.Datetime("us", "UTC"),
}
"""Types of the columns that are not a table's own."""


def _shape(path: Path, kind: Kind, have: set[str]) -> Shape:
    """The first shape whose required columns are all there.

    Raises:
        HistoryFileError: none is; says what the closest one lacks and how to rename.
    """
    lacks = [
        [column.name for column in shape.columns if column.required and column.name not in have]
        for shape in kind.shapes
    ]
    for shape, lack in zip(kind.shapes, lacks, strict=True):
        if not lack:
            return shape
    _, closest = min((len(names), names) for names in lacks)
    raise HistoryFileError(
        path,
        f"lacks the column {', '.join(closest)} of `import {kind.name}`. "
        f"It has {', '.join(sorted(have))}. Rename with --map theirs=ours, or give one value for "
        f"all rows with --set column=value",
    )


def _cast(name: str, have: pl.DataType, want: pl.DataType) -> pl.Expr:
    """``name`` as type ``want``; null where the value cannot be read as that."""
    column = pl.col(name)
    if have == want:
        return column
    if isinstance(want, pl.Datetime) and have == pl.String:
        text = column.str.strip_chars()
        dates = text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us", "UTC"))
        times = (text.str.to_datetime(form, strict=False, time_zone="UTC") for form in TIME_FORMATS)
        return pl.coalesce(*times, dates)
    if isinstance(want, pl.Datetime) and isinstance(have, pl.Datetime) and have.time_zone is None:
        return column.dt.replace_time_zone("UTC").cast(want)
    if want == pl.Boolean and have == pl.String:
        text = column.str.to_lowercase()
        return (
            pl.when(text.is_in(TRUE_WORDS))
            .then(pl.lit(True))
            .when(text.is_in(FALSE_WORDS))
            .then(pl.lit(False))
        )
    return column.cast(want, strict=False)


def _word(kind: pl.DataType) -> str:
    """What a person calls the type."""
    if isinstance(kind, pl.Datetime):
        return "time (use 2026-11-24T09:00:00Z)"
    if kind.is_numeric():
        return "number" if kind.is_float() else "whole number"
    return "yes or no" if kind == pl.Boolean else "text"
