"""A market's numbers as arrays: each question about all of it costs milliseconds.

The records stay what they are; beside them stand their prices, hazards and places in one array
each, made once. Wishes are asked of each distinct machine shape, place and type, not of each
offering: a market of 60,000 offerings has some 2,000 shapes.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import cached_property, lru_cache
from operator import attrgetter, ne
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from advisor.demand import Demand
from advisor.gpus import Work, throughput
from advisor.hazards import Hazard
from advisor.policy import Policy
from warehouse.pace import paced
from warehouse.records import CapacityType, Offering, Pool

T = TypeVar("T", bound=Hashable)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

EVERY_WINDOW = float("inf")
"""The window of a published rate, hours: it holds for all."""

WISHES_KEPT = 256
"""Of so many different wishes for a machine it is kept which shapes meet them: users ask the same
again and again, with other costs and limits. An answer is one number per shape."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What the chosen offerings are expected to cost; arrays over ``rows``, unordered.

    ``rows`` are places in `Universe.offerings`, ``windows`` the columns of `Universe.hazard_of`.
    Costs are USD per hour, nan where price or risk is unknown; ``high`` is inf where the risk has
    no upper end. ``work`` is what the machine does in an hour, nan if that is not known.
    """

    rows: Integers
    windows: Integers
    usd: Floats
    middle: Floats
    low: Floats
    high: Floats
    work: Floats

    def take(self, places: Integers) -> "Costs":
        """The same costs in another order."""
        return Costs(*(getattr(self, one.name)[places] for one in fields(self)))


class Universe:
    """Offerings with the hazards of their pools.

    ``hazards`` has, for each pool whose risk is known, one published rate or the forecasts of
    several windows. An offering that is not spot is never interrupted.
    """

    def __init__(
        self, offerings: Iterable[Offering], hazards: Mapping[Pool, Sequence[Hazard]]
    ) -> None:
        # In the order of pools, so that a stable sort breaks ties by pool.
        self.offerings = sorted(offerings, key=_by_pool)
        self._hazards = hazards
        self._usd = _column(one.usd_per_hour for one in paced(self.offerings))
        self._listed = _column(one.price_per_hour for one in paced(self.offerings))
        self._on_demand = _column(
            one.on_demand_usd_per_hour or None for one in paced(self.offerings)
        )
        self._told = np.array(
            [one.price_observed_at.timestamp() for one in paced(self.offerings)], dtype=np.float64
        )
        self._shapes = _Groups(one.instance_type for one in paced(self.offerings))
        self._types = _Groups(one.pool.instance_type for one in paced(self.offerings))
        self._places = _Groups(
            (one.pool.provider, one.pool.region, one.pool.zone) for one in paced(self.offerings)
        )
        self._clouds = _Groups(one.pool.provider for one in paced(self.offerings))
        self._is_spot = np.array(
            [one.capacity_type is CapacityType.SPOT for one in paced(self.offerings)], dtype=bool
        )
        self._windows, self._rates = self._hazard_table()
        self._works: dict[Work, Floats] = {}
        self._unmet = lru_cache(maxsize=WISHES_KEPT)(self._unmet_by)

    def __len__(self) -> int:
        return len(self.offerings)

    def fitting(self, demand: Demand, policy: Policy) -> tuple[Integers, Counter[str]]:
        """The rows that meet demand and policy, and how many each wish left out, in words."""
        wishes = self._shapes.told(self._unmet(demand.of_machine()))
        if policy.providers or policy.regions or policy.zones:
            wishes += self._places.asked(lambda place: policy.refuses_place(*place))
        if policy.types or policy.types_not:
            wishes += self._types.asked(policy.refuses_type)
        if policy.max_usd_per_hour is not None:
            with np.errstate(invalid="ignore"):
                broken = ~(self._usd <= policy.max_usd_per_hour)
            wishes.append((policy.refuses_price(None) or "", broken))
        left = np.ones(len(self), dtype=bool)
        left_out: Counter[str] = Counter()
        for wish, unmet in wishes:
            lost = left & unmet
            if count := int(lost.sum()):
                left_out[wish] += count
                left &= ~unmet
        return np.flatnonzero(left), left_out

    def costs(self, rows: Integers, demand: Demand) -> Costs:
        """What the offerings of these rows cost with what their interruptions cost."""
        windows = self._window_of(rows, demand)
        usd = self._usd[rows]
        one = usd * (demand.restart / timedelta(hours=1)) + demand.interruption_cost_usd
        ends = []
        for rate in self._rates:
            hazard = np.where(self._is_spot[rows], rate[rows, windows], 0.0)
            with np.errstate(invalid="ignore"):
                ends.append(usd + hazard * one)
        middle, low, high = ends
        # Without an upper end times nothing to lose is nan, and costs nothing.
        high = np.where(np.isnan(high), middle, high)
        work = self._work(demand.work)[self._shapes.group[rows]]
        return Costs(rows, windows, usd, middle, low, high, work)

    def _unmet_by(self, demand: Demand) -> "_Answers":
        return self._shapes.answers(demand.unmet_by)

    def _work(self, kind: Work) -> Floats:
        """What each shape does of that work in an hour; asked once, as shapes do not change."""
        if kind not in self._works:
            self._works[kind] = _column(throughput(one, kind) for one in self._shapes.distinct)
        return self._works[kind]

    def ordered(self, costs: Costs) -> Integers:
        """The places in ``costs`` by rank: cost per work, then price per work, then the pool.

        Known cost per work goes first; then known cost of unknown work; then unknown risk, of
        known work and then of unknown; last unknown price.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            per_work = costs.middle / costs.work
            price_per_work = costs.usd / costs.work
        knows_cost, knows_work = ~np.isnan(costs.middle), ~np.isnan(costs.work)
        tier = np.select(
            [np.isnan(costs.usd), knows_cost & knows_work, knows_cost, knows_work],
            [np.int8(4), np.int8(0), np.int8(1), np.int8(2)],
            default=np.int8(3),
        )
        first = np.choose(
            tier,
            [per_work, costs.middle, price_per_work, costs.usd, self._listed[costs.rows]],
        )
        return np.lexsort((costs.usd, first, tier))

    def savings(self, rows: Integers) -> Floats:
        """The share saved against on demand; nan where either price is unknown."""
        saved: Floats = 1 - self._usd[rows] / self._on_demand[rows]
        return saved

    def hazards(self, rows: Integers, windows: Integers) -> Floats:
        """Interruptions per hour: 0 of what is not spot, nan if unknown."""
        return np.where(self._is_spot[rows], self._rates[0][rows, windows], 0.0)

    def told_at(self, rows: Integers) -> Floats:
        """When the prices were last known to be true, seconds since 1970."""
        return self._told[rows]

    def types(self, rows: Integers) -> Integers:
        """The places of their types in the order of the alphabet."""
        return self._types.places[self._types.group[rows]]

    def pools(self, rows: Integers) -> Integers:
        """The places of their pools in the order of pools."""
        return self._pools[rows]

    @cached_property
    def _pools(self) -> Integers:
        """Of each row its pool's number: one more wherever the pool is another than before."""
        pools = [one.pool for one in self.offerings]
        return np.cumsum([0, *map(ne, pools, pools[1:])])[: len(self)]

    def knows(self, rows: Integers, windows: Integers) -> NDArray[np.bool_]:
        """Whether they can be interrupted and the risk is known."""
        known: NDArray[np.bool_] = self._is_spot[rows] & ~np.isnan(self._rates[0][rows, windows])
        return known

    def is_forecast(self, windows: Integers) -> NDArray[np.bool_]:
        """Whether what is known of these windows is a forecast, and no published rate."""
        forecast: NDArray[np.bool_] = np.isfinite(self._windows)[windows]
        return forecast

    def hazard_of(self, row: int, window: int) -> Hazard | None:
        """The hazard that stands behind the rates of a row in that column; None if unknown."""
        if not self._is_spot[row]:
            return None
        hours = self._windows[window]
        for one in self._hazards.get(self.offerings[row].pool, ()):
            if _hours(one) == hours:
                return one
        return None

    def _hazard_table(self) -> tuple[list[float], tuple[Floats, Floats, Floats]]:
        """The windows told of, hours; and hazard, low and high, [row, window], nan if unknown."""
        found = [self._hazards.get(one.pool, ()) for one in paced(self.offerings)]
        windows = sorted({_hours(one) for several in paced(found) for one in several}) or [
            EVERY_WINDOW
        ]
        column = {hours: place for place, hours in enumerate(windows)}
        rates = np.full((3, len(self), len(windows)), np.nan)
        told = [
            (row, column[_hours(one)], one.per_hour, one.low_per_hour, one.high_per_hour)
            for row, several in enumerate(paced(found))
            for one in several
        ]
        if told:
            rows, columns, middle, low, high = zip(*told, strict=True)
            ends = [np.inf if one is None else one for one in high]
            rates[:, rows, columns] = (middle, low, ends)
        return windows, (rates[0], rates[1], rates[2])

    def _window_of(self, rows: Integers, demand: Demand) -> Integers:
        """Per row the column of the shortest known window that reaches, else of the longest."""
        needed = np.array(
            [demand.looks_ahead(cloud) / timedelta(hours=1) for cloud in self._clouds.distinct]
        )
        known = ~np.isnan(self._rates[0][rows])
        windows = np.array(self._windows)
        reaches = known & (windows[None, :] >= needed[self._clouds.group[rows]][:, None])
        longest = known.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
        chosen: Integers = np.where(reaches.any(axis=1), np.argmax(reaches, axis=1), longest)
        return chosen


class _Groups(Generic[T]):
    """Values that repeat: the distinct ones, and of which each row is."""

    def __init__(self, values: Iterable[T]) -> None:
        numbers: dict[T, int] = {}
        self.group: Integers = np.array(
            [numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64
        )
        self.distinct = list(numbers)

    @cached_property
    def places(self) -> Integers:
        """Of each distinct value the place that it has when all are sorted."""
        return np.argsort(np.array(self.distinct)).argsort()

    def asked(self, wish: Callable[[T], str | None]) -> list[tuple[str, NDArray[np.bool_]]]:
        """Each wish that some value does not meet, in words, with the rows that do not meet it."""
        return self.told(self.answers(wish))

    def answers(self, wish: Callable[[T], str | None]) -> "_Answers":
        """The wishes that are not met, in words, and of each distinct value which, or -1."""
        answers = [wish(value) for value in self.distinct]
        words = list(dict.fromkeys(answer for answer in answers if answer))
        number: dict[str | None, int] = {word: place for place, word in enumerate(words)}
        codes = np.array([number.get(one, -1) for one in answers], dtype=np.int64)
        return words, codes

    def told(self, answers: "_Answers") -> list[tuple[str, NDArray[np.bool_]]]:
        """The same answers of the rows."""
        words, codes = answers
        of_row = codes[self.group] if len(codes) else self.group
        return [(word, of_row == place) for place, word in enumerate(words)]


_Answers = tuple[list[str], Integers]

_by_pool = attrgetter(
    *("pool.provider", "pool.region", "pool.zone", "pool.instance_type", "capacity_type")
)
"""The order of `Pool`, then of `CapacityType`, without a call for each comparison."""


def _hours(hazard: Hazard) -> float:
    return EVERY_WINDOW if hazard.horizon is None else hazard.horizon / timedelta(hours=1)


def _column(values: Iterable[float | None]) -> Floats:
    return np.array([np.nan if one is None else one for one in values], dtype=np.float64)
