"""What a replay came to, day by day, and how sure a difference between two of them is."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from advisor.simulation.availability import Floats, Integers

SERVING_MEASURES = (
    "uncovered_minutes",
    "spot_hours",
    "on_demand_hours",
    "cost",
    "losses",
    "hand_overs",
    "false_alarms",
)
"""Of a serving job. Uncovered: replica-minutes in which a needed replica did not serve. Hours:
machine-hours, from launch. Cost: in spot machine-hours. Losses: replicas that served when their
pool was lost. Hand-overs: replicas that a policy set out to move while their pool was up; false
alarms: those whose pool stayed up for another hour, or to the end of the trace."""

TRAINING_MEASURES = (
    "useful_hours",
    "lost_hours",
    "overhead_hours",
    "waiting_hours",
    "cost",
    "losses",
    "hand_overs",
    "false_alarms",
)
"""Of a training job. Lost: work done since the last checkpoint when the machine went. Overhead:
checkpoints, restarts and moves. Waiting: no pool was up. Useful, lost, overhead and waiting hours
sum to the hours of the day, but lost hours count on the day of the loss."""

ALARM_STEPS = 12
"""A move was right if the pool was lost within this many steps: an hour."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One policy's replay.

    ``by_day`` holds an array [day] for each of `SERVING_MEASURES` or `TRAINING_MEASURES`.
    ``placed`` is what was held after each decision, [step, pool and then on-demand].
    """

    policy: str
    by_day: Mapping[str, Floats]
    placed: Integers

    def total(self, measure: str) -> float:
        """The sum over all days."""
        return float(self.by_day[measure].sum())


def by_day(per_step: Floats, day: Integers) -> Floats:
    """The sum over each day's steps; [step] to [day]."""
    return np.bincount(day, weights=per_step).astype(np.float64)


def difference(
    one: Floats, other: Floats, *, rng: np.random.Generator, block_days: int = 1, draws: int = 2000
) -> tuple[float, float, float]:
    """The mean difference per day, one minus other, with its 95 % interval: (low, middle, high).

    Blocks of ``block_days`` are drawn with replacement. Both are [day] of the same trace, so the
    days pair up. One block cannot show how days differ: low and high are then nan.
    """
    return _interval(one - other, np.ones_like(other), rng, block_days, draws)


def relative_difference(
    one: Floats, other: Floats, *, rng: np.random.Generator, block_days: int = 1, draws: int = 2000
) -> tuple[float, float, float]:
    """The total of one over the total of other, minus 1, with its 95 % interval; see `difference`.

    -0.2 is 20 % less. All are nan where the other has nothing.
    """
    return _interval(one - other, other, rng, block_days, draws)


def _interval(
    above: Floats, below: Floats, rng: np.random.Generator, block_days: int, draws: int
) -> tuple[float, float, float]:
    if not below.sum():
        return (math.nan, math.nan, math.nan)
    block = np.arange(above.size) // block_days
    up, down = np.bincount(block, weights=above), np.bincount(block, weights=below)
    middle = float(up.sum() / down.sum())
    if up.size == 1:
        return (math.nan, middle, math.nan)
    times = rng.multinomial(up.size, np.full(up.size, 1 / up.size), size=draws)
    totals = times @ down
    ratios = (times @ up)[totals > 0] / totals[totals > 0]
    low, high = np.quantile(ratios, (0.025, 0.975)).tolist()
    return (low, middle, high)
