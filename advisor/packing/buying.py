"""Patterns to buy: how often each, what pods are worth at that, and which pattern is worth most."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from advisor.packing.milp import WHOLE, Programme, in_fractions, in_whole_numbers
from advisor.packing.problem import Columns, Floats, Ints, Problem, Rule
from advisor.packing.sparse import entries_of, entries_of_dense, matrix
from advisor.packing.zones import with_zones


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The cheapest fractions of the columns: what they cost, and what one pod of an item is worth.

    The worths are the prices of the dual programme: no column holds more worth than it costs.
    """

    cost: float
    worth: Floats


@dataclass(frozen=True, slots=True)
class Bought:
    """How often each column is bought, and how many pods of each item these are to hold.

    They may hold more: a pattern covers what it can.
    """

    times: Ints
    """(columns,)."""
    counts: Ints
    """(items,)."""


def relax(problem: Problem, columns: Columns) -> Relaxed:
    """The linear programme over the columns, which must be able to place everything."""
    solved = in_fractions(_programme(problem, columns, np.inf))
    if solved is None:
        raise RuntimeError("HiGHS gave no answer to a programme that has one")
    return Relaxed(solved.cost, np.maximum(solved.prices[: problem.items], 0.0))


def buy(
    problem: Problem, columns: Columns, *, seconds: float, gap: float, at_most: float
) -> tuple[Bought | None, float]:
    """How often each column is bought at the least cost, and a bound on that cost.

    ``at_most`` is what is known to be possible: nothing dearer is looked for. None if nothing was
    found in time. The bound holds for these columns alone.
    """
    programme = _programme(problem, columns, float(problem.count.sum()), at_most)
    solved = in_whole_numbers(programme, seconds=seconds, gap=gap)
    low = max(solved.bound, 0.0)
    if solved.x is None:
        return None, low
    found = np.rint(solved.x).astype(np.int64)
    bought = len(columns.choice)
    counts = found[bought : bought + problem.items] if problem.is_zonal else problem.bounds
    return Bought(found[:bought], counts), low


def _programme(
    problem: Problem, columns: Columns, most: float, at_most: float = np.inf
) -> Programme:
    """Cover every item; where kinds choose zones, the pods per item are variables as well."""
    cost = problem.cost[columns.choice]
    entries = [entries_of_dense(-columns.patterns.T.astype(np.float64))]
    limits = np.zeros(problem.items) if problem.is_zonal else -problem.bounds.astype(float)
    if np.isfinite(at_most):
        every = np.arange(len(cost))
        entries.append((np.full(len(cost), problem.items), every, cost))
        limits = np.append(limits, at_most * (1 + WHOLE))
    upper = np.full(len(cost), most)
    if problem.is_zonal:
        return with_zones(problem, cost, entries, limits, upper)
    rows = matrix(entries, (len(limits), len(cost)))
    return Programme(cost=cost, rows=rows, limits=limits, most=upper)


def worthiest(
    problem: Problem, choice: int, worth: Floats, *, seconds: float, gap: float
) -> tuple[Ints, float]:
    """The pattern of ``choice`` that is worth most, and a bound on the worth of any."""
    pattern = np.zeros(problem.items, dtype=np.int64)
    items = np.flatnonzero((worth > 0) & (problem.most[:, choice] > 0))
    if not len(items):
        return pattern, 0.0
    # In units of the node's price, as its rows are in shares of the node.
    unit = float(problem.cost[choice])
    solved = in_whole_numbers(
        _knapsack(problem, choice, items, worth / unit), seconds=seconds, gap=gap
    )
    everything = float(worth[items] @ problem.most[items, choice])
    high = min(-solved.bound * unit, everything)
    if solved.x is None:
        return pattern, high
    pattern[items] = np.rint(solved.x[: len(items)]).astype(np.int64)
    # A whole number within tolerance may be one too many: such a pattern is not used.
    if not problem.allows(pattern, choice):
        pattern[:] = 0
    return pattern, high


def _knapsack(problem: Problem, choice: int, items: Ints, worth: Floats) -> Programme:
    """What one node may hold, in shares of it, by its rules."""
    demand, capacity = problem.demand[items].T, problem.capacity[choice]
    tight = np.flatnonzero(demand @ problem.most[items, choice] > capacity)
    rows, limits, owners = _node_rules(problem.node_rules, items, problem, choice)
    wide = len(items) + owners
    shares = (demand[tight] / capacity[tight][:, None]).astype(np.float64)
    entries = [entries_of_dense(shares), *entries_of(rows, below=len(tight))]
    return Programme(
        cost=np.concatenate((-worth[items], np.zeros(owners))),
        rows=matrix(entries, (len(tight) + len(rows), wide)),
        limits=np.concatenate((np.ones(len(tight)), np.array(limits, dtype=np.float64))),
        most=np.concatenate((problem.most[items, choice], np.ones(owners))).astype(float),
    )


def _node_rules(
    rules: Sequence[Rule], items: Ints, problem: Problem, choice: int
) -> tuple[list[dict[int, float]], list[float], int]:
    """Rules among ``items`` as rows; a rule with an owner takes a variable of its own."""
    place = {int(item): at for at, item in enumerate(items)}
    rows: list[dict[int, float]] = []
    limits: list[float] = []
    owned: dict[int, int] = {}
    for rule in rules:
        members = [one for one in rule.members if one in place]
        most = float(problem.most[members, choice].sum())
        if most <= rule.limit or (rule.owner is not None and rule.owner not in place):
            continue
        row = {place[one]: 1.0 for one in members}
        if rule.owner is None:
            rows.append(row)
            limits.append(float(rule.limit))
            continue
        if rule.owner not in owned:
            owned[rule.owner] = len(items) + len(owned)
            mine = float(problem.most[rule.owner, choice])
            rows.append({place[rule.owner]: 1.0, owned[rule.owner]: -mine})
            limits.append(0.0)
        rows.append({**row, owned[rule.owner]: most - rule.limit})
        limits.append(most)
    return rows, limits, len(owned)
