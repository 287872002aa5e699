"""The one place that speaks to scipy's HiGHS.

All rows are upper limits, all variables start at zero. HiGHS' tolerances are absolute: whoever
asks states amounts in shares of a node.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp
from scipy.sparse import csr_array

from advisor.packing.problem import Floats

WHOLE = 1e-6
"""HiGHS' own tolerance: a number this near to a whole one is whole."""

LEAST_SECONDS = 0.01
"""Below, HiGHS would take the limit for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """What to make as cheap as can be: ``cost`` x, with ``rows`` x at most ``limits``."""

    cost: Floats
    rows: csr_array
    limits: Floats
    most: Floats
    """Upper ends of the variables."""
    equal: csr_array | None = None
    equal_to: Floats | None = None


@dataclass(frozen=True, slots=True)
class Fractions:
    """The answer in fractions, its cost, and what one unit more of each limit would save."""

    x: Floats
    cost: float
    prices: Floats


def in_fractions(
    programme: Programme, *, seconds: float = np.inf, interior: bool = False
) -> Fractions | None:
    """The least cost; None if there is no answer, or none in time.

    ``interior`` asks for the interior-point method.
    """
    solved = linprog(
        programme.cost,
        A_ub=programme.rows,
        b_ub=programme.limits,
        A_eq=programme.equal,
        b_eq=programme.equal_to,
        bounds=np.column_stack((np.zeros(len(programme.cost)), programme.most)),
        method="highs-ipm" if interior else "highs",
        options={"time_limit": max(seconds, LEAST_SECONDS)} if np.isfinite(seconds) else {},
    )
    if solved.x is None:
        return None
    prices = -np.asarray(solved.ineqlin.marginals, dtype=np.float64)
    return Fractions(np.asarray(solved.x, dtype=np.float64), float(solved.fun), prices)


@dataclass(frozen=True, slots=True)
class Whole:
    """The best answer found in whole numbers (None if none was), and a bound on the least cost.

    The bound is minus infinity where nothing is proven.
    """

    x: Floats | None
    bound: float


def in_whole_numbers(
    programme: Programme, *, seconds: float, gap: float, whole: Floats | None = None
) -> Whole:
    """The least cost to within the share ``gap``, as far as the time goes.

    ``whole`` is 1 where a variable is to be whole; None for all.
    """
    rows = [LinearConstraint(programme.rows, -np.inf, programme.limits)]  # pyright: ignore[reportArgumentType] # scipy takes arrays where its defaults are numbers
    if programme.equal is not None:
        to = programme.equal_to
        rows.append(LinearConstraint(programme.equal, to, to))  # pyright: ignore[reportArgumentType] # the same
    start = np.zeros(len(programme.cost))
    solved = milp(
        programme.cost,
        integrality=np.ones(len(start)) if whole is None else whole,
        bounds=Bounds(start, programme.most),  # pyright: ignore[reportArgumentType] # the same
        constraints=rows if len(programme.limits) else rows[1:],
        options={"time_limit": max(seconds, LEAST_SECONDS), "mip_rel_gap": gap},
    )
    bound = getattr(solved, "mip_dual_bound", None)
    proven = float(bound) if bound is not None and np.isfinite(bound) else -np.inf
    return Whole(None if solved.x is None else np.asarray(solved.x, dtype=np.float64), proven)
