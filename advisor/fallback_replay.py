"""What a rule for returning to spot would have done on the history of a pool, and what it cost.

One workload, one pool. Where spot is not available the workload is lost and runs on demand; from
there on the rule decides. A loss costs work and a cold start; a planned move costs the cold start
alone, as the old machine runs until the new one serves.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from advisor.errors import AdvisorError
from advisor.fallback import (
    ON_DEMAND,
    SPOT,
    FallbackSettings,
    SpotOffer,
    Stay,
    decide,
)
from advisor.risk.grid import Bools, Floats
from warehouse.records import CapacityType

Rule = Callable[[Stay, SpotOffer, datetime], CapacityType]
"""Where to be, by where the workload is, what spot offers and when."""


class HistoryShapeError(AdvisorError):
    """The series of one pool's history are not of one length."""


@dataclass(frozen=True, slots=True)
class PoolHistory:
    """One pool at even steps from ``begins_at`` on; all arrays [step], prices in USD per hour.

    Prices are known throughout. The hazards are per hour: NaN unknown, inf without end.
    ``is_watched`` says that ``available`` was seen by probes; if not, it is assumed.
    """

    name: str
    begins_at: datetime
    step: timedelta
    spot: Floats
    on_demand: Floats
    available: Bools
    hazard_low: Floats
    hazard: Floats
    hazard_high: Floats
    is_watched: bool = True

    def __post_init__(self) -> None:
        columns = (self.on_demand, self.available, self.hazard_low, self.hazard, self.hazard_high)
        if any(one.shape != self.spot.shape for one in columns):
            raise HistoryShapeError(f"{self.name}: the series of its history differ in length")

    @property
    def days(self) -> float:
        """How long the history is."""
        return len(self.spot) * (self.step / timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Losses:
    """What one interruption costs, and one planned move."""

    restart: timedelta = timedelta(minutes=15)
    """Lost work and cold start, at the price of the machine that does it again."""
    cold_start: timedelta = timedelta(minutes=8)
    """Time that both machines run in a planned move."""
    interruption_cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule came to: money, moves that it decided on, losses that it met, time on spot."""

    cost_usd: float
    moves: tuple[datetime, ...]
    losses: int
    spot_hours: float


def replay(history: PoolHistory, rule: Rule, losses: Losses) -> Outcome:
    """Run the rule over the history, from a workload that has just fallen back to on-demand."""
    hours = history.step / timedelta(hours=1)
    stay = Stay(ON_DEMAND, history.begins_at, lost_at=history.begins_at)
    cost, lost, on_spot = 0.0, 0, 0.0
    moves = []
    costs = _costs(history, losses)
    for step in range(len(history.spot)):
        now = history.begins_at + step * history.step
        listed = float(history.on_demand[step])
        if stay.capacity_type is SPOT and not history.available[step]:
            stay = stay.lost(now)
            lost += 1
            cost += (losses.restart / timedelta(hours=1)) * listed + losses.interruption_cost_usd
        elif not history.available[step]:
            stay = stay.refused(now)
        wanted = rule(stay, _offer(history, costs, step), now)
        if wanted is not stay.capacity_type and (wanted is ON_DEMAND or history.available[step]):
            stay = stay.moved(wanted, now)
            moves.append(now)
            cost += (losses.cold_start / timedelta(hours=1)) * _price(history, wanted, step)
        cost += hours * _price(history, stay.capacity_type, step)
        on_spot += hours if stay.capacity_type is SPOT else 0.0
    return Outcome(cost, tuple(moves), lost, on_spot)


def with_hysteresis(settings: FallbackSettings) -> Rule:
    """The rule of `decide`."""

    def rule(stay: Stay, offer: SpotOffer, now: datetime) -> CapacityType:
        return decide(stay, [offer], now, settings).capacity_type

    return rule


def always_the_cheaper(stay: Stay, offer: SpotOffer, now: datetime) -> CapacityType:
    """The rule without hysteresis: whatever is expected to be cheaper right now."""
    del now
    spot, listed = offer.cost_usd_per_hour, offer.on_demand_usd_per_hour
    if spot is None or listed is None or offer.is_obtainable is False:
        return stay.capacity_type
    return SPOT if spot < listed else ON_DEMAND


def never_return(stay: Stay, offer: SpotOffer, now: datetime) -> CapacityType:
    """The rule of those who drain by hand, some day."""
    del offer, now
    return stay.capacity_type


def least_cost(history: PoolHistory, losses: Losses) -> float:
    """The least that the history could have cost, known in advance; USD.

    By going backwards: the least cost from each step on, on spot and on demand.
    """
    hours = history.step / timedelta(hours=1)
    cold = losses.cold_start / timedelta(hours=1)
    restart = losses.restart / timedelta(hours=1)
    spot_on, listed_on = 0.0, 0.0
    for step in range(len(history.spot) - 1, -1, -1):
        spot, listed = float(history.spot[step]), float(history.on_demand[step])
        lost = restart * listed + losses.interruption_cost_usd
        stays_listed = hours * listed + listed_on
        stays_spot = hours * spot + spot_on if history.available[step] else np.inf
        listed_on = min(stays_listed, cold * spot + stays_spot)
        # Who is on spot may be lost here, or move before it costs more.
        spot_on = (
            min(stays_spot, cold * listed + stays_listed)
            if history.available[step]
            else lost + stays_listed
        )
    return listed_on


def _costs(history: PoolHistory, losses: Losses) -> tuple[Floats, Floats, Floats]:
    """Expected cost per hour on spot at each step: low, middle and high."""
    one = history.spot * (losses.restart / timedelta(hours=1)) + losses.interruption_cost_usd
    hazards = (history.hazard_low, history.hazard, history.hazard_high)
    low, middle, high = (history.spot + hazard * one for hazard in hazards)
    return low, middle, high


def _offer(history: PoolHistory, costs: tuple[Floats, Floats, Floats], step: int) -> SpotOffer:
    low, middle, high = (_known(cost[step]) for cost in costs)
    return SpotOffer(
        name=history.name,
        cost_low_usd_per_hour=low,
        cost_usd_per_hour=middle,
        cost_high_usd_per_hour=high,
        on_demand_usd_per_hour=float(history.on_demand[step]),
        is_obtainable=bool(history.available[step]) if history.is_watched else None,
    )


def _price(history: PoolHistory, capacity_type: CapacityType, step: int) -> float:
    return float((history.spot if capacity_type is SPOT else history.on_demand)[step])


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
