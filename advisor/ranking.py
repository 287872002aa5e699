"""Order offerings by expected cost: what a machine costs, and what losing it costs.

`rank` is for a few offerings; `Universe` keeps a whole market's numbers as arrays, so that each
further question costs some milliseconds.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from typing import overload

import numpy as np
from numpy.typing import NDArray

from advisor.demand import Demand
from advisor.hazards import Hazard
from advisor.policy import Policy
from advisor.universe import Costs, Floats, Integers, Universe
from warehouse.records import CapacityType, Offering, Pool

COMPARED = 2
"""Places that every other is compared with: the first, and the second with the first."""

AT_ONCE = 1_000
"""Rows that are made at a time when all are gone through."""


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
            return self.at(np.arange(*index.indices(len(self))))
        place = range(len(self))[index]
        return self._first_two[place] if place < COMPARED else self.at(np.array([place]))[0]

    def __iter__(self) -> Iterator[Ranked]:
        for start in range(0, len(self), AT_ONCE):
            yield from self[start : start + AT_ONCE]

    @cached_property
    def _first_two(self) -> list[Ranked]:
        return self.at(np.arange(min(COMPARED, len(self))))

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
        """By instance type, then by pool, ties in order of rank."""
        rows, universe = self._costs.rows, self._universe
        return Reordered(self, np.lexsort((universe.pools(rows), universe.types(rows))))

    def by(self, amounts: Floats) -> "Reordered":
        """By these, of each offering one; nan last, ties in order of rank."""
        return Reordered(self, np.argsort(amounts, kind="stable"))

    def at(self, places: Integers) -> list[Ranked]:
        """The offerings in these places (from 0), in their order."""
        costs, universe = self._costs, self._universe
        rows = costs.rows[places].tolist()
        windows = costs.windows[places].tolist()
        amounts = (costs.middle, costs.low, costs.high, self._per_work)
        known = zip(*(_known(one[places]) for one in amounts), strict=True)
        ranks = zip((places + 1).tolist(), *self._reachable(places), strict=True)
        return [
            Ranked(
                rank=rank,
                offering=universe.offerings[row],
                hazard=universe.hazard_of(row, window),
                cost_usd_per_hour=middle,
                cost_low_usd_per_hour=low,
                cost_high_usd_per_hour=high,
                rank_best=best,
                rank_worst=worst,
                cost_usd_per_work=per_work,
            )
            for row, window, (middle, low, high, per_work), (rank, best, worst) in zip(
                rows, windows, known, ranks, strict=True
            )
        ]

    def _reachable(self, places: Integers) -> tuple[list[int | None], list[int | None]]:
        """The best and the worst places that they could have; None where the cost is unknown.

        Best: after those only whose whole interval lies below its own. Worst: after all whose
        interval begins before its own ends.
        """
        low, high = self._low[places], self._high[places]
        lows, highs = self._ends
        best = (1 + highs.searchsorted(low, side="left")).tolist()
        worst = lows.searchsorted(high, side="right").tolist()
        is_known = (~np.isnan(low)).tolist()
        return (
            [one if known else None for one, known in zip(best, is_known, strict=True)],
            [one if known else None for one, known in zip(worst, is_known, strict=True)],
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
            return self._ranked.at(self._places[index])
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


def _known(values: Floats) -> list[float | None]:
    return [one if isfinite(one) else None for one in values.tolist()]
