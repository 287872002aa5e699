"""The solver: scipy's HiGHS, spoken to in one place.

Three questions are put to it: which patterns to buy and how often (as a linear programme, for
prices of the items; in whole numbers, for an answer), which pattern of one choice is worth most,
and how many pods of a kind go to each zone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import coo_array, csr_array

from advisor.packing.problem import Floats, Ints, Problem, Rule

WHOLE = 1e-6
"""HiGHS' own tolerance: a number this near to a whole one is whole."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Patterns that can be bought: one row each."""

    patterns: Ints
    """(columns, items)."""
    choice: Ints
    """(columns,)."""

    def joined(self, other: "Columns") -> "Columns":
        """Both, each pattern of a choice once, in order."""
        patterns = np.vstack((self.patterns, other.patterns))
        choice = np.concatenate((self.choice, other.choice))
        keyed = np.column_stack((choice, patterns))
        _, first = np.unique(keyed, axis=0, return_index=True)
        first.sort()
        return Columns(patterns[first], choice[first])


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The cheapest fractions of the columns: what they cost, and what one pod of an item is worth.

    The worths are the prices of the dual programme: no column holds more worth than it costs.
    """

    cost: float
    worth: Floats
    fraction: Floats


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
    model = _model(problem, columns, whole=False)
    solved = linprog(
        model.cost,
        A_ub=model.upper,
        b_ub=model.upper_limit,
        A_eq=model.equal,
        b_eq=model.equal_to,
        bounds=np.column_stack((np.zeros(len(model.cost)), model.most)),
        method="highs",
    )
    if solved.x is None:
        raise RuntimeError(f"HiGHS gave no answer to a feasible programme: {solved.message}")
    worth = np.maximum(-np.asarray(solved.ineqlin.marginals)[: problem.items], 0.0)
    return Relaxed(float(solved.fun), worth, np.asarray(solved.x)[: len(columns.choice)])


def buy(
    problem: Problem, columns: Columns, *, seconds: float, gap: float, at_most: float
) -> tuple["Bought | None", float]:
    """How often each column is bought at the least cost, and a bound on that cost.

    ``at_most`` is what is known to be possible: nothing dearer is looked for. None if nothing was
    found in time. The bound holds for these columns alone.
    """
    model = _model(problem, columns, whole=True)
    rows = [LinearConstraint(model.upper, -np.inf, model.upper_limit)]
    if model.equal is not None:
        rows.append(LinearConstraint(model.equal, model.equal_to, model.equal_to))
    if np.isfinite(at_most):
        rows.append(LinearConstraint(model.cost[None, :], -np.inf, at_most * (1 + WHOLE)))
    solved = milp(
        model.cost,
        integrality=np.ones(len(model.cost)),
        bounds=Bounds(np.zeros(len(model.cost)), model.most),
        constraints=rows,
        options={"time_limit": max(seconds, 0.05), "mip_rel_gap": gap},
    )
    bound = getattr(solved, "mip_dual_bound", None)
    low = 0.0 if bound is None or not np.isfinite(bound) else float(bound)
    if solved.x is None:
        return None, low
    found = np.rint(np.asarray(solved.x)).astype(np.int64)
    bought = len(columns.choice)
    counts = found[bought : bought + problem.items] if problem.is_zonal else problem.bounds
    return Bought(found[:bought], counts), low


def worthiest(
    problem: Problem, choice: int, worth: Floats, *, seconds: float, gap: float
) -> tuple[Ints, float]:
    """The pattern of ``choice`` that is worth most, and a bound on the worth of any."""
    nothing = np.zeros(problem.items, dtype=np.int64)
    items = np.flatnonzero((worth > 0) & (problem.most[:, choice] > 0))
    if not len(items):
        return nothing, 0.0
    demand, capacity = problem.demand[items].T, problem.capacity[choice]
    tight = demand @ problem.most[items, choice] > capacity
    # In shares of the node and of its price: HiGHS' tolerances are absolute.
    unit = float(problem.cost[choice])
    rows, limits = [demand[tight] / capacity[tight][:, None]], [np.ones(int(tight.sum()))]
    rule_rows, rule_limits, owners = _node_rules(problem.node_rules, items, problem, choice)
    wide = len(items) + owners
    matrix = np.zeros((sum(map(len, rows)) + len(rule_rows), wide))
    matrix[: len(rows[0]), : len(items)] = rows[0]
    for place, row in enumerate(rule_rows, len(rows[0])):
        matrix[place, list(row)] = list(row.values())
    most = np.concatenate((problem.most[items, choice], np.ones(owners)))
    solved = milp(
        np.concatenate((-worth[items] / unit, np.zeros(owners))),
        integrality=np.ones(wide),
        bounds=Bounds(np.zeros(wide), most),
        constraints=LinearConstraint(matrix, -np.inf, np.concatenate((*limits, rule_limits)))
        if len(matrix)
        else (),
        options={"time_limit": max(seconds, 0.01), "mip_rel_gap": gap},
    )
    bound = getattr(solved, "mip_dual_bound", None)
    high = (
        -float(bound) * unit
        if bound is not None and np.isfinite(bound)
        else _all_worth(worth, most)
    )
    if solved.x is None:
        return nothing, high
    nothing[items] = np.rint(np.asarray(solved.x)[: len(items)]).astype(np.int64)
    # A whole number within tolerance may be one too many: such a pattern is not used.
    if not problem.allows(nothing, choice):
        nothing[:] = 0
    return nothing, high


def _all_worth(worth: Floats, most: Floats) -> float:
    return float(worth.sum() * max(most.max(initial=0.0), 1.0))


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


@dataclass(frozen=True, slots=True)
class _Model:
    """Buying columns as rows: columns first, then pods per zonal item, then rules' owners."""

    cost: Floats
    upper: csr_array
    upper_limit: Floats
    equal: csr_array | None
    equal_to: Floats | None
    most: Floats


def _model(problem: Problem, columns: Columns, *, whole: bool) -> _Model:
    """Cover every item; where kinds choose zones, the pods per item are variables as well."""
    bought = len(columns.choice)
    cost = problem.cost[columns.choice]
    cover = csr_array(-columns.patterns.T.astype(float))
    bounds = problem.bounds.astype(float)
    most = np.full(bought, float(problem.count.sum()) if whole else np.inf)
    if not problem.is_zonal:
        return _Model(cost, cover, -bounds, None, None, most)
    rows, limits, owners = zone_rows(problem)
    width = bought + problem.items + owners
    upper = coo_array(cover)
    entries = [(upper.coords[0], upper.coords[1], upper.data)]
    every = np.arange(problem.items)
    entries.append((every, bought + every, np.ones(problem.items)))
    for at, row in enumerate(rows, problem.items):
        keys = np.fromiter(row, dtype=np.int64)
        entries.append((np.full(len(row), at), bought + keys, np.fromiter(row.values(), float)))
    height = problem.items + len(rows)
    return _Model(
        cost=np.concatenate((cost, np.zeros(problem.items + owners))),
        upper=csr_array(_sparse(entries, (height, width))),
        upper_limit=np.concatenate((np.zeros(problem.items), limits)),
        equal=csr_array(
            _sparse(
                [(problem.kind, bought + every, np.ones(problem.items))],
                (len(problem.count), width),
            )
        ),
        equal_to=problem.count.astype(float),
        most=np.concatenate((most, bounds, np.ones(owners))),
    )


def _sparse(entries: Sequence[tuple[Ints, Ints, Floats]], shape: tuple[int, int]) -> coo_array:
    rows, columns, values = (np.concatenate(one) for one in zip(*entries, strict=True))
    return coo_array((values, (rows, columns)), shape=shape)


def least_worth(problem: Problem, worth: Floats) -> float:
    """What all pods are worth at least, wherever the rules between zones let them go."""
    if not problem.is_zonal:
        return float(worth @ problem.bounds)
    rows, limits, owners = zone_rows(problem)
    width, every = problem.items + owners, np.arange(problem.items)
    upper = np.zeros((len(rows), width))
    for at, row in enumerate(rows):
        upper[at, list(row)] = list(row.values())
    solved = linprog(
        np.concatenate((worth, np.zeros(owners))),
        A_ub=upper if len(rows) else None,
        b_ub=limits if len(rows) else None,
        A_eq=_sparse([(problem.kind, every, np.ones(problem.items))], (len(problem.count), width)),
        b_eq=problem.count,
        bounds=np.column_stack(
            (np.zeros(width), np.concatenate((problem.bounds, np.ones(owners))))
        ),
        method="highs",
    )
    return 0.0 if solved.x is None else float(solved.fun)


def zone_rows(problem: Problem) -> tuple[list[dict[int, float]], list[float], int]:
    """The rules between zones over pods per item; owners' variables follow the items."""
    rows: list[dict[int, float]] = []
    limits: list[float] = []
    owned: dict[int, int] = {}
    bounds = problem.bounds
    for rule in problem.zone_rules:
        row = dict.fromkeys(rule.members, 1.0)
        if rule.owner is None:
            rows.append(row)
            limits.append(float(rule.limit))
            continue
        if rule.owner not in owned:
            owned[rule.owner] = problem.items + len(owned)
            rows.append({rule.owner: 1.0, owned[rule.owner]: -float(bounds[rule.owner])})
            limits.append(0.0)
        most = float(bounds[list(rule.members)].sum())
        rows.append({**row, owned[rule.owner]: max(most - rule.limit, 0.0)})
        limits.append(max(most, float(rule.limit)))
    for balance in problem.balances:
        rows.append({**dict.fromkeys(balance.more, 1.0), **dict.fromkeys(balance.fewer, -1.0)})
        limits.append(float(balance.skew))
    return rows, limits, len(owned)
