"""What is lost at once: the exact joint distribution of a common-shock model, on plain arrays.

A machine that is lost with probability q within the window has to survive each cause of loss: its
survival 1 - q is the product of (1 - q)^share over all causes, whose shares sum to 1. So every
machine's marginal is kept, whatever the shares. A cause is the machine's own bad luck or a shock
that a group shares: its pool, its type in the region, its family in the region, or its zone.

Groups hold pools of different risk. A shock has a strength, and reaches a pool only if it is
strong enough: what reaches a safe pool reaches the riskier ones of its group too. A pool that is
reached is hit with one probability, and each machine of a hit pool is taken with another. The
distribution for some machines therefore never depends on which others are placed beside them.

The sum over the states of all shocks is exact: given the zones' shocks the families are
independent, given a family's shock its types are, and given all of them the pools are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from advisor.risk.grid import Bools, Floats, Integers

MOST_STATES = 1024
"""States of a region's zones that are summed at most. Beyond, pools of nearly equal risk in one
zone are reached together: their marginals stay, their joint loss differs slightly."""

WINDOWS_AT_ONCE, POINTS_AT_ONCE = 512, 8
"""Worked out together: more takes memory and saves no time."""

Values = npt.NDArray[np.complex128] | npt.NDArray[np.float64]

Value = Callable[[int, Floats], Values]
"""What a pool contributes, given the loss probability of a machine: pool, [..] to [.., point]."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A kind of shock: its ``share`` of a machine's risk, 0 to 1.

    ``hit``: P(a pool that it reaches is hit). ``kill``: P(a machine of a hit pool is taken). Both
    are above 0 and at most 1.
    """

    share: float
    kill: float
    hit: float = 1.0


@dataclass(frozen=True, slots=True)
class Causes:
    """All kinds of shocks; what their shares leave of 1 is the machine's own.

    A pool may have several kinds (mild and severe), the wider groups have one each.
    """

    pool: tuple[Cause, ...]
    instance_type: Cause
    family: Cause
    zone: Cause

    @property
    def own(self) -> float:
        """The share that a machine shares with nobody; never below 0."""
        return max(0.0, 1.0 - sum(one.share for one in (*self.pool, *self.wide)))

    @property
    def wide(self) -> tuple[Cause, Cause, Cause]:
        """Those that reach over pools, in the order of the axes of a pool's table."""
        return (self.zone, self.family, self.instance_type)

    @property
    def probed(self) -> "Causes":
        """The same for probes by a launch: a pool that is hit has nothing left for the probe."""
        return replace(
            self,
            instance_type=replace(self.instance_type, kill=1.0),
            family=replace(self.family, kill=1.0),
            zone=replace(self.zone, kill=1.0),
        )


NONE = Cause(0.0, 1.0)

INDEPENDENT = Causes((), NONE, NONE, NONE)
"""Nothing is shared: each machine is lost by itself."""

WHOLE_POOLS = Causes((Cause(1.0, 1.0),), NONE, NONE, NONE)
"""A pool is lost with all in it, and pools are independent; as `headroom` takes them."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Which region, zone, family and type each pool is of, as numbers; [pool].

    Those of different regions have different numbers; a type is of one family.
    """

    region: Integers
    zone: Integers
    family: Integers
    instance_type: Integers


def numbered(names: Sequence[object]) -> Integers:
    """A number for each name; equal names have equal numbers."""
    place = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([place[name] for name in names], dtype=np.int64)


def losses(causes: Causes, groups: Groups, q: Floats, counts: Integers) -> Floats:
    """P(exactly k machines are lost) for k = 0 to the most that are there; [window, k].

    The generating function at the roots of unity, transformed back: exact to about 1e-15.

    Args:
        causes: the shocks.
        groups: of the pools.
        q: P(a machine is lost within the window), 0 to 1, [window, pool].
        counts: machines in each pool, [window, pool].
    """
    total = int(counts.sum(axis=1).max(initial=0))
    away = 1 - np.exp(-2j * np.pi * np.arange((total + 1) // 2 + 1) / (total + 1))
    transformed = np.empty((q.shape[0], away.size), dtype=np.complex128)
    for first in range(0, q.shape[0], WINDOWS_AT_ONCE):
        rows = slice(first, first + WINDOWS_AT_ONCE)
        for start in range(0, away.size, POINTS_AT_ONCE):
            points = slice(start, start + POINTS_AT_ONCE)
            generating = _generating(counts[rows], away[points])
            found = _expectation(causes, groups, q[rows], counts[rows], generating)
            transformed[rows, points] = found
    chance: Floats = np.fft.irfft(transformed, total + 1, axis=1)
    return np.clip(chance, 0.0, 1.0)


def _generating(counts: Integers, away: npt.NDArray[np.complex128]) -> Value:
    """The generating function of a pool's losses at some points, given as 1 - point."""

    def value(pool: int, lost: Floats) -> Values:
        there = counts[:, pool].reshape(-1, 1, 1, 1, 1)
        made: Values = (1 - lost[..., None] * away) ** there
        return made

    return value


def likelihood(
    causes: Causes, groups: Groups, q: Floats, counts: Integers, lost: Integers
) -> Floats:
    """P(given machines, ``lost`` of each pool's ``counts``, are lost and no others); [window].

    Arrays are as in `losses`.
    """

    def chance(pool: int, gone: Floats) -> Values:
        taken, there = (one[:, pool].reshape(-1, 1, 1, 1) for one in (lost, counts))
        made: Values = (gone**taken * (1 - gone) ** (there - taken))[..., None]
        return made

    return np.real(_expectation(causes, groups, q, counts, chance))[:, 0]


def _expectation(
    causes: Causes, groups: Groups, q: Floats, counts: Integers, value: Value
) -> Values:
    """The mean over all shocks of the product of the pools' values; [window, point]."""
    present = np.where(counts > 0, q, 0.0)
    several: Bools = np.asarray((counts > 1).any(axis=0))
    parts = [
        _region(causes, groups, present, several, value, np.flatnonzero(groups.region == one))
        for one in np.unique(groups.region)
    ]
    return _product(parts)


def _product(parts: Sequence[Values]) -> Values:
    made = parts[0]
    for part in parts[1:]:
        made = made * part
    return made


def _region(  # noqa: PLR0917 - one sum over arrays that belong together
    causes: Causes, groups: Groups, q: Floats, several: Bools, value: Value, pools: Integers
) -> Values:
    """The mean over the shocks of one region; [window, point]."""
    reach = _zone_reach(causes.zone, groups, q, pools)
    zones, zone_weight = _zone_states(groups, reach, pools)
    tables = [
        _pool(causes, q[:, pool], reach[:, place], value, int(pool), several=bool(several[pool]))
        for place, pool in enumerate(pools.tolist())
    ]
    families = list[Values]()
    for family in np.unique(groups.family[pools]):
        inside = np.flatnonzero(groups.family[pools] == family)
        reached, weight = _states(_reach(causes.family, q[:, pools[inside]])[0])
        kinds = groups.instance_type[pools[inside]]
        types = list[Values]()
        for kind in np.unique(kinds):
            own = np.flatnonzero(kinds == kind)
            by_type = _states(_reach(causes.instance_type, q[:, pools[inside[own]]])[0])
            chosen = [tables[place] for place in inside[own].tolist()]
            types.append(_type(chosen, zones[:, :, inside[own]], reached[:, :, own], by_type))
        families.append((_product(types) * weight[:, :, None, None]).sum(axis=1))
    made: Values = (_product(families) * zone_weight[:, :, None]).sum(axis=1)
    return made


def _type(
    tables: Sequence[Values], zones: Bools, family: Bools, by_type: tuple[Bools, Floats]
) -> Values:
    """The pools of one type, summed over its shock; [window, family state, zones' state, point]."""
    reached, weight = by_type
    window = np.arange(weight.shape[0])[:, None]
    parts = list[Values]()
    for column, table in enumerate(tables):
        by_zone = table[window, zones[:, :, column].astype(np.int64)]
        # From [window, zones, 2, 2, point] on, the axis that is looked up moves to the second.
        by_family = by_zone.swapaxes(1, 2)[window, family[:, :, column].astype(np.int64)]
        by_kind = np.moveaxis(by_family, 3, 1)[window, reached[:, :, column].astype(np.int64)]
        parts.append(by_kind)
    made: Values = (_product(parts) * weight[:, :, None, None, None]).sum(axis=1)
    return made


def _pool(
    causes: Causes, q: Floats, zone_reach: Floats, value: Value, pool: int, *, several: bool
) -> Values:
    """The pool's value by whether zone, family and type reach it; [window, 2, 2, 2, point]."""
    states = [(np.ones((q.size, 2, 2, 2)), np.ones((q.size, 2, 2, 2)))]
    for axis, cause in enumerate(causes.wide, 1):
        hit, taken = _within(cause, q, zone_reach if axis == 1 else _reach(cause, q)[0])
        shape = [q.size, 1, 1, 1]
        shape[axis] = 2
        reached = np.stack([np.zeros_like(hit), np.ones_like(hit)], axis=1).reshape(shape)
        states = _with(states, reached * _wide(hit), _wide(taken), several=several)
    alone = causes.own
    for cause in causes.pool:
        if several:
            reach = _reach(cause, q)[0]
            hit, taken = _within(cause, q, reach)
            states = _with(states, _wide(reach * hit), _wide(taken), several=True)
        else:
            alone += cause.share
    own = _wide(_power(1 - q, alone))
    made: Values = np.sum(
        [weight[..., None] * value(pool, 1 - own * left) for weight, left in states], axis=0
    )
    return made


def _with(
    states: list[tuple[Floats, Floats]], hit: Floats, taken: Floats, *, several: bool
) -> list[tuple[Floats, Floats]]:
    """The states (weight, survival of a machine) with one cause more.

    One machine alone is lost or not: its mean survival says all, and the states stay one.
    """
    if not several:
        return [(weight, left * (1 - hit * taken)) for weight, left in states]
    return [
        pair
        for weight, left in states
        for pair in ((weight * (1 - hit), left), (weight * hit, left * (1 - taken)))
    ]


def _wide(values: Floats) -> Floats:
    return values.reshape(-1, 1, 1, 1)


def _power(base: Floats, exponent: float) -> Floats:
    made: Floats = np.power(base, exponent)
    return made


def _reach(cause: Cause, q: Floats) -> tuple[Floats, Floats]:
    """P(a shock of the kind reaches the pool), and P(a machine is lost through it)."""
    loss = 1 - _power(1 - q, cause.share)
    return np.minimum(1.0, loss / (cause.hit * cause.kill)), loss


def _within(cause: Cause, q: Floats, reach: Floats) -> tuple[Floats, Floats]:
    """P(hit) once reached and P(a machine is taken) once hit: with ``reach`` they give the loss."""
    _, loss = _reach(cause, q)
    both = np.divide(loss, reach, out=np.zeros_like(loss), where=reach > 0)
    taken = np.clip(both, cause.kill, 1.0)
    return both / taken, taken


def _states(reach: Floats) -> tuple[Bools, Floats]:
    """The states of a shock: which pools it reaches, and how likely that is.

    [window, state, pool] and [window, state]; state 0 reaches none, the last one all.
    """
    used = max(1, int((reach > 0).sum(axis=1).max(initial=0)))
    falling = -np.sort(-reach, axis=1)[:, :used]
    edge = np.ones((len(reach), 1))
    weight = -np.diff(np.concatenate([edge, falling, 0 * edge], axis=1), axis=1)
    threshold = np.concatenate([np.inf * edge, falling], axis=1)
    return reach[:, None, :] >= threshold[:, :, None], weight


def _zone_reach(cause: Cause, groups: Groups, q: Floats, pools: Integers) -> Floats:
    """P(a zone's shock reaches each pool), with few enough different values; [window, pool]."""
    reach = _reach(cause, q[:, pools])[0]
    zones = np.unique(groups.zone[pools])
    most = max(1, int(MOST_STATES ** (1 / len(zones)) + 1e-9) - 1)
    for zone in zones:
        inside = np.flatnonzero(groups.zone[pools] == zone)
        reach[:, inside] = _merged(reach[:, inside], most)
    return reach


def _merged(reach: Floats, most: int) -> Floats:
    """At most ``most`` values above 0 in each row: neighbours in order get the highest of them."""
    used = int((reach > 0).sum(axis=1).max(initial=0))
    if used <= most:
        return reach
    order = np.argsort(-reach, axis=1, kind="stable")[:, :used]
    highest = np.arange(used) * most // used
    first = np.searchsorted(highest, highest)
    rows = np.arange(len(reach))[:, None]
    merged = reach.copy()
    merged[rows, order] = np.where(reach[rows, order] > 0, reach[rows, order[:, first]], 0.0)
    return merged


def _zone_states(groups: Groups, reach: Floats, pools: Integers) -> tuple[Bools, Floats]:
    """The states of all zones' shocks together; [window, state, pool] and [window, state]."""
    windows = reach.shape[0]
    reached = np.zeros((windows, 1, pools.size), dtype=np.bool_)
    weight = np.ones((windows, 1))
    for zone in np.unique(groups.zone[pools]):
        inside = np.flatnonzero(groups.zone[pools] == zone)
        states, chance = _states(reach[:, inside])
        before = reached.shape[1]
        reached = np.repeat(reached, states.shape[1], axis=1)
        reached[:, :, inside] = np.tile(states, (1, before, 1))
        weight = (weight[:, :, None] * chance[:, None, :]).reshape(windows, -1)
    return reached, weight
