"""A cloud's word that a pool is at risk, as unsure as the one public measurement found it.

AWS sends rebalance recommendations at the latest with the two-minute notice, best effort. No trace
in reach holds them together with outcomes, so they are drawn: true ones before a share of the
losses, false ones until the wanted share is false. This is the only thing but the oracle that is
made from the future, as the real signal is.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from advisor.simulation.availability import STEP, Bools, steps_left


@dataclass(frozen=True, slots=True)
class SignalQuality:
    """How good the signal is; the shares are the one public measurement's, the lead is assumed.

    ``precision`` is the share of signals that a loss follows within ``lead``, ``recall`` the
    share of losses that a signal came before. The signal comes up to ``lead`` ahead, evenly;
    sooner than the pool came up it cannot.
    """

    precision: float = 0.30
    recall: float = 0.60
    lead: timedelta = timedelta(minutes=15)

    def __post_init__(self) -> None:
        """Refuse shares that are none.

        Raises:
            ValueError: a share out of range, or a lead below one step.
        """
        if not (0 < self.precision <= 1 and 0 <= self.recall <= 1 and self.lead >= STEP):
            raise ValueError("precision and recall are shares, lead is at least one step")


def rebalance_signals(up: Bools, quality: SignalQuality, rng: np.random.Generator) -> Bools:
    """Whether a signal arrives for a pool at a step, [pool, step]."""
    lead = quality.lead // STEP
    left = steps_left(up)
    signals = np.zeros(up.shape, dtype=np.bool_)
    pool, last = np.nonzero(left == 1)
    warned = rng.random(pool.size) < quality.recall
    ahead = rng.integers(1, lead, size=pool.size, endpoint=True)
    began = np.where(up, 0, np.arange(up.shape[1]) + 1)
    first = np.maximum.accumulate(began, axis=1)[pool, last]
    signals[pool[warned], np.maximum(last + 1 - ahead, first)[warned]] = True
    wanted = round(np.count_nonzero(signals) * (1 - quality.precision) / quality.precision)
    quiet = np.flatnonzero(left > lead)
    chosen = rng.choice(quiet, size=min(wanted, quiet.size), replace=False)
    signals.flat[chosen] = True
    return signals
