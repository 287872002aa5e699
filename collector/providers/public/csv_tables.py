"""Reading a CSV file that somebody publishes: its header is checked, and so is every number."""

from collections.abc import Sequence

import polars as pl

from collector.errors import SourceChangedError
from collector.http import describe


def read_table(content: bytes, columns: Sequence[str], *, source: str) -> pl.DataFrame:
    """The ``columns`` of a CSV file as texts; a blank is null. Others are passed over.

    Raises:
        SourceChangedError: it is no CSV file, or lacks one of the columns; says which.
    """
    try:
        frame = pl.read_csv(content, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise SourceChangedError(source, f"not CSV: {describe(content)}") from error
    if missing := [name for name in columns if name not in frame.columns]:
        what = f"the header has no {', '.join(missing)} ({describe(content)})"
        raise SourceChangedError(source, what)
    texts = (pl.col(name).str.strip_chars() for name in columns)
    return frame.select(texts).with_columns(
        pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in columns
    )


def with_numbers(
    frame: pl.DataFrame,
    columns: Sequence[str],
    *,
    unknown: Sequence[float],
    place: Sequence[str],
    source: str,
) -> pl.DataFrame:
    """``frame`` with ``columns`` as numbers; blanks and the values in ``unknown`` are null.

    Raises:
        SourceChangedError: one is no number; names the row by its ``place`` columns.
    """
    for name in columns:
        value = pl.col(name).cast(pl.Float64, strict=False)
        odd = frame.filter(pl.col(name).is_not_null() & value.is_null())
        if not odd.is_empty():
            first = odd.row(0, named=True)
            where = " ".join(str(first[column]) for column in place)
            raise SourceChangedError(source, f"{where}: {name} is {first[name]!r}, not a number")
        frame = frame.with_columns(
            pl.when(~value.is_in(list(unknown)) & value.is_not_nan()).then(value).alias(name)
        )
    return frame
