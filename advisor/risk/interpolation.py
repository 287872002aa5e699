"""The risk within any lead time, from the four horizons that are forecast.

A cold start takes 8 minutes or 40, and forecasts are for 15 minutes, 1, 6 and 24 hours. Between
two horizons the hazard is taken as constant, up to the first one as well: the survival to the
longer horizon is given, and nothing says when within it the loss would come. Beyond the longest
horizon nothing is said.
"""

import math
from collections.abc import Mapping
from datetime import timedelta

import numpy as np

from advisor.errors import AdvisorError
from advisor.risk.grid import Floats
from warehouse.records import Pool

MINUTE = timedelta(minutes=1)


class LeadTimeError(AdvisorError):
    """A lead time that no forecast reaches; the caller shortens it."""

    def __init__(self, lead_time: timedelta, longest_minutes: float) -> None:
        minutes = lead_time / MINUTE
        super().__init__(
            f"no forecast reaches {minutes:g} minutes ahead: the longest horizon is "
            f"{longest_minutes:g} minutes, and the hazard beyond it is not known"
        )
        self.lead_time = lead_time


def risk_within(probability: Mapping[int, Floats], lead_time: timedelta) -> Floats:
    """P(lost within the lead time), in the shape of the arrays; nan where it is not known.

    It never falls as the lead time grows, and at a horizon it is that horizon's probability: a
    longer horizon that is given less risk than a shorter one is given as much.

    Args:
        probability: P(lost within the horizon) for each horizon in minutes, arrays of one shape;
            nan is unknown.
        lead_time: from 0 to the longest of these horizons.

    Raises:
        LeadTimeError: no horizon is that long.
        ValueError: a negative lead time, or a value that is no probability.
    """
    minutes = lead_time / MINUTE
    if minutes < 0:
        raise ValueError(f"a lead time of {minutes:g} minutes lies in the past")
    horizons = sorted(probability)
    reaching = [place for place, horizon in enumerate(horizons) if horizon >= minutes]
    if not reaching:
        raise LeadTimeError(lead_time, max(horizons, default=0))
    last = reaching[0]
    ends = (0, *horizons)[last], horizons[last]
    risks = [_checked(probability[horizon], horizon) for horizon in horizons[: last + 1]]
    longer = _rising(risks)
    shorter = _rising(risks[:-1]) if last else np.zeros_like(longer)
    weight = (minutes - ends[0]) / (ends[1] - ends[0])
    # Survival is the product of both parts; written so that a certain loss needs no logarithm.
    return np.asarray(1.0 - (1.0 - shorter) ** (1.0 - weight) * (1.0 - longer) ** weight)


def pools_lost_within(
    forecasts: Mapping[Pool, Mapping[int, float]], lead_time: timedelta
) -> dict[Pool, float]:
    """P(lost within the lead time) of each pool that has a forecast; nan where it is not known.

    Args:
        forecasts: for each pool P(lost within the horizon) by horizon in minutes.
        lead_time: from 0 to the longest horizon of each pool.

    Raises:
        LeadTimeError: a pool has no horizon that is that long.
        ValueError: a negative lead time, or a value that is no probability.
    """
    return {
        pool: float(risk_within({at: np.array(one) for at, one in given.items()}, lead_time))
        if given
        else math.nan
        for pool, given in forecasts.items()
    }


def _checked(probability: Floats, horizon: int) -> Floats:
    if ((probability < 0) | (probability > 1)).any():
        raise ValueError(f"P(lost within {horizon} minutes) has values outside of 0 to 1")
    return probability


def _rising(risks: list[Floats]) -> Floats:
    """The last of them, where it is known raised to the highest before it."""
    highest = risks[0]
    for risk in risks[1:]:
        highest = np.fmax(highest, risk)
    return np.where(np.isnan(risks[-1]), np.nan, highest)
