"""A packing with pods cut to pieces: what it costs at least, what pods are worth, what to buy.

Pods of an item are spread over the nodes of a choice as if these were one large node, except that
no node holds more of an item than fits it. Every packing is a solution, so the cost of the best is
a bound. With whole nodes of the dear choices the bound stays one, and is much closer where a few
large nodes carry everything.
"""

from dataclasses import dataclass

import numpy as np

from advisor.packing.milp import Programme, in_fractions, in_whole_numbers
from advisor.packing.problem import Floats, Problem
from advisor.packing.sparse import matrix
from advisor.packing.zones import with_zones

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


def relaxed(problem: Problem) -> Relaxation:
    """The linear programme; the problem must have a solution."""
    solved = in_fractions(_programme(problem))
    if solved is None:
        raise RuntimeError("HiGHS gave no answer to a programme that has one")
    worth = np.maximum(solved.prices[: problem.items], 0.0)
    return Relaxation(solved.cost, worth, solved.x[: problem.choices])


@dataclass(frozen=True, slots=True)
class Plan:
    """Nodes of each choice, whole where they are dear (None if time ran out), and a bound."""

    bound: float
    nodes: Floats | None


def whole_nodes(problem: Problem, least: float, *, seconds: float, dear: float = DEAR) -> Plan:
    """The least cost with dear nodes bought whole.

    ``least`` is a bound known before; ``dear`` the share of it from which nodes are whole.
    """
    made = _programme(problem)
    whole = np.zeros(len(made.cost))
    whole[: problem.choices] = problem.cost > dear * least
    solved = in_whole_numbers(made, seconds=seconds, gap=WHOLE_GAP, whole=whole)
    nodes = None if solved.x is None else solved.x[: problem.choices]
    return Plan(max(least, solved.bound), nodes)


def _programme(problem: Problem) -> Programme:
    """Variables: nodes of each choice, then pods of an item on a choice, then pods per item."""
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
    most = np.full(len(cost), np.inf)
    if problem.is_zonal:
        return with_zones(problem, cost, entries, limits, most)
    limits[: problem.items] = -bounds
    rows = matrix(entries, (height, len(cost)))
    return Programme(cost=cost, rows=rows, limits=limits, most=most)
