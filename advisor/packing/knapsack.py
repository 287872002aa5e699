"""One node: what to fill it with, and how much worth it can hold at most.

A knapsack of several resources. `filled` is for one node at a time and fills it well; `best_fills`
fills one node of each choice at the same time, for when there are many to look at.
"""

import itertools

import numpy as np

from advisor.packing.problem import Floats, Ints, Problem

SWAPS = 20
"""Exchanges in one node at most: each raises its worth, and few nodes take more than ten."""

SMALL = 0.35
"""Power of a pod's size in the order of filling: large ones first, but not at any price."""

TINY = 1e-9
"""Worth of a pod that the prices say is worth nothing: it is to be placed all the same."""


def filled(problem: Problem, choice: int, left: Ints, worth: Floats) -> Ints:
    """(items,): one node of ``choice`` filled with what is worth most, then bettered by swaps."""
    capacity = np.maximum(problem.capacity[choice], 1)
    share = problem.demand / capacity
    largest = share.max(axis=1) ** SMALL * worth
    room = problem.capacity[choice].copy()
    pattern = np.zeros(problem.items, dtype=np.int64)
    open_to = np.where(worth > 0, np.minimum(left, problem.most[:, choice]), 0)
    while True:
        may = (open_to > pattern) & (problem.demand <= room).all(axis=1)
        if problem.node_rules:
            may &= _allowed(problem, pattern) > 0
        items = np.flatnonzero(may)
        if not len(items):
            break
        # What takes little of what is scarce in this node by now.
        scarcity = capacity / np.maximum(room, 1e-3 * capacity)
        item = items[int(np.argmax(largest[items] / np.maximum(share[items] @ scarcity, TINY)))]
        pattern[item] += 1
        room -= problem.demand[item]
    if not problem.node_rules:
        swap(problem, open_to, worth, pattern, room)
    return pattern


def _allowed(problem: Problem, pattern: Ints) -> Ints:
    """(items,): how many more of each the rules of a node allow, taken alone."""
    more = np.full(problem.items, np.iinfo(np.int64).max, dtype=np.int64)
    for rule in problem.node_rules:
        members = list(rule.members)
        room = max(rule.limit - int(pattern[members].sum()), 0)
        if rule.owner is None or pattern[rule.owner] > 0:
            more[members] = np.minimum(more[members], room)
        elif rule.owner in rule.members:
            more[rule.owner] = min(int(more[rule.owner]), room)
        elif int(pattern[members].sum()) > rule.limit:
            more[rule.owner] = 0
    return more


def swap(problem: Problem, open_to: Ints, worth: Floats, pattern: Ints, room: Ints) -> None:
    """Exchange one pod for one that is worth more while there is one that fits; in place."""
    for _ in range(SWAPS):
        inside, outside = np.flatnonzero(pattern), np.flatnonzero(open_to > pattern)
        if not len(inside) or not len(outside):
            return
        gain = worth[outside][None, :] - worth[inside][:, None]
        freed = room[None, :] + problem.demand[inside]
        fitting = (problem.demand[outside][None, :, :] <= freed[:, None, :]).all(axis=2)
        gain = np.where(fitting, gain, 0.0)
        best = np.unravel_index(int(np.argmax(gain)), gain.shape)
        if gain[best] <= TINY:
            return
        out, into = inside[best[0]], outside[best[1]]
        pattern[out] -= 1
        pattern[into] += 1
        room += problem.demand[out] - problem.demand[into]


def fill(problem: Problem, order: Ints, left: Ints, choices: Ints) -> Ints:
    """(choices, items): each node filled in its own ``order``, with as many of each as go.

    ``order`` is (choices, items): item indices, first to last; ``left`` is (items,) or
    (choices, items): how many pods there are still to place.
    """
    rows = np.arange(len(choices))
    room = problem.capacity[choices].copy()
    pattern = np.zeros((len(choices), problem.items), dtype=np.int64)
    amounts = np.minimum(problem.most[:, choices].T, left)
    asked = np.maximum(problem.demand, 0)
    divisor = np.where(asked > 0, asked, 1)
    is_free = asked == 0
    guards = _Guards(problem)
    for step in range(order.shape[1]):
        item = order[:, step]
        amount = amounts[rows, item]
        if not amount.any():
            continue
        share = np.where(is_free[item], np.iinfo(np.int64).max, room // divisor[item])
        amount = np.minimum(amount, share.min(axis=1))
        if guards.rules:
            amount = guards.narrowed(item, amount, pattern)
        pattern[rows, item] = amount
        room -= amount[:, None] * asked[item]
    return pattern


class _Guards:
    """The rules of a node, asked for many half-filled nodes at once."""

    def __init__(self, problem: Problem) -> None:
        self.rules = problem.node_rules
        self.members = np.zeros((len(self.rules), problem.items), dtype=np.bool_)
        for at, rule in enumerate(self.rules):
            self.members[at, list(rule.members)] = True

    def narrowed(self, item: Ints, amount: Ints, pattern: Ints) -> Ints:
        """At most what the rules leave of ``amount`` of each row's item."""
        for rule, members in zip(self.rules, self.members, strict=True):
            held = pattern @ members
            room = np.maximum(rule.limit - held, 0)
            is_member = members[item]
            if rule.owner is None:
                amount = np.where(is_member, np.minimum(amount, room), amount)
                continue
            is_owner = item == rule.owner
            is_bound = is_owner | (pattern[:, rule.owner] > 0)
            amount = np.where(is_member & is_bound, np.minimum(amount, room), amount)
            amount = np.where(is_owner & ~is_member & (held > rule.limit), 0, amount)
        return amount


def sizes(problem: Problem) -> Floats:
    """(items,): the largest share of any resource that one pod takes of all that is offered."""
    most = np.maximum(problem.capacity.max(axis=0), 1)
    largest: Floats = (problem.demand / most).max(axis=1)
    return largest


def densities(problem: Problem, worth: Floats, choices: Ints, scarcity: Floats) -> Floats:
    """(choices, items): worth by the share of a node that a pod takes.

    ``scarcity`` (resources,) weighs the resources against each other.
    """
    capacity = np.maximum(problem.capacity[choices], 1)
    weight = scarcity[None, :] / capacity
    taken = weight @ problem.demand.T
    return worth[None, :] / np.maximum(taken, 1e-12)


def orders(problem: Problem, worth: Floats, choices: Ints) -> list[Ints]:
    """The orders in which a node is worth filling: by density for two weighings, and by size."""
    wide = problem.bounds @ problem.demand
    offered = np.maximum(problem.capacity.max(axis=0), 1)
    scarce = wide / offered
    scarce /= max(float(scarce.max()), 1e-12)
    even = np.where(wide > 0, 1.0, 0.0)
    sized = sizes(problem)
    found = [
        np.argsort(-densities(problem, worth, choices, weight), axis=1, kind="stable")
        for weight in (even, scarce)
    ]
    valued = np.where(worth > 0, 1.0, 0.0)
    largest = np.argsort(-(sized * valued), kind="stable")
    return [*found, np.broadcast_to(largest, (len(choices), problem.items))]


def best_fills(problem: Problem, worth: Floats, left: Ints, choices: Ints) -> tuple[Ints, Floats]:
    """(choices, items) and (choices,): of the ways to fill each node the one of most worth."""
    patterns = [fill(problem, order, left, choices) for order in orders(problem, worth, choices)]
    worths = np.array([pattern @ worth for pattern in patterns])
    best = worths.argmax(axis=0)
    rows = np.arange(len(choices))
    return np.stack(patterns)[best, rows], worths[best, rows]


def worth_bounds(problem: Problem, worth: Floats) -> Floats:
    """(choices,): more worth than this no node of the choice can hold.

    All resources are put into one by weights, and pods may be cut: the least of several weights.
    """
    weights = _weights(problem)
    bounds = np.zeros(problem.choices)
    for choice in range(problem.choices):
        items = np.flatnonzero((problem.most[:, choice] > 0) & (worth > 0))
        if not len(items):
            continue
        most = problem.most[items, choice]
        share = problem.demand[items] / np.maximum(problem.capacity[choice], 1)
        taken = np.maximum(share @ weights.T, 1e-12)
        order = np.argsort(-worth[items, None] / taken, axis=0, kind="stable")
        sizes = np.take_along_axis(taken * most[:, None], order, axis=0)
        worths = (worth[items] * most)[order]
        full = np.cumsum(sizes, axis=0)
        # The part of each pod that still fits, in order of worth by size.
        part = np.clip((1 - (full - sizes)) / sizes, 0.0, 1.0)
        bounds[choice] = (part * worths).sum(axis=0).min()
    return bounds * (1 + 1e-9)


def _weights(problem: Problem) -> Floats:
    """(weights, resources): each resource alone, pairs in ten mixtures, triples evenly."""
    used = np.flatnonzero(problem.demand.any(axis=0))
    width = problem.demand.shape[1]
    rows = [np.eye(width)[one] for one in used]
    for one, other in itertools.combinations(used, 2):
        parts = np.arange(0.1, 0.95, 0.1)
        rows += [part * np.eye(width)[one] + (1 - part) * np.eye(width)[other] for part in parts]
    rows += [np.eye(width)[list(three)].mean(axis=0) for three in itertools.combinations(used, 3)]
    return np.array(rows)
