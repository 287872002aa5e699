"""What the nodes cost and risk now, and what they would after a plan.

A node is looked up among the ranked offerings by its type, place and capacity type. One on demand
costs the list price and is not interrupted for its capacity. What is not offered is unknown, and
is counted as such: it is no zero.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from advisor.cluster import NodeClaim
from advisor.karpenter import labels as words
from advisor.planning.drift import Allowed
from advisor.ranking import Ranked
from warehouse.records import REGIONAL, CapacityType

REGION = "topology.kubernetes.io/region"


@dataclass(frozen=True, slots=True)
class Machine:
    """Expected USD per hour and interruptions per hour of one machine; None is unknown."""

    usd_per_hour: float | None
    interruptions_per_hour: float | None


UNKNOWN = Machine(None, None)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Sums over nodes whose figures are known, and how many are not among them.

    ``usd_per_hour`` is expected: price plus risk times what an interruption costs.
    """

    nodes: int
    usd_per_hour: float
    nodes_of_unknown_cost: int
    interruptions_per_hour: float
    nodes_of_unknown_risk: int

    def interrupted_within(self, hours: float) -> float:
        """Probability (0 to 1) that at least one node of known risk is lost within the hours."""
        return -math.expm1(-self.interruptions_per_hour * hours)


@dataclass(frozen=True, slots=True)
class ListOutlook:
    """What a NodePool may buy: offerings it allows, best and mean expected USD per hour.

    None where no cost is known; ``of_unknown_cost`` counts those left out of the mean.
    """

    offerings: int
    best_usd_per_hour: float | None
    mean_usd_per_hour: float | None
    of_unknown_cost: int


def outlook(machines: Iterable[Machine]) -> Outlook:
    """The machines together."""
    every = list(machines)
    costs = [one.usd_per_hour for one in every if one.usd_per_hour is not None]
    risks = [one.interruptions_per_hour for one in every if one.interruptions_per_hour is not None]
    return Outlook(
        nodes=len(every),
        usd_per_hour=math.fsum(costs),
        nodes_of_unknown_cost=len(every) - len(costs),
        interruptions_per_hour=math.fsum(risks),
        nodes_of_unknown_risk=len(every) - len(risks),
    )


def by_type(ranked: Iterable[Ranked]) -> dict[str, list[Ranked]]:
    """The ranked offerings of each instance type, in their order."""
    found: dict[str, list[Ranked]] = {}
    for one in ranked:
        found.setdefault(one.offering.pool.instance_type, []).append(one)
    return found


def machine_of(claim: NodeClaim, offered: Mapping[str, Sequence[Ranked]]) -> Machine:
    """What a running node costs and risks; ``offered`` as of `by_type`."""
    labels = claim.labels
    of_type = offered.get(labels.get(words.INSTANCE_TYPE, ""), ())
    here = [one for one in of_type if _is_here(one, labels)]
    if labels.get(words.CAPACITY_TYPE) != CapacityType.SPOT:
        listed = [one.offering.on_demand_usd_per_hour for one in here]
        known = next((usd for usd in listed if usd is not None), None)
        return Machine(known, None if not here else 0.0)
    spot = [one for one in here if one.offering.capacity_type is CapacityType.SPOT]
    exact = [one for one in spot if one.offering.pool.zone in _zones(labels)]
    regional = [one for one in spot if one.offering.pool.zone == REGIONAL]
    found = next(iter(exact or regional), None)
    return UNKNOWN if found is None else _machine(found)


def bought_next(ranked: Sequence[Ranked], allowed: Mapping[str, Allowed]) -> Machine:
    """What Karpenter would buy: the cheapest offering that the NodePool allows.

    Where it may buy on demand only, the cheapest list price.
    """
    spot = [one for one in bought(ranked, allowed) if one.offering.usd_per_hour is not None]
    if spot:
        return _machine(min(spot, key=lambda one: (one.offering.usd_per_hour or 0.0, one.rank)))
    twins = [
        one.offering.on_demand_usd_per_hour
        for one in ranked
        if _is_allowed(one, allowed, CapacityType.ON_DEMAND)
    ]
    known = [usd for usd in twins if usd is not None]
    return Machine(min(known), 0.0) if known else UNKNOWN


def bought(ranked: Sequence[Ranked], allowed: Mapping[str, Allowed]) -> list[Ranked]:
    """The ranked offerings that a NodePool allows, in their order."""
    return [one for one in ranked if _is_allowed(one, allowed, one.offering.capacity_type)]


def list_outlook(ranked: Sequence[Ranked], allowed: Mapping[str, Allowed]) -> ListOutlook:
    """What a NodePool's list offers."""
    found = bought(ranked, allowed)
    costs = [one.cost_usd_per_hour for one in found if one.cost_usd_per_hour is not None]
    return ListOutlook(
        offerings=len(found),
        best_usd_per_hour=min(costs, default=None),
        mean_usd_per_hour=math.fsum(costs) / len(costs) if costs else None,
        of_unknown_cost=len(found) - len(costs),
    )


def costs_by_type(ranked: Iterable[Ranked]) -> dict[str, float | None]:
    """Expected USD per hour of each type in its best pool; None where no pool's is known."""
    return _least((one.offering.pool.instance_type, one.cost_usd_per_hour) for one in ranked)


def costs_by_zone(ranked: Iterable[Ranked], types: Iterable[str]) -> dict[str, float | None]:
    """Expected USD per hour of the best of these types in each zone."""
    kept = frozenset(types)
    return _least(
        (one.offering.pool.zone, one.cost_usd_per_hour)
        for one in ranked
        if one.offering.pool.instance_type in kept
    )


def _least(costs: Iterable[tuple[str, float | None]]) -> dict[str, float | None]:
    least: dict[str, float | None] = {}
    for value, cost in costs:
        known = least.get(value)
        least[value] = cost if known is None else min(known, known if cost is None else cost)
    return least


def _machine(one: Ranked) -> Machine:
    hazard = None if one.hazard is None else one.hazard.per_hour
    return Machine(one.cost_usd_per_hour, hazard)


def _is_here(one: Ranked, labels: Mapping[str, str]) -> bool:
    region = one.offering.pool.region
    return labels.get(REGION, region) == region


def _zones(labels: Mapping[str, str]) -> set[str | None]:
    return {labels.get(words.AWS_ZONE_ID), labels.get(words.ZONE)} - {None}


def _is_allowed(one: Ranked, allowed: Mapping[str, Allowed], capacity: CapacityType) -> bool:
    pool = one.offering.pool
    asked = {words.INSTANCE_TYPE: pool.instance_type, words.CAPACITY_TYPE: capacity.value}
    if pool.zone != REGIONAL:
        is_id = words.ZONE_ID.fullmatch(pool.zone) is not None
        asked[words.AWS_ZONE_ID if is_id else words.ZONE] = pool.zone
    return all(
        Allowed(False, frozenset({value})).meets(allowed[key])
        for key, value in asked.items()
        if key in allowed
    )
