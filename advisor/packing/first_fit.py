"""First-fit decreasing over choices of node: an answer at once, and patterns to start from.

Given what a pod of each item is worth, the node bought next is the one that holds most worth per
dollar; with the worths of the solver's linear programme this is its rounding.
"""

import numpy as np

from advisor.packing.knapsack import TINY, filled, worth_bounds
from advisor.packing.problem import Columns, Floats, Ints, Problem


def naive_worth(problem: Problem) -> Floats:
    """(items,): what a pod costs on the choice that is cheapest for it, by the share it takes."""
    capacity = np.maximum(problem.capacity, 1).astype(float)
    worth = np.full(problem.items, np.inf)
    for choice in range(problem.choices):
        share = (problem.demand / capacity[choice]).max(axis=1) * problem.cost[choice]
        fitting = problem.most[:, choice] > 0
        worth[fitting] = np.minimum(worth[fitting], share[fitting])
    return np.where(np.isfinite(worth), worth, 0.0)


def first_fit(
    problem: Problem, worth: Floats, counts: Ints, *, nodes: int | None = None
) -> Columns:
    """Nodes that hold ``counts`` (items,) pods, one row per node: never a pod left over.

    Each turn buys the node with most worth per dollar, as often as it can be filled so; ``nodes``
    is how many turns, None for all. What a choice offered when last looked at, or could offer at
    best, is taken for what it offers now, as there is ever less to fill it with: most need no look.
    """
    left = counts.copy()
    patterns: list[Ints] = []
    bought: list[int] = []
    offered = worth_bounds(problem, np.where(left > 0, np.maximum(worth, TINY), 0.0)) / problem.cost
    fresh: dict[int, Ints] = {}
    while left.any() and (nodes is None or len(bought) < nodes):
        floor = np.where(left > 0, np.maximum(worth, TINY), 0.0)
        best = int(np.argmax(offered))
        if offered[best] <= 0:
            raise ValueError("an item fits no choice: such items are to be left out before")
        if best not in fresh:
            fresh[best] = filled(problem, best, left, floor)
            offered[best] = fresh[best] @ floor / problem.cost[best]
            continue
        some = fresh[best] > 0
        times = int((left[some] // fresh[best][some]).min())
        patterns += [fresh[best]] * times
        bought += [best] * times
        left = left - times * fresh[best]
        fresh.clear()
    return Columns(
        np.array(patterns, dtype=np.int64).reshape(-1, problem.items),
        np.array(bought, dtype=np.int64),
    )
