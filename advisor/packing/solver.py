"""The best packing that can be found in the time given, and a bound on the best there is.

Small problems are solved to the end: all their patterns are listed. For others a first-fit answer
is bettered by rounding two relaxations, by buying whole numbers of the patterns that column
generation found, and then by taking some nodes apart and packing their pods anew until time is
up or the gap is closed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from advisor.packing.buying import buy
from advisor.packing.components import components, rules_of
from advisor.packing.enumeration import every_pattern
from advisor.packing.first_fit import first_fit, naive_worth
from advisor.packing.patterns import generate
from advisor.packing.problem import Columns, Floats, Ints, Problem
from advisor.packing.relaxation import relaxed, whole_nodes
from advisor.packing.rounding import PLAN_DEAR, planned, reduced
from advisor.packing.zones import zone_counts

OPTIMAL = 1e-6
"""Gap that is none: HiGHS' own tolerance."""

SHARE_PLANNED, SHARE_COLUMNS, SHARE_BUY, SHARE_WHOLE = 0.45, 0.1, 0.1, 0.25
"""Shares of the time for planning nodes, for column generation, for buying columns and for the
bound with whole nodes; none takes more than is left."""

SHARE_FIRST_PLAN = 0.75
"""Share of the time for plans that the first one may take."""

DEARNESS = (0.005, 0.0)
"""Shares of the whole cost from which nodes are whole in the bound, one after the other."""

SPARES = (0.0, 0.01, 0.02)
"""Room that plans are tried with."""

ITEMS_OF_COLUMNS = 80
"""Items up to which column generation gets to its end in seconds; with more of them the
relaxation's bound is as good, as many unlike pods fill any node."""

SUBSET_PODS = (20, 80)
"""Pods taken apart at once, from and to."""

TRIES, NOISE = 4, 0.15
"""Disturbed prices that the pods of a part are packed at, and by what share they are disturbed."""

ITEMS_ANEW = 25
"""Items in a part up to which its patterns are put together by the solver."""

REPACK_SECONDS = 0.3
"""For the patterns of one part, and again for putting them together."""

SAVES = 1e-6
"""Share of its cost that a part has to save to be packed anew."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Solution:
    """Nodes, one row each, and what no packing costs less than, in USD per hour."""

    nodes: Columns
    bound: float


def cost_of(problem: Problem, nodes: Columns) -> float:
    """USD per hour of all nodes."""
    return float(problem.cost[nodes.choice].sum())


def solve(
    problem: Problem, seconds_left: Clock, generator: np.random.Generator, *, gap: float
) -> Solution:
    """Pack all pods; ``gap`` is the share above the bound at which the search ends.

    Every kind must have a place for all its pods. Parts that have nothing to do with each other
    are packed one after the other, those of few items first; each gets time by the root of what it
    costs, and what those before it left over.
    """
    parts = components(problem)
    weights = np.sqrt([naive_worth(one.problem) @ one.problem.bounds for one in parts])
    whole, done, bound = float(weights.sum()), 0.0, 0.0
    nodes: list[Columns] = []
    total = seconds_left()
    for at in np.argsort([one.problem.items for one in parts], kind="stable"):
        done += float(weights[at])
        clock = _reserving(seconds_left, total * (1 - done / whole))
        found = _solve(parts[at].problem, clock, generator, gap)
        nodes.append(parts[at].widened(found.nodes, problem.items))
        bound += found.bound
    every = Columns(
        np.vstack([one.patterns for one in nodes]), np.concatenate([one.choice for one in nodes])
    )
    return Solution(every, min(bound, cost_of(problem, every)))


def _reserving(seconds_left: Clock, reserved: float) -> Clock:
    """The time left but for what is ``reserved`` for others."""
    return lambda: seconds_left() - reserved


def _solve(
    problem: Problem, seconds_left: Clock, generator: np.random.Generator, gap: float
) -> Solution:
    """Pack one part: to the end if it is small."""
    every = every_pattern(problem)
    if every is not None:
        seconds = max(seconds_left(), 1.0)
        bought, low = buy(problem, every, seconds=seconds, gap=0.0, at_most=np.inf)
        if bought is not None:
            nodes = trimmed(problem, _repeated(every, bought.times), bought.counts)
            return Solution(nodes, min(low, cost_of(problem, nodes)))
    return _Search(problem, seconds_left, generator, gap).run()


def first_answer(problem: Problem) -> Columns:
    """First-fit decreasing, with the pods of each kind sent to zones beforehand."""
    worth = naive_worth(problem)
    counts, _ = zone_counts(problem, worth)
    return first_fit(reduced(problem, counts), worth, counts)


def trimmed(problem: Problem, nodes: Columns, counts: Ints) -> Columns:
    """Nodes without the pods beyond ``counts`` (items,), each on the cheapest choice that holds it.

    Patterns may cover more pods than there are.
    """
    patterns = nodes.patterns.copy()
    surplus = patterns.sum(axis=0) - counts
    for item in np.flatnonzero(surplus > 0):
        for at in range(len(patterns) - 1, -1, -1):
            less = min(int(surplus[item]), int(patterns[at, item]))
            patterns[at, item] -= less
            surplus[item] -= less
    used = patterns.any(axis=1)
    patterns, choice = patterns[used], nodes.choice[used].copy()
    by_cost = np.argsort(problem.cost, kind="stable")
    for at, pattern in enumerate(patterns):
        for cheaper in by_cost[problem.cost[by_cost] < problem.cost[choice[at]]]:
            if problem.allows(pattern, int(cheaper)):
                choice[at] = cheaper
                break
    return Columns(patterns, choice)


def _repeated(columns: Columns, bought: Ints) -> Columns:
    return Columns(np.repeat(columns.patterns, bought, axis=0), np.repeat(columns.choice, bought))


class _Search:
    """The best answer and the best bound so far."""

    def __init__(
        self, problem: Problem, seconds_left: Clock, generator: np.random.Generator, gap: float
    ) -> None:
        self._problem = problem
        self._left = seconds_left
        self._generator = generator
        self._gap = gap
        self._whole = seconds_left()
        self._best = first_answer(problem)
        self._pool = self._best
        self._bound = 0.0

    def run(self) -> Solution:
        """All steps, as far as time goes."""
        problem = self._problem
        prices = relaxed(problem)
        self._bound = prices.cost
        counts, _ = zone_counts(problem, prices.worth)
        fixed = reduced(problem, counts)
        self._offer(first_fit(fixed, prices.worth, counts), counts)
        self._by_plans(counts)
        if problem.items <= ITEMS_OF_COLUMNS and not self._is_done():
            self._by_columns(prices.worth)
            self._by_whole_nodes()
            self._take_apart(prices.worth, lambda: self._left() - SHARE_BUY * self._whole)
            if not self._is_done():
                self._buy(prices.worth)
        self._take_apart(prices.worth, self._left)
        return Solution(self._best, min(self._bound, cost_of(problem, self._best)))

    def _by_plans(self, counts: Ints) -> None:
        """Better the answer by plans of nodes.

        Where items are few, the first plan betters the bound as well, unless it rests on zones
        that were chosen beforehand.
        """
        problem, until = self._problem, self._until(SHARE_PLANNED)
        fixed = reduced(problem, counts)
        nodes: Floats | None = None
        if problem.items <= ITEMS_OF_COLUMNS:
            seconds = SHARE_FIRST_PLAN * max(until(), 0.0)
            plan = whole_nodes(fixed, self._bound, seconds=seconds, dear=PLAN_DEAR)
            nodes = plan.nodes
            if not problem.is_zonal:
                self._bound = plan.bound
        for spare in SPARES:
            if self._is_done() or until() <= 0:
                return
            seconds = 0.25 * max(until(), 0.0)
            found = planned(fixed, counts, until, seconds=seconds, nodes=nodes, spare=spare)
            self._offer(found, counts)
            nodes = None

    def _by_whole_nodes(self) -> None:
        """Better the bound: with the dearest nodes whole, then with ever cheaper ones."""
        end = max(self._left() - SHARE_WHOLE * self._whole, 0.0)
        for dear in DEARNESS:
            seconds = self._left() - end
            if self._is_done() or seconds <= 0:
                break
            plan = whole_nodes(self._problem, self._bound, seconds=seconds, dear=dear)
            self._bound = plan.bound

    def _until(self, share: float) -> Clock:
        """Time left of the first ``share`` of all."""
        return lambda: self._left() - (1 - share) * self._whole

    def _is_done(self) -> bool:
        cost = cost_of(self._problem, self._best)
        return self._left() <= 0 or cost - self._bound <= max(self._gap, OPTIMAL) * cost

    def _offer(self, nodes: Columns, counts: Ints) -> None:
        better = trimmed(self._problem, nodes, counts)
        self._pool = self._pool.joined(better)
        if cost_of(self._problem, better) < cost_of(self._problem, self._best):
            self._best = better

    def _by_columns(self, worth: Floats) -> None:
        """Better the bound and the answer by column generation."""
        end = max(self._left() - SHARE_COLUMNS * self._whole, 0.0)
        generated = generate(
            self._problem, self._pool, worth, lambda: self._left() - end, bound=self._bound
        )
        self._bound = max(self._bound, generated.bound)
        self._pool = generated.columns
        self._buy(worth)

    def _buy(self, worth: Floats) -> None:
        """Put the patterns known so far together anew, those that can be in a cheaper answer."""
        problem, best = self._problem, cost_of(self._problem, self._best)
        reduced_cost = problem.cost[self._pool.choice] - self._pool.patterns @ worth
        useful = reduced_cost <= best - self._bound + OPTIMAL * best
        columns = Columns(self._pool.patterns[useful], self._pool.choice[useful])
        bought, _ = buy(
            problem,
            columns.joined(self._best),
            seconds=min(self._left(), SHARE_BUY * self._whole),
            gap=max(self._gap, OPTIMAL),
            at_most=best,
        )
        if bought is not None:
            found = _repeated(columns.joined(self._best), bought.times)
            self._offer(found, bought.counts)

    def _take_apart(self, worth: Floats, until: Clock) -> None:
        """Pack the pods of some nodes anew, the wasteful ones first, while it pays."""
        problem = self._problem
        while not self._is_done() and until() > 0:
            nodes = self._best
            chosen = self._some_nodes(worth)
            counts = nodes.patterns[chosen].sum(axis=0)
            before = float(problem.cost[nodes.choice[chosen]].sum())
            part, items = _part(problem, counts)
            found, pool = _repacked(part, worth[items], before, until, self._generator)
            if problem.items <= ITEMS_OF_COLUMNS:
                self._pool = self._pool.joined(_widened(pool, items, problem.items))
            if found is None:
                continue
            wide = _widened(found, items, problem.items)
            rest = np.setdiff1d(np.arange(len(nodes.choice)), chosen)
            kept = Columns(nodes.patterns[rest], nodes.choice[rest])
            self._best = kept.followed_by(wide)

    def _some_nodes(self, worth: Floats) -> Ints:
        """Indices of at least two nodes with some `SUBSET_PODS`, likelier the more they waste."""
        nodes = self._best
        cost = self._problem.cost[nodes.choice]
        waste = np.maximum(cost - nodes.patterns @ worth, 0.0) + 0.02 * cost
        draw = self._generator.random(len(cost)) ** (1 / (waste / waste.sum()))
        order = np.argsort(-draw, kind="stable")
        pods = np.cumsum(nodes.patterns[order].sum(axis=1))
        most = self._generator.integers(*SUBSET_PODS)
        return order[: max(2, int(np.searchsorted(pods, most)) + 1)]


def _part(problem: Problem, counts: Ints) -> tuple[Problem, Ints]:
    """The problem of ``counts`` (items,) alone, and which items those are."""
    items = np.flatnonzero(counts)
    part = Problem(
        demand=problem.demand[items],
        kind=np.arange(len(items), dtype=np.int64),
        count=counts[items],
        capacity=problem.capacity,
        cost=problem.cost,
        fits=problem.fits[items],
        node_rules=rules_of(problem.node_rules, items),
    )
    return part, items


def _widened(columns: Columns, items: Ints, width: int) -> Columns:
    """The columns of a part as columns of the whole."""
    patterns = np.zeros((len(columns.choice), width), dtype=np.int64)
    patterns[:, items] = columns.patterns
    return Columns(patterns, columns.choice)


def _repacked(
    part: Problem,
    worth: Floats,
    before: float,
    seconds_left: Clock,
    generator: np.random.Generator,
) -> tuple[Columns | None, Columns]:
    """The part's pods on other nodes that cost less than ``before``, and all patterns tried.

    None if nothing cheaper was found. Prices are disturbed a little, so that each try fills nodes
    in another order; where few items are in the part, the patterns are also put together anew.
    """
    counts = part.bounds
    best: Columns | None = None
    pool = Columns(np.zeros((0, part.items), dtype=np.int64), np.zeros(0, dtype=np.int64))
    for _ in range(TRIES):
        if seconds_left() <= 0:
            return best, pool
        noisy = worth * generator.uniform(1 - NOISE, 1 + NOISE, part.items)
        found = trimmed(part, first_fit(part, noisy, counts), counts)
        pool = pool.joined(found)
        if cost_of(part, found) < before - SAVES * before:
            best, before = found, cost_of(part, found)
    if part.items > ITEMS_ANEW or seconds_left() <= 0:
        return best, pool
    end = max(seconds_left() - REPACK_SECONDS, 0.0)
    generated = generate(part, pool, worth, lambda: seconds_left() - end)
    bought, _ = buy(
        part,
        generated.columns,
        seconds=min(REPACK_SECONDS, seconds_left()),
        gap=1e-3,
        at_most=before,
    )
    if bought is not None:
        other = trimmed(part, _repeated(generated.columns, bought.times), counts)
        if cost_of(part, other) < before - SAVES * before:
            best = other
    return best, generated.columns
