"""Spare replicas by forecast beside static rules: how many, where, what they cost, what they buy.

A static N+1 holds as much in a calm week as in a bad hour. Here the spares follow the forecast:
the fewest, in the safest pools, with which enough replicas outlast the lead time as likely as is
wanted. `advisor.risk.headroom` has the arithmetic and what it assumes.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from advisor.errors import AdvisorError
from advisor.hazards import Hazard
from advisor.risk.headroom import (
    MOST_SPARES,
    SURELY_LOST,
    TargetOutOfReachError,
    probability_covered,
    safest_places,
    spares_needed,
    survivors,
)
from advisor.risk.interpolation import MINUTE, pools_lost_within
from warehouse.records import Pool

STATIC = (0, 1, 2)
"""Spares of the rules that are compared: none, N+1 and N+2."""


@dataclass(frozen=True, slots=True)
class Workload:
    """Replicas by pool, how many must remain, and for how long a lost one is missing.

    ``usd_per_hour`` is the price of one replica in each pool; a missing pool is of unknown price.
    """

    replicas: Mapping[Pool, int]
    needed: int
    lead_time: timedelta
    usd_per_hour: Mapping[Pool, float]


@dataclass(frozen=True, slots=True)
class Spares:
    """One way to hold spares.

    ``covered`` is P(at least the needed replicas outlast the lead time); ``short`` how many of
    them are expected to be missing at its end. ``usd_per_hour`` is what the spares cost, None if a
    price is unknown. The last three are None where the target is out of reach.
    """

    rule: str
    spares: int
    places: Mapping[Pool, int]
    covered: float
    short: float
    usd_per_hour: float | None


@dataclass(frozen=True, slots=True)
class Headroom:
    """Spares by forecast, None if no number of them meets the target, and the static rules."""

    by_forecast: Spares | None
    static: tuple[Spares, ...]
    lost_within: Mapping[Pool, float]
    unknown: tuple[Pool, ...]
    """Pools of unknown risk: their replicas are counted as lost."""
    out_of_reach: TargetOutOfReachError | None


class NoReplicasError(AdvisorError):
    """There is no pool to hold anything in; the caller names pools."""


def plan_headroom(
    workload: Workload, hazards: Mapping[Pool, Sequence[Hazard]], target: float
) -> Headroom:
    """The fewest spares that meet the target, and what N+0, N+1 and N+2 would come to.

    Args:
        workload: what runs; a pool with 0 replicas is one that may take a spare.
        hazards: what is known of each pool: forecasts of several windows, or a published rate.
        target: the wanted P(enough replicas remain), above 0 and at most 1.

    Raises:
        NoReplicasError: the workload has no pool.
        LeadTimeError: no forecast reaches as far as the lead time.
        ValueError: a number is out of range.
    """
    if not workload.replicas:
        raise NoReplicasError("headroom: name at least one pool that holds replicas, or may")
    known = {pool: hazards[pool] for pool in workload.replicas if hazards.get(pool)}
    lost = lost_within(known, workload.lead_time)
    unknown = tuple(sorted(set(workload.replicas) - lost.keys()))
    order = safest_places(workload.replicas, lost, MOST_SPARES)
    chosen, refusal = None, None
    try:
        count = spares_needed(workload.replicas, workload.needed, lost, target, places=order)
        chosen = _spares("forecast", Counter(order[:count]), workload, lost)
    except TargetOutOfReachError as error:
        refusal = error
    static = tuple(
        _spares(f"N+{count}", _evenly(workload, count), workload, lost) for count in STATIC
    )
    return Headroom(chosen, static, lost, unknown, refusal)


def lost_within(
    hazards: Mapping[Pool, Sequence[Hazard]], lead_time: timedelta
) -> dict[Pool, float]:
    """P(lost within the lead time) of each pool, from its forecasts or else its published rate.

    Raises:
        LeadTimeError: a pool's forecasts do not reach that far.
    """
    forecasts = {
        pool: {
            round(one.horizon / MINUTE): one.share
            for one in several
            if one.horizon is not None and one.share is not None
        }
        for pool, several in hazards.items()
    }
    lost = pools_lost_within({pool: one for pool, one in forecasts.items() if one}, lead_time)
    hours = lead_time / timedelta(hours=1)
    for pool, several in hazards.items():
        if pool not in lost and several:
            lost[pool] = several[0].probability_within(hours)
    return {pool: share for pool, share in lost.items() if not math.isnan(share)}


def _spares(
    rule: str, places: Mapping[Pool, int], workload: Workload, lost: Mapping[Pool, float]
) -> Spares:
    pools = sorted(workload.replicas)
    held = [workload.replicas[pool] + places.get(pool, 0) for pool in pools]
    gone = [lost.get(pool, SURELY_LOST) for pool in pools]
    chances = survivors(held, gone)[: workload.needed]
    prices = [workload.usd_per_hour.get(pool, math.nan) * count for pool, count in places.items()]
    usd = math.fsum(prices)
    return Spares(
        rule=rule,
        spares=sum(places.values()),
        places=dict(places),
        covered=probability_covered(held, gone, workload.needed),
        short=math.fsum((workload.needed - left) * chance for left, chance in enumerate(chances)),
        usd_per_hour=None if math.isnan(usd) else usd,
    )


def _evenly(workload: Workload, count: int) -> Counter[Pool]:
    """Where a rule that knows no risk would put its spares: where there are fewest replicas."""
    held = dict(workload.replicas)
    places: Counter[Pool] = Counter()
    for _ in range(count):
        place = min(sorted(held), key=held.__getitem__)
        held[place] += 1
        places[place] += 1
    return places
