"""Column generation: the patterns worth buying, and a cost below which no packing can go.

Gilmore and Gomory's method (Operations Research 9, 1961): the linear programme over the patterns
known so far prices the items; patterns worth more at these prices than they cost are added until
there are none. The bound is Farley's (Operations Research 38, 1990): prices scaled down until no
pattern of any choice holds more worth than it costs are a solution of the dual programme, so what
all pods are worth at them costs no packing less. It holds at every turn, and whether or not the
worthiest pattern was found: an upper bound on its worth is enough.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from advisor.packing.buying import Relaxed, relax, worthiest
from advisor.packing.knapsack import best_fills, worth_bounds
from advisor.packing.problem import Columns, Floats, Ints, Problem
from advisor.packing.zones import least_worth

TURNS = 400
"""Linear programmes at most; 20 kinds of pods take about 30."""

POOL = 6_000
"""Columns kept; beyond, the dearest by their reduced cost go."""

SMOOTHING = 0.7
"""Share of the best prices so far in the prices that patterns are sought at (Wentges, International
Transactions in Operational Research 4, 1997): undamped prices jump from turn to turn."""

IMPROVES = 1e-6
"""Share of its cost by which a column must be worth more, to be more than rounding."""

TIGHT = 3e-3
"""Share between the linear programme and the bound that is not worth another turn."""

KNAPSACK_SECONDS = 0.15
"""For the worthiest pattern of one choice; its bound holds even where time runs out."""
KNAPSACK_GAP = 1e-3


@dataclass(frozen=True, slots=True)
class Generated:
    """The columns, the linear programme over them, and the proven bound in USD per hour."""

    columns: Columns
    relaxed: Relaxed
    bound: float


def generate(
    problem: Problem,
    start: Columns,
    center: Floats,
    seconds_left: Callable[[], float],
    *,
    bound: float = 0.0,
) -> Generated:
    """Patterns until none improves, or time runs out.

    ``start`` must place everything; ``center`` (items,) is a first guess at what pods are worth,
    and ``bound`` one that was proven before.
    """
    columns = start
    relaxed = relax(problem, columns)
    for _ in range(TURNS):
        if seconds_left() <= 0:
            break
        mixed = SMOOTHING * center + (1 - SMOOTHING) * relaxed.worth
        found = _filled(problem, mixed, relaxed.worth)
        if not len(found.choice):
            found = _filled(problem, relaxed.worth, relaxed.worth)
        for aim in (mixed, relaxed.worth):
            if len(found.choice) or seconds_left() <= 0:
                break
            found, low = _solved(problem, aim, relaxed, seconds_left)
            if low > bound:
                bound, center = low, aim
        if not len(found.choice) or relaxed.cost - bound <= TIGHT * relaxed.cost:
            break
        columns = _trimmed(problem, columns.joined(found), relaxed.worth)
        relaxed = relax(problem, columns)
    return Generated(columns, relaxed, bound)


def _filled(problem: Problem, aim: Floats, worth: Floats) -> Columns:
    """For each choice the worthiest pattern found at ``aim``, if it improves at ``worth``."""
    choices = np.arange(problem.choices)
    patterns, _ = best_fills(problem, aim, problem.bounds, choices)
    better = patterns @ worth > problem.cost * (1 + IMPROVES)
    return Columns(patterns[better], choices[better])


def _solved(
    problem: Problem, aim: Floats, relaxed: Relaxed, seconds_left: Callable[[], float]
) -> tuple[Columns, float]:
    """The patterns worthiest at ``aim`` that improve, and the bound that follows from ``aim``."""
    patterns: list[Ints] = []
    bought: list[int] = []
    most = worth_bounds(problem, aim)
    for choice in np.argsort(-most / problem.cost, kind="stable"):
        if most[choice] <= problem.cost[choice] * (1 + IMPROVES) or seconds_left() <= 0:
            break
        seconds = min(KNAPSACK_SECONDS, seconds_left())
        pattern, high = worthiest(problem, int(choice), aim, seconds=seconds, gap=KNAPSACK_GAP)
        most[choice] = min(most[choice], high)
        if pattern @ relaxed.worth > problem.cost[choice] * (1 + IMPROVES):
            patterns.append(pattern)
            bought.append(int(choice))
    columns = Columns(
        np.array(patterns, dtype=np.int64).reshape(-1, problem.items),
        np.array(bought, dtype=np.int64),
    )
    return columns, bound_of(problem, aim, most)


def bound_of(problem: Problem, worth: Floats, most: Floats) -> float:
    """What no packing costs less than, if no node of a choice holds more worth than ``most``."""
    scale = float((problem.cost / np.maximum(most, 1e-12)).min())
    return min(scale, 1.0) * least_worth(problem, worth)


def _trimmed(problem: Problem, columns: Columns, worth: Floats) -> Columns:
    """The best `POOL` of the columns by reduced cost."""
    if len(columns.choice) <= POOL:
        return columns
    reduced = problem.cost[columns.choice] - columns.patterns @ worth
    kept = np.sort(np.argsort(reduced, kind="stable")[:POOL])
    return Columns(columns.patterns[kept], columns.choice[kept])
