"""Order offerings by expected cost: what a machine costs, and what losing it costs."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from advisor.demand import Demand
from advisor.policy import Policy
from advisor.published_risk import Hazard
from warehouse.records import Offering, Pool


@dataclass(frozen=True, slots=True)
class Ranked:
    """One offering in its place. Costs are None where the risk, and so the cost, is unknown.

    ``cost_high_usd_per_hour`` is also None where the risk has no upper end.
    """

    rank: int
    offering: Offering
    hazard: Hazard | None
    cost_usd_per_hour: float | None
    cost_low_usd_per_hour: float | None
    cost_high_usd_per_hour: float | None

    @property
    def saving_share(self) -> float | None:
        """Share saved against on-demand; negative if spot is dearer; None if either is unknown."""
        spot, listed = self.offering.usd_per_hour, self.offering.on_demand_usd_per_hour
        return None if spot is None or not listed else 1 - spot / listed

    def reason(self) -> str:
        """One sentence: the numbers behind the place, with their units."""
        pool, usd = self.offering.pool, self.offering.usd_per_hour
        place = f"{pool.instance_type} in {pool.region if pool.zone == '*' else pool.zone}"
        if usd is None:
            amount = f"{self.offering.price_per_hour:.4f} {self.offering.currency}"
            return f"{place}: {amount} an hour, of unknown worth in USD; not ranked by cost"
        price = f"{place}: {usd:.4f} USD an hour"
        if self.hazard is None or self.cost_usd_per_hour is None:
            return f"{price}, risk unknown; listed after all pools whose risk is known"
        return (
            f"{price} and {self.hazard.band} interrupted a month as published, "
            f"{self.cost_usd_per_hour:.4f} USD an hour expected"
        )


@dataclass(frozen=True, slots=True)
class Ranking:
    """The offerings that meet a demand, best first, and how many each wish left out."""

    ranked: list[Ranked]
    left_out: dict[str, int]


def rank(
    offerings: Iterable[Offering],
    hazards: Mapping[Pool, Hazard],
    demand: Demand,
    policy: Policy,
) -> Ranking:
    """Order by expected cost per hour, price + hazard x cost of one interruption.

    An offering of unknown risk is never taken for safe: it stands after all that are known, by
    price; one of unknown price in USD stands last. Ties are broken by pool.
    """
    left_out: Counter[str] = Counter()
    fit = []
    for offering in offerings:
        unmet = demand.unmet_by(offering.instance_type) or policy.refuses(offering)
        if unmet:
            left_out[unmet] += 1
        else:
            fit.append(_costed(offering, hazards.get(offering.pool), demand))
    fit.sort(key=_order)
    ranked = [replace(one, rank=place) for place, one in enumerate(fit, 1)]
    return Ranking(ranked, dict(left_out.most_common()))


def _costed(offering: Offering, hazard: Hazard | None, demand: Demand) -> Ranked:
    """The offering with its costs, not yet placed."""
    usd = offering.usd_per_hour
    if usd is None or hazard is None:
        return Ranked(0, offering, hazard, None, None, None)
    restart_hours = demand.restart.total_seconds() / 3600
    one_interruption = usd * restart_hours + demand.interruption_cost_usd
    return Ranked(
        rank=0,
        offering=offering,
        hazard=hazard,
        cost_usd_per_hour=usd + hazard.per_hour * one_interruption,
        cost_low_usd_per_hour=usd + hazard.low_per_hour * one_interruption,
        cost_high_usd_per_hour=(
            None if hazard.high_per_hour is None else usd + hazard.high_per_hour * one_interruption
        ),
    )


def _order(one: Ranked) -> tuple[int, float, float, Pool]:
    """Known cost, then known price, then the rest; within each by amount, price and pool."""
    usd = one.offering.usd_per_hour
    if usd is None:
        return (2, one.offering.price_per_hour, 0.0, one.offering.pool)
    if one.cost_usd_per_hour is None:
        return (1, usd, 0.0, one.offering.pool)
    return (0, one.cost_usd_per_hour, usd, one.offering.pool)
