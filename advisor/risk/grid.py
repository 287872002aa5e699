"""Ticks of many series on common 5-minute grids, one timeline per kind of probe and campaign.

Probes come every 30 seconds to 10 minutes, so they are put on one grid: a pool is down at a grid
point if any observation of the 5 minutes up to it was, else what was seen last is carried
forward. A point therefore never knows of anything after it. Where only the day of a trace is
known (``ts_approx``), all its series begin together, and ``offset_s`` keeps their time exact.

Series of one campaign (the part of ``trace_id`` before the slash) are siblings. A later campaign
on the same pools continues their timeline, so that history is not lost between two traces; what
lies between them is unknown, and nothing is labelled across it.
"""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from advisor.risk.errors import TicksError

STEP_S = 300.0
"""Width of the grid, seconds; of 5 to 15 minutes all gave the same skill in the prototype."""

STEP_H = STEP_S / 3600
"""The same in hours."""

LONGEST_CARRY_S = 7200.0
"""An observation older than this says nothing any more: at a cadence of 2 h the prototype's AUC
had fallen from .816 to .753."""

LONGEST_BREAK_S = 30 * 86400.0
"""A campaign continues an earlier one on the same pools if it begins within this. Half of what a
pool's rate says is forgotten after a day, all of it after a month."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

COLUMNS = (
    *("trace_id", "source", "probe_kind", "provider", "zone", "instance_type"),
    *("target_capacity", "offset_s", "ts_utc", "available"),
)
"""What a frame of ticks must have; ``region`` is read if it is there."""

IDENTITY = ("probe_kind", "source", "provider", "zone", "instance_type", "target_capacity")


@dataclass(frozen=True, slots=True, order=True)
class GridPool:
    """One column of a timeline. A fleet of another size is another pool: it is harder to keep."""

    provider: str
    region: str
    zone: str
    instance_type: str
    target_capacity: int
    member: str = ""
    """Tells series apart that were measured in one pool at the same time; mostly empty."""

    @property
    def family(self) -> str:
        """The part of the type before its size: p3 of p3.2xlarge, n1 of n1-highcpu-8."""
        return re.split(r"[.+-]", self.instance_type, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class Trace:
    """One series as it came: ``offset_s`` of grid point k is ``first_offset_s + k * STEP_S``."""

    trace_id: str
    campaign: str
    pool: GridPool
    first_offset_s: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Pools side by side in time; all arrays are [time, pool].

    ``up``: enough of the target was there. ``known``: inside a series and seen within
    `LONGEST_CARRY_S`. ``observed_age_s``: seconds since the newest observation at or before the
    point (inf outside). ``trace``: place in ``traces``, -1 outside of all.
    ``origin_s`` is the time of the first point, seconds since 1970.
    """

    probe_kind: str
    origin_s: float
    pools: tuple[GridPool, ...]
    traces: tuple[Trace, ...]
    up: Bools
    known: Bools
    observed_age_s: Floats
    trace: Integers

    @property
    def time_s(self) -> Floats:
        """The time of each grid point, seconds since 1970; [time]."""
        return self.origin_s + STEP_S * np.arange(self.up.shape[0], dtype=np.float64)

    def until(self, points: int) -> "Timeline":
        """The same, as it was known after the first ``points`` grid points."""
        return Timeline(
            self.probe_kind,
            self.origin_s,
            self.pools,
            self.traces,
            self.up[:points],
            self.known[:points],
            self.observed_age_s[:points],
            self.trace[:points],
        )


def region_of(zone: str) -> str:
    """The region of a zone's name: us-east-1a, us-central1-a and cn-beijing-f end in a letter."""
    return re.sub(r"(-az\d+|-?[a-z])$", "", zone)


def campaign_of(trace_id: str, source: str) -> str:
    """Which series were measured together: what is before the last slash, else the source."""
    prefix, slash, _ = trace_id.rpartition("/")
    return prefix if slash else source


def timelines(ticks: pl.DataFrame) -> list[Timeline]:
    """All series on their grids, in calendar order, then by kind of probe.

    Args:
        ticks: one row per probe, columns `COLUMNS`; in any order. Of two rows of one trace at
            the same ``offset_s`` (an overlap of two files) the lower ``available`` counts.

    Raises:
        TicksError: a column is missing, or a trace changes its pool.
    """
    missing = [name for name in COLUMNS if name not in ticks.columns]
    if missing:
        raise TicksError("ticks", f"columns missing: {', '.join(missing)}")
    series = [_Series.of(rows) for rows in _by_trace(ticks)]
    chains: list[list[_Series]] = []
    for campaign in _campaigns(series):
        chain = next((c for c in reversed(chains) if _continues(campaign, c)), None)
        if chain is None:
            chains.append(list(campaign))
        else:
            chain.extend(campaign)
    made = [_timeline(chain) for chain in chains]
    return sorted(made, key=lambda line: (line.origin_s, line.probe_kind))


@dataclass(frozen=True, slots=True)
class _Series:
    """One trace before it is on a grid; arrays are [observation], by time."""

    trace_id: str
    campaign: str
    probe_kind: str
    pool: GridPool
    origin_s: float
    offset_s: Floats
    up: Bools

    @classmethod
    def of(cls, rows: pl.DataFrame) -> "_Series":
        first = rows.row(0, named=True)
        if rows.select(IDENTITY).n_unique() > 1:
            raise TicksError(first["trace_id"], "one trace must be one pool and kind of probe")
        region = first.get("region") or region_of(first["zone"])
        target = int(first["target_capacity"])
        offset = rows["offset_s"].cast(pl.Float64).to_numpy()
        return cls(
            trace_id=first["trace_id"],
            campaign=campaign_of(first["trace_id"], first["source"]),
            probe_kind=first["probe_kind"],
            pool=GridPool(first["provider"], region, first["zone"], first["instance_type"], target),
            origin_s=first["ts_utc"].timestamp() - float(offset[0]),
            offset_s=offset,
            up=rows["available"].cast(pl.Float64).to_numpy() >= max(target / 2, 1.0),
        )

    @property
    def end_s(self) -> float:
        return self.origin_s + float(self.offset_s[-1])


def _by_trace(ticks: pl.DataFrame) -> list[pl.DataFrame]:
    ordered = ticks.sort("trace_id", "offset_s", "available")
    unique = ordered.unique(["trace_id", "offset_s"], keep="first", maintain_order=True)
    return unique.partition_by("trace_id", maintain_order=True)


def _campaigns(series: list[_Series]) -> list[list[_Series]]:
    """Series measured together, by the time of the first."""
    found: dict[tuple[str, str], list[_Series]] = {}
    for one in series:
        found.setdefault((one.probe_kind, one.campaign), []).append(one)
    return sorted(
        found.values(), key=lambda group: (min(s.origin_s for s in group), group[0].campaign)
    )


def _continues(campaign: list[_Series], chain: list[_Series]) -> bool:
    """Whether a campaign is the same kind, on a pool of the chain, after it and soon enough."""
    begins = min(one.origin_s + float(one.offset_s[0]) for one in campaign)
    ended = max(one.end_s for one in chain)
    return (
        campaign[0].probe_kind == chain[0].probe_kind
        and bool({one.pool for one in campaign} & {one.pool for one in chain})
        and ended < begins <= ended + LONGEST_BREAK_S
    )


def _timeline(chain: list[_Series]) -> Timeline:
    origin = min(one.origin_s for one in chain)
    begins: dict[str, float] = {}
    for one in chain:
        begins[one.campaign] = min(begins.get(one.campaign, np.inf), one.origin_s)
    # A campaign starts on a grid point, so that offsets of its traces are multiples of the step.
    shift = {name: STEP_S * np.ceil((at - origin) / STEP_S) - at for name, at in begins.items()}
    placed = [one.origin_s + shift[one.campaign] for one in chain]
    pools = tuple(sorted({one.pool for one in chain}))
    columns = {pool: column for column, pool in enumerate(pools)}
    points = 1 + max(
        int(np.ceil((at + one.offset_s[-1]) / STEP_S))
        for at, one in zip(placed, chain, strict=True)
    )
    up = np.zeros((points, len(pools)), dtype=np.bool_)
    age = np.full((points, len(pools)), np.inf)
    trace = np.full((points, len(pools)), -1, dtype=np.int64)
    for place, (at, one) in enumerate(zip(placed, chain, strict=True)):
        column = columns[one.pool]
        first, state, seen = _on_grid(at + one.offset_s, one.up)
        rows = slice(first, first + state.size)
        up[rows, column], age[rows, column], trace[rows, column] = state, seen, place
    traces = tuple(
        Trace(one.trace_id, one.campaign, one.pool, -at)
        for at, one in zip(placed, chain, strict=True)
    )
    known = age <= LONGEST_CARRY_S
    return Timeline(chain[0].probe_kind, origin, pools, traces, up, known, age, trace)


def _on_grid(time_s: Floats, up: Bools) -> tuple[int, Bools, Floats]:
    """The first grid point, and from it on the state and the age of the newest observation."""
    point = np.ceil(time_s / STEP_S).astype(np.int64)
    first, size = int(point[0]), int(point[-1] - point[0]) + 1
    starts = np.flatnonzero(np.diff(point, prepend=point[0] - 1))
    lowest = np.logical_and.reduceat(up, starts)
    newest = time_s[np.append(starts[1:], point.size) - 1]
    last = np.searchsorted(point[starts], first + np.arange(size), side="right") - 1
    grid_s = STEP_S * (first + np.arange(size))
    # Carried forward is what was seen last, which within a point may be better than its lowest.
    final = up[np.append(starts[1:], point.size) - 1]
    seen_here = point[starts][last] == first + np.arange(size)
    return first, np.where(seen_here, lowest[last], final[last]), grid_s - newest[last]
