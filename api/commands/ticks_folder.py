"""A folder of traces, as ``backtest``, ``fit`` and ``simulate`` read it."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from advisor.risk.dataset import Samples
from advisor.risk.grid import COLUMNS
from advisor.risk.machines import LIFETIMES as LIFETIME_COLUMNS
from advisor.risk.market_baselines import SIGNAL_COLUMNS, signal_records
from advisor.risk.traces import Traces
from api.errors import UsageError
from warehouse.records import Signal

TICKS = "availability_ticks.parquet"

LIFETIMES = "instance_lifetimes.parquet"
SIGNALS = "signals*.parquet"


def read_ticks(folder: Path) -> pl.DataFrame:
    """All ticks of a folder; which columns there must be is `advisor.risk.grid.COLUMNS`.

    Raises:
        UsageError: there is no such file, or it is not Parquet.
    """
    ticks = _frame(folder / TICKS)
    if ticks is None:
        raise UsageError(
            f"{folder}: no {TICKS} there; docs/data.md has its columns (import availability)"
        )
    return ticks


def read_traces(folder: Path) -> Traces:
    """The ticks and the lifetimes of a folder, of which one file may be absent.

    Raises:
        UsageError: both files are absent, or one is not Parquet or lacks a column.
    """
    traces = Traces(
        _with_columns(folder / TICKS, COLUMNS), _with_columns(folder / LIFETIMES, LIFETIME_COLUMNS)
    )
    if traces.ticks is None and traces.lifetimes is None:
        raise UsageError(
            f"{folder}: no {TICKS} there, and no {LIFETIMES}; docs/data.md has their columns "
            "(import availability, import lifetimes)"
        )
    return traces


def read_samples(folder: Path) -> Samples:
    """All samples of a folder, of probes and of machines.

    Raises:
        UsageError: as `read_traces`.
        TicksError: a file is not what it must be.
        TooFewSamplesError: nothing is ever up.
    """
    return read_traces(folder).samples()


def read_signals(folder: Path) -> list[Signal]:
    """What was published of pools, from all files of the folder that are called `SIGNALS`.

    Raises:
        UsageError: one is not Parquet or lacks a column.
    """
    found = list[Signal]()
    for path in sorted(folder.glob(SIGNALS)):
        frame = _with_columns(path, SIGNAL_COLUMNS)
        found += [] if frame is None else signal_records(frame)
    return found


def _with_columns(path: Path, columns: Sequence[str]) -> pl.DataFrame | None:
    frame = _frame(path)
    missing = [] if frame is None else [name for name in columns if name not in frame.columns]
    if missing:
        raise UsageError(f"{path}: columns missing: {', '.join(missing)}; docs/data.md has them")
    return frame


def _frame(path: Path) -> pl.DataFrame | None:
    """What is in the file; None if there is none."""
    if not path.is_file():
        return None
    try:
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from error
