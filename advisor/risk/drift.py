"""Alarms: the forecasts of the last days disagree with what happened by more than chance allows."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import polars as pl

from advisor.risk import metrics
from advisor.risk.resolved import ISSUE, POOL, days, floats, partition

DRIFT_WINDOW = timedelta(days=7)
"""How much of the past an alarm looks at: a week has enough days to differ among themselves."""

MOST_CENSORED = 0.2
"""Share of rows without an outcome above which the others are not like them: a loss within the
horizon is always seen, a survival only if the machine is kept to its end."""


class Drift(StrEnum):
    """The names of the alarms."""

    RISK_UNDERSTATED = "risk understated"
    RISK_OVERSTATED = "risk overstated"


@dataclass(frozen=True, slots=True)
class Alarm:
    """The last `DRIFT_WINDOW` disagrees with its forecasts by more than ``tolerance``.

    ``tolerance`` is the half width of the 95 % interval of mean outcome less mean probability
    for forecasts that are right.
    """

    name: Drift
    evidence_kind: str
    horizon_seconds: float
    provider: str
    rows: int
    mean_outcome: float
    mean_probability: float
    tolerance: float


def drift_alarms(
    resolved: pl.DataFrame, *, now: datetime, rng: np.random.Generator
) -> tuple[Alarm, ...]:
    """The alarms for the horizons that ended in the `DRIFT_WINDOW` before ``now``.

    At most one per provider, kind of evidence and horizon, in order of appearance. ``resolved``
    has the columns of `warehouse.forecasts.resolved_forecasts`.
    """
    recent = resolved.filter(pl.col("resolved_at").is_between(now - DRIFT_WINDOW, now, "right"))
    alarms = [_alarm(one, rng) for one in partition(recent, *ISSUE, "provider")]
    return tuple(one for one in alarms if one)


def _alarm(recent: pl.DataFrame, rng: np.random.Generator) -> Alarm | None:
    """The alarm of one provider, kind and horizon; None if outcome and forecast agree."""
    told = recent.drop_nulls("outcome")
    if told.is_empty() or recent.height - told.height > MOST_CENSORED * recent.height:
        return None
    outcome, probability = floats(told["outcome"]), floats(told["probability"])
    low, middle, high = metrics.day_bootstrap_difference(outcome, probability, days(told), rng=rng)
    tolerance = max(_noise(told), (high - low) / 2)
    # A single day cannot show how days differ: nan, and no alarm.
    if math.isnan(high) or abs(middle) <= tolerance:
        return None
    return Alarm(
        name=Drift.RISK_UNDERSTATED if middle > 0 else Drift.RISK_OVERSTATED,
        evidence_kind=told["evidence_kind"][0],
        horizon_seconds=told["horizon_seconds"][0],
        provider=told["provider"][0],
        rows=told.height,
        mean_outcome=float(outcome.mean()),
        mean_probability=float(probability.mean()),
        tolerance=tolerance,
    )


def _noise(told: pl.DataFrame) -> float:
    """Half the 95 % interval of a mean outcome by chance, with one row per pool and horizon.

    Windows that overlap and machines of one pool are lost together: they count once.
    """
    probability = floats(told["probability"])
    window = pl.col("issued_at").dt.epoch("s") // pl.col("horizon_seconds")
    independent = told.select(*POOL, window.alias("window")).n_unique()
    spread = float(np.mean(probability * (1 - probability)))
    return metrics.Z_95 * math.sqrt(spread / independent)
