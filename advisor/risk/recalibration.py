"""A model's level, corrected by what its own forecasts have come to since.

A model that was fitted on other days, or on other people's probes, may be right about the order
of risks and off in their level. For each provider, kind of evidence and horizon, the forecasts
that have resolved give one shift of the log odds. It is held close to 0 and forgets within weeks:
walking forward over the public traces it changes the log loss by less than .001 and takes the
calibration error at 1 h from .019 to .012. A free slope as well (Platt) made 24 h worse in the
prototype (risk contract, section 0), so there is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from advisor.risk.grid import STEP_S, Bools, Floats
from advisor.risk.horizons import HORIZONS_MINUTES
from advisor.risk.logistic import logit, sigmoid

SHIFT_SD = 0.2
"""How far a shift may stray from 0, log odds; .1 to .5 gave the same loss, more of it less
calibration error at 24 h and a worse loss at 1 h."""

HALF_LIFE_DAYS = 7.0
"""Days after which an outcome counts half; 3 and 14 were no better."""

MEMORY_DAYS = 45.0
"""Days after which an outcome is forgotten: six half-lives."""

DAY_S = 86_400.0

NEWTON_STEPS = 8
"""A single coefficient with a prior is at its place after four."""


def shift(outcome: Floats, probability: Floats, weight: Floats) -> float:
    """The log odds to add to forecasts, given what became of others; 0 without any.

    Args:
        outcome: 1.0 lost, 0.0 not; [row].
        probability: what was said before any shift; [row].
        weight: how many independent outcomes each row is worth; [row].
    """
    said, added = logit(probability), 0.0
    for _ in range(NEWTON_STEPS):
        now = sigmoid(said + added)
        gradient = float(np.sum(weight * (outcome - now))) - added / SHIFT_SD**2
        curvature = float(np.sum(weight * now * (1.0 - now))) + 1.0 / SHIFT_SD**2
        added += gradient / curvature
    return added


def faded(age_days: Floats) -> Floats:
    """How much an outcome that resolved so many days ago still counts, 0 to 1."""
    kept: Floats = np.where(age_days > MEMORY_DAYS, 0.0, 0.5 ** (age_days / HALF_LIFE_DAYS))
    return kept


@dataclass(frozen=True, slots=True)
class Issued:
    """Forecasts in the order of nothing: ``probability`` and ``outcome`` are [horizon, row].

    ``outcome`` is nan where it is not known. ``time_s``: when each was issued, seconds since
    1970; ``group``: provider and kind; both [row].
    """

    probability: Floats
    outcome: Floats
    time_s: Floats
    group: npt.NDArray[np.int64]


def shifts_by_day(issued: Issued) -> Floats:
    """The shift of each forecast from outcomes known when its day (UTC) began; [horizon, row].

    Rows are taken to be a grid point apart, so that a window of h holds h / 5 minutes of them.
    """
    day = np.floor(issued.time_s / DAY_S)
    added = np.zeros(issued.probability.shape)
    for place, minutes in enumerate(HORIZONS_MINUTES):
        horizon_s = 60.0 * minutes
        known = ~np.isnan(issued.outcome[place])
        for one in np.unique(issued.group):
            rows = np.flatnonzero(known & (issued.group == one))
            resolved_s = issued.time_s[rows] + horizon_s
            for today in np.unique(day[issued.group == one]).tolist():
                told = rows[_resolved(resolved_s, today)]
                if told.size:
                    age = today - (issued.time_s[told] + horizon_s) / DAY_S
                    weight = faded(age) * STEP_S / horizon_s
                    here = (issued.group == one) & (day == today)
                    added[place, here] = shift(
                        issued.outcome[place, told], issued.probability[place, told], weight
                    )
    return added


def _resolved(resolved_s: Floats, today: float) -> Bools:
    start = today * DAY_S
    return (resolved_s <= start) & (resolved_s > start - MEMORY_DAYS * DAY_S)


def shifted(probability: Floats, added: Floats) -> Floats:
    """The probabilities with the log odds added, never falling along the horizons (axis 0)."""
    return np.maximum.accumulate(sigmoid(logit(probability) + added), axis=0)


def grouped(names: Sequence[tuple[str, str]]) -> npt.NDArray[np.int64]:
    """A number for the (provider, kind) of each row; equal ones have equal numbers."""
    place = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([place[name] for name in names], dtype=np.int64)
