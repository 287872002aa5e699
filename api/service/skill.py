"""The newest forecasts, and whether forecasts like them have proved their skill."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from advisor.risk.verification import Verification
from api.service.clock import Clock
from api.service.kept import Kept
from api.skill import Judge, judge_by, recent_outcomes, scores_of
from warehouse.forecasts import (
    ForecastCounts,
    forecast_counts,
    forecasts_issued,
    newest_forecasts,
)
from warehouse.store import SharedWarehouse, Warehouse

SCORED_AT_MOST_EVERY = timedelta(minutes=5)
"""Scoring the outcomes of six weeks takes seconds, and a minute more changes no verdict."""
SCORED_AT_LEAST_EVERY = timedelta(minutes=30)
"""Horizons pass even if nothing is stored. The guard's own verdicts stand as long."""

READ_AT_MOST_EVERY = timedelta(seconds=15)
READ_AT_LEAST_EVERY = timedelta(minutes=10)
"""Of the forecasts themselves, which change when some are stored."""


@dataclass(frozen=True, slots=True)
class Skill:
    """The scores of the outcomes that verdicts rest on, the verdicts, and what there is to score.

    ``counts`` is of all forecasts that are stored, however old.
    """

    verification: Verification
    judge: Judge
    counts: ForecastCounts


class Forecasts:
    """Both, kept while a server runs."""

    def __init__(self, warehouse: SharedWarehouse, clock: Clock) -> None:
        self.newest: Kept[pl.DataFrame] = Kept(
            _Newest(),
            warehouse,
            clock,
            shortest=READ_AT_MOST_EVERY,
            longest=READ_AT_LEAST_EVERY,
        )
        """The newest forecast of each pool and horizon, by pool and horizon."""
        self.skill: Kept[Skill] = Kept(
            _skill,
            warehouse,
            clock,
            shortest=SCORED_AT_MOST_EVERY,
            longest=SCORED_AT_LEAST_EVERY,
        )
        """The verdicts on all kinds of forecasts."""


class _Newest:
    """Reads the newest forecasts, unless none was issued since it did."""

    def __init__(self) -> None:
        self._read: tuple[tuple[int, datetime | None], pl.DataFrame] | None = None

    def __call__(self, warehouse: Warehouse, now: datetime) -> pl.DataFrame:
        """They, one row per pool and horizon."""
        issued = forecasts_issued(warehouse, now)
        if self._read is None or self._read[0] != issued:
            self._read = issued, newest_forecasts(warehouse, now)
        return self._read[1]


def _skill(warehouse: Warehouse, now: datetime) -> Skill:
    verification = scores_of(recent_outcomes(warehouse, now), now)
    return Skill(verification, judge_by(verification), forecast_counts(warehouse, now))
