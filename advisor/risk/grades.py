"""How much evidence stands behind a forecast, and what its four horizons mean as a time."""

import numpy as np
import numpy.typing as npt

from advisor.risk.evidence import Evidence
from advisor.risk.grid import Floats
from advisor.risk.horizons import HORIZONS_H

PRIOR_H = 0.5
"""Hours of history below which the prototype was worse than a constant (risk contract, 3.5)."""

EARLY_H = 2.0

LEARNING_H = 24.0
"""Hours after which a new pool was forecast as well as one with its whole history (3.5)."""

STALE_S = 1800.0
"""Seconds since the last observation; AUC falls from .811 at 15 minutes to .778 at 60 (3.7)."""


def grade(evidence: Evidence) -> npt.NDArray[np.str_]:
    """prior, early, learning, established or stale, one per row."""
    watched = evidence.history.watched
    return np.select(
        [
            evidence.observed_age_s > STALE_S,
            watched < PRIOR_H,
            watched < EARLY_H,
            watched < LEARNING_H,
        ],
        ["stale", "prior", "early", "learning"],
        default="established",
    )


def hazard_per_hour(probability: Floats) -> Floats:
    """The hazard of now, per hour, that the shortest horizon means; probability [horizon, row]."""
    hazard: Floats = -np.log1p(-np.minimum(probability[0], 1 - 1e-12)) / HORIZONS_H[0]
    return hazard


def restricted_mean_hours(probability: Floats) -> Floats:
    """The expected time up within the next 24 h, hours; probability is [horizon, row].

    The chance of being up falls by a constant hazard between two horizons. A mean without bound
    would rest on what was never measured.
    """
    survival = np.concatenate((np.ones((1, probability.shape[1])), 1.0 - probability))
    hours = np.diff(np.array((0.0, *HORIZONS_H)))[:, None]
    start, end = survival[:-1], np.maximum(survival[1:], 1e-12)
    fall = np.log(np.maximum(start, 1e-12) / end)
    steady = fall < 1e-9  # noqa: PLR2004 - the mean of equal ends, without 0 / 0
    mean = np.where(steady, start, (start - end) / np.where(steady, 1.0, fall))
    total: Floats = np.sum(mean * hours, axis=0)
    return total


def median_hours(probability: Floats) -> Floats:
    """The time by which it is lost with a chance of one half; nan if that is beyond 24 h."""
    survival = np.concatenate((np.ones((1, probability.shape[1])), 1.0 - probability))
    log_survival = np.log(np.maximum(survival, 1e-12))
    edges = np.array((0.0, *HORIZONS_H))
    median = np.full(probability.shape[1], np.nan)
    half = np.log(0.5)
    for place in range(len(HORIZONS_H) - 1, -1, -1):
        above, below = log_survival[place], log_survival[place + 1]
        inside = (above > half) & (below <= half)
        share = (above - half) / np.where(inside, above - below, 1.0)
        median = np.where(inside, edges[place] + share * (edges[place + 1] - edges[place]), median)
    return median
