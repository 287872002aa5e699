"""Ticks of series that are only known as spells: runs of equal availability.

A spell says all that ticks say, but once. It becomes one tick at its start, as the state changed
there, and one each `STEP_S` after, so that it is carried through and no further than it was seen.
"""

import math
from collections.abc import Mapping

import polars as pl

from advisor.risk.errors import TicksError
from advisor.risk.grid import COLUMNS, STEP_S

SPELLS = (
    *("trace_id", "source", "probe_kind", "provider", "zone", "instance_type"),
    *("target_capacity", "available", "started_at", "duration_seconds"),
)
"""What a frame of spells must have, as the table ``availability_spell`` does; ``region`` is read
if it is there. A public file calls two of them as in `FILE`."""

FILE: Mapping[str, str] = {"start_utc": "started_at", "duration_s": "duration_seconds"}


def ticks_of_spells(spells: pl.DataFrame, ticks: pl.DataFrame | None = None) -> pl.DataFrame:
    """The ticks, and those that the spells of all other traces stand for.

    The last spell of a trace ends with a tick at the end of its time. A gap between two spells
    stays one: nothing was seen there.

    Args:
        spells: one row per spell, columns `SPELLS`; in any order.
        ticks: columns `grid.COLUMNS`; a trace that has ticks here is not taken from its spells.

    Raises:
        TicksError: a column is missing, or a duration is negative or unknown.
    """
    named = spells.rename({one: FILE[one] for one in spells.columns if one in FILE})
    missing = [name for name in SPELLS if name not in named.columns]
    if missing:
        raise TicksError("spells", f"columns missing: {', '.join(missing)}")
    kept = [name for name in (*SPELLS, "region") if name in named.columns]
    rows = named.select(kept).filter(pl.col("available").is_not_null())
    if ticks is not None:
        rows = rows.join(ticks.select("trace_id").unique(), on="trace_id", how="anti")
    wrong = rows.filter(pl.col("duration_seconds").fill_null(-1.0) < 0)
    if wrong.height:
        raise TicksError(
            str(wrong["trace_id"][0]), f"{wrong.height} spells have no duration of 0 s or more"
        )
    made = _expanded(rows)
    return made if ticks is None else pl.concat([ticks, made], how="diagonal_relaxed")


def _expanded(rows: pl.DataFrame) -> pl.DataFrame:
    started = pl.col("started_at")
    begun = rows.select((started - started.min().over("trace_id")).dt.total_microseconds())
    is_last = rows.select(started == started.max().over("trace_id")).to_series().to_list()
    # A spell ends where the next begins; only the last tells its own end.
    after = [
        [STEP_S * step for step in range(max(math.ceil(duration / STEP_S), 1))]
        + ([duration] if last and duration else [])
        for duration, last in zip(rows["duration_seconds"].to_list(), is_last, strict=True)
    ]
    return (
        rows.with_columns(
            # Not in Polars, which multiplies by the inverse: 2100 s / 300 s would be above 7.
            begun=pl.Series(begun.to_series().to_numpy() / 1e6, dtype=pl.Float64),
            after=pl.Series(after, dtype=pl.List(pl.Float64)),
        )
        .explode("after")
        .with_columns(
            offset_s=pl.col("begun") + pl.col("after"),
            ts_utc=started + pl.duration(microseconds=pl.col("after") * 1e6),
        )
        .select(*COLUMNS, *(name for name in ("region",) if name in rows.columns))
        .sort("trace_id", "offset_s")
    )
