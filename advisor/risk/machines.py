"""Single machines as they lived: when each started, was last seen alive, and how it ended.

What counts as an interruption, and until when a machine counts as up:

- A loss is dated when it was first seen (``first_dead_utc``). Between the last sign of life and
  that moment the machine counts as up, as the state of a probe is carried forward: so each loss
  has all its windows, and rates err by half of the interval in the time at risk (6 minutes a life
  where one looks every 12), not in the number of losses. An interval beyond `LONGEST_CARRY_S` is
  unknown after that; its loss counts, the time in it does not.
- GCP ended every preemptible machine at 24 hours. That is a rule and no interruption, also where
  a log says "preempted": a prober cannot tell the two.
- A stop by the user is no interruption either; the machine was not lost until then.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from advisor.risk.errors import TicksError
from advisor.risk.grid import (
    LONGEST_CARRY_S,
    STEP_S,
    Bools,
    Floats,
    GridPool,
    Integers,
    region_of,
)

LIFETIMES = (
    *("source", "provider", "zone", "instance_type", "instance"),
    *("start_utc", "last_alive_utc", "first_dead_utc", "event", "end_reason"),
)
"""What a frame of lifetimes must have, one row per machine. ``first_dead_utc`` is null if it was
still running, ``zone`` if it is not known. ``region`` is read if it is there, and
``left_censored``: true if the machine was up already at ``start_utc``."""

CAP_S = 86_400.0
"""Age at which GCP ends a preemptible machine: recorded at 24.0 to 24.8 h in 179 lives."""

CAP_ENDED = datetime(2021, 10, 1, tzinfo=UTC)
"""From then on GCP has Spot VMs, which have no limit; before, what could be taken had it."""

CAP_REASON = r"(^|[^a-z])cap([^a-z]|$)|24 ?h"
"""What the end of a machine at the limit is called: preempted_24h_cap; but not: no capacity."""

TIMES = ("start_utc", "last_alive_utc", "first_dead_utc")


@dataclass(frozen=True, slots=True)
class Machines:
    """Machines side by side, by start; arrays are [machine], times seconds since 1970.

    ``pool`` is a place in ``pools``. ``is_age_known``: its start was seen. ``gone_s``: first seen
    gone, inf if it never was. ``is_lost``: taken by the cloud at ``gone_s``. ``cap_s``: when a
    known rule ends it, inf without one. ``until_s``: the end of the study; nothing is later.
    """

    trace_ids: tuple[str, ...]
    pools: tuple[GridPool, ...]
    pool: Integers
    start_s: Floats
    is_age_known: Bools
    alive_s: Floats
    gone_s: Floats
    is_lost: Bools
    cap_s: Floats
    until_s: float

    @property
    def first_point(self) -> Integers:
        """The first grid point (of `STEP_S` since 1970) at which each is up."""
        return np.ceil(self.start_s / STEP_S).astype(np.int64)

    @property
    def last_point(self) -> Integers:
        """The last one; before the first if the machine lived between two points."""
        seen = np.floor(np.minimum(self.alive_s + LONGEST_CARRY_S, self.until_s) / STEP_S)
        ended = np.ceil(self.gone_s / STEP_S) - 1
        last: Integers = np.minimum(seen, ended).astype(np.int64)
        return last

    @property
    def lost_point(self) -> Integers:
        """The grid point from which a loss is known, for those that `is_lost`."""
        return np.ceil(self.gone_s[self.is_lost] / STEP_S).astype(np.int64)

    def up_between(self, begin: int, end: int) -> tuple[Integers, Integers]:
        """Point and machine wherever one is up from ``begin`` to before ``end``; by point."""
        first = np.maximum(self.first_point, begin)
        counts = np.maximum(np.minimum(self.last_point, end - 1) - first + 1, 0)
        machine = np.repeat(np.arange(counts.size), counts)
        place = np.arange(machine.size) - np.repeat(np.cumsum(counts) - counts, counts)
        point = first[machine] + place
        order = np.lexsort((machine, self.pool[machine], point))
        return point[order], machine[order]


def machines_of(
    lifetimes: pl.DataFrame,
    *,
    until_s: float | None = None,
    region_by_zone: Mapping[tuple[str, str], str] | None = None,
) -> Machines:
    """The machines of a frame as one study.

    Args:
        lifetimes: columns `LIFETIMES`. Of two rows of one machine (the same source, instance and
            start) the one that knows its end counts, else the one that saw it last.
        until_s: the end of the study, seconds since 1970; the newest time in the frame if None.
        region_by_zone: regions by provider and zone, for rows without; else told by the name.

    Raises:
        TicksError: a column is missing, or a row cannot be true.
    """
    rows = _merged(_checked(lifetimes))
    regions = region_by_zone or {}
    named = [_pool_of(row, regions) for row in rows.iter_rows(named=True)]
    pools = sorted(set(named))
    place = {pool: number for number, pool in enumerate(pools)}
    start, alive, gone = (_seconds(rows[name]) for name in TIMES)
    ends = np.append(alive, gone[np.isfinite(gone)])
    return Machines(
        trace_ids=tuple(f"{source}/{name}" for source, name in _names(rows)),
        pools=tuple(pools),
        pool=np.array([place[pool] for pool in named], dtype=np.int64),
        start_s=start,
        is_age_known=~rows["left_censored"].to_numpy(),
        alive_s=alive,
        gone_s=gone,
        is_lost=rows["event"].to_numpy().astype(np.bool_) & ~_ended_by_cap(rows, start, gone),
        cap_s=np.where(_is_capped(rows, start), start + CAP_S, np.inf),
        until_s=float(ends.max(initial=0.0)) if until_s is None else until_s,
    )


def _names(rows: pl.DataFrame) -> list[tuple[str, str]]:
    return list(zip(rows["source"].to_list(), rows["instance"].to_list(), strict=True))


def _pool_of(row: Mapping[str, str | None], regions: Mapping[tuple[str, str], str]) -> GridPool:
    provider, zone = str(row["provider"]), row["zone"] or ""
    region = row["region"] or regions.get((provider, zone)) or region_of(zone)
    return GridPool(provider, region, zone, str(row["instance_type"]), 1)


def _is_preemptible(rows: pl.DataFrame, start: Floats) -> Bools:
    preemptible: Bools = _is_gcp(rows) & (start < CAP_ENDED.timestamp())
    return preemptible


def _is_gcp(rows: pl.DataFrame) -> Bools:
    gcp: Bools = (rows["provider"] == "gcp").to_numpy()
    return gcp


def _ended_by_cap(rows: pl.DataFrame, start: Floats, gone: Floats) -> Bools:
    # Told from the machine alone: that a later one ends at the limit must not change the past.
    return _is_preemptible(rows, start) & (gone - start >= CAP_S)


def _is_capped(rows: pl.DataFrame, start: Floats) -> Bools:
    by_rule = pl.col("end_reason").str.contains(CAP_REASON) & (pl.col("provider") == "gcp")
    of_source = rows.select(by_rule.any().over("source")).to_series().to_numpy()
    is_capped: Bools = _is_preemptible(rows, start) | (of_source & _is_gcp(rows))
    return is_capped


def _merged(rows: pl.DataFrame) -> pl.DataFrame:
    machine = ["source", "instance", "start_utc"]
    best = rows.sort(
        "first_dead_utc", "last_alive_utc", descending=True, nulls_last=True, maintain_order=True
    )
    unique = best.unique(machine, keep="first", maintain_order=True)
    return unique.sort("start_utc", "source", "instance")


def _checked(lifetimes: pl.DataFrame) -> pl.DataFrame:
    """The columns that count, times in microseconds since 1970."""
    missing = [name for name in LIFETIMES if name not in lifetimes.columns]
    if missing:
        raise TicksError("lifetimes", f"columns missing: {', '.join(missing)}")
    for name in TIMES:
        kind = lifetimes.schema[name]
        if not isinstance(kind, pl.Datetime | pl.Null):
            raise TicksError("lifetimes", f"{name} must be a column of times, not of {kind}")
    rows = lifetimes.select(
        *(name for name in LIFETIMES if name not in {*TIMES, "event", "zone"}),
        pl.col("zone").cast(pl.String),
        pl.col("event").cast(pl.Int64),
        *(_microseconds(lifetimes, name) for name in TIMES),
        _given(lifetimes, "region", pl.String()),
        _given(lifetimes, "left_censored", pl.Boolean()).fill_null(value=False),
    )
    for reason, wrong in IMPOSSIBLE.items():
        found = rows.filter(wrong)
        if found.height:
            name = "/".join(str(one) for one in _names(found)[0])
            raise TicksError(
                "lifetimes",
                f"{found.height} of {rows.height} rows {reason}, the first is {name}: "
                "mend the rows or take them out",
            )
    return rows


def _seconds(times: pl.Series) -> Floats:
    """Seconds since 1970, inf where there is no time.

    Not divided in Polars, which multiplies by the inverse: starts would be off the grid.
    """
    seconds: Floats = times.cast(pl.Float64).to_numpy() / 1e6
    return np.where(np.isnan(seconds), np.inf, seconds)


def _microseconds(frame: pl.DataFrame, name: str) -> pl.Expr:
    if frame.schema[name] == pl.Null:
        return pl.lit(None, pl.Int64).alias(name)
    return pl.col(name).dt.epoch("us")


def _given(frame: pl.DataFrame, name: str, dtype: pl.DataType) -> pl.Expr:
    return pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)


IMPOSSIBLE: Mapping[str, pl.Expr] = {
    "lack a start, a last sign of life or an event": pl.any_horizontal(
        pl.col("start_utc", "last_alive_utc", "event").is_null()
    ),
    "have an event that is neither 0 nor 1": ~pl.col("event").is_in([0, 1]),
    "were last alive before they started": pl.col("last_alive_utc") < pl.col("start_utc"),
    "were gone before they were last alive": pl.col("first_dead_utc") < pl.col("last_alive_utc"),
    "were interrupted but have no first_dead_utc": (pl.col("event") == 1)
    & pl.col("first_dead_utc").is_null(),
}
"""Rows that cannot be true, by what is wrong with them."""
