"""What to do with a service at each step: ten policies that see the same and differ in the answer.

A policy says how many replicas it wants in each pool and on demand; `serving` carries it out,
make before break. None looks ahead but the oracle, which is made to: it is handed the future
when it is built, and the others are not.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from advisor.risk.headroom import probability_covered
from advisor.simulation.availability import (
    STEP,
    STEP_HOURS,
    Availability,
    Bools,
    Floats,
    Integers,
    steps_left,
)
from advisor.simulation.placement import (
    ActiveZones,
    LossRates,
    Rule,
    best_first,
    by_risk,
    evenly,
    resized,
)
from advisor.simulation.replay_settings import ReplaySettings, ServingJob

BLIND_SPARE = 2
"""Spares that headroom holds as long as it knows nothing."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What every policy sees at one step, losses already taken off; all arrays are [pool].

    ``ready`` and ``launching``: replicas that serve and that do not yet. ``lost``: those lost
    since the step before. ``came_up``: launches that came up. ``risk_lead`` and ``risk_hour``:
    P(lost within the cold start, within 1 h), nan where unknown. ``signalled``: a rebalance
    signal came. ``order``: the tie order, 0 to 1.
    """

    step: int
    up: Bools
    ready: Integers
    launching: Integers
    lost: Integers
    came_up: Integers
    risk_lead: Floats
    risk_hour: Floats
    signalled: Bools
    order: Floats

    @property
    def held(self) -> Integers:
        """Replicas that serve or will, [pool]."""
        return self.ready + self.launching


@dataclass(frozen=True, slots=True)
class Decision:
    """Replicas wanted in each pool, [pool], and on demand. ``leaving``: pools to move out of."""

    want: Integers
    on_demand: int
    leaving: Bools


class ServingPolicy(Protocol):
    """Decides once per step; may remember what it saw."""

    def decide(self, moment: Moment) -> Decision:
        """What is wanted from now on."""
        ...


def settled(
    moment: Moment, total: int, job: ServingJob, rule: Rule, leaving: Bools | None = None
) -> Decision:
    """Keep what there is, add or let go until there are ``total``; on-demand for what is missing.

    Pools in ``leaving`` are emptied into others; if there is no other, they are kept.
    """
    none = np.zeros_like(moment.up)
    out = none if leaving is None or not (moment.up & ~leaving).any() else leaving & moment.up
    allowed = moment.up & ~out
    start = np.where(out, 0, moment.held)
    want = resized(start, total, allowed, rule, job.most_per_pool)
    return Decision(want, max(0, job.replicas - int(want.sum())), out)


@dataclass(frozen=True, slots=True)
class Static:
    """A fixed number of replicas, evenly over the pools that are up; what is lost is replaced."""

    job: ServingJob
    spare: int
    place_by_risk: bool = False

    def decide(self, moment: Moment) -> Decision:
        """As many as ever."""
        even = evenly(moment.order)
        rule = by_risk(moment.risk_lead, moment.order) if self.place_by_risk else even
        return settled(moment, self.job.replicas + self.spare, self.job, rule)


class Leaving:
    """No spares; moves out of a pool once told to, until the pool is empty or lost."""

    def __init__(
        self, job: ServingJob, flagged: Callable[[Moment], Bools], rule: Callable[[Moment], Rule]
    ) -> None:
        self._job, self._flagged, self._rule = job, flagged, rule
        self._leaving: Bools | None = None

    def decide(self, moment: Moment) -> Decision:
        """Replace what is lost, and what is flagged before it is."""
        flagged = self._flagged(moment)
        before = np.zeros_like(moment.up) if self._leaving is None else self._leaving
        leaving = (before & (moment.ready > 0)) | flagged
        decision = settled(moment, self._job.replicas, self._job, self._rule(moment), leaving)
        self._leaving = decision.leaving
        return decision


def worth_moving(settings: ReplaySettings, job: ServingJob) -> Callable[[Moment], Bools]:
    """Flags pools from which a move saves more than it costs, by the forecast for one hour.

    Saved: the difference in P(lost) to the safest other pool times what the gap costs. Paid: one
    machine twice for a cold start. A pool without a forecast is neither left nor moved to.
    """
    gap_hours = (job.cold_start - job.notice).total_seconds() / 3600
    saved = settings.uncovered_cost * gap_hours
    paid = job.cold_start.total_seconds() / 3600

    def flagged(moment: Moment) -> Bools:
        safest = np.min(
            moment.risk_hour, where=moment.up & ~np.isnan(moment.risk_hour), initial=np.inf
        )
        return (moment.ready > 0) & ((moment.risk_hour - safest) * saved > paid)

    return flagged


@dataclass(frozen=True, slots=True)
class Headroom:
    """As many spares as the forecast asks for, placed by risk; see `advisor.risk.headroom`."""

    job: ServingJob
    target: float
    most_spare: int

    def decide(self, moment: Moment) -> Decision:
        """The fewest spares that meet the target; the most useful number if none does.

        Where no pool that is up has a forecast there is nothing to reason with: static N+2.
        """
        if np.isnan(moment.risk_lead[moment.up]).all():
            return Static(self.job, min(BLIND_SPARE, self.most_spare)).decide(moment)
        rule = by_risk(moment.risk_lead, moment.order)
        lost = np.where(np.isnan(moment.risk_lead), 1.0, moment.risk_lead).tolist()
        needed = self.job.replicas
        chosen = settled(moment, needed, self.job, rule)
        best = -1.0
        for spare in range(self.most_spare + 1):
            decision = settled(moment, needed + spare, self.job, rule)
            safe = decision.on_demand
            reached = probability_covered([*decision.want.tolist(), safe], [*lost, 0.0], needed)
            if reached > best:
                best, chosen = reached, decision
            if reached >= self.target:
                break
        return chosen


class SpotHedge:
    """SpotHedge of SkyServe (arXiv 2411.01438): spares, pools in favor, and on-demand meanwhile.

    On-demand machines are asked for as long as spares are missing, as the paper has it:
    at most as many as are needed.
    """

    def __init__(self, job: ServingJob, spare: int, pools: int) -> None:
        self._job, self._spare, self._zones = job, spare, ActiveZones(pools)

    def decide(self, moment: Moment) -> Decision:
        """Spread over the pools in favor; cover the gap on demand."""
        self._zones.learn(moment.lost > 0, moment.came_up > 0)
        total = self._job.replicas + self._spare
        allowed = self._zones.usable(moment.up)
        held = moment.held
        want = resized(held, total, allowed, evenly(moment.order), self._job.most_per_pool)
        first = moment.step == 0  # the replay begins with the first decision in place
        missing = total - int(want.sum() if first else moment.ready.sum())
        on_demand = min(max(missing, 0), self._job.replicas)
        return Decision(want, on_demand, np.zeros_like(moment.up))


class Bandit:
    """Learns from its own losses where machines last (UCB1 on loss rates); no forecast."""

    def __init__(self, job: ServingJob, pools: int) -> None:
        self._job, self._rates = job, LossRates(pools)

    def decide(self, moment: Moment) -> Decision:
        """The pools with the lowest hopeful rate; no more than half of the replicas in one."""
        self._rates.learn((moment.ready > 0) | (moment.lost > 0), moment.lost > 0, STEP_HOURS)
        half = -(-self._job.replicas // 2)
        rule = best_first(self._rates.lower_bound(), half, moment.order)
        return settled(moment, self._job.replicas, self._job, rule)


@dataclass(frozen=True, slots=True)
class Oracle:
    """Knows when each pool will be lost and moves a cold start ahead: the bound on coverage.

    ``left`` is `steps_left`, [pool, step]. It holds no spares, and pays on-demand machines only
    when no pool lasts longer than a launch. Its cost is not the lowest possible.
    """

    job: ServingJob
    left: Integers

    def decide(self, moment: Moment) -> Decision:
        """Replicas where they outlast a launch; new ones where they outlast two.

        So every launch comes up, and its own replacement can be launched after that.
        """
        left = self.left[:, moment.step]
        lead = math.ceil(self.job.cold_start / STEP)
        lasting = moment.up & (left > lead)
        start = np.where(lasting, moment.held, 0)
        rule = best_first(-left.astype(np.float64), self.job.replicas, moment.order)
        worth = lasting & (left > 2 * lead)
        want = resized(start, self.job.replicas, worth, rule, self.job.most_per_pool)
        leaving = moment.up & ~lasting & (moment.held > 0)
        return Decision(want, max(0, self.job.replicas - int(want.sum())), leaving)


Maker = Callable[[ServingJob, ReplaySettings, Availability], ServingPolicy]


def _static(spare: int) -> Maker:
    return lambda job, settings, _: Static(job, spare, settings.place_by_risk)


def _even(moment: Moment) -> Rule:
    return evenly(moment.order)


def _by_hour(moment: Moment) -> Rule:
    return by_risk(moment.risk_hour, moment.order)


SERVING_POLICIES: Mapping[str, Maker] = {
    "reactive": _static(0),
    "static-n+1": _static(1),
    "static-n+2": _static(2),
    "rebalance": lambda job, _, __: Leaving(job, lambda moment: moment.signalled, _even),
    "threshold": lambda job, settings, _: Leaving(
        job, lambda moment: moment.risk_hour > settings.threshold, _by_hour
    ),
    "expected-cost": lambda job, settings, _: Leaving(job, worth_moving(settings, job), _by_hour),
    "headroom": lambda job, settings, _: Headroom(job, settings.target, settings.most_spare),
    "spothedge": lambda job, settings, traces: SpotHedge(
        job, settings.hedge_spare, len(traces.pools)
    ),
    "ucb": lambda job, _, traces: Bandit(job, len(traces.pools)),
    "oracle": lambda job, _, traces: Oracle(job, steps_left(traces.up)),
}
"""Every policy of a serving job by its name; only the oracle's maker looks into the trace."""
