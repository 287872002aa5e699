"""What could be had when: the traces that a replay runs over, pools side by side.

A replay is true to a trace only as far as the trace goes. A launch probe that fails is taken for
the loss of all machines held there, which is harsher than the cloud: a pool may refuse new
machines and leave running ones alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from advisor.risk.grid import STEP_S, GridPool, Timeline

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

STEP = timedelta(seconds=STEP_S)
"""The grid of all replays, the same as the forecast's."""

STEPS_PER_HOUR = timedelta(hours=1) // STEP
STEPS_PER_DAY = timedelta(days=1) // STEP
STEP_MINUTES = STEP / timedelta(minutes=1)
STEP_HOURS = STEP / timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Availability:
    """Pools side by side: ``up[pool, step]`` is whether machines can be had and live there.

    ``pools`` names the rows. What is not known to be up is down.
    """

    pools: tuple[str, ...]
    up: Bools

    def __post_init__(self) -> None:
        """Refuse what is not one row per pool.

        Raises:
            ValueError: another shape, or no pool or step.
        """
        if self.up.ndim != 2 or self.up.shape[0] != len(self.pools) or not self.up.size:  # noqa: PLR2004 - pools and steps
            raise ValueError(f"up must be [pool, step] for {len(self.pools)} pools")

    @property
    def steps(self) -> int:
        """How many grid points there are."""
        return int(self.up.shape[1])

    @property
    def day(self) -> Integers:
        """The day of each step, from 0; [step]. The last one may be short."""
        return np.arange(self.steps) // STEPS_PER_DAY

    def only(self, pools: Sequence[str]) -> "Availability":
        """The same for some of the pools, in the order asked for."""
        rows = [self.pools.index(pool) for pool in pools]
        return Availability(tuple(pools), self.up[rows])

    def until(self, steps: int) -> "Availability":
        """The first ``steps`` grid points only."""
        return Availability(self.pools, self.up[:, :steps])


def availabilities(timeline: Timeline) -> list[Availability]:
    """The stretches of a timeline in which at least one pool is watched, in order.

    A campaign that continues another one after a break gives two: nobody knows what happened to
    machines during the break.
    """
    names = tuple(pool_name(pool) for pool in timeline.pools)
    live = (timeline.up & timeline.known).T
    return [Availability(names, live[:, span]) for span in spans(timeline.known)]


def spans(watched: Bools) -> list[slice]:
    """The runs of steps in which any pool is watched, in order; ``watched`` is [step, pool]."""
    any_pool = np.concatenate(([0], watched.any(axis=1), [0])).astype(np.int8)
    edges = np.flatnonzero(np.diff(any_pool))
    return [slice(first, last) for first, last in edges.reshape(-1, 2).tolist()]


def pool_name(pool: GridPool) -> str:
    """Zone and type; a fleet's size and what tells two series of one pool apart, if any."""
    size = f" x {pool.target_capacity}" if pool.target_capacity > 1 else ""
    member = f" {pool.member}" if pool.member else ""
    return f"{pool.zone}/{pool.instance_type}{size}{member}"


def steps_left(up: Bools) -> Integers:
    """Steps from each grid point to the next loss of its pool; 0 where it is down, [pool, step].

    The end of the trace is no loss: pools that are up at the end get one step more than there is
    left, plus the length of the trace, so that they rank above all that are seen to be lost.
    """
    steps = up.shape[1]
    left = np.zeros(up.shape, dtype=np.int64)
    ahead = np.full(up.shape[0], steps, dtype=np.int64)
    for step in range(steps - 1, -1, -1):
        ahead = np.where(up[:, step], ahead + 1, 0)
        left[:, step] = ahead
    return left
