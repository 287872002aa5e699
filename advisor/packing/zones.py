"""Which zone pods go to, where rules between zones bind them."""

import numpy as np
from scipy.sparse import csr_array

from advisor.packing.milp import Programme, in_fractions, in_whole_numbers
from advisor.packing.problem import Floats, Ints, Problem
from advisor.packing.sparse import Entries, entries_of, matrix

SECONDS, GAP = 5.0, 1e-3
"""For sending pods to zones: hundreds of variables, done in milliseconds."""


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


def with_zones(
    problem: Problem, cost: Floats, entries: list[Entries], limits: Floats, most: Floats
) -> Programme:
    """A programme whose first rows cover the items, with the pods per item as variables too.

    ``limits`` are those of the rows in ``entries``; the first are to be zero, as what they cover is
    a variable now. The variables follow those of ``cost``: items, then rules' owners.
    """
    start, every = len(cost), np.arange(problem.items)
    rows, zone_limits, owners = zone_rows(problem)
    width = start + problem.items + owners
    pieces = [
        *entries,
        (every, start + every, np.ones(problem.items)),
        *entries_of(rows, below=len(limits), right=start),
    ]
    return Programme(
        cost=np.concatenate((cost, np.zeros(problem.items + owners))),
        rows=matrix(pieces, (len(limits) + len(rows), width)),
        limits=np.concatenate((limits, zone_limits)),
        most=np.concatenate((most, problem.bounds.astype(np.float64), np.ones(owners))),
        equal=matrix(
            [(problem.kind, start + every, np.ones(problem.items))], (len(problem.count), width)
        ),
        equal_to=problem.count.astype(float),
    )


def least_worth(problem: Problem, worth: Floats) -> float:
    """What all pods are worth at least, wherever the rules between zones let them go."""
    if not problem.is_zonal:
        return float(worth @ problem.bounds)
    solved = in_fractions(_to_zones(problem, worth, without=None))
    return 0.0 if solved is None else solved.cost


def zone_counts(problem: Problem, worth: Floats) -> tuple[Ints, Ints]:
    """(items,): how many pods go to each zone, at the least worth, and (kinds,): how many cannot.

    Pods that no zone may take under the rules are as few as can be.
    """
    kinds = len(problem.count)
    if not problem.is_zonal:
        return problem.bounds, np.zeros(kinds, dtype=np.int64)
    dear = 10 * float(worth.max(initial=1e-9)) + 1
    solved = in_whole_numbers(_to_zones(problem, worth, without=dear), seconds=SECONDS, gap=GAP)
    if solved.x is None:
        raise RuntimeError("HiGHS sent no pods to zones, though none going anywhere is an answer")
    found = np.rint(solved.x).astype(np.int64)
    return found[: problem.items], found[len(found) - kinds :]


def _to_zones(problem: Problem, worth: Floats, *, without: float | None) -> Programme:
    """Pods per item, then rules' owners, then pods left out, each at ``without`` if any may be."""
    rows, limits, owners = zone_rows(problem)
    kinds, every = len(problem.count), np.arange(problem.items)
    out = 0 if without is None else kinds
    width = problem.items + owners + out
    equal: list[Entries] = [(problem.kind, every, np.ones(problem.items))]
    if out:
        equal.append((np.arange(kinds), problem.items + owners + np.arange(kinds), np.ones(kinds)))
    upper: csr_array = matrix(entries_of(rows), (len(rows), width))
    return Programme(
        cost=np.concatenate((worth, np.zeros(owners), np.full(out, without or 0.0))),
        rows=upper,
        limits=np.array(limits, dtype=np.float64),
        most=np.concatenate((problem.bounds, np.ones(owners), problem.count[:out])).astype(float),
        equal=matrix(equal, (kinds, width)),
        equal_to=problem.count.astype(float),
    )
