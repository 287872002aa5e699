"""How likely several machines are lost within minutes of each other, given each one's own risk.

Interruptions come in bursts: a cloud that wants capacity back takes it where it is. So k machines
are lost at once far more often than their single risks say if they were independent, and less
often than if every pool went as a whole. The model between the two is fitted on traces
(`joint_fitting`) and keeps each machine's own risk exactly (`joint_distribution`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from advisor.families import family_of
from advisor.risk.grid import Floats, GridPool, Integers
from advisor.risk.joint_distribution import Causes, Groups, losses, numbered
from warehouse.records import Pool

WINDOW = timedelta(minutes=5)
"""What counts as at once; the notice of the clouds is 30 seconds to 5 minutes."""

LONGEST_WINDOW = timedelta(minutes=15)
"""The widest window that the traces were read in; a longer one is refused."""

INTERVAL = (0.05, 0.95)
"""The ends of the interval, as shares of the drawn parameters."""


@dataclass(frozen=True, slots=True)
class JointModel:
    """The fitted causes of joint loss, and ``draws`` of them that say how sure they are."""

    causes: Causes
    draws: tuple[Causes, ...]

    @property
    def alone(self) -> "JointModel":
        """Without draws: quicker, and without an interval."""
        return JointModel(self.causes, ())


@dataclass(frozen=True, slots=True)
class JointRisk:
    """A probability with an interval from the uncertainty of the joint model alone.

    How unsure the single risks are is not in it.
    """

    value: float
    low: float
    high: float


def groups_of(pools: Sequence[Pool] | Sequence[GridPool]) -> Groups:
    """What the pools share. A regional pool's zone is a zone of its own: all of it is one place."""
    named = [(one.provider, one.region, one.zone, one.instance_type) for one in pools]
    return Groups(
        region=numbered([(cloud, region) for cloud, region, _, _ in named]),
        zone=numbered([(cloud, region, zone) for cloud, region, zone, _ in named]),
        family=numbered(
            [(cloud, region, family_of(cloud, kind)) for cloud, region, _, kind in named]
        ),
        instance_type=numbered([(cloud, region, kind) for cloud, region, _, kind in named]),
    )


def probability_within(hazard_per_hour: float, window: timedelta) -> float:
    """P(a machine is lost within the window) at a constant hazard; inf is surely lost."""
    return -math.expm1(-hazard_per_hour * (window / timedelta(hours=1)))


def probability_at_least(
    k: int,
    placement: Mapping[Pool, int],
    hazards: Mapping[Pool, float],
    window: timedelta = WINDOW,
    *,
    model: JointModel,
) -> JointRisk:
    """P(at least ``k`` of the placed machines are lost within the window), with an interval.

    It never falls when a machine is added or a hazard rises.

    Args:
        k: how many; 0 or fewer are always lost.
        placement: machines in each spot pool; those on demand are left out, as nobody takes them.
        hazards: interruptions per machine and hour; a pool that is absent or nan is of unknown
            risk and counts as surely lost.
        window: up to `LONGEST_WINDOW`.
        model: the joint model.

    Raises:
        ValueError: a count or hazard is negative, or the window is out of range.
    """
    if not timedelta(0) < window <= LONGEST_WINDOW:
        raise ValueError(f"window {window} is not above 0 and at most {LONGEST_WINDOW}")
    held = sorted(pool for pool, count in placement.items() if count)
    counts = np.array([placement[pool] for pool in held], dtype=np.int64)
    q = np.array([_probability(hazards.get(pool, math.nan), window) for pool in held])
    if (counts < 0).any():
        raise ValueError("machines are counted from 0")
    if k > counts.sum() or k <= 0:
        sure = float(k <= 0)
        return JointRisk(sure, sure, sure)
    groups = groups_of(held)
    value = tail(model.causes, groups, q, counts, k)
    drawn = [tail(one, groups, q, counts, k) for one in model.draws]
    low, high = np.quantile([*drawn, value], INTERVAL).tolist()
    return JointRisk(value, min(low, value), max(high, value))


def tail(causes: Causes, groups: Groups, q: Floats, counts: Integers, k: int) -> float:
    """P(at least ``k`` are lost) of one window; arrays are [pool]."""
    chance = losses(causes, groups, q[None, :], counts[None, :])[0]
    return min(1.0, math.fsum(chance[k:].tolist()))


def _probability(hazard_per_hour: float, window: timedelta) -> float:
    if math.isnan(hazard_per_hour):
        return 1.0
    if hazard_per_hour < 0:
        raise ValueError(f"hazard_per_hour {hazard_per_hour} is below 0")
    return probability_within(hazard_per_hour, window)
