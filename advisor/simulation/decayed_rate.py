"""The plainest forecast that knows the time: how often a pool was lost in the last hours.

A replay takes forecasts from anyone, as arrays. This one needs nothing but the trace itself and
looks only backwards. It is what the figures of a real model are held against, and no more: it
ignores age, siblings and all signals, and it is not calibrated beyond an hour.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import numpy as np

from advisor.simulation.availability import STEP_HOURS, Bools, Floats

HALF_LIFE = timedelta(hours=6)
"""Of 1 to 168 hours the best single one in the risk contract's prototype (section 0)."""

STRENGTH_HOURS = 2.0
"""Hours up at which a pool's own decayed count is believed half; risk contract, section 3."""

MOST_PER_STEP = 0.95
"""A rate of many losses an hour gives no more than this for one step."""

Forecasts = Mapping[int, Floats]
"""P(pool is lost within the horizon) for each horizon in minutes, [pool, step]; nan is unknown."""


def decayed_rate(
    up: Bools,
    horizons_minutes: Sequence[int] = (15, 60),
    *,
    half_life: timedelta | None = HALF_LIFE,
) -> Forecasts:
    """P(lost within the horizon) = 1 - exp(-rate x horizon), causal; [pool, step] by horizon.

    The rate is decayed losses over decayed hours up, shrunk towards the rate of all pools since
    the beginning. It is nan until any pool has been up for an hour: nothing is known yet.

    Args:
        up: whether each pool is up, [pool, step].
        horizons_minutes: the horizons wanted.
        half_life: how soon the past is forgotten; None never forgets, the per-pool rate.
    """
    keep = 0.5 ** (STEP_HOURS / (half_life / timedelta(hours=1))) if half_life else 1.0
    rate = np.full(up.shape, np.nan)
    losses, hours = np.zeros(up.shape[0]), np.zeros(up.shape[0])
    all_losses = all_hours = 0.0
    before = np.zeros(up.shape[0], dtype=np.bool_)
    for step, live in enumerate(up.T):
        lost = before & ~live
        losses, hours = keep * losses + lost, keep * hours + before * STEP_HOURS
        all_losses, all_hours = all_losses + lost.sum(), all_hours + before.sum() * STEP_HOURS
        if all_hours >= 1:
            prior = all_losses / all_hours
            rate[:, step] = (losses + STRENGTH_HOURS * prior) / (hours + STRENGTH_HOURS)
        before = live
    rate = np.minimum(rate, -np.log1p(-MOST_PER_STEP) / STEP_HOURS)
    return {minutes: -np.expm1(-rate * minutes / 60) for minutes in horizons_minutes}
