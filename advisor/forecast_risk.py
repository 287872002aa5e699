"""The forecasts that are stored, as hazards of pools."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import polars as pl

from advisor.hazards import FORECAST, Hazard, per_hour
from advisor.offerings import regional
from advisor.published_risk import published_hazards
from warehouse.records import Pool, Signal
from warehouse.tables import POOL

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
    for pool, hazard in zip(pools, hazards, strict=True):
        found[pool].append(hazard)
    return {pool: tuple(several) for pool, several in found.items()}


def hazards_of(
    pools: Iterable[Pool], forecasts: pl.DataFrame, signals: Iterable[Signal], now: datetime
) -> Mapping[Pool, tuple[Hazard, ...]]:
    """The best that is known of each pool's risk; a pool of which nothing is known is left out.

    A forecast that is not stale goes before a published rate, and that before a stale forecast. A
    zone's own forecast goes before its region's.
    """
    pools = list(pools)
    issued = forecast_hazards(forecasts)
    published = published_hazards(pools, signals)
    hazards: dict[Pool, tuple[Hazard, ...]] = {}
    for pool in pools:
        forecast = issued.get(pool) or issued.get(regional(pool)) or ()
        fresh = tuple(one for one in forecast if not one.is_stale(now))
        band = published.get(pool)
        if known := fresh or ((band,) if band else forecast):
            hazards[pool] = known
    return hazards


SAID = (
    *("horizon_seconds", "probability", "probability_low", "probability_high"),
    *("model_version", "issued_at", "grade"),
)
"""The columns of a forecast that a hazard is made from, as `_hazard` takes them."""


def _hazard(
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
