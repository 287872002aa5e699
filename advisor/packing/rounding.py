"""Whole pods on whole nodes, out of a relaxation's fractions.

The nodes of a relaxation with whole nodes are bought, the pods are shared out between them by one
linear programme, and the same is done again with the pods that came out in pieces.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from advisor.packing.first_fit import first_fit
from advisor.packing.knapsack import TINY, filled, swap
from advisor.packing.milp import WHOLE, Programme, in_fractions, in_whole_numbers
from advisor.packing.problem import Bools, Columns, Floats, Ints, Problem
from advisor.packing.relaxation import relaxed, whole_nodes
from advisor.packing.sparse import Entries, matrix

WHOLE_PAIRS, WHOLE_SECONDS = 2_000, 0.7
"""Pairs of item and node that are shared out in whole pods, and the time for it."""

PLAN_DEAR = 0.005
"""Share of the cost from which a plan's nodes are whole."""
TAIL_SECONDS = 0.3
"""For the plans of pods that were left over."""

PART = 0.3
"""Part of a node from which a plan's fraction is bought as a whole one: pods that come out in
pieces want room as well."""

SPREAD = 40
"""Nodes that one linear programme shares pods out to: its work grows with their square."""
SPREAD_SECONDS = 2.5
"""The interior-point method takes a half to a quarter of the simplex method's time here: nodes that
are alike make it stall."""

EMPTINESS = 0.2
"""Weight of a node's emptiness against how well a pod's proportions suit its free room."""


def planned(
    problem: Problem,
    counts: Ints,
    seconds_left: Callable[[], float],
    *,
    seconds: float,
    nodes: Floats | None = None,
    spare: float = 0.0,
) -> Columns:
    """One row per node, holding ``counts`` (items,) pods.

    ``nodes`` is the first plan, if there is one; else it is made in ``seconds``, with pods that are
    larger by the share ``spare``: the more room a plan has, the fewer pods are left without any.
    What is left when time is up is packed by first fit.
    """
    left = counts.copy()
    found = Columns(np.zeros((0, problem.items), dtype=np.int64), np.zeros(0, dtype=np.int64))
    worth = np.full(problem.items, TINY)
    while left.any() and seconds_left() > 0:
        rest = reduced(problem, left)
        prices = relaxed(rest)
        worth = np.maximum(prices.worth, TINY)
        if nodes is None:
            model = clustered(rest, spare)
            limit = min(seconds, seconds_left())
            nodes = whole_nodes(model, prices.cost, seconds=limit, dear=PLAN_DEAR).nodes
        plan = np.ceil((prices.nodes if nodes is None else nodes) - PART).astype(np.int64)
        bins = np.repeat(np.arange(problem.choices), plan)
        placed = placed_on(rest, bins, left, worth)
        used = placed.any(axis=1)
        if not used.any():
            break
        found = found.followed_by(Columns(placed[used], bins[used]))
        left = left - placed.sum(axis=0)
        nodes, seconds = None, TAIL_SECONDS
    if left.any():
        found = found.followed_by(first_fit(reduced(problem, left), worth, left))
    return found


def placed_on(problem: Problem, bins: Ints, left: Ints, worth: Floats) -> Ints:
    """(bins, items): pods on these nodes, worth as much as may be.

    The dearest `SPREAD` share the pods out between them; before that the others, of which there
    may be hundreds that are alike, are filled one by one.
    """
    placed = np.zeros((len(bins), problem.items), dtype=np.int64)
    by_cost = np.argsort(-problem.cost[bins], kind="stable")
    out = left.copy()
    for at in by_cost[SPREAD:]:
        placed[at] = filled(problem, int(bins[at]), out, worth)
        out -= placed[at]
    dear = by_cost[:SPREAD]
    placed[dear] = spread(problem, bins[dear], out, worth)
    out = left - placed.sum(axis=0)
    _insert(problem, bins, placed, out)
    if not problem.node_rules:
        _swap_all(problem, bins, placed, out, worth)
        _insert(problem, bins, placed, out)
    return placed


def spread(problem: Problem, bins: Ints, left: Ints, worth: Floats) -> Ints:
    """(bins, items): the whole pods of the linear programme that shares them out."""
    item, place = np.nonzero((problem.most[:, bins] > 0) & (left > 0)[:, None])
    placed = np.zeros((len(bins), problem.items), dtype=np.int64)
    if not len(item):
        return placed
    most = np.minimum(left[item], problem.most[item, bins[place]]).astype(float)
    pairs = np.arange(len(item))
    entries: list[Entries] = [(item, pairs, np.ones(len(item)))]
    height = problem.items
    for resource in range(problem.demand.shape[1]):
        asked = problem.demand[item, resource]
        some = asked > 0
        share = asked[some] / np.maximum(problem.capacity[bins[place[some]], resource], 1)
        entries.append((height + place[some], pairs[some], share))
        height += len(bins)
    shared = _shared(
        Programme(
            cost=-worth[item],
            rows=matrix(entries, (height, len(item))),
            limits=np.concatenate((left, np.ones(height - problem.items))).astype(float),
            most=most,
        )
    )
    if shared is not None:
        placed[place, item] = np.floor(shared + WHOLE).astype(np.int64)
    _mend(problem, bins, placed)
    return placed


def _shared(programme: Programme) -> Floats | None:
    """The answer, in whole numbers where there are few; None if out of time."""
    if len(programme.cost) <= WHOLE_PAIRS:
        return in_whole_numbers(programme, seconds=WHOLE_SECONDS, gap=1e-4).x
    solved = in_fractions(programme, seconds=SPREAD_SECONDS, interior=True)
    return None if solved is None else solved.x


def _mend(problem: Problem, bins: Ints, placed: Ints) -> None:
    """Take pods off nodes that the solver's tolerance, or a rule, finds too full; in place."""
    for at, choice in enumerate(bins):
        while not problem.allows(placed[at], int(choice)):
            held = np.flatnonzero(placed[at])
            placed[at, held[int(np.argmax(problem.demand[held, 0]))]] -= 1


def _insert(problem: Problem, bins: Ints, placed: Ints, left: Ints) -> None:
    """Put what is left on nodes, the largest first; ``placed`` and ``left`` in place.

    A node suits a pod whose free room has the pod's proportions, and that is nearly full.
    """
    whole = np.maximum(problem.capacity[bins].sum(axis=0), 1).astype(float)
    room = problem.capacity[bins] - placed @ problem.demand
    sizes = (problem.demand * (problem.bounds @ problem.demand) / whole**2).sum(axis=1)
    for item in np.argsort(-sizes, kind="stable"):
        while left[item] > 0:
            may = (room >= problem.demand[item]).all(axis=1)
            may &= problem.most[item, bins] > placed[:, item]
            at = _suited(
                problem, bins, placed, int(item), may=np.flatnonzero(may), room=room / whole
            )
            if at is None:
                break
            placed[at, item] += 1
            left[item] -= 1
            room[at] -= problem.demand[item]


def _suited(
    problem: Problem, bins: Ints, placed: Ints, item: int, *, may: Ints, room: Floats
) -> int | None:
    """The best of the nodes ``may`` for one pod that the rules allow; None if there is none."""
    if not len(may):
        return None
    free = room[may]
    whole = np.maximum(problem.capacity[bins].sum(axis=0), 1)
    aligned = free @ (problem.demand[item] / whole) / np.maximum(np.linalg.norm(free, axis=1), TINY)
    emptiness = free.sum(axis=1) / (problem.capacity[bins[may]] / whole).sum(axis=1)
    for at in may[np.argsort(EMPTINESS * emptiness - aligned, kind="stable")]:
        more = placed[at].copy()
        more[item] += 1
        if not problem.node_rules or problem.allows(more, int(bins[at])):
            return int(at)
    return None


def _swap_all(problem: Problem, bins: Ints, placed: Ints, left: Ints, worth: Floats) -> None:
    """Exchange pods on each node for dearer ones that are left; in place."""
    for at, choice in enumerate(bins):
        pattern = placed[at].copy()
        room = problem.capacity[choice] - pattern @ problem.demand
        open_to = np.minimum(pattern + left, problem.most[:, choice])
        swap(problem, open_to, worth, pattern, room)
        left += placed[at] - pattern
        placed[at] = pattern


def reduced(problem: Problem, left: Ints) -> Problem:
    """The same problem for ``left`` (items,) pods, each in the zone that was chosen for it."""
    return Problem(
        demand=problem.demand,
        kind=np.arange(problem.items, dtype=np.int64),
        count=left,
        capacity=problem.capacity,
        cost=problem.cost,
        fits=problem.fits,
        node_rules=problem.node_rules,
    )


UNCLUSTERED = 60
"""Items up to which none are grouped: rules of a node are lost where they are."""

CLUSTERS = 30
"""Groups that unlike items are put in to plan nodes: the plan is a guess, so means will do."""


CUT = 2
"""Resources, CPU and memory, of which a spare share makes sense; the others come in pieces."""


def _padded(problem: Problem, spare: float) -> Problem:
    """The same with pods that take more CPU and memory by the share ``spare``."""
    demand = problem.demand.copy()
    demand[:, :CUT] = np.ceil(demand[:, :CUT] * (1 + spare)).astype(np.int64)
    return replace(problem, demand=demand, fits=problem.fits & _room(problem, demand))


def _room(problem: Problem, demand: Ints) -> Bools:
    """(items, choices): which of the larger pods still fit an empty node."""
    return np.asarray((demand[:, None, :] <= problem.capacity[None]).all(axis=2), dtype=np.bool_)


def clustered(problem: Problem, spare: float = 0.0) -> Problem:
    """Fewer items, each the mean of some that are alike, for planning; no bound follows from it.

    Means are larger by the share ``spare``.
    """
    some = np.flatnonzero(problem.count[problem.kind] > 0)
    if len(some) <= UNCLUSTERED:
        return problem if not spare else _padded(problem, spare)
    groups: dict[bytes, list[int]] = {}
    for item in some:
        key = problem.demand[item, 2:].tobytes() + np.packbits(problem.most[item] > 0).tobytes()
        groups.setdefault(key, []).append(int(item))
    parts: list[Ints] = []
    for members in groups.values():
        ratio = problem.demand[members, 1] / np.maximum(problem.demand[members, 0], 1)
        ordered = np.array(members)[np.argsort(ratio, kind="stable")]
        pieces = max(1, round(CLUSTERS * len(members) / len(some)))
        parts += [one for one in np.array_split(ordered, min(pieces, len(ordered))) if len(one)]
    counts = problem.bounds
    return Problem(
        demand=np.array(
            [
                np.ceil(
                    (problem.demand[one] * counts[one, None]).sum(axis=0)
                    / counts[one].sum()
                    * np.where(np.arange(problem.demand.shape[1]) < CUT, 1 + spare, 1)
                )
                for one in parts
            ]
        ).astype(np.int64),
        kind=np.arange(len(parts), dtype=np.int64),
        count=np.array([counts[one].sum() for one in parts], dtype=np.int64),
        capacity=problem.capacity,
        cost=problem.cost,
        fits=np.array([problem.fits[one].all(axis=0) for one in parts]),
    )
