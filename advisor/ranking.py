"""Order offerings by expected cost: what a machine costs, and what losing it costs.

`rank` is for a few offerings; `Universe` keeps a whole market's numbers as arrays, so that each
further question costs some milliseconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import overload

import numpy as np
from numpy.typing import NDArray

from advisor.demand import Demand
from advisor.hazards import Hazard
from advisor.policy import Policy
from advisor.universe import Costs, Floats, Integers, Universe
from warehouse.records import CapacityType, Offering, Pool


@dataclass(frozen=True, slots=True)
class Ranked:
    """One offering in its place. Costs are None where the risk, and so the cost, is unknown.

    ``cost_high_usd_per_hour`` is also None where the risk has no upper end. ``rank_best`` and
    ``rank_worst`` are the places that it could have with every cost somewhere in its interval;
    None where its own cost is unknown. ``cost_usd_per_work`` is the cost per unit of the demand's
    work (per hour: the same as the cost); None where the GPU's throughput is unknown.
    """

    rank: int
    offering: Offering
    hazard: Hazard | None
    cost_usd_per_hour: float | None
    cost_low_usd_per_hour: float | None
    cost_high_usd_per_hour: float | None
    rank_best: int | None = None
    rank_worst: int | None = None
    cost_usd_per_work: float | None = None

    @property
    def saving_share(self) -> float | None:
        """Share saved against on-demand; negative if spot is dearer; None if either is unknown."""
        spot, listed = self.offering.usd_per_hour, self.offering.on_demand_usd_per_hour
        return None if spot is None or not listed else 1 - spot / listed

    @property
    def hazard_per_hour(self) -> float | None:
        """Interruptions per hour: 0 of what is not spot, None if unknown."""
        if self.offering.capacity_type is not CapacityType.SPOT:
            return 0.0
        return None if self.hazard is None else self.hazard.per_hour

    @property
    def is_uncertain(self) -> bool:
        """Whether its interval overlaps with another's, so that its place is a guess."""
        return self.rank_best != self.rank_worst

    def reason(self) -> str:
        """One sentence: the numbers behind the place, with their units."""
        pool, usd = self.offering.pool, self.offering.usd_per_hour
        place = f"{pool.instance_type} in {pool.region if pool.zone == '*' else pool.zone}"
        if usd is None:
            amount = f"{self.offering.price_per_hour:.4f} {self.offering.currency}"
            return f"{place}: {amount} an hour, of unknown worth in USD; not ranked by cost"
        price = f"{place}: {usd:.4f} USD an hour"
        if self.offering.capacity_type is not CapacityType.SPOT:
            return f"{price} {self.offering.capacity_type.value}, not interrupted"
        if self.hazard is None or self.cost_usd_per_hour is None:
            return f"{price}, risk unknown; listed after all pools whose risk is known"
        return (
            f"{price} and {self.hazard.words()}, {self.cost_usd_per_hour:.4f} USD an hour expected"
        )


class RankedRows(Sequence[Ranked]):
    """The ranked offerings, best first; each is made when it is looked at."""

    def __init__(self, universe: Universe, costs: Costs) -> None:
        """Of costs that are in the order of their ranks."""
        self._universe = universe
        self._costs = costs
        with np.errstate(invalid="ignore"):
            self._per_work = costs.middle / costs.work
            self._low, self._high = costs.low / costs.work, costs.high / costs.work

    def __len__(self) -> int:
        return len(self._costs.rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RankedRows) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment] # as a list has none

    @overload
    def __getitem__(self, index: int) -> Ranked: ...

    @overload
    def __getitem__(self, index: slice) -> list[Ranked]: ...

    def __getitem__(self, index: int | slice) -> Ranked | list[Ranked]:
        if isinstance(index, slice):
            return [self._at(place) for place in range(*index.indices(len(self)))]
        return self._at(range(len(self))[index])

    @property
    def offerings(self) -> list[Offering]:
        """The offerings alone, best first."""
        return [self._universe.offerings[row] for row in self._costs.rows]

    @property
    def usd_per_hour(self) -> Floats:
        """Their prices, in the same order; nan where unknown, as in the arrays that follow."""
        return self._costs.usd

    @property
    def saving_share(self) -> Floats:
        """The shares saved against on demand."""
        return self._universe.savings(self._costs.rows)

    @property
    def hazard_per_hour(self) -> Floats:
        """Interruptions per hour; 0 of what is not spot."""
        return self._universe.hazards(self._costs.rows, self._costs.windows)

    @property
    def told_at(self) -> Floats:
        """When their prices were last known to be true, seconds since 1970; always known."""
        return self._universe.told_at(self._costs.rows)

    @property
    def is_forecast(self) -> NDArray[np.bool_]:
        """Of those that can be interrupted and whose risk is known: whether that is a forecast."""
        rows, windows = self._costs.rows, self._costs.windows
        is_known = self._universe.knows(rows, windows)
        return self._universe.is_forecast(windows[is_known])

    def by_type(self) -> "Reordered":
        """By instance type, then by pool."""
        rows = self._costs.rows
        return Reordered(self, np.lexsort((rows, self._universe.types(rows))))

    def by(self, amounts: Floats) -> "Reordered":
        """By these, of each offering one; nan last, ties in order of rank."""
        return Reordered(self, np.argsort(amounts, kind="stable"))

    def _at(self, place: int) -> Ranked:
        costs = self._costs
        row = int(costs.rows[place])
        best, worst = self._reachable(place)
        return Ranked(
            rank=place + 1,
            offering=self._universe.offerings[row],
            hazard=self._universe.hazard_of(row, int(costs.windows[place])),
            cost_usd_per_hour=_known(costs.middle[place]),
            cost_low_usd_per_hour=_known(costs.low[place]),
            cost_high_usd_per_hour=_known(costs.high[place]),
            rank_best=best,
            rank_worst=worst,
            cost_usd_per_work=_known(self._per_work[place]),
        )

    def _reachable(self, place: int) -> tuple[int, int] | tuple[None, None]:
        """The best and the worst place that it could have; None where its cost is unknown.

        Best: after those only whose whole interval lies below its own. Worst: after all whose
        interval begins before its own ends.
        """
        low, high = self._low[place], self._high[place]
        if np.isnan(low):
            return None, None
        lows, highs = self._ends
        return (
            1 + int(np.searchsorted(highs, low, side="left")),
            int(np.searchsorted(lows, high, side="right")),
        )

    @cached_property
    def _ends(self) -> tuple[Floats, Floats]:
        """The known lower and upper ends, each by amount."""
        known = ~np.isnan(self._low)
        # In the order of the middles they are nearly sorted, which a stable sort makes use of.
        return (
            np.sort(self._low[known], kind="stable"),
            np.sort(self._high[known], kind="stable"),
        )


class Reordered(Sequence[Ranked]):
    """Ranked offerings in another order; each keeps its rank."""

    def __init__(self, ranked: RankedRows, places: Integers) -> None:
        self._ranked = ranked
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> Ranked: ...

    @overload
    def __getitem__(self, index: slice) -> list[Ranked]: ...

    def __getitem__(self, index: int | slice) -> Ranked | list[Ranked]:
        if isinstance(index, slice):
            return [self._ranked[int(place)] for place in self._places[index]]
        return self._ranked[int(self._places[index])]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The offerings that meet a demand, best first, and how many each wish left out."""

    ranked: RankedRows
    left_out: dict[str, int]
    demand: Demand


def rank(
    offerings: Iterable[Offering],
    hazards: Mapping[Pool, Hazard | Sequence[Hazard]],
    demand: Demand,
    policy: Policy,
) -> Ranking:
    """Order by expected cost per unit of work: price + hazard x cost of one interruption.

    ``hazards`` has a published rate of a pool, or its forecasts of several windows, of which the
    shortest that reaches as far as `Demand.looks_ahead` asks counts. An offering of unknown risk
    is never taken for safe: it stands after all that are known, by price; one of unknown price in
    USD stands last. Ties are broken by pool.
    """
    several = {pool: (one,) if isinstance(one, Hazard) else one for pool, one in hazards.items()}
    return rank_in(Universe(offerings, several), demand, policy)


def rank_in(universe: Universe, demand: Demand, policy: Policy) -> Ranking:
    """The same, of a market whose arrays are there."""
    rows, left_out = universe.fitting(demand, policy)
    costs = universe.costs(rows, demand)
    ordered = costs.take(universe.ordered(costs))
    return Ranking(RankedRows(universe, ordered), dict(left_out.most_common()), demand)


def _known(value: np.float64) -> float | None:
    return float(value) if np.isfinite(value) else None
