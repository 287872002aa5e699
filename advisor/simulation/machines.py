"""The machines held in the simulated market, and how each one ended.

A pool loses machines in two ways. In a reclaim wave most of its machines go within minutes: that
is what a shortage looks like from outside (of co-interruptions in one type and zone, over 92 %
were within 3 minutes; published, 2026). And one by one, more so in a machine's first minutes.
Both together are exactly the hazard of `hazard.Hazards`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from advisor.simulation.hazard import (
    AGE_FACTOR,
    AGE_HOURS,
    STEP_HOURS,
    Floats,
    Hazards,
    Integers,
    Regime,
)

WAVE_PART: Final = 0.95
"""The part of an established machine's hazard that comes in waves. Chosen with `WAVE_REACH`:
of the interruptions with another in the pool within the hour, nine of ten have it within 3 min."""

WAVE_REACH: Final = 0.9
"""The chance that a wave takes a given machine of the pool; chosen with `WAVE_PART`."""

WAVE_HOURS: Final = 3 / 60
"""How long a wave lasts, as published (see above)."""

MEAN_USE_HOURS: Final = 240.0
"""How long a user keeps a machine that is not taken: a service is redeployed every week or two;
assumed."""

MEAN_WAIT_HOURS: Final = 1.0
"""How long until a lost machine is asked for again; assumed. A squeeze has none to give."""

RUNNING: Final = 0
TAKEN: Final = 1
GIVEN_BACK: Final = 2


@dataclass(frozen=True, slots=True)
class Machines:
    """All machines that were held, by launch and pool; the times are hours from the start.

    ``pool`` is the row of the pool. ``end`` is `RUNNING` (``ended`` is then the end of the
    simulation), `TAKEN` or `GIVEN_BACK`.
    """

    pool: Integers
    launched: Floats
    ended: Floats
    end: Integers


def machines(hazards: Hazards, per_pool: int, rng: np.random.Generator) -> Machines:
    """Hold ``per_pool`` machines in each pool, and replace what is lost, step by step."""
    count, steps = hazards.per_hour.shape
    pool = np.repeat(np.arange(count), per_pool)
    wave = -np.expm1(-WAVE_PART * STEP_HOURS * hazards.per_hour.T) / WAVE_REACH
    wave_comes = rng.random(wave.shape) < wave
    wave_begins = rng.random(wave.shape) * (STEP_HOURS - WAVE_HOURS)
    alone = (1 - WAVE_PART) * STEP_HOURS * hazards.per_hour.T
    sold = hazards.regime.T < Regime.SQUEEZE
    alone_factor = _alone_factor(steps)
    given_back, asked = -np.expm1(-STEP_HOURS / np.array([MEAN_USE_HOURS, MEAN_WAIT_HOURS]))
    launched = np.full(len(pool), -1, dtype=np.int64)
    ledger: list[tuple[Integers, Integers, Floats, Integers]] = []
    for step in range(steps):
        chance, luck, own = rng.random((3, len(pool)))
        held = launched >= 0
        launched[~held & sold[step, pool] & (chance < asked)] = step
        held = launched >= 0
        swept = held & wave_comes[step, pool] & (luck < WAVE_REACH)
        risk = -np.expm1(-alone[step, pool] * alone_factor[step - launched])
        taken = swept | (held & (own < risk))
        gone = np.flatnonzero(taken | (held & (chance > 1 - given_back)))
        if len(gone):
            within = np.where(
                swept[gone],
                wave_begins[step, pool[gone]] + rng.random(len(gone)) * WAVE_HOURS,
                rng.random(len(gone)) * STEP_HOURS,
            )
            end = np.where(taken[gone], TAKEN, GIVEN_BACK)
            ledger.append((pool[gone], launched[gone], step * STEP_HOURS + within, end))
            launched[gone] = -1
    left = np.flatnonzero(launched >= 0)
    until = np.full(len(left), steps * STEP_HOURS)
    ledger.append((pool[left], launched[left], until, np.full(len(left), RUNNING)))
    return _sorted(ledger)


def _alone_factor(steps: int) -> Floats:
    """The factor on the risk of being taken alone, by age in steps.

    A wave does not ask for the age, so this risk has all of what `AGE_FACTOR` asks of both.
    """
    age = np.arange(steps + 1) * STEP_HOURS
    # Half a step keeps the ends of the age groups clear of rounding.
    group = np.searchsorted(AGE_HOURS[1:], age + STEP_HOURS / 2)
    return (AGE_FACTOR[group] - WAVE_PART) / (1 - WAVE_PART)


def _sorted(ledger: list[tuple[Integers, Integers, Floats, Integers]]) -> Machines:
    pool, launched, ended, end = (np.concatenate(part) for part in zip(*ledger, strict=True))
    order = np.lexsort((ended, pool, launched))
    return Machines(
        pool=pool[order],
        launched=launched[order] * STEP_HOURS,
        ended=ended[order],
        end=end[order],
    )
