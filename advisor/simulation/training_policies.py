"""Where a training job runs and how often it saves: eight policies that see the same.

None looks ahead but the oracle, which is handed the future when it is built.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import numpy as np

from advisor.risk.headroom import checkpoint_interval
from advisor.simulation.availability import (
    STEP_HOURS,
    Availability,
    Bools,
    Floats,
    Integers,
    steps_left,
)
from advisor.simulation.placement import ActiveZones, LossRates
from advisor.simulation.replay_settings import ReplaySettings, TrainingJob

NOWHERE = -1
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TrainingMoment:
    """What every policy sees at one step; arrays are [pool].

    ``place`` is the pool the job is in, `NOWHERE` if none; ``lost`` the pool it was lost in since
    the step before. ``risk_hour``: P(lost within 1 h), nan where unknown. ``signalled``: a
    rebalance signal came. ``order``: the tie order, 0 to 1.
    """

    step: int
    up: Bools
    place: int
    lost: int
    risk_hour: Floats
    signalled: Bools
    order: Floats

    @property
    def is_running(self) -> bool:
        """Whether the job has a machine."""
        return self.place != NOWHERE


@dataclass(frozen=True, slots=True)
class Choice:
    """Where to run, `NOWHERE` to wait; minutes of work between checkpoints.

    ``save_at_end`` makes a checkpoint end with this step.
    """

    place: int
    interval_minutes: float
    save_at_end: bool = False


class TrainingPolicy(Protocol):
    """Decides once per step; may remember what it saw."""

    def choose(self, moment: TrainingMoment) -> Choice:
        """Where to be from now on."""
        ...


def lowest(score: Floats, allowed: Bools, order: Floats) -> int:
    """The allowed pool with the lowest score, ties by ``order``; `NOWHERE` if none is allowed."""
    if not allowed.any():
        return NOWHERE
    known = np.where(np.isnan(score), np.inf, score)
    ranked = np.lexsort((order, known, ~allowed))
    return int(ranked[0])


Score = Callable[[TrainingMoment], Floats]
Leave = Callable[[TrainingMoment, int], bool]


@dataclass(frozen=True, slots=True)
class Runner:
    """Starts where ``score`` is lowest, moves if ``leave`` says so, saves as often as told."""

    job: TrainingJob
    score: Score
    leave: Leave = lambda _, __: False
    by_hazard: bool = False

    def choose(self, moment: TrainingMoment) -> Choice:
        """Stay, unless there is no machine or a reason to go."""
        scores = self.score(moment)
        place = moment.place
        if not moment.is_running:
            place = lowest(scores, moment.up, moment.order)
        else:
            others = moment.up & (np.arange(moment.up.size) != place)
            best = lowest(scores, others, moment.order)
            if best != NOWHERE and self.leave(moment, best):
                place = best
        risk = float(moment.risk_hour[place]) if place != NOWHERE else np.nan
        return Choice(place, interval_minutes(self.job, risk if self.by_hazard else np.nan))


def interval_minutes(job: TrainingJob, risk_hour: float) -> float:
    """Minutes of work between checkpoints at this P(lost within 1 h); the job's own if nan."""
    if np.isnan(risk_hour):
        return job.checkpoint_interval / MINUTE
    hazard = -np.log1p(-min(risk_hour, 0.999))
    return checkpoint_interval(float(hazard), job.checkpoint_cost) / MINUTE


def _worth_moving(job: TrainingJob) -> Leave:
    """By the forecast for one hour: what a loss costs against what a move costs."""
    move = job.move / MINUTE

    def leave(moment: TrainingMoment, best: int) -> bool:
        here = float(moment.risk_hour[moment.place])
        loss = job.restart / MINUTE + interval_minutes(job, here) / 2
        return bool((here - moment.risk_hour[best]) * loss > move)

    return leave


class ByActiveZones:
    """The score of a pool in or out of SpotHedge's favor."""

    def __init__(self, pools: int) -> None:
        self._zones = ActiveZones(pools)

    def __call__(self, moment: TrainingMoment) -> Floats:
        """0 for a pool in favor, else 1; [pool]."""
        own = np.arange(moment.up.size)
        self._zones.learn(own == moment.lost, own == moment.place)
        return np.where(self._zones.active, 0.0, 1.0)


class ByLossRate:
    """The score of a bandit that knows only its own losses."""

    def __init__(self, pools: int) -> None:
        self._rates = LossRates(pools)

    def __call__(self, moment: TrainingMoment) -> Floats:
        """The hopeful rate of loss, per hour; [pool]."""
        own = np.arange(moment.up.size)
        lost = own == moment.lost
        self._rates.learn((own == moment.place) | lost, lost, STEP_HOURS)
        return self._rates.lower_bound()


@dataclass(frozen=True, slots=True)
class TrainingOracle:
    """Knows when each pool will be lost: runs where it lasts longest, and leaves just in time."""

    job: TrainingJob
    left: Integers

    def choose(self, moment: TrainingMoment) -> Choice:
        """Move in the last step; if there is nowhere to go, save in it."""
        left = self.left[:, moment.step]
        best = lowest(-left.astype(np.float64), moment.up, moment.order)
        if not moment.is_running:
            return Choice(best, np.inf, save_at_end=best != NOWHERE and left[best] == 1)
        if left[moment.place] > 1:
            return Choice(moment.place, np.inf)
        place = best if left[best] > 1 else moment.place
        return Choice(place, np.inf, save_at_end=place == moment.place)


Maker = Callable[[TrainingJob, ReplaySettings, Availability], TrainingPolicy]


def _at_random(moment: TrainingMoment) -> Floats:
    return moment.order


def _by_risk(moment: TrainingMoment) -> Floats:
    return moment.risk_hour


def _above(threshold: float) -> Leave:
    return lambda moment, best: bool(
        moment.risk_hour[best] < moment.risk_hour[moment.place] > threshold
    )


TRAINING_POLICIES: Mapping[str, Maker] = {
    "reactive": lambda job, _, __: Runner(job, _at_random),
    "rebalance": lambda job, _, __: Runner(
        job, _at_random, lambda moment, _: bool(moment.signalled[moment.place])
    ),
    "threshold": lambda job, settings, _: Runner(job, _by_risk, _above(settings.threshold)),
    "expected-cost": lambda job, _, __: Runner(job, _by_risk, _worth_moving(job), by_hazard=True),
    "headroom": lambda job, _, __: Runner(job, _by_risk, by_hazard=True),
    "spothedge": lambda job, _, traces: Runner(job, ByActiveZones(len(traces.pools))),
    "ucb": lambda job, _, traces: Runner(job, ByLossRate(len(traces.pools))),
    "oracle": lambda job, _, traces: TrainingOracle(job, steps_left(traces.up)),
}
"""Policies of a training job by name. ``headroom`` holds no spare here: the forecast picks the pool
and sets the checkpoints, and nothing is moved. A job on one machine has no static spares."""
