"""The forecasts that are stored, as hazards of pools."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import polars as pl

from advisor.hazards import FORECAST, Hazard, per_hour
from advisor.offerings import regional
from advisor.published_risk import hazards_told
from warehouse.pace import paced
from warehouse.records import Pool, Signal
from warehouse.tables import POOL

Value = TypeVar("Value")

CERTAIN_PER_HOUR = 60.0
"""Interruptions per hour of a pool whose loss is certain: no machine starts within a minute."""


def forecast_hazards(forecasts: pl.DataFrame) -> dict[Pool, tuple[Hazard, ...]]:
    """The hazards of each pool, one per window, the shortest first.

    ``forecasts`` has the columns of the table `risk_forecast`, one row per pool and window. Each
    probability is spread evenly over its window: P within t hours is the hazard -ln(1 - P) / t.
    """
    found: defaultdict[Pool, list[Hazard]] = defaultdict(list)
    frame = forecasts.sort("horizon_seconds")
    pools = map(Pool, *(frame[name].to_list() for name in POOL))
    hazards = map(_hazard, *(frame[name].to_list() for name in SAID))
    for pool, hazard in paced(zip(pools, hazards, strict=True)):
        found[pool].append(hazard)
    return {pool: tuple(several) for pool, several in found.items()}


def hazards_of(
    pools: Iterable[Pool], forecasts: pl.DataFrame, signals: Iterable[Signal], now: datetime
) -> Mapping[Pool, tuple[Hazard, ...]]:
    """The best that is known of each pool's risk; a pool of which nothing is known is left out.

    A forecast that is not stale goes before a published rate, and that before a stale forecast. A
    zone's own forecast goes before its region's.
    """
    return best_of(pools, forecast_hazards(forecasts), hazards_told(signals), now)


def best_of(
    pools: Iterable[Pool],
    issued: Mapping[Pool, tuple[Hazard, ...]],
    published: Mapping[Pool, Hazard],
    now: datetime,
) -> Mapping[Pool, tuple[Hazard, ...]]:
    """The same of hazards by pool or region, forecast and published."""
    hazards: dict[Pool, tuple[Hazard, ...]] = {}
    for pool in paced(pools):
        region = regional(pool)
        forecast = issued.get(pool) or issued.get(region) or ()
        fresh = tuple([one for one in forecast if not one.is_stale(now)]) if forecast else ()
        if fresh:
            hazards[pool] = fresh
        elif band := published.get(pool) or published.get(region):
            hazards[pool] = (band,)
        elif forecast:
            hazards[pool] = forecast
    return hazards


class Converted(Generic[Value]):
    """What was made of a frame, until another frame comes: forecasts stand for many looks."""

    def __init__(self, convert: Callable[[pl.DataFrame], Value]) -> None:
        self._convert = convert
        self._last: tuple[pl.DataFrame, Value] | None = None

    def of(self, frame: pl.DataFrame) -> Value:
        """As ``convert`` makes it; the one before for an equal frame."""
        if self._last is None or not frame.equals(self._last[0]):
            self._last = frame, self._convert(frame)
        return self._last[1]


SAID = (
    *("horizon_seconds", "probability", "probability_low", "probability_high"),
    *("model_version", "issued_at", "grade"),
)
"""The columns of a forecast that a hazard is made from, as `_hazard` takes them."""


def _hazard(  # noqa: PLR0917 - one column each
    seconds: float, middle: float, low: float, high: float, model: str, at: datetime, grade: str
) -> Hazard:
    hours = seconds / 3600
    per, at_least = per_hour(middle, hours), per_hour(low, hours)
    return Hazard(
        per_hour=CERTAIN_PER_HOUR if per is None else per,
        low_per_hour=CERTAIN_PER_HOUR if at_least is None else at_least,
        high_per_hour=per_hour(high, hours),
        share_low=low,
        share_high=high,
        definition=FORECAST,
        source=model,
        observed_at=at,
        horizon=timedelta(seconds=seconds),
        share=middle,
        grade=grade,
    )
