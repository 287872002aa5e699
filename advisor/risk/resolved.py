"""Resolved forecasts as arrays, and the plain rate that was known when each was issued.

A row is a forecast and a machine, or a series of probes, it spoke of, as
`warehouse.forecasts.resolved_forecasts` gives it. A null outcome is censored.
"""

from datetime import timedelta

import numpy as np
import polars as pl

from advisor.risk import metrics
from advisor.risk.metrics import Floats, Integers

POOL = ("provider", "region", "zone", "instance_type")
ISSUE = ("evidence_kind", "horizon_seconds")
"""What no figure is taken across: kinds and horizons are different quantities."""

SAME_EVENT = "5m"
"""Losses of a pool in the same five minutes are one event: over 92 % of the interruptions that
come together do so within 3 min (published, 2026)."""

BASELINE_WINDOW = timedelta(days=30)
"""How far back the baseline remembers: rates of a month ago say little of today's."""

BASELINE_ROWS = 100
"""Outcomes known below which there is no baseline: a rate of a few machines of one hour is easily
beaten."""

LONG_HORIZON_SECONDS = 6 * 3600.0
"""Horizons above it reach into the next day: their blocks are of `metrics.BLOCK_DAYS`."""

DAY_US = 86_400_000_000
"""Microseconds in a day."""


def with_baseline(resolved: pl.DataFrame, window: timedelta = BASELINE_WINDOW) -> pl.DataFrame:
    """The rows with ``baseline_probability``, the constant rate known when each was issued.

    The share of losses among the outcomes of the same provider, kind and horizon whose horizon
    had ended by ``issued_at``, at most ``window`` before; half a loss and half a survival are
    added, so that it is never 0 or 1. Null while fewer than `BASELINE_ROWS` were known.
    """
    parts = [
        part.with_columns(baseline_probability=_known_rate(part, window))
        for part in partition(resolved, *ISSUE, "provider")
    ]
    empty = resolved.clear().with_columns(baseline_probability=pl.lit(None, dtype=pl.Float64))
    return pl.concat([empty, *parts])


def _known_rate(part: pl.DataFrame, window: timedelta) -> pl.Series:
    """Of each row of one provider, kind and horizon, the rate known when it was issued."""
    told = part.drop_nulls("outcome").sort("resolved_at")
    ended, issued = microseconds(told["resolved_at"]), microseconds(part["issued_at"])
    losses = np.concatenate([[0.0], np.cumsum(floats(told["outcome"]))])
    last = np.searchsorted(ended, issued, side="right")
    first = np.searchsorted(ended, issued - window // timedelta(microseconds=1), side="left")
    rows = last - first
    rate = (losses[last] - losses[first] + 0.5) / (rows + 1)
    return pl.Series(np.where(rows >= BASELINE_ROWS, rate, np.nan)).fill_nan(None)


def events(told: pl.DataFrame) -> pl.DataFrame:
    """The event of each row that was lost: its pool and five minutes."""
    lost = told.filter(pl.col("outcome") > 0)
    return lost.select(*POOL, pl.col("event_at").dt.truncate(SAME_EVENT).alias("event"))


def window_weight() -> pl.Expr:
    """How many independent outcomes a row is worth; of rows of one kind and horizon.

    Windows that overlap and machines of one pool are lost together: together they count once.
    """
    window = pl.col("issued_at").dt.epoch("s") // pl.col("horizon_seconds")
    return 1.0 / pl.len().over(*POOL, window)


def partition(frame: pl.DataFrame, *by: str) -> list[pl.DataFrame]:
    """The frame in parts of equal ``by``, in order of appearance; none if it is empty."""
    return [] if frame.is_empty() else frame.partition_by(by, maintain_order=True)


def blocks(told: pl.DataFrame) -> Integers:
    """The block of days (UTC) each row was issued in; long horizons have long blocks."""
    day = days(told)
    is_long = floats(told["horizon_seconds"]) > LONG_HORIZON_SECONDS
    return np.where(is_long, day // metrics.BLOCK_DAYS, day)


def days(told: pl.DataFrame) -> Integers:
    """The day (UTC, since 1970) each row was issued on."""
    return microseconds(told["issued_at"]) // DAY_US


def microseconds(times: pl.Series) -> Integers:
    """Times as microseconds since 1970."""
    return times.dt.epoch("us").to_numpy()


def floats(column: pl.Series) -> Floats:
    """A column of numbers without null."""
    return column.cast(pl.Float64).to_numpy()
