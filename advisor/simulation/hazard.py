"""The known truth: how likely a machine is taken, in every pool and at every moment.

Each pool follows a regime: calm, tight or squeeze. It is the worst of three Markov chains: the
pool's own, the one of its family in the region, and the one of its zone; so trouble is shared by
siblings. All constants are rates per hour or pure numbers; "traces" are public availability
traces of volatile GPU pools, 2020-2023.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from advisor.simulation.pools import MarketPool
from advisor.simulation.settings import MarketSettings

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

STEP_HOURS: Final = 5 / 60
STEPS_PER_DAY: Final = 288


class Regime(IntEnum):
    """How much capacity is left for spot machines; the value is the row of a transition."""

    CALM = 0
    TIGHT = 1
    SQUEEZE = 2


OWN_CHAIN = (1 / 48, 1 / 18, 1 / 24, 1 / 1.5)
SHARED_CHAIN = (1 / 240, 1 / 8, 1 / 20, 1 / 1.0)
"""Rates of calm to tight, tight to calm, tight to squeeze, squeeze to tight. A pool's own chain
forgets within a day or two, as the traces do: the daily log rate's autocorrelation is .28-.51
after one day and .08-.22 after two, the daily rate's coefficient of variation .53-.79. Shared
trouble is rare and short."""

WEIGHT = np.array([1.0, 8.0, 30.0])
"""Hazard by regime. With the levels below, a usual V100 pool moves from 0.01 to 0.4 an hour, and an
unlucky one three times that: the traces' pools lost machines at 0.04-1.7 per hour up."""

LEVEL_PER_HOUR = {
    "m7i": 8e-5, "c7i": 8e-5, "r7i": 8e-5, "m7g": 6e-5, "ecs.g7": 6e-5,
    "g5g": 1.5e-4, "gr6": 4e-4, "g4dn": 4e-4, "ecs.gn6i": 5e-4, "g6": 6e-4,
    "g5": 1.5e-3, "ecs.gn7i": 1.5e-3, "g6e": 3e-3,
    "ecs.gn6v": 0.01, "ecs.gn7e": 0.01, "ecs.gn6e": 0.02, "ecs.ebmgn7e": 0.02,
    "p3": 0.04, "p4d": 0.03, "p4de": 0.03, "p5": 0.05,
}  # fmt: skip
"""Mean hazard of a family. The ends are measured: a published band of 5-10 % a month is 1.1e-4 an
hour, and the slowest of the traces' V100 pools 0.04. What lies between is assumed, so that all
five published bands occur (in June 2025, 290 of AWS' 682 GPU entries were in the open band)."""

FRAILTY_SHAPE = 2.0
"""Shape of the Gamma by which pools of a family differ; fitted to the traces: 1.5-3.2."""

HIGHEST_PER_HOUR = 4.0
"""Above it a machine rarely outlives its boot, and nobody would hold one."""

AGE_HOURS = np.array([0.0, 0.25, 2.0, np.inf])
AGE_FACTOR = np.array([3.0, 1.5, 1.0])
"""The hazard's factor by age: up to 15 minutes, up to 2 hours, older. Measured on GCP machines,
2019: .31, .058 and .010 per hour before 15 min, at 1-2 h and at 6-18 h. Milder here, as regimes
and frailty alone already make the young die more often."""

STRESS_STEPS = {Regime.TIGHT: 12 * 12, Regime.SQUEEZE: 3 * 12}
"""How long before the end a stressed pool becomes tight, and is squeezed: 12 and 3 hours."""


@dataclass(frozen=True, slots=True)
class Hazards:
    """The true hazard of a machine older than two hours, and the regime behind it.

    Both arrays have one row per pool and one column per step of `STEP_HOURS` from the start.
    ``per_hour`` holds within the step.
    """

    per_hour: Floats
    regime: Integers

    def cumulative(self, pool: Integers, launched: Floats, ended: Floats) -> Floats:
        """The expected number of interruptions of each machine while it ran, its age included.

        ``pool`` are rows; ``launched`` and ``ended`` are hours from the start.
        """
        total = np.zeros((self.per_hour.shape[0], self.per_hour.shape[1] + 1))
        np.cumsum(self.per_hour * STEP_HOURS, axis=1, out=total[:, 1:])

        def until(hours: Floats) -> Floats:
            steps = np.clip(hours / STEP_HOURS, 0, self.per_hour.shape[1])
            step = np.minimum(steps.astype(np.int64), self.per_hour.shape[1] - 1)
            within: Floats = (steps - step) * STEP_HOURS * self.per_hour[pool, step]
            before: Floats = total[pool, step]
            return before + within

        ages = zip(AGE_FACTOR, AGE_HOURS[:-1], AGE_HOURS[1:], strict=True)
        expected = np.zeros(len(pool))
        for factor, low, high in ages:
            begin = np.minimum(launched + low, ended)
            end = np.minimum(launched + high, ended)
            expected += factor * (until(end) - until(begin))
        return expected


def hazards(pools: list[MarketPool], settings: MarketSettings, rng: np.random.Generator) -> Hazards:
    """Draw the regimes and with them the hazard of every pool and step."""
    steps = settings.days * STEPS_PER_DAY
    own = _chains(len(pools), steps, OWN_CHAIN, rng)
    families = [(one.pool.region, one.shape.family) for one in pools]
    zones = [(one.pool.region, one.pool.zone) for one in pools]
    regime = own
    for groups in (families, zones):
        names = list(dict.fromkeys(groups))
        shared = _chains(len(names), steps, SHARED_CHAIN, rng)
        regime = np.maximum(regime, shared[[names.index(group) for group in groups]])
    for stressed in settings.stressed:
        row = [one.pool for one in pools].index(stressed)
        for state, length in STRESS_STEPS.items():
            regime[row, -length:] = state
    frailty = rng.gamma(FRAILTY_SHAPE, 1 / FRAILTY_SHAPE, len(pools))
    level = np.array([LEVEL_PER_HOUR[one.shape.family] for one in pools])
    mean = (level * frailty * settings.hazard_scale)[:, None]
    per_hour = np.minimum(mean * (WEIGHT / _mean_weight())[regime], HIGHEST_PER_HOUR)
    return Hazards(per_hour, regime)


def _stationary(chain: tuple[float, float, float, float]) -> Floats:
    """The share of time in each regime in the long run."""
    to_tight, to_calm, to_squeeze, from_squeeze = chain
    tight = to_tight / to_calm
    weights = np.array([1.0, tight, tight * to_squeeze / from_squeeze])
    shares: Floats = weights / weights.sum()
    return shares


def _mean_weight() -> float:
    """The long-run mean of `WEIGHT` over the worst of the three chains."""
    own, shared = np.cumsum(_stationary(OWN_CHAIN)), np.cumsum(_stationary(SHARED_CHAIN))
    shares = np.diff(own * shared**2, prepend=0.0)
    return float(shares @ WEIGHT)


def _chains(
    count: int, steps: int, chain: tuple[float, float, float, float], rng: np.random.Generator
) -> Integers:
    """``count`` independent regimes over ``steps`` columns, each begun in its long-run share."""
    to_tight, to_calm, to_squeeze, from_squeeze = (rate * STEP_HOURS for rate in chain)
    # Per regime: below the first number one step better, above the second one step worse.
    better = np.array([0.0, to_calm, from_squeeze])
    worse = np.array([1 - to_tight, 1 - to_squeeze, 1.0])
    regime = np.empty((steps, count), dtype=np.int64)
    regime[0] = np.searchsorted(np.cumsum(_stationary(chain))[:-1], rng.random(count))
    drawn = rng.random((steps, count))
    for step in range(1, steps):
        before = regime[step - 1]
        regime[step] = before + (drawn[step] >= worse[before]) - (drawn[step] < better[before])
    return np.ascontiguousarray(regime.T)
