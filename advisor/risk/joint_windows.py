"""Windows of about five minutes: how many machines of each pool were there, and how many were lost.

What is known of joint losses comes in three shapes, and all become the same table: series of one
campaign (a machine or a fleet in each of several pools at once), and lifetimes of machines. A
window is 5 minutes wide, or as wide as the source looks: what is seen every 10 minutes cannot
tell what was lost within 5. Losses seen in one window are then at most so far apart.

A pool's risk in a window is told from before it alone: the rate of the last hours, shrunk to the
rate of its campaign so far, and that to a rate that is given. The joint model is fitted and judged
on top of such a forecast, as it is used on top of one.
"""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from advisor.risk.errors import TicksError
from advisor.risk.fleet import INSTANCE_LIFETIME
from advisor.risk.grid import (
    COLUMNS,
    LONGEST_CARRY_S,
    STEP_S,
    Floats,
    GridPool,
    Integers,
    campaign_of,
    region_of,
)
from advisor.risk.machines import Machines, machines_of
from advisor.risk.traces import Traces

HALF_LIFE_S = 6 * 3600.0
"""Of what a pool's own rate remembers: the signal that carries most skill (risk contract, 0)."""

PRIOR_HOURS = 4.0
"""What a prior weighs, hours of one machine: fitted to the traces as 3 to 5 (contract, 3.6)."""

PRIOR_PER_HOUR = 0.3
"""The rate of a campaign before anything is seen of it: the pools of the traces have 0.04 to 1.7
an hour, and this is about the middle on the log scale (contract, section 1)."""

SHORT_DAYS = 5
"""A campaign of fewer calendar days is resampled by the hour."""


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows of one campaign, in order of time; arrays are [window, pool].

    ``at_risk``: machines there when the window begins; ``lost``: those of them lost within it.
    ``hazard_per_hour``: the rate of one machine as told before the window. ``start_s``: when it
    begins, seconds since 1970, [window].
    """

    campaign: str
    kind: str
    pools: tuple[GridPool, ...]
    width_s: float
    start_s: Floats
    at_risk: Integers
    lost: Integers
    hazard_per_hour: Floats

    @property
    def probability(self) -> Floats:
        """P(a machine is lost within the window) of each pool; [window, pool]."""
        return -np.expm1(-self.hazard_per_hour * self.width_s / 3600)

    @property
    def block(self) -> Integers:
        """A number for each window's block of time, what is resampled as one; [window].

        Calendar days, or hours where there are fewer than `SHORT_DAYS` of them: hours depend on
        each other, so intervals are too narrow there.
        """
        day = self.start_s // 86_400
        is_short = day.size == 0 or day[-1] - day[0] + 1 < SHORT_DAYS
        block: Integers = np.unique(self.start_s // 3600 if is_short else day, return_inverse=True)[
            1
        ]
        return block

    def take(self, rows: Integers) -> "Windows":
        """The chosen windows."""
        return Windows(
            self.campaign,
            self.kind,
            self.pools,
            self.width_s,
            self.start_s[rows],
            self.at_risk[rows],
            self.lost[rows],
            self.hazard_per_hour[rows],
        )


def windows_of(traces: Traces) -> list[Windows]:
    """The windows of every campaign in which at least two machines were there at once.

    A campaign of ticks has one kind of probe; each source of lifetimes is a campaign. In order of
    time, then of name.

    Raises:
        TicksError: a frame is not what it must be.
    """
    found = list[Windows]()
    if traces.ticks is not None and traces.ticks.height:
        found += _of_ticks(traces.ticks)
    if traces.lifetimes is not None and traces.lifetimes.height:
        found += [
            _of_machines(str(rows["source"][0]), rows)
            for rows in traces.lifetimes.partition_by("source", maintain_order=True)
        ]
    kept = [several for one in found if (several := _with_company(one)).start_s.size]
    return sorted(kept, key=lambda one: (one.start_s[0], one.campaign))


def _with_company(windows: Windows) -> Windows:
    """The windows in which at least two machines were there; one alone has no joint loss."""
    return windows.take(np.flatnonzero(windows.at_risk.sum(axis=1) > 1))


def _of_ticks(ticks: pl.DataFrame) -> list[Windows]:
    missing = [name for name in COLUMNS if name not in ticks.columns]
    if missing:
        raise TicksError("ticks", f"columns missing: {', '.join(missing)}")
    ordered = ticks.sort("trace_id", "offset_s", "available").unique(
        ["trace_id", "offset_s"], keep="first", maintain_order=True
    )
    campaigns = dict[tuple[str, str], list[pl.DataFrame]]()
    for rows in ordered.partition_by("trace_id", maintain_order=True):
        first = rows.row(0, named=True)
        name = campaign_of(first["trace_id"], first["source"])
        campaigns.setdefault((name, first["probe_kind"]), []).append(rows)
    return [_of_campaign(name, kind, series) for (name, kind), series in campaigns.items()]


def _of_campaign(name: str, kind: str, series: list[pl.DataFrame]) -> Windows:
    """The windows of series that began together: ``offset_s`` is their common clock."""
    offsets = [rows["offset_s"].cast(pl.Float64).to_numpy() for rows in series]
    width = _width(float(np.median(np.concatenate([np.diff(one) for one in offsets]))))
    windows = 1 + max(int(np.floor(one[-1] / width)) for one in offsets)
    shape = (windows, len(series))
    at_risk, lost = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for column, (rows, offset) in enumerate(zip(series, offsets, strict=True)):
        at_risk[:, column], lost[:, column] = _counted(rows, offset, width, windows)
    first = min(rows.row(0, named=True)["ts_utc"].timestamp() for rows in series)
    pools = tuple(_pool_of(rows.row(0, named=True)) for rows in series)
    start_s = first + width * np.arange(windows, dtype=np.float64)
    return Windows(
        name, kind, pools, width, start_s, at_risk, lost, _rates(at_risk, lost, width / 3600)
    )


def _width(cadence_s: float) -> float:
    """Whole minutes that hold one look, 5 at least: a cadence of 600.96 s has windows of 600."""
    return max(STEP_S, 60 * round(cadence_s / 60))


def _pool_of(row: dict[str, object]) -> GridPool:
    zone = str(row["zone"])
    return GridPool(
        str(row["provider"]),
        str(row.get("region") or region_of(zone)),
        zone,
        str(row["instance_type"]),
        int(str(row["target_capacity"])),
    )


def _counted(
    rows: pl.DataFrame, offset_s: Floats, width_s: float, windows: int
) -> tuple[Integers, Integers]:
    """Machines there when each window begins, and how many of them were lost in it; [window].

    A fleet that is filled up while it is emptied shows only what is left over of a loss.
    """
    available = np.minimum(rows["available"].to_numpy(), int(rows["target_capacity"][0]))
    there = available.astype(np.int64)
    window = np.floor(offset_s / width_s).astype(np.int64)
    begins = np.searchsorted(window, np.arange(windows), side="left") - 1
    seen = begins >= 0
    newest = offset_s[np.maximum(begins, 0)]
    fresh = seen & (width_s * np.arange(windows) - newest <= LONGEST_CARRY_S)
    fresh &= np.arange(windows) <= window[-1]
    at_risk = np.where(fresh, there[np.maximum(begins, 0)], 0)
    falls = np.maximum(-np.diff(there, prepend=there[:1]), 0)
    lost = np.bincount(window, weights=falls, minlength=windows)[:windows].astype(np.int64)
    return at_risk, np.minimum(lost, at_risk)


def _of_machines(name: str, lifetimes: pl.DataFrame) -> Windows:
    machines = machines_of(lifetimes)
    width = _width(_resolution_s(machines))
    at_risk, lost, first = _grid_of(machines)
    steps = round(width / STEP_S)
    if steps > 1:
        at_risk, lost = at_risk[::steps], np.add.reduceat(lost, np.arange(0, len(lost), steps))
        lost = np.minimum(lost, at_risk)
    start_s = STEP_S * first + width * np.arange(at_risk.shape[0], dtype=np.float64)
    return Windows(
        name,
        INSTANCE_LIFETIME,
        machines.pools,
        width,
        start_s,
        at_risk,
        lost,
        _rates(at_risk, lost, width / 3600),
    )


def _resolution_s(machines: Machines) -> float:
    """How far apart one looked: from the last sign of life to the first of death, the median."""
    between = (machines.gone_s - machines.alive_s)[machines.is_lost]
    looked = float(np.median(between)) if between.size else 0.0
    return STEP_S * math.ceil(looked / STEP_S)


def _grid_of(machines: Machines) -> tuple[Integers, Integers, int]:
    """Machines up at each grid point, those lost by the next one, [point, pool]; the first."""
    first = int(machines.first_point.min())
    points = int(np.ceil(machines.until_s / STEP_S)) - first + 1
    shape = (points, len(machines.pools))
    point, machine = machines.up_between(first, first + points)
    at_risk = np.zeros(shape, dtype=np.int64)
    np.add.at(at_risk, (point - first, machines.pool[machine]), 1)
    lost = np.zeros(shape, dtype=np.int64)
    taken = np.flatnonzero(machines.is_lost)
    before = machines.lost_point - 1 - first
    # One that came and went between two points was in no window.
    counted = machines.last_point[taken] >= machines.first_point[taken]
    np.add.at(lost, (before[counted], machines.pool[taken[counted]]), 1)
    return at_risk, np.minimum(lost, at_risk), first


def _rates(at_risk: Integers, lost: Integers, width_h: float) -> Floats:
    """Losses per machine and hour as told before each window; [window, pool]."""
    keep = 0.5 ** (width_h * 3600 / HALF_LIFE_S)
    shared = _before(np.cumsum(lost.sum(axis=1)) + PRIOR_PER_HOUR * PRIOR_HOURS) / _before(
        np.cumsum(width_h * at_risk.sum(axis=1)) + PRIOR_HOURS
    )
    shared[:1] = PRIOR_PER_HOUR
    events, hours = np.zeros(at_risk.shape), np.zeros(at_risk.shape)
    for window in range(1, at_risk.shape[0]):
        events[window] = keep * events[window - 1] + lost[window - 1]
        hours[window] = keep * hours[window - 1] + width_h * at_risk[window - 1]
    return (events + PRIOR_HOURS * shared[:, None]) / (hours + PRIOR_HOURS)


def _before(running: Floats) -> Floats:
    """Each value moved to the window after it; the first stays."""
    return np.concatenate([running[:1], running[:-1]])
