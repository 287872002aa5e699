"""A service that runs on what a policy holds: launches, losses, gaps and what they cost.

In each step of 5 minutes, in this order: pools that are down have taken all machines; launches
come up; the policy decides; machines are launched and let go; the step is counted. A replica is
let go only when those wanted are ready without it: make before break.
"""

from typing import Final

import numpy as np

from advisor.simulation.availability import (
    STEP,
    STEP_HOURS,
    STEP_MINUTES,
    Bools,
    Floats,
    Integers,
    steps_left,
)
from advisor.simulation.outcomes import ALARM_STEPS, SERVING_MEASURES, Outcome, by_day
from advisor.simulation.policies import Decision, Moment, ServingPolicy
from advisor.simulation.replay_settings import ServingJob
from advisor.simulation.scene import Scene

LEADS: Final = 2
"""Two ways to launch: in the notice's time, and without notice."""


class Fleet:
    """The machines of one replay; arrays are [pool and then on-demand]."""

    def __init__(self, job: ServingJob, pools: int) -> None:
        self._job = job
        minutes = ((job.cold_start - job.notice) / STEP, job.cold_start / STEP)
        self._whole = [int(lead) for lead in minutes]
        self._part = [lead % 1 for lead in minutes]
        self.ready = np.zeros(pools + 1, dtype=np.int64)
        self._due = np.zeros((LEADS, self._whole[-1] + 1, pools + 1), dtype=np.int64)
        self._late: list[tuple[float, int]] = []

    @property
    def launching(self) -> Integers:
        """Machines that do not serve yet."""
        return np.asarray(self._due.sum(axis=(0, 1)))

    def lose(self, down: Bools) -> Integers:
        """Take all machines of the pools that are down; those that served, [pool]."""
        pools = np.append(down, False)
        lost = np.where(pools, self.ready, 0)
        self.ready[pools] = 0
        self._due[:, :, pools] = 0
        return lost[:-1]

    def come_up(self) -> Integers:
        """Launches whose time has come; a part of the step late if it has not come at once."""
        self._late = []
        if not self._due.any():
            return np.zeros_like(self.ready)
        came = self._due[:, 0].copy()
        self._due[:, :-1] = self._due[:, 1:]
        self._due[:, -1] = 0
        self._late = [(self._part[lead], int(came[lead].sum())) for lead in range(LEADS)]
        arrived = np.asarray(came.sum(axis=0))
        self.ready += arrived
        return arrived

    def launch(self, missing: Integers, noticed: int, *, at_once: bool) -> None:
        """Start what is missing, [pool and then on-demand]; ``noticed`` of it with notice."""
        if at_once or not missing.any():
            self.ready += missing
            return
        before = np.cumsum(missing) - missing
        early = np.clip(noticed - before, 0, missing)
        for lead, count in enumerate((early, missing - early)):
            whole = self._whole[lead]
            if whole:
                self._due[lead, whole - 1] += count
            else:
                self.ready += count
                self._late.append((self._part[lead], int(count.sum())))

    def let_go(self, want: Integers, leaving: Bools) -> None:
        """Stop launches that are too many, newest first; then machines that can be spared.

        Spared is what serves beyond all that is wanted. Replicas in pools that are being left,
        ``leaving`` [pool], do not count for that, and stay until the others suffice. An
        on-demand launch is seen through until then as well: it is the way out of a gap.
        """
        surplus = np.maximum(self.ready + self.launching - want, 0)
        if not surplus.any():
            return
        for place in np.flatnonzero(surplus[:-1]).tolist():
            surplus[place] -= self._stop(place, int(surplus[place]))
        moving = np.where(np.append(leaving, False), np.minimum(surplus, self.ready), 0)
        firm = int((self.ready - moving).sum()) - sum(count for part, count in self._late if part)
        spared = firm - int(want.sum())
        cut = max(0, min(spared, int(surplus[-1])))
        stopped = self._stop(surplus.size - 1, cut)
        self.ready[-1] -= cut - stopped
        spared -= cut - stopped
        for place in np.flatnonzero(surplus[:-1]).tolist():
            free = spared + int(moving.sum()) if moving[place] else spared
            cut = max(0, min(free, int(surplus[place])))
            self.ready[place] -= cut
            if moving[place]:
                moving[place] -= cut
            else:
                spared -= cut

    def _stop(self, place: int, most: int) -> int:
        """Stop up to so many launches in one place, newest first; how many there were."""
        stopped = 0
        for slot in range(self._due.shape[1] - 1, -1, -1):
            for lead in range(LEADS):
                cut = min(most - stopped, int(self._due[lead, slot, place]))
                self._due[lead, slot, place] -= cut
                stopped += cut
        return stopped

    def uncovered(self) -> float:
        """Replica-minutes missing in this step, exact to the part of it a launch comes late."""
        serving = int(self.ready.sum()) - sum(count for _, count in self._late)
        missing, at = 0.0, 0.0
        for part, count in sorted(self._late):
            missing += max(0, self._job.replicas - serving) * (part - at)
            serving, at = serving + count, part
        missing += max(0, self._job.replicas - serving) * (1 - at)
        return missing * STEP_MINUTES


class Counts:
    """What is counted in each step, [step]; hours and costs follow from what was placed."""

    def __init__(self, scene: Scene, on_demand_ratio: float) -> None:
        traces = scene.traces
        self._day = traces.day
        self._prices = np.append(scene.prices, on_demand_ratio * scene.prices.mean())
        self._is_quiet = (steps_left(traces.up) > ALARM_STEPS).T
        self._leaving = np.zeros(len(traces.pools), dtype=np.bool_)
        self._uncovered = np.zeros(traces.steps)
        self._losses, self._moved, self._alarms = np.zeros((3, traces.steps))
        self.placed = np.zeros((traces.steps, len(traces.pools) + 1), dtype=np.int64)

    def add(self, step: int, fleet: Fleet, lost: Integers, ready: Integers, leaving: Bools) -> None:
        """One step after its decision; ``ready`` is what served before it, [pool]."""
        self.placed[step] = fleet.ready + fleet.launching
        self._uncovered[step] = fleet.uncovered()
        self._losses[step] = lost.sum()
        if leaving.any():
            moved = np.where(leaving & ~self._leaving, ready, 0)
            self._moved[step] = moved.sum()
            self._alarms[step] = moved[self._is_quiet[step]].sum()
        self._leaving = leaving

    def by_day(self) -> dict[str, Floats]:
        """Each of `SERVING_MEASURES`, [day]."""
        hours: Floats = np.multiply(self.placed, STEP_HOURS, dtype=np.float64)
        rows: tuple[Floats, ...] = (
            self._uncovered,
            hours[:, :-1].sum(axis=1),
            hours[:, -1],
            hours @ self._prices,
            self._losses,
            self._moved,
            self._alarms,
        )
        days = [by_day(row, self._day) for row in rows]
        return dict(zip(SERVING_MEASURES, days, strict=True))


def serve(scene: Scene, policy: ServingPolicy, job: ServingJob, name: str) -> Outcome:
    """Replay one policy, called ``name``; its first decision is in place when the trace begins."""
    traces = scene.traces
    fleet = Fleet(job, len(traces.pools))
    counts = Counts(scene, job.on_demand_ratio)
    for step in range(traces.steps):
        up = traces.up[:, step]
        lost, came = fleet.lose(~up), fleet.come_up()
        ready, launching = fleet.ready.copy(), fleet.launching
        seen = Moment(
            step=step,
            up=up,
            ready=ready[:-1],
            launching=launching[:-1],
            lost=lost,
            came_up=came[:-1],
            risk_lead=scene.risk_lead[:, step],
            risk_hour=scene.risk_hour[:, step],
            signalled=scene.signals[:, step],
            order=scene.order[step],
        )
        decision = policy.decide(seen)
        carry_out(fleet, decision, int(lost.sum()), at_once=step == 0)
        counts.add(step, fleet, lost, ready[:-1], decision.leaving)
    return Outcome(name, counts.by_day(), counts.placed)


def carry_out(fleet: Fleet, decision: Decision, noticed: int, *, at_once: bool) -> None:
    """Launch what is missing, then let go of what is too much."""
    want = np.append(decision.want, decision.on_demand)
    missing = np.maximum(want - fleet.ready - fleet.launching, 0)
    fleet.launch(missing, noticed, at_once=at_once)
    fleet.let_go(want, decision.leaving)
