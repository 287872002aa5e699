"""The jobs that are replayed, and the knobs of the policies; all assumptions are here.

Money is in units of one spot machine-hour at the equal price: a cost of 96 is four machines for
a day.
"""

import math
from dataclasses import dataclass, field
from datetime import timedelta

from advisor.simulation.rebalance_signal import SignalQuality


@dataclass(frozen=True, slots=True)
class ServingJob:
    """A service that needs ``replicas`` at every moment.

    A launch takes ``cold_start`` until it serves, on spot and on-demand alike, and always
    succeeds in a pool that is up. ``notice`` comes that long before a loss, so a replacement
    starts that much earlier. On-demand machines are always to be had, for ``on_demand_ratio``
    times the mean spot price. ``most_per_pool`` limits what one pool gives; None is no limit,
    which is kind: most traces show only that one machine could be had.
    """

    replicas: int = 4
    cold_start: timedelta = timedelta(minutes=15)
    notice: timedelta = timedelta(minutes=2)
    on_demand_ratio: float = 3.0
    most_per_pool: int | None = None

    def __post_init__(self) -> None:
        """Refuse a job that makes no sense.

        Raises:
            ValueError: a number out of range.
        """
        if self.replicas < 1 or (self.most_per_pool is not None and self.most_per_pool < 1):
            raise ValueError("replicas and most_per_pool start at 1")
        if not timedelta(0) <= self.notice <= self.cold_start or not self.cold_start:
            raise ValueError("notice is from 0 to cold_start, and cold_start above 0")
        if not 0 < self.on_demand_ratio < math.inf:
            raise ValueError("on_demand_ratio is a number above 0")


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """A batch job on one machine that saves its work now and then, and waits if no pool is up.

    The durations are the risk contract's (section 4). ``saves_on_notice``: the notice is long
    enough for a checkpoint and the job listens, so that no work is lost; off by default, as in
    the contract.
    """

    checkpoint_cost: timedelta = timedelta(minutes=1)
    checkpoint_interval: timedelta = timedelta(minutes=30)
    restart: timedelta = timedelta(minutes=10)
    move: timedelta = timedelta(minutes=5)
    saves_on_notice: bool = False

    def __post_init__(self) -> None:
        """Refuse a job that makes no sense.

        Raises:
            ValueError: a duration out of range.
        """
        if self.checkpoint_cost <= timedelta(0) or self.checkpoint_interval <= timedelta(0):
            raise ValueError("a checkpoint costs time, and there is work between two of them")
        if min(self.restart, self.move) < timedelta(0):
            raise ValueError("restart and move are not negative")


@dataclass(frozen=True, slots=True)
class ReplaySettings:
    """What is replayed, and how the policies act.

    ``target``: P(enough replicas outlast the cold start), for headroom: the lowest of a grid that
    missed no more than static N+2 in the 2022 campaigns (docs/decision-value.md); ``most_spare``
    the most it holds.
    ``threshold``: P(lost within 1 h) above which the threshold policy moves away; the prototype's.
    ``uncovered_cost``: what a replica-hour that is missing costs, in spot machine-hours, for
    expected-cost; assumed. ``hedge_spare``: spares of spothedge. ``place_by_risk`` lets reactive
    and static policies place by the forecast too: it tells what placement alone is worth.
    ``prices`` are per pool; empty is 1 for all.
    """

    job: ServingJob | TrainingJob = field(default_factory=ServingJob)
    target: float = 0.95
    most_spare: int = 4
    threshold: float = 0.15
    uncovered_cost: float = 10.0
    hedge_spare: int = 1
    place_by_risk: bool = False
    prices: tuple[float, ...] = ()
    signal: SignalQuality = field(default_factory=SignalQuality)

    def __post_init__(self) -> None:
        """Refuse knobs out of range.

        Raises:
            ValueError: a number out of range.
        """
        if not (0 <= self.target <= 1 and 0 <= self.threshold <= 1):
            raise ValueError("target and threshold are probabilities")
        if min(self.most_spare, self.hedge_spare) < 0 or not 0 <= self.uncovered_cost < math.inf:
            raise ValueError("spares and costs are numbers from 0")
        if not all(0 < price < math.inf for price in self.prices):
            raise ValueError("prices are numbers above 0")
