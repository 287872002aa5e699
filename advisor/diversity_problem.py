"""What a search for a placement is asked: offerings, numbers of machines, and their joint risk."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from advisor.risk.joint import JointModel, JointRisk, probability_at_least
from warehouse.records import CapacityType, Offering, Pool

Counts = Mapping["Option", int]
"""Machines of each option; an option that has none is absent."""


@dataclass(frozen=True, slots=True)
class Option:
    """An offering that may be placed. ``hazard_per_hour``: None is unknown, 0 is on demand.

    ``usd_per_hour`` is what it is expected to cost, interruptions included.
    """

    offering: Offering
    usd_per_hour: float
    hazard_per_hour: float | None
    family: tuple[str, str, str]

    @property
    def is_spot(self) -> bool:
        """Whether the cloud may take it."""
        return self.offering.capacity_type is CapacityType.SPOT

    @property
    def zone(self) -> tuple[str, str, str]:
        """Where it is; a region whose zones are not told apart is one place."""
        pool = self.offering.pool
        return pool.provider, pool.region, pool.zone

    @property
    def danger_per_hour(self) -> float:
        """Its hazard; unknown is the worst."""
        return math.inf if self.hazard_per_hour is None else self.hazard_per_hour

    def order(self) -> tuple[float, float, Pool, str]:
        """Cheaper first, then safer, then by pool."""
        pool, capacity = self.offering.pool, self.offering.capacity_type.value
        return self.usd_per_hour, self.danger_per_hour, pool, capacity

    def __hash__(self) -> int:
        """By what tells two options apart."""
        return hash((self.offering.pool, self.offering.capacity_type))


@dataclass(frozen=True, slots=True)
class Solution:
    """A placement, its cost, and how much cheaper another one of the same options may be."""

    counts: Counts
    usd_per_hour: float
    gap_usd_per_hour: float


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wanted, as numbers of machines; the fields are `diversity.Limits`'."""

    options: tuple[Option, ...]
    count: int
    lose: int
    bound: float
    pool_most: int
    family_most: int
    zone_most: int
    on_demand_min: int
    on_demand_max: int
    types_min: int
    model: JointModel
    window: timedelta
    known: dict[frozenset[tuple[Pool, int]], float] = field(default_factory=dict)
    """Joint risks worked out so far; they are the same for all limits of one choice of ``lose``."""

    is_time_up: Callable[[], bool] = _never
    """Ends the search with what was found until then."""

    def without_bound(self) -> "Problem":
        """The same with any joint risk allowed."""
        return replace(self, bound=1.0)

    def with_on_demand(self, number: int) -> "Problem | None":
        """The same with that many on demand; None if nothing is offered on demand."""
        if all(one.is_spot for one in self.options):
            return None
        return replace(self, on_demand_min=number, on_demand_max=number)

    def spots(self, counts: Counts) -> dict[Pool, tuple[int, float]]:
        """The spot machines: count and hazard (nan if unknown) of each pool."""
        return {
            one.offering.pool: (
                count,
                math.nan if one.hazard_per_hour is None else one.hazard_per_hour,
            )
            for one, count in counts.items()
            if one.is_spot
        }

    def on_demand(self, counts: Counts) -> int:
        """Machines on demand."""
        return sum(count for one, count in counts.items() if not one.is_spot)

    def types(self, counts: Counts) -> set[str]:
        """The types that are placed."""
        return {one.offering.pool.instance_type for one in counts}

    def caps(self, counts: Counts) -> list[tuple[str, Counter[object], int]]:
        """The groups that have a cap: name, spot machines in each, and the most that may be."""
        pools, families, zones = Counter[object](), Counter[object](), Counter[object]()
        for one, count in counts.items():
            if one.is_spot:
                pools[one.offering.pool] += count
                families[one.family] += count
                zones[one.zone] += count
        return [
            ("pool", pools, self.pool_most),
            ("family", families, self.family_most),
            ("zone", zones, self.zone_most),
        ]

    def is_within_caps(self, counts: Counts) -> bool:
        """Whether no group holds too many."""
        return all(max(groups.values(), default=0) <= most for _, groups, most in self.caps(counts))

    def is_whole(self, counts: Counts) -> bool:
        """Whether all machines are placed and every limit but the bound is kept."""
        return (
            sum(counts.values()) == self.count
            and self.on_demand_min <= self.on_demand(counts) <= self.on_demand_max
            and len(self.types(counts)) >= self.types_min
            and self.is_within_caps(counts)
        )

    def risk(self, counts: Counts) -> float:
        """P(at least ``lose`` are lost at once)."""
        key = frozenset((pool, count) for pool, (count, _) in self.spots(counts).items())
        if key not in self.known:
            self.known[key] = self._joint(counts, self.model.alone).value
        return self.known[key]

    def joint(self, counts: Counts) -> JointRisk:
        """The same with its interval."""
        return self._joint(counts, self.model)

    def _joint(self, counts: Counts, model: JointModel) -> JointRisk:
        spots = self.spots(counts)
        return probability_at_least(
            self.lose,
            {pool: count for pool, (count, _) in spots.items()},
            {pool: hazard for pool, (_, hazard) in spots.items()},
            self.window,
            model=model,
        )

    def no_room(self) -> str | None:
        """The first limit that leaves no room for all machines whatever the risk, in words."""
        offered = {one.offering.pool.instance_type for one in self.options}
        if len(offered) < self.types_min:
            return (
                f"{self.types_min} different types are wanted and {len(offered)} are offered; "
                f"ask for {len(offered)} at most, or widen the choice"
            )
        if self.on_demand_min and all(one.is_spot for one in self.options):
            return (
                f"{self.on_demand_min} machines on demand are wanted, and no list price is known; "
                "`spotcast import on-demand` or `spotcast collect` adds them"
            )
        spots = [one for one in self.options if one.is_spot]
        wanted = self.count - self.on_demand_max
        for name, groups, most in (
            ("pool", {one.offering.pool for one in spots}, self.pool_most),
            ("family", {one.family for one in spots}, self.family_most),
            ("zone", {one.zone for one in spots}, self.zone_most),
        ):
            if len(groups) * most < wanted:
                share = math.ceil(wanted / max(len(groups), 1)) / self.count
                return (
                    f"at most {most} machines per {name} in {len(groups)} make "
                    f"{len(groups) * most}, and {wanted} are wanted on spot; allow a share of "
                    f"{math.ceil(share * 1000) / 1000:g} per {name}, or "
                    f"{self.count - len(groups) * most} machines on demand"
                )
        return None
