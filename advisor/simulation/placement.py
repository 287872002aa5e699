"""Where the next replica goes, and which one goes first: the rules that policies share.

A rule gives each pool the cost of taking one more replica on top of what it has; the cheapest is
next, and the dearest is the first to be let go. Ties are broken by an order drawn once per step,
the same for all policies.
"""

from collections.abc import Callable

import numpy as np

from advisor.risk.headroom import SAFEST_PROBABILITY
from advisor.simulation.availability import Bools, Floats, Integers

Rule = Callable[[Integers], Floats]
"""From replicas in each pool, [pool], to the cost of one more there, [pool]."""

TIE = 1e-9
"""Weight of the tie order; below any difference that a rule means."""


def evenly(order: Floats) -> Rule:
    """The pool with the fewest replicas is next; ``order`` [pool] is from 0 to 1."""
    return lambda count: count.astype(np.float64) + order


def by_risk(risk: Floats, order: Floats) -> Rule:
    """Safe pools are next, but not all in one; as `advisor.risk.headroom.safest_places`.

    Args:
        risk: P(lost) of each pool; an unknown one (nan) counts as lost for sure.
        order: the tie order, [pool].
    """
    cost = np.maximum(np.where(np.isnan(risk), 1.0, risk), SAFEST_PROBABILITY)
    return lambda count: cost * (2 * count + 1) + TIE * order


def best_first(score: Floats, most: int, order: Floats) -> Rule:
    """The pool with the lowest score is next until it holds ``most``; then the next one."""
    place = np.argsort(np.argsort(score + TIE * order)).astype(np.float64)
    return lambda count: (count // most).astype(np.float64) * place.size + place


def resized(
    count: Integers, total: int, allowed: Bools, rule: Rule, most: int | None = None
) -> Integers:
    """The replicas in each pool once there are ``total``, or as many as ``most`` lets there be.

    Those there stay where they are: only what is too much goes, and only what is missing comes.

    Args:
        count: replicas in each pool now, [pool].
        total: how many there shall be.
        allowed: pools that may take one, [pool].
        rule: what one more costs.
        most: the limit of one pool; None is no limit.
    """
    held = count.copy()
    for _ in range(int(held.sum()), total):
        free = allowed if most is None else allowed & (held < most)
        if not free.any():
            break
        held[np.argmin(np.where(free, rule(held), np.inf))] += 1
    for _ in range(total, int(held.sum())):
        held[np.argmax(np.where(held > 0, rule(held - 1), -np.inf))] -= 1
    return held


class LossRates:
    """What a bandit knows: the losses and hours of its own machines, by pool."""

    def __init__(self, pools: int) -> None:
        self.losses = np.zeros(pools)
        self.hours = np.zeros(pools)

    def learn(self, held: Bools, lost: Bools, hours: float) -> None:
        """One step: where it had machines and where they were lost, each [pool]."""
        self.hours += held * hours
        self.losses += lost

    def lower_bound(self) -> Floats:
        """Losses per hour, at the hopeful end of what is known; [pool], lower is better.

        UCB1's radius (Auer, Cesa-Bianchi and Fischer, Machine Learning 47, 2002) with hours in
        place of pulls; half an hour keeps an untried pool finite and first.
        """
        hours = self.hours + 0.5
        total = max(float(hours.sum()), 2.0)
        radius: Floats = np.sqrt(2 * np.log(total) / hours)
        return self.losses / hours - radius


class ActiveZones:
    """SpotHedge's two lists (arXiv 2411.01438): pools in favor, and those that took a machine."""

    def __init__(self, pools: int) -> None:
        self.active = np.ones(pools, dtype=np.bool_)

    def learn(self, lost: Bools, launched: Bools) -> None:
        """A pool that took a machine is out, one in which a launch came up is in; each [pool].

        With fewer than two left, all are in again.
        """
        self.active = (self.active | launched) & ~lost
        if np.count_nonzero(self.active) < min(2, self.active.size):
            self.active = np.ones_like(self.active)

    def usable(self, up: Bools) -> Bools:
        """Pools in favor that are up; if there is none, all that are up."""
        favored = self.active & up
        return favored if favored.any() else up
