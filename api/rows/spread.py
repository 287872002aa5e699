"""Machines spread over pools: the placement, its rows, and what must be said of it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from advisor import Policy, Ranked
from advisor.diversity import Limits, Placed, Placement, spread
from advisor.risk.joint import JointModel, JointRisk, probability_at_least
from advisor.risk.joint_distribution import INDEPENDENT, WHOLE_POOLS
from api.answers import BASIS_NOTES, Answer
from warehouse.records import REGIONAL, CapacityType, Pool


@dataclass(frozen=True, slots=True)
class Spread:
    """A placement, what was asked, and what it rests on.

    ``rivals`` is the joint risk of the same machines by other beliefs.
    """

    placement: Placement
    limits: Limits
    window: timedelta
    rivals: Mapping[str, float]
    answer: Answer
    joint_model: str

    @property
    def shown(self) -> list[Ranked]:
        """The offerings of the pools that are used."""
        pools = {one.offering.pool for one in self.placement.placed}
        return [one for one in self.answer.ranking.ranked if one.offering.pool in pools]

    @property
    def is_stale(self) -> bool:
        """Whether any of them rests on stale data."""
        return any(map(self.answer.is_stale, self.shown))

    @property
    def rows(self) -> Sequence[dict[str, Any]]:
        """One row per offering that is used."""
        return [_row(one) for one in self.placement.placed]


def limits_of(policy: Policy, count: int, **given: Any) -> Limits:
    """The limits that were given; of those that were not (None), the policy's, else none.

    Raises:
        SpreadError: a number is out of range; says which.
    """
    shares = {
        "pool_share": policy.max_share_pool,
        "family_share": policy.max_share_family,
        "zone_share": policy.max_share_zone,
    }
    from_policy: dict[str, Any] = {
        "on_demand_min": math.ceil(policy.on_demand_min * count),
        "types_min": policy.types_min or 1,
        **{name: 1.0 if share is None else share for name, share in shares.items()},
    }
    said = {name: value for name, value in given.items() if value is not None}
    return Limits(count=count, **(from_policy | said))


def spread_of(
    answer: Answer,
    limits: Limits,
    window: timedelta,
    joint: tuple[JointModel, str],
    *,
    time_limit: timedelta | None = None,
) -> Spread:
    """The machines on the offerings of the answer; ``joint`` is the model and its name.

    The search ends after the time limit with what it has found; None: when it is done.

    Raises:
        SpreadError: no placement keeps the limits; says which one, and what would relax it.
    """
    model, named = joint
    placement = spread(
        answer.ranking.ranked, limits, model=model, window=window, time_limit=time_limit
    )
    rivals = {
        "independent": _as_if(placement.placed, limits, window, JointModel(INDEPENDENT, ())),
        "whole_pools": _as_if(placement.placed, limits, window, JointModel(WHOLE_POOLS, ())),
    }
    return Spread(placement, limits, window, rivals, answer, named)


def _as_if(placed: Iterable[Placed], limits: Limits, window: timedelta, model: JointModel) -> float:
    """The joint risk of the same machines by another belief."""
    spots = [one for one in placed if one.offering.capacity_type is CapacityType.SPOT]
    hazards: dict[Pool, float] = {
        one.offering.pool: math.nan if one.hazard_per_hour is None else one.hazard_per_hour
        for one in spots
    }
    counts = {one.offering.pool: one.count for one in spots}
    return probability_at_least(limits.lose, counts, hazards, window, model=model).value


def _row(one: Placed) -> dict[str, Any]:
    pool = one.offering.pool
    return {
        "count": one.count,
        "provider": pool.provider,
        "region": pool.region,
        "zone": _zone(one),
        "instance_type": pool.instance_type,
        "capacity_type": one.offering.capacity_type.value,
        "usd_per_hour": one.offering.usd_per_hour,
        "cost_usd_per_hour": one.cost_usd_per_hour,
        "hazard_per_hour": one.hazard_per_hour,
        "total_usd_per_hour": one.count * one.cost_usd_per_hour,
    }


def _zone(one: Placed) -> str:
    pool = one.offering.pool
    return pool.region if pool.zone == REGIONAL else pool.zone


def spread_about(made: Spread) -> dict[str, Any]:
    """What is said beside the machines."""
    placement, limits, answer = made.placement, made.limits, made.answer
    return {
        "count": limits.count,
        "lose": limits.lose,
        "bound": limits.bound,
        "window_seconds": made.window.total_seconds(),
        "cost_usd_per_hour": placement.usd_per_hour,
        "gap_usd_per_hour": placement.gap_usd_per_hour,
        "joint_probability": placement.joint.value,
        "joint_probability_low": placement.joint.low,
        "joint_probability_high": placement.joint.high,
        "joint_probability_at_high_risk": placement.joint_at_high,
        **{f"joint_probability_{name}": value for name, value in made.rivals.items()},
        "binding": list(placement.binding),
        "cheapest_cost_usd_per_hour": placement.cheapest_usd_per_hour,
        "cheapest_joint_probability": placement.cheapest_joint.value,
        "looked_at": placement.looked_at,
        "joint_model": made.joint_model,
        "risk_basis": answer.risk_basis,
        "now": answer.now,
        "is_stale": made.is_stale,
    }


def spread_notes(made: Spread) -> Iterable[str]:
    """What the placement risks and costs, against what else could be done."""
    placement, limits, rivals = made.placement, made.limits, made.rivals
    yield BASIS_NOTES[made.answer.risk_basis]
    yield from made.answer.notes
    event = (
        f"P(at least {limits.lose} of {limits.count} lost within {made.window.seconds / 60:g} min)"
    )
    yield (
        f"{event}: {_interval(placement.joint)}, bound {limits.bound:g}. As if machines were "
        f"independent: {rivals['independent']:.2g}; as if pools went as a whole: "
        f"{rivals['whole_pools']:.2g}."
    )
    if placement.joint.high > limits.bound:
        yield ("The interval of the joint model reaches above the bound.")
    if placement.joint_at_high > limits.bound:
        yield (
            f"With every risk at the upper end of its own interval it would be "
            f"{placement.joint_at_high:.2g}; a risk without an upper end counts as surely lost."
        )
    more = placement.usd_per_hour - placement.cheapest_usd_per_hour
    where = ", ".join(
        f"{one.count} x {one.offering.pool.instance_type} in {_zone(one)}"
        for one in placement.cheapest
    )
    yield (
        f"{limits.count} machines cost {placement.usd_per_hour:.4f} USD an hour expected, "
        f"{more:.4f} more than the cheapest ({where}), whose joint risk is "
        f"{_interval(placement.cheapest_joint)}."
    )
    for text in placement.binding:
        yield (f"Limit reached: {text}.")
    if placement.gap_usd_per_hour > 0:
        yield (
            f"The search was cut short: another placement may be up to "
            f"{placement.gap_usd_per_hour:.4f} USD an hour cheaper."
        )
    if any(one.hazard_per_hour is None for one in placement.placed):
        yield ("Pools of unknown risk count as surely lost, at their price alone.")


def _interval(risk: JointRisk) -> str:
    return f"{risk.value:.2g} ({risk.low:.2g} to {risk.high:.2g})"
