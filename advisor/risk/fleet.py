"""What a pool has been through, told by the machines in it: the user's own fleet, or a study.

A machine says more than a probe does of its own age, and its pool's other machines say how often
machines are lost there. So the counts of a row are the pool's, all machines together (time at
risk in node-hours), and the age is the machine's own. Interruptions come in bursts, and those of
one grid step in one pool count as one (risk contract, section 5).

Other pools are the siblings. A pool without a machine is not down: nothing is known of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl

from advisor.risk.evidence import Evidence, evidence_at, evidence_of
from advisor.risk.grid import LONGEST_CARRY_S, STEP_H, STEP_S, Bools, Floats, Integers
from advisor.risk.history import AGE_BANDS, AGED_HALF_LIVES, HALF_LIVES_H, History, age_band
from advisor.risk.machines import Machines, machines_of
from advisor.risk.watched import Watched, neighbors_of
from warehouse.records import Pool

INSTANCE_LIFETIME = "instance_lifetime"
"""The kind of probe that a machine is: nothing is asked for or held, it runs until it ends."""

BLOCK = 288
"""Grid points (a day) whose histories are held at a time: about 0.2 MB for each pool."""

MEMORY_S = 45 * 86_400.0
"""How far back a fleet is counted, as far as `warehouse.features.MEMORY` reads ended machines:
the earlier hours of a machine that still runs would be time at risk without its losses."""

_FADE: Floats = 0.5 ** (STEP_H / np.array(HALF_LIVES_H))


@dataclass(frozen=True, slots=True)
class MachineRows:
    """Machines at grid points at which they are up, by point, pool and machine; [row]."""

    time_s: Floats
    machine: Integers
    evidence: Evidence


def evidence_of_machines(machines: Machines) -> Iterator[MachineRows]:
    """Every machine at every grid point at which it is up, in blocks by time.

    ``observed_age_s`` is 0: logs of lifetimes tell the last look at a machine and no other, and an
    age that grows only in front of a loss would give the loss away.
    """
    now = History.empty((len(machines.pools),))
    for begin, end in _blocks(machines):
        kept = _recorded(now, machines, begin, end)
        point, machine = machines.up_between(begin, end)
        if not machine.size:
            continue
        places = (point - begin) * len(machines.pools) + machines.pool[machine]
        evidence = evidence_at(kept, machines.pools, places, np.zeros(machine.size))
        time_s = STEP_S * point.astype(np.float64)
        age_h = (time_s - machines.start_s[machine]) / 3600
        yield MachineRows(
            time_s, machine, _of_own_age(evidence, age_h, ~machines.is_age_known[machine])
        )


def watched_fleet(lifetimes: pl.DataFrame, market: Sequence[Pool], now: datetime) -> Watched:
    """The pools in which the user's machines ran, as they are at ``now``, and their neighbors.

    One row per pool. The age is that of the machine with the median age of those running now; in
    a pool where none runs it is that of a machine started now. Machines whose zone is not known
    are in no pool and left out.

    Args:
        lifetimes: machines up to ``now``, as `warehouse.features.lifetimes_until` gives them.
        market: every pool that there is; those near a fleet's are its neighbors.
        now: the moment; nothing in ``lifetimes`` is later.

    Raises:
        TicksError: the frame is not one of lifetimes.
    """
    regions = {(pool.provider, pool.zone): pool.region for pool in market}
    placed = lifetimes.filter(pl.col("zone").is_not_null()) if lifetimes.height else lifetimes
    fleet = machines_of(placed, until_s=now.timestamp(), region_by_zone=regions)
    own = len(fleet.pools)
    fleet = replace(fleet, pools=(*fleet.pools, *neighbors_of(fleet.pools, market)))
    history = History.empty((len(fleet.pools),))
    for begin, end in _blocks(fleet, since_s=fleet.until_s - MEMORY_S):
        _recorded(history, fleet, begin, end)
    running = np.isinf(fleet.gone_s) & (fleet.alive_s + LONGEST_CARRY_S >= fleet.until_s)
    age_h, censored = np.zeros(len(fleet.pools)), np.zeros(len(fleet.pools), dtype=np.bool_)
    up, until = np.zeros(len(fleet.pools), dtype=np.bool_), np.full(len(fleet.pools), np.nan)
    for pool in range(own):
        here = fleet.pool == pool
        until[pool] = fleet.alive_s[here].max()
        if (here & running).any():
            machine = _median_machine(fleet, np.flatnonzero(here & running))
            age_h[pool] = (fleet.until_s - fleet.start_s[machine]) / 3600
            censored[pool], up[pool] = not fleet.is_age_known[machine], True
    history = replace(history, up=up, known=up.copy())
    evidence = evidence_of(history, fleet.pools, fleet.until_s - until)
    evidence = _of_own_age(evidence, age_h, censored)
    return Watched(INSTANCE_LIFETIME, fleet.pools, evidence, until)


def _median_machine(fleet: Machines, machines: Integers) -> int:
    """The machine whose age is in the middle; of two in the middle the older one."""
    by_age = machines[np.argsort(fleet.start_s[machines], kind="stable")]
    return int(by_age[(by_age.size - 1) // 2])


def _of_own_age(evidence: Evidence, age_h: Floats, censored: Bools) -> Evidence:
    return replace(evidence, history=replace(evidence.history, age=age_h, censored=censored))


def _blocks(machines: Machines, *, since_s: float = 0.0) -> list[tuple[int, int]]:
    """Spans of grid points from the first machine, or a moment, to the end of the study."""
    if not machines.start_s.size:
        return []
    first = max(int(machines.first_point.min()), int(np.ceil(since_s / STEP_S)))
    last = int(machines.until_s // STEP_S)
    return [(begin, min(begin + BLOCK, last + 1)) for begin in range(first, last + 1, BLOCK)]


def _recorded(now: History, machines: Machines, begin: int, end: int) -> History:
    """Move ``now`` from before ``begin`` to before ``end``; what it was at each point."""
    pools, points = len(machines.pools), end - begin
    happened = _Block.of(machines, begin, end)
    kept = History.empty((points, pools))
    for point in range(points):
        happened.advance(now, point)
        now.copy_to(kept, point)
    return kept


@dataclass(frozen=True, slots=True)
class _Block:
    """What happened at some grid points; arrays are [.., point, pool].

    ``at_risk``: machines up one point before; ``aged``: the same by age, [band, point, pool].
    ``running``: whether any is up. ``lost``: whether any was lost since the point before, and
    ``life_h``: the longest life among them, nan if there is none whose start was seen.
    """

    at_risk: Floats
    aged: Floats
    running: Bools
    lost: Bools
    life_h: Floats

    @classmethod
    def of(cls, machines: Machines, begin: int, end: int) -> "_Block":
        pools, points = len(machines.pools), end - begin
        shape = (points, pools)
        point, machine = machines.up_between(begin - 1, end - 1)
        place = (point + 1 - begin) * pools + machines.pool[machine]
        age_h = (STEP_S * point - machines.start_s[machine]) / 3600
        band = age_band(age_h, ~machines.is_age_known[machine])
        size = points * pools
        aged = np.bincount(band * size + place, minlength=AGE_BANDS * size)
        up, of = machines.up_between(begin, end)
        running = np.zeros(size, dtype=np.bool_)
        running[(up - begin) * pools + machines.pool[of]] = True
        lost, life_h = cls._losses(machines, begin, shape)
        return cls(
            at_risk=np.bincount(place, minlength=size).reshape(shape).astype(np.float64),
            aged=aged.reshape(AGE_BANDS, *shape).astype(np.float64),
            running=running.reshape(shape),
            lost=lost,
            life_h=life_h,
        )

    @staticmethod
    def _losses(machines: Machines, begin: int, shape: tuple[int, int]) -> tuple[Bools, Floats]:
        lost, life_h = np.zeros(shape, dtype=np.bool_), np.full(shape, np.nan)
        point = machines.lost_point - begin
        here = (point >= 0) & (point < shape[0])
        machine = np.flatnonzero(machines.is_lost)[here]
        place = (point[here], machines.pool[machine])
        lost[place] = True
        life = (machines.gone_s[machine] - machines.start_s[machine]) / 3600
        np.fmax.at(life_h, place, np.where(machines.is_age_known[machine], life, np.nan))
        return lost, life_h

    def advance(self, now: History, point: int) -> None:
        """Move the pools one grid point on."""
        fade, hours = _FADE[:, None], STEP_H * self.at_risk[point]
        now.drops *= fade
        now.drops += self.lost[point]
        now.up_hours *= fade
        now.up_hours += hours
        # A machine is not there when it is down, so all time watched is time up.
        now.hours = now.up_hours.copy()
        now.aged_hours *= _FADE[list(AGED_HALF_LIVES), None, None]
        now.aged_hours += STEP_H * self.aged[:, point]
        now.watched += STEP_H * (self.at_risk[point] > 0)
        known = ~np.isnan(self.life_h[point])
        np.copyto(now.last_up, self.life_h[point], where=known)
        now.since_drop += STEP_H
        now.since_drop[self.lost[point]] = 0.0
        now.up = self.running[point].copy()
        now.known = self.running[point].copy()
