"""Parquet and CSV, hidden here: batches of rows, each with its number in the file."""

from collections.abc import Iterator
from pathlib import Path

# pyright: reportUnknownParameterType=false
# pyarrow publishes no types.
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

BATCH_ROWS = 1_000_000
"""Rows in one transaction: about 200 MB in memory, and what a kill may have to read again."""

CSV_BLOCK_BYTES = 16 * 2**20
"""Read at once from a CSV; a row must fit into it."""

ROW = "row"
"""Column that holds a row's number in its file: the first row of data is 1."""

NULLS = ["", "null", "NULL", "None"]
"""What counts as no value in CSV. ``NaN`` is not here: as a number it is refused and reported."""


class HistoryFileError(Exception):
    """A file that cannot be read at all, or lacks columns; says which file and why."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path


class HistoryFile:
    """One file: its columns, its size in rows where that is known, and its rows in batches."""

    def __init__(self, path: Path, *, batch_rows: int = BATCH_ROWS) -> None:
        self.path = path
        self._batch_rows = batch_rows
        self.broken: list[tuple[int, str]] = []
        """Rows of a CSV that have the wrong number of fields: (row number, reason)."""
        self._is_parquet = ".parquet" in path.suffixes
        if not path.is_file():
            raise HistoryFileError(path, "no such file")
        try:
            if self._is_parquet:
                self._parquet = pa_parquet.ParquetFile(path)
                self.columns = list(self._parquet.schema_arrow.names)
                self.rows: int | None = self._parquet.metadata.num_rows
            else:
                self.columns = self._csv_reader([]).schema.names
                self.rows = None
        except (pa.ArrowException, OSError, ValueError) as error:
            raise HistoryFileError(path, f"cannot be read ({_first_line(error)})") from error

    def batches(self) -> Iterator[pl.DataFrame]:
        """The rows in order, with column `ROW`; CSV values are all text.

        Raises:
            HistoryFileError: the file is cut short or damaged; rows before that were given.
        """
        done = 0
        try:
            for batch in self._arrow_batches():
                frame = pl.DataFrame(pl.from_arrow(batch))
                yield frame.with_columns(self._row_numbers(done, frame.height))
                done += frame.height
        except (pa.ArrowException, OSError, pl.exceptions.PolarsError) as error:
            where = f"cannot be read after row {done}"
            raise HistoryFileError(self.path, f"{where} ({_first_line(error)})") from error

    def _arrow_batches(self) -> Iterator[pa.RecordBatch | pa.Table]:
        if self._is_parquet:
            yield from self._parquet.iter_batches(batch_size=self._batch_rows)
            return
        reader = self._csv_reader(self.columns)
        waiting: list[pa.RecordBatch] = []
        for batch in reader:
            waiting.append(batch)
            if sum(one.num_rows for one in waiting) >= self._batch_rows:
                yield pa.Table.from_batches(waiting)
                waiting = []
        if waiting:
            yield pa.Table.from_batches(waiting)

    def _csv_reader(self, columns: list[str]) -> pa_csv.CSVStreamingReader:
        def note(row: pa_csv.InvalidRow) -> str:
            reason = f"{row.actual_columns} fields where the header has {row.expected_columns}"
            # The header is line 1 to the reader; a user counts rows of data.
            self.broken.append(((row.number or 1) - 1, reason))
            return "skip"

        return pa_csv.open_csv(
            pa.input_stream(self.path, compression="detect"),
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=True,
                null_values=NULLS,
            ),
        )

    def _row_numbers(self, done: int, height: int) -> pl.Series:
        """Numbers in the file of the next ``height`` good rows, past the broken ones."""
        broken = pl.Series("broken", [number for number, _ in self.broken], dtype=pl.Int64)
        # The k-th broken row (from 0) shifts every good row whose plain position reaches it.
        shifts_from = broken - pl.int_range(broken.len(), eager=True)
        plain = pl.int_range(done + 1, done + height + 1, eager=True)
        return (plain + shifts_from.search_sorted(plain, side="right")).alias(ROW)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
