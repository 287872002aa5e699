"""How many spare replicas to hold now, and how often to save: what a forecast decides best.

Machines of one pool go together: more than 90 % of the interruptions of one type and zone fall
within 3 minutes of another one (published, 336,033 requests; risk contract, section 9). So a pool
is lost as a whole, with its probability, and pools are lost independently of each other. The
first makes spreading worth it; the second is kind to the answer, because zones of one region do
share bad hours: a target is a knob to set on a curve, not a promise.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

from advisor.errors import AdvisorError
from advisor.risk.interpolation import pools_lost_within
from warehouse.records import Pool

SURELY_LOST = 1.0
"""What is assumed of a pool nobody has a forecast for: its replicas do not count."""

MOST_SPARES = 32
"""Where the search ends unless told otherwise; more is another way of running a service."""

SAFEST_PROBABILITY = 0.002
"""Below it forecasts for 15 minutes do not tell pools apart: it is 0.008 an hour, a fifth of the
lowest rate of any volatile pool measured (0.04 an hour)."""

LONGEST_CHECKPOINT_INTERVAL = timedelta(days=1)
"""No forecast reaches further, so no hazard is known to stay as low as it is for longer."""


class TargetOutOfReachError(AdvisorError):
    """No number of spares in these pools meets the target; the caller adds pools or on-demand."""

    def __init__(self, target: float, reached: float, spares: int) -> None:
        super().__init__(
            f"headroom: {spares} spare replicas reach a probability of {reached:.4g}, not "
            f"{target:.4g}; add pools that are less likely to be lost, or on-demand machines"
        )
        self.target = target
        self.reached = reached


def survivors(replicas: Sequence[int], lost: Sequence[float]) -> list[float]:
    """P(exactly k replicas remain) for k = 0 to all of them; sums to 1.

    Exact, by adding one pool after the other: a Poisson-binomial distribution whose trials have
    sizes.

    Args:
        replicas: how many there are in each pool, [pool].
        lost: P(the pool is lost, with all in it), 0 to 1, in the same order.
    """
    chance = [1.0]
    for size, gone in zip(replicas, lost, strict=True):
        if size == 0:
            continue
        grown = [gone * share for share in chance] + [0.0] * size
        for left, share in enumerate(chance):
            grown[left + size] += (1.0 - gone) * share
        chance = grown
    return chance


def probability_covered(replicas: Sequence[int], lost: Sequence[float], needed: int) -> float:
    """P(at least ``needed`` replicas remain); the arguments are those of `survivors`."""
    if needed <= 0:
        return 1.0
    return min(1.0, math.fsum(survivors(replicas, lost)[needed:]))


def headroom(
    replicas_by_pool: Mapping[Pool, int],
    needed: int,
    lead_time: timedelta,
    target: float,
    *,
    forecasts: Mapping[Pool, Mapping[int, float]],
    unknown: float = SURELY_LOST,
    places: Sequence[Pool] | None = None,
    most: int = MOST_SPARES,
) -> int:
    """The fewest replicas to add to those held now, so that enough of them outlast the lead time.

    Enough: P(at least ``needed`` remain) is ``target`` or more. With given places, or evenly
    spread ones, the answer never falls when the lead time, a probability or the target rises.

    Args:
        replicas_by_pool: replicas held now; a pool with 0 is one that may take a spare.
        needed: replicas that must remain.
        lead_time: how long a new replica takes until it serves; at most 24 hours.
        target: the wanted probability; above 0, at most 1.
        forecasts: P(lost within the horizon) of each pool by horizon in minutes; between horizons
            as `interpolation.risk_within` has it. A missing pool or nan is unknown.
        unknown: the probability assumed of an unknown pool.
        places: the pools of the spares in order, see `safest_places`; None spreads them evenly.
        most: where the search ends when ``places`` is None.

    Raises:
        TargetOutOfReachError: not even all the spares meet the target.
        LeadTimeError: a forecast does not reach that far.
        ValueError: a number is out of range.
    """
    lost = pools_lost_within(forecasts, lead_time)
    return spares_needed(
        replicas_by_pool, needed, lost, target, unknown=unknown, places=places, most=most
    )


def spares_needed(
    replicas_by_pool: Mapping[Pool, int],
    needed: int,
    lost_within: Mapping[Pool, float],
    target: float,
    *,
    unknown: float = SURELY_LOST,
    places: Sequence[Pool] | None = None,
    most: int = MOST_SPARES,
) -> int:
    """The same as `headroom`, from P(lost within the lead time) of each pool.

    A pool that is missing in ``lost_within`` or nan there is unknown.

    Raises:
        TargetOutOfReachError: not even all the spares meet the target.
        ValueError: a number is out of range.
    """
    _check(replicas_by_pool, needed, target)
    order = _spread(replicas_by_pool, most) if places is None else places
    held = {pool: replicas_by_pool.get(pool, 0) for pool in sorted({*replicas_by_pool, *order})}
    lost = [_probability(lost_within, pool, unknown) for pool in held]
    return _fewest(held, order, lost, needed, target=target)


def _fewest(
    held: dict[Pool, int], order: Sequence[Pool], lost: list[float], needed: int, *, target: float
) -> int:
    """Spares added in order until the target is met; ``held`` and ``lost`` pool by pool."""
    reached = probability_covered([*held.values()], lost, needed)
    spares = 0
    while reached < target and spares < len(order):
        held[order[spares]] += 1
        spares += 1
        reached = probability_covered([*held.values()], lost, needed)
    if reached < target:
        raise TargetOutOfReachError(target, reached, spares)
    return spares


def safest_places(
    replicas_by_pool: Mapping[Pool, int],
    lost_within: Mapping[Pool, float],
    count: int,
    *,
    unknown: float = SURELY_LOST,
) -> list[Pool]:
    """Where ``count`` spares would best be placed, in this order: safe pools, not all in one.

    Each goes where it adds least to the sum over pools of probability x replicas squared, the
    expected size of a loss weighed by its size; ties by `Pool` order. A pool below
    `SAFEST_PROBABILITY` counts as that, so that several safe pools share.
    """
    held = dict(replicas_by_pool)
    cost = {
        pool: max(_probability(lost_within, pool, unknown), SAFEST_PROBABILITY) for pool in held
    }
    chosen: list[Pool] = []
    for _ in range(count if held else 0):
        place = min(sorted(held), key=lambda pool: cost[pool] * (2 * held[pool] + 1))
        held[place] += 1
        chosen.append(place)
    return chosen


def checkpoint_interval(
    hazard_per_hour: float,
    cost: timedelta,
    *,
    longest: timedelta = LONGEST_CHECKPOINT_INTERVAL,
) -> timedelta:
    """How long a job should work between two checkpoints, so that least time is lost.

    Daly's higher-order formula (Future Generation Computer Systems 22, 2006, pages 303-312),
    which refines sqrt(2 x cost x mean time to interruption) of J. W. Young (Communications of
    the ACM 17, 1974, pages 530-531). For a constant hazard and no notice: a notice long enough
    for a checkpoint saves the work anyhow. Where a checkpoint costs twice the mean time to
    interruption or more, the interval is that mean time (Daly), and the job should be elsewhere.

    Args:
        hazard_per_hour: interruptions per hour; 0 gives ``longest``, nan is refused.
        cost: how long one checkpoint takes the job off its work.
        longest: no answer is above it.

    Raises:
        ValueError: a hazard that is negative, infinite or nan; a cost that is not above 0.
    """
    if not (math.isfinite(hazard_per_hour) and hazard_per_hour >= 0):
        raise ValueError(f"hazard_per_hour {hazard_per_hour} is not a finite number from 0")
    if cost <= timedelta(0) or longest <= timedelta(0):
        raise ValueError("cost and longest must be above 0")
    cost_h, longest_h = cost / timedelta(hours=1), longest / timedelta(hours=1)
    if hazard_per_hour == 0:
        return longest
    mean_h = 1 / hazard_per_hour
    if cost_h >= 2 * mean_h:
        return min(timedelta(hours=mean_h), longest)
    ratio = cost_h / (2 * mean_h)
    interval_h = math.sqrt(2 * cost_h * mean_h) * (1 + math.sqrt(ratio) / 3 + ratio / 9) - cost_h
    return timedelta(hours=min(interval_h, longest_h))


def _check(replicas_by_pool: Mapping[Pool, int], needed: int, target: float) -> None:
    if needed < 0 or any(count < 0 for count in replicas_by_pool.values()):
        raise ValueError("replicas are counted from 0")
    if not 0 < target <= 1:
        raise ValueError(f"target {target} is not a probability above 0")


def _probability(lost_within: Mapping[Pool, float], pool: Pool, unknown: float) -> float:
    """What is assumed of a pool; nan in the mapping is as unknown as a missing pool."""
    given = lost_within.get(pool, math.nan)
    used = unknown if math.isnan(given) else given
    if not 0 <= used <= 1:
        raise ValueError(f"{pool}: {used} is not a probability")
    return used


def _spread(replicas_by_pool: Mapping[Pool, int], count: int) -> list[Pool]:
    """The places of ``count`` spares, each where there are fewest; none if there is no pool."""
    held = dict(replicas_by_pool)
    chosen: list[Pool] = []
    for _ in range(count if held else 0):
        place = min(sorted(held), key=lambda pool: held[pool])
        held[place] += 1
        chosen.append(place)
    return chosen
