"""A packing with pods cut to pieces: what it costs at least, what pods are worth, what to buy.

Pods of an item are spread over the nodes of a choice as if these were one large node, except that
no node holds more of an item than fits it. Every packing is a solution, so the cost of the best is
a bound. With whole nodes of the dear choices the bound stays one, and is much closer where a few
large nodes carry everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import coo_array, csr_array

from advisor.packing.milp import zone_rows
from advisor.packing.problem import Floats, Ints, Problem

DEAR = 0.02
"""Share of the whole cost from which nodes of a choice are bought whole, unless asked otherwise: of
cheaper ones a fraction more or less changes little, and the solver's work grows with each."""

WHOLE_GAP = 1e-3
"""Where the search for whole nodes stops; the bound holds at any gap."""


@dataclass(frozen=True, slots=True)
class Relaxation:
    """The least cost, the worth of one pod of each item, and nodes of each choice (fractions)."""

    cost: float
    worth: Floats
    nodes: Floats


@dataclass(frozen=True, slots=True)
class _Programme:
    """Variables: nodes of each choice, then pods of item on choice, then pods per zonal item."""

    cost: Floats
    rows: csr_array
    limits: Floats
    equal: csr_array | None
    equal_to: Floats | None
    most: Floats


def relaxed(problem: Problem) -> Relaxation:
    """The linear programme; the problem must have a solution."""
    made = _programme(problem)
    solved = linprog(
        made.cost,
        A_ub=made.rows,
        b_ub=made.limits,
        A_eq=made.equal,
        b_eq=made.equal_to,
        bounds=np.column_stack((np.zeros(len(made.cost)), made.most)),
        method="highs",
    )
    if solved.x is None:
        raise RuntimeError(f"HiGHS gave no answer to a feasible programme: {solved.message}")
    worth = np.maximum(-np.asarray(solved.ineqlin.marginals)[: problem.items], 0.0)
    return Relaxation(float(solved.fun), worth, np.asarray(solved.x)[: problem.choices])


def whole_nodes(
    problem: Problem, least: float, *, seconds: float, dear: float = DEAR
) -> tuple[float, Floats | None]:
    """A bound with dear nodes bought whole, and the nodes of each choice; None if out of time.

    ``least`` is a bound known before; ``dear`` the share of it from which nodes are whole.
    """
    made = _programme(problem)
    whole = np.zeros(len(made.cost))
    whole[: problem.choices] = problem.cost > dear * least
    rows = [LinearConstraint(made.rows, -np.inf, made.limits)]
    if made.equal is not None:
        rows.append(LinearConstraint(made.equal, made.equal_to, made.equal_to))
    solved = milp(
        made.cost,
        integrality=whole,
        bounds=Bounds(np.zeros(len(made.cost)), made.most),
        constraints=rows,
        options={"time_limit": max(seconds, 0.05), "mip_rel_gap": WHOLE_GAP},
    )
    bound = getattr(solved, "mip_dual_bound", None)
    low = least if bound is None or not np.isfinite(bound) else max(least, float(bound))
    return low, None if solved.x is None else np.asarray(solved.x)[: problem.choices]


def _programme(problem: Problem) -> _Programme:
    item, choice = np.nonzero(problem.most > 0)
    choices, pairs = problem.choices, len(item)
    pair = choices + np.arange(pairs)
    bounds = problem.bounds
    entries = [(item, pair, -np.ones(pairs))]
    height = problem.items
    for resource in range(problem.demand.shape[1]):
        asked = problem.demand[item, resource]
        some = asked > 0
        if not some.any():
            continue
        capacity = np.maximum(problem.capacity[choice[some], resource], 1)
        entries += [
            (height + choice[some], pair[some], asked[some] / capacity),
            (height + np.arange(choices), np.arange(choices), -np.ones(choices)),
        ]
        height += choices
    # No node holds more than fits it; of a single pod that says no more than the resources do.
    several = np.flatnonzero(bounds[item] > 1)
    at = height + np.arange(len(several))
    entries += [
        (at, pair[several], 1.0 / problem.most[item, choice][several]),
        (at, choice[several], -np.ones(len(several))),
    ]
    height += len(several)
    limits = np.zeros(height)
    cost = np.concatenate((problem.cost, np.zeros(pairs)))
    if not problem.is_zonal:
        limits[: problem.items] = -bounds
        rows = _matrix(entries, (height, len(cost)))
        return _Programme(cost, rows, limits, None, None, np.full(len(cost), np.inf))
    return _with_zones(problem, entries, limits, cost)


def _with_zones(
    problem: Problem,
    entries: list[tuple[Ints, Ints, Floats]],
    limits: Floats,
    cost: Floats,
) -> _Programme:
    """The same, with the pods per item as variables that the rules between zones bind."""
    start, every = len(cost), np.arange(problem.items)
    rows, zone_limits, owners = zone_rows(problem)
    width = start + problem.items + owners
    entries.append((every, start + every, np.ones(problem.items)))
    for at, row in enumerate(rows, len(limits)):
        keys = np.fromiter(row, dtype=np.int64)
        entries.append((np.full(len(row), at), start + keys, np.fromiter(row.values(), float)))
    most = np.concatenate((np.full(start, np.inf), problem.bounds.astype(float), np.ones(owners)))
    return _Programme(
        cost=np.concatenate((cost, np.zeros(problem.items + owners))),
        rows=_matrix(entries, (len(limits) + len(rows), width)),
        limits=np.concatenate((limits, zone_limits)),
        equal=_matrix(
            [(problem.kind, start + every, np.ones(problem.items))], (len(problem.count), width)
        ),
        equal_to=problem.count.astype(float),
        most=most,
    )


def _matrix(entries: Sequence[tuple[Ints, Ints, Floats]], shape: tuple[int, int]) -> csr_array:
    rows, columns, values = (np.concatenate(one) for one in zip(*entries, strict=True))
    return csr_array(coo_array((values, (rows, columns)), shape=shape))


def zone_counts(problem: Problem, worth: Floats) -> tuple[Ints, Ints]:
    """(items,): how many pods go to each zone, at the least worth, and (kinds,): how many cannot.

    Pods that no zone may take under the rules are as few as can be.
    """
    if not problem.is_zonal:
        return problem.bounds, np.zeros(len(problem.count), dtype=np.int64)
    rows, limits, owners = zone_rows(problem)
    kinds, every = len(problem.count), np.arange(problem.items)
    width = problem.items + owners + kinds
    left_out = problem.items + owners + np.arange(kinds)
    dear = 10 * float(worth.max(initial=1e-9)) + 1
    cost = np.concatenate((worth, np.zeros(owners), np.full(kinds, dear)))
    equal = _matrix(
        [
            (problem.kind, every, np.ones(problem.items)),
            (np.arange(kinds), left_out, np.ones(kinds)),
        ],
        (kinds, width),
    )
    constraints = [LinearConstraint(equal, problem.count, problem.count)]
    if rows:
        entries = [
            (
                np.full(len(row), at),
                np.fromiter(row, dtype=np.int64),
                np.fromiter(row.values(), float),
            )
            for at, row in enumerate(rows)
        ]
        bound = _matrix(entries, (len(rows), width))
        constraints.append(LinearConstraint(bound, -np.inf, limits))
    most = np.concatenate((problem.bounds, np.ones(owners), problem.count))
    solved = milp(
        cost,
        integrality=np.ones(width),
        bounds=Bounds(np.zeros(width), most),
        constraints=constraints,
        options={"time_limit": 5.0, "mip_rel_gap": 1e-3},
    )
    if solved.x is None:
        raise RuntimeError(f"HiGHS gave no answer to a feasible programme: {solved.message}")
    found = np.rint(np.asarray(solved.x)).astype(np.int64)
    return found[: problem.items], found[left_out]
