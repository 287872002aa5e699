"""One sentence on each place in a ranking, and what would change it.

Deterministic: the same ranking gives the same words. The sentence of the numbers is
`Ranked.reason`; here is what would have to be different.
"""

from datetime import timedelta

from advisor.demand import Demand
from advisor.gpus import Work, throughput
from advisor.ranking import Ranked, Ranking


def explanation(ranking: Ranking, one: Ranked) -> str:
    """The numbers behind a place, whether it is sure, and what would make it the first."""
    parts = [one.reason()]
    if ranking.demand.work is not Work.HOUR and one.cost_usd_per_hour is not None:
        parts.append(_per_work(one, ranking.demand))
    if one.is_uncertain:
        parts.append(f"by its interval anywhere from place {one.rank_best} to {one.rank_worst}")
    if dearer := _dearer_than_on_demand(one):
        parts.append(dearer)
    if change := counterfactual(ranking, one):
        parts.append(change)
    return "; ".join(parts)


def counterfactual(ranking: Ranking, one: Ranked) -> str | None:
    """What would make this offering the first, or how much dearer the first may become.

    None where a cost is unknown, or where there is nothing to compare with.
    """
    if one.cost_usd_per_hour is None or one.hazard_per_hour is None:
        return None
    rival = ranking.ranked[0] if one.rank > 1 else _second(ranking)
    if rival is None or rival.cost_usd_per_work is None or one.cost_usd_per_work is None:
        return None
    target = rival.cost_usd_per_work * _work(one, ranking.demand)
    price = _price_that_costs(target, one.hazard_per_hour, ranking.demand)
    if one.rank == 1:
        return f"first up to {price:.4f} USD an hour"
    if price > 0:
        return f"would be first below {price:.4f} USD an hour"
    hazard = _hazard_that_costs(target, one, ranking.demand)
    if hazard > 0:
        return f"would be first below {hazard:.2g} interruptions an hour, at no price as it is"
    return "neither a lower price nor a lower risk alone would make it first"


def _second(ranking: Ranking) -> Ranked | None:
    return ranking.ranked[1] if len(ranking.ranked) > 1 else None


def _work(one: Ranked, demand: Demand) -> float:
    return throughput(one.offering.instance_type, demand.work) or 1.0


def _price_that_costs(target: float, hazard: float, demand: Demand) -> float:
    """The price at which price + hazard x (price x restart + fee) is the target, USD per hour."""
    restart_hours = demand.restart / timedelta(hours=1)
    return (target - hazard * demand.interruption_cost_usd) / (1 + hazard * restart_hours)


def _hazard_that_costs(target: float, one: Ranked, demand: Demand) -> float:
    """The hazard per hour at which its present price costs the target; negative if none does."""
    usd = one.offering.usd_per_hour or 0.0
    loss = usd * (demand.restart / timedelta(hours=1)) + demand.interruption_cost_usd
    return (target - usd) / loss if loss > 0 else -1.0


def _per_work(one: Ranked, demand: Demand) -> str:
    if one.cost_usd_per_work is None:
        return f"{demand.work.value} of its GPU unknown, so listed after those where it is known"
    if demand.work is Work.COMPUTE:
        return f"{1000 * one.cost_usd_per_work:.3f} USD per PFLOPS-hour of dense 16-bit peak"
    return f"{1000 * one.cost_usd_per_work:.3f} USD per hour and TB/s of GPU memory"


def _dearer_than_on_demand(one: Ranked) -> str | None:
    listed, cost = one.offering.on_demand_usd_per_hour, one.cost_usd_per_hour
    if one.hazard is None or listed is None or cost is None or cost <= listed:
        return None
    return f"on demand it is {listed:.4f} USD an hour, which is less than that"
