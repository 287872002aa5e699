"""Spreads machines over pools so that a burst of interruptions does not take too many at once.

The least expected cost that keeps P(at least k of n machines lost within minutes) under a bound,
within shares per pool, family and zone, a number of machines on demand, and a number of different
types (Karpenter's ``minValues``). The joint risk is `advisor.risk.joint`'s: what one pool, type or
zone takes at once is counted, and every machine's own risk is kept.
"""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from advisor.diversity_problem import Option, Problem, Solution
from advisor.diversity_search import best, safest
from advisor.errors import AdvisorError
from advisor.families import family_of
from advisor.offerings import on_demand
from advisor.ranking import Ranked
from advisor.risk.joint import WINDOW, JointModel, JointRisk, probability_at_least
from warehouse.records import CapacityType, Offering, Pool

ROUNDING = 1e-9
"""A share of 0.3 of 10 machines is 3 of them, whatever binary fractions say."""


class SpreadError(AdvisorError):
    """No placement keeps all limits; the message says which one and what would relax it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is wanted: ``count`` machines, fewer than ``lose`` of them lost at once.

    P(at least ``lose`` are lost) is at most ``bound``.

    Shares are of ``count``, 0 to 1, and hold for spot machines: each pool, family in a region and
    zone takes at most that many, rounded down. On demand there are ``on_demand_min`` to
    ``on_demand_max`` (None: no more than the minimum). ``types_min``: different types, at least.
    ``allow_unknown``: also pools of unknown risk, which then count as surely lost.
    """

    count: int
    lose: int = 2
    bound: float = 0.01
    pool_share: float = 1.0
    family_share: float = 1.0
    zone_share: float = 1.0
    on_demand_min: int = 0
    on_demand_max: int | None = None
    types_min: int = 1
    allow_unknown: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            SpreadError: a number is out of range; says which.
        """
        shares = {"pool": self.pool_share, "family": self.family_share, "zone": self.zone_share}
        if self.count < 1:
            raise SpreadError(f"spread: {self.count} machines cannot be spread; ask for at least 1")
        if self.lose < 1:
            raise SpreadError(f"spread: losing {self.lose} is no loss; ask about at least 1")
        if not 0 <= self.bound <= 1:
            raise SpreadError(f"spread: the bound {self.bound:g} is no probability from 0 to 1")
        for name, share in shares.items():
            if not 0 < share <= 1 or self.most(share) < 1:
                raise SpreadError(
                    f"spread: a share of {share:g} of {self.count} machines per {name} is less "
                    f"than one machine; allow at least {1 / self.count:.3g}, and at most 1"
                )
        if not 0 <= self.on_demand_min <= self.on_demand_most <= self.count:
            raise SpreadError(
                f"spread: {self.on_demand_min} to {self.on_demand_most} machines on demand do not "
                f"fit into {self.count}"
            )
        if not 1 <= self.types_min <= self.count:
            raise SpreadError(
                f"spread: {self.count} machines cannot be of {self.types_min} different types; "
                f"ask for 1 to {self.count}"
            )

    @property
    def on_demand_most(self) -> int:
        """The most machines on demand."""
        return self.on_demand_min if self.on_demand_max is None else self.on_demand_max

    def most(self, share: float) -> int:
        """How many machines a share is, rounded down."""
        return math.floor(share * self.count + ROUNDING)


@dataclass(frozen=True, slots=True)
class Placed:
    """So many machines of one offering. ``hazard_per_hour`` is None if the risk is unknown."""

    offering: Offering
    count: int
    cost_usd_per_hour: float
    hazard_per_hour: float | None


@dataclass(frozen=True, slots=True)
class Placement:
    """A choice, and what stands behind it.

    ``usd_per_hour``: expected cost of all machines, interruptions included where their risk is
    known. ``joint``: P(at least ``lose`` are lost at once). ``joint_at_high``: the same with every
    risk at its upper end; one without an upper end, and an unknown one, is surely lost.
    ``binding``: the limits that are reached. ``cheapest``: the same number of machines without a
    bound and caps; ``cheapest_joint``: its joint risk. ``gap_usd_per_hour``: no placement of the
    offerings looked at is cheaper by more than this; 0 where the choice is proved the best.
    """

    placed: tuple[Placed, ...]
    usd_per_hour: float
    joint: JointRisk
    joint_at_high: float
    binding: tuple[str, ...]
    cheapest: tuple[Placed, ...]
    cheapest_usd_per_hour: float
    cheapest_joint: JointRisk
    gap_usd_per_hour: float
    looked_at: int


def spread(
    ranked: Sequence[Ranked],
    limits: Limits,
    *,
    model: JointModel,
    window: timedelta = WINDOW,
    time_limit: timedelta | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Placement:
    """The placement of least expected cost within the limits.

    Args:
        ranked: offerings with their costs, in any order. On-demand twins of spot offerings are
            made here; those that are given count too.
        limits: what is wanted.
        model: how machines are lost together.
        window: what counts as at once; up to 15 minutes.
        time_limit: when the search ends with what it has found; None: when it is done.
        clock: seconds; it only tells when time is up.

    Raises:
        SpreadError: no placement keeps the limits; says which one, and what would relax it.
    """
    options = options_of(ranked, limits)
    is_spot = [one.is_spot for one in options]
    if not options or (not any(is_spot) and limits.on_demand_most < limits.count):
        raise SpreadError(_nothing(ranked, limits))
    start = clock()
    end = math.inf if time_limit is None else start + time_limit.total_seconds()
    problem = replace(_problem(options, limits, model, window), is_time_up=lambda: clock() >= end)
    if reason := problem.no_room():
        raise SpreadError(f"spread: {reason}")
    solution = best(problem)
    if solution is None and problem.is_time_up():
        raise SpreadError(
            f"spread: no placement that keeps the limits was found in {end - start:g} s; ask for "
            f"fewer machines, of fewer pools, or on demand"
        )
    if solution is None:
        raise SpreadError(_out_of_bound(problem, limits))
    unlimited = _problem(options, _unlimited(limits), model, window)
    free = best(replace(unlimited, is_time_up=problem.is_time_up))
    return _placement(problem, solution, free or solution, ranked, limits)


def options_of(ranked: Iterable[Ranked], limits: Limits) -> list[Option]:
    """The offerings that may be placed; those of unknown price, or risk unless allowed, may not."""
    found = dict[tuple[Pool, CapacityType], Option]()
    for one in ranked:
        offering = one.offering
        is_spot = offering.capacity_type is CapacityType.SPOT
        hazard = one.hazard.per_hour if one.hazard is not None else None
        cost = one.cost_usd_per_hour if one.cost_usd_per_hour is not None else offering.usd_per_hour
        if is_spot and cost is not None and (hazard is not None or limits.allow_unknown):
            _keep(found, Option(offering, cost, hazard, family=_family(offering.pool)))
        twin = on_demand(offering) if is_spot else offering
        if twin is not None and twin.usd_per_hour is not None:
            _keep(found, Option(twin, twin.usd_per_hour, 0.0, family=_family(offering.pool)))
    return sorted(found.values(), key=Option.order)


def _keep(found: dict[tuple[Pool, CapacityType], Option], option: Option) -> None:
    """The cheaper one of two options of the same kind in one pool."""
    place = option.offering.pool, option.offering.capacity_type
    if place not in found or option.order() < found[place].order():
        found[place] = option


def _family(pool: Pool) -> tuple[str, str, str]:
    return pool.provider, pool.region, family_of(pool.provider, pool.instance_type)


def _problem(
    options: Sequence[Option], limits: Limits, model: JointModel, window: timedelta
) -> Problem:
    return Problem(
        options=tuple(options),
        count=limits.count,
        lose=limits.lose,
        bound=limits.bound,
        pool_most=limits.most(limits.pool_share),
        family_most=limits.most(limits.family_share),
        zone_most=limits.most(limits.zone_share),
        on_demand_min=limits.on_demand_min,
        on_demand_max=limits.on_demand_most,
        types_min=limits.types_min,
        model=model,
        window=window,
    )


def _unlimited(limits: Limits) -> Limits:
    """The same machines without a bound and caps, and with what must be on demand."""
    return Limits(
        count=limits.count,
        lose=limits.lose,
        bound=1.0,
        on_demand_min=limits.on_demand_min,
        on_demand_max=limits.on_demand_max,
        allow_unknown=limits.allow_unknown,
    )


def _placement(
    problem: Problem, solution: Solution, free: Solution, ranked: Sequence[Ranked], limits: Limits
) -> Placement:
    high = _high_hazards(ranked)
    spots = problem.spots(solution.counts)
    at_high = probability_at_least(
        limits.lose,
        {pool: count for pool, (count, _) in spots.items()},
        {pool: high.get(pool, math.nan) for pool in spots},
        problem.window,
        model=problem.model.alone,
    )
    return Placement(
        placed=_placed(solution),
        usd_per_hour=solution.usd_per_hour,
        joint=problem.joint(solution.counts),
        joint_at_high=at_high.value,
        binding=_binding(problem, solution),
        cheapest=_placed(free),
        cheapest_usd_per_hour=free.usd_per_hour,
        cheapest_joint=problem.joint(free.counts),
        gap_usd_per_hour=solution.gap_usd_per_hour,
        looked_at=len(problem.options),
    )


def _high_hazards(ranked: Sequence[Ranked]) -> dict[Pool, float]:
    """The upper ends of the hazards; a pool without one is absent."""
    return {
        one.offering.pool: one.hazard.high_per_hour
        for one in ranked
        if one.hazard is not None and one.hazard.high_per_hour is not None
    }


def _placed(solution: Solution) -> tuple[Placed, ...]:
    return tuple(
        Placed(option.offering, count, option.usd_per_hour, option.hazard_per_hour)
        for option, count in solution.counts.items()
    )


def _binding(problem: Problem, solution: Solution) -> tuple[str, ...]:
    """The limits that are reached, in words."""
    found = list[str]()
    for name, groups, most in problem.caps(solution.counts):
        full = sum(count == most for count in groups.values())
        if full and most < problem.count:
            found.append(f"at most {most} per {name} ({full} full)")
    placed = problem.on_demand(solution.counts)
    if problem.on_demand_min and placed == problem.on_demand_min:
        found.append(f"at least {problem.on_demand_min} on demand")
    if problem.types_min > 1 and len(problem.types(solution.counts)) == problem.types_min:
        found.append(f"at least {problem.types_min} types")
    capped = problem.without_bound()
    cheaper = best(capped)
    if cheaper is not None and cheaper.usd_per_hour < solution.usd_per_hour - ROUNDING:
        found.append(
            f"P(≥{problem.lose} lost) at most {problem.bound:g}: without it "
            f"{cheaper.usd_per_hour:.4f} USD an hour, at {capped.risk(cheaper.counts):.2g}"
        )
    return tuple(found)


def _nothing(ranked: Sequence[Ranked], limits: Limits) -> str:
    unknown = sum(one.hazard is None and one.offering.usd_per_hour is not None for one in ranked)
    if unknown and not limits.allow_unknown:
        return (
            f"spread: the risk of all {unknown} pools with a price is unknown, and unknown is not "
            "safe; allow unknown risk (they then count as surely lost), or allow machines on demand"
        )
    return "spread: no offering has a known price in USD; nothing can be placed by cost"


def _out_of_bound(problem: Problem, limits: Limits) -> str:
    """Why the bound cannot be kept, and what would do."""
    found = safest(problem)
    if found is None:
        return (
            "spread: the shares per pool, family and zone, the machines on demand and the types "
            "leave no placement together, though each alone does; relax one of them"
        )
    risk = problem.risk(found.counts)
    pools = len(problem.spots(found.counts))
    enough = _enough_on_demand(problem)
    more = "" if enough is None else f"allow {enough} machines on demand, or "
    return (
        f"spread: even spread over {pools} pools P(at least {limits.lose} of {limits.count} lost "
        f"within {problem.window / timedelta(minutes=1):g} min) is {risk:.3g}, above "
        f"{limits.bound:g}: {more}a bound of {_rounded_up(risk):g}"
    )


def _rounded_up(probability: float) -> float:
    """With two digits that count, never lower: 0.0213 is 0.022, and what is allowed suffices."""
    unit = 10.0 ** (math.floor(math.log10(probability)) - 1)
    return min(1.0, math.ceil(probability / unit) * unit)


def _enough_on_demand(problem: Problem) -> int | None:
    """The fewest machines on demand with which a placement was found; None if there are none."""
    for number in range(problem.on_demand_max + 1, problem.count + 1):
        if problem.is_time_up():
            return None
        eased = problem.with_on_demand(number)
        found = None if eased is None else safest(eased)
        if eased is not None and found is not None and eased.risk(found.counts) <= problem.bound:
            return number
    return None
