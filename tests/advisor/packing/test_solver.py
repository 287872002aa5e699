"""The packing solver against brute force, and against what a packing must never break."""

from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.packing.first_fit import first_fit, naive_worth
from advisor.packing.knapsack import worth_bounds
from advisor.packing.patterns import bound_of
from advisor.packing.problem import Balance, Problem, Rule, undominated
from advisor.packing.relaxation import relaxed, whole_nodes
from advisor.packing.solver import Solution, cost_of, first_answer, solve

SMALL_INSTANCES = 300


def endless() -> float:
    return 60.0


def solved(problem: Problem) -> Solution:
    return solve(problem, endless, np.random.default_rng(0), gap=0.0)


def a_problem(
    demand: list[list[int]],
    count: list[int],
    capacity: list[list[int]],
    cost: list[float],
    *,
    node_rules: tuple[Rule, ...] = (),
) -> Problem:
    asked, room = np.array(demand, dtype=np.int64), np.array(capacity, dtype=np.int64)
    return Problem(
        demand=asked,
        kind=np.arange(len(count), dtype=np.int64),
        count=np.array(count, dtype=np.int64),
        capacity=room,
        cost=np.array(cost, dtype=np.float64),
        fits=np.asarray((asked[:, None, :] <= room[None]).all(axis=2), dtype=np.bool_),
        node_rules=node_rules,
    )


def small(seed: int) -> Problem:
    """Up to 7 pods of up to 4 kinds, up to 4 choices, rules in every third; each kind fits one."""
    rng = np.random.default_rng(seed)
    kinds, choices = int(rng.integers(1, 5)), int(rng.integers(1, 5))
    capacity = rng.integers(3, 13, (choices, 2))
    largest = capacity[rng.integers(choices)]
    demand = np.stack(
        [rng.integers(1, largest[0] + 1, kinds), rng.integers(0, largest[1] + 1, kinds)], 1
    )
    rules: list[Rule] = []
    if seed % 3 == 0:
        members = tuple(np.flatnonzero(rng.random(kinds) < 0.6).tolist())
        if members:
            owner = int(rng.integers(kinds)) if rng.random() < 0.5 else None
            limit = int(rng.integers(1, 3)) if owner is None or owner in members else 0
            rules.append(Rule(members, limit, owner))
    count = rng.multinomial(int(rng.integers(kinds, 8)) - kinds, [1 / kinds] * kinds) + 1
    return a_problem(
        demand.tolist(),
        count.tolist(),
        capacity.tolist(),
        (rng.integers(1, 40, choices) / 8).tolist(),
        node_rules=tuple(rules),
    )


def may_hold(problem: Problem, held: tuple[int, ...], choice: int) -> bool:
    """Written anew from the rules' words, not from the solver's."""
    for resource in range(problem.demand.shape[1]):
        asked = sum(n * int(problem.demand[i, resource]) for i, n in enumerate(held))
        if asked > problem.capacity[choice, resource]:
            return False
    for item, n in enumerate(held):
        if n and not problem.fits[item, choice]:
            return False
    for rule in problem.node_rules:
        if (rule.owner is None or held[rule.owner]) and sum(
            held[m] for m in rule.members
        ) > rule.limit:
            return False
    return True


def least_cost(problem: Problem) -> float:
    """The least cost by trying every node that could be bought first, and packing the rest."""

    @cache
    def node_cost(held: tuple[int, ...]) -> float:
        fine = [c for c in range(problem.choices) if may_hold(problem, held, c)]
        return min((float(problem.cost[c]) for c in fine), default=float("inf"))

    @cache
    def rest(left: tuple[int, ...]) -> float:
        if not any(left):
            return 0.0
        first = next(i for i, n in enumerate(left) if n)
        best = float("inf")
        for held in product(*(range(n + 1) for n in left)):
            # Some node holds a pod of the first item that is left: no other need be looked at.
            if held[first] and (usd := node_cost(held)) < best:
                best = min(best, usd + rest(tuple(a - b for a, b in zip(left, held, strict=True))))
        return best

    return rest(tuple(problem.count.tolist()))


def check(problem: Problem, solution: Solution) -> None:
    nodes = solution.nodes
    for pattern, choice in zip(nodes.patterns.tolist(), nodes.choice.tolist(), strict=True):
        assert may_hold(problem, tuple(pattern), choice)
    placed = np.bincount(
        problem.kind, weights=nodes.patterns.sum(axis=0), minlength=len(problem.count)
    )
    assert placed.tolist() == problem.count.tolist()
    assert solution.bound <= cost_of(problem, nodes) * (1 + 1e-9)


def test_every_small_instance_is_packed_as_cheaply_as_brute_force_can() -> None:
    for seed in range(SMALL_INSTANCES):
        problem = small(seed)
        solution = solved(problem)
        check(problem, solution)
        assert cost_of(problem, solution.nodes) == pytest.approx(least_cost(problem)), seed
        assert solution.bound == pytest.approx(least_cost(problem)), seed


def large(seed: int) -> Problem:
    """Thirteen kinds and more, so that not all patterns can be listed; a rule in every second."""
    rng = np.random.default_rng(seed)
    kinds = 14
    capacity = rng.integers(8, 60, (6, 2))
    capacity[0] = 60
    rules = (Rule((0, 1, 2), 1), Rule((3, 4), 0, 5)) if seed % 2 else ()
    return a_problem(
        rng.integers(1, 20, (kinds, 2)).tolist(),
        rng.integers(1, 4, kinds).tolist(),
        capacity.tolist(),
        (capacity.sum(axis=1) / 60 * rng.uniform(0.7, 1.3, 6)).tolist(),
        node_rules=rules,
    )


@pytest.mark.parametrize("seed", range(4))
def test_an_instance_too_large_to_list_keeps_all_rules_and_its_bound(seed: int) -> None:
    problem = large(seed)
    solution = solve(problem, clock_of(2.0), np.random.default_rng(0), gap=0.01)

    check(problem, solution)
    assert cost_of(problem, solution.nodes) <= solution.bound * 1.25
    assert solution.bound > 0.8 * relaxed(problem).cost


def clock_of(turns: float) -> Callable[[], float]:
    """Seconds left that shrink by a fixed amount at each question: the same on any machine."""
    left = [turns]

    def seconds_left() -> float:
        left[0] -= 0.02
        return left[0]

    return seconds_left


@given(st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_no_bound_is_above_what_brute_force_reaches(seed: int) -> None:
    problem = small(seed)
    least = least_cost(problem)
    prices = relaxed(problem)

    assert prices.cost <= least * (1 + 1e-6)
    for dear in (0.0, 0.5):
        plan = whole_nodes(problem, prices.cost, seconds=5.0, dear=dear)
        assert plan.bound <= least * (1 + 1e-6)
    most = worth_bounds(problem, prices.worth)
    assert bound_of(problem, prices.worth, most) <= least * (1 + 1e-6)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_no_node_holds_more_worth_than_its_bound(seed: int, priced: int) -> None:
    problem = small(seed)
    worth = np.random.default_rng(priced).random(problem.items)
    most = worth_bounds(problem, worth)

    for held in product(*(range(n + 1) for n in problem.count.tolist())):
        for choice in range(problem.choices):
            if may_hold(problem, held, choice):
                assert np.array(held) @ worth <= most[choice] * (1 + 1e-6)


@given(st.integers(0, 10_000), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_one_more_choice_never_costs_more(seed: int, other: int) -> None:
    problem, more = small(seed), small(other)
    wider = a_problem(
        problem.demand.tolist(),
        problem.count.tolist(),
        [*problem.capacity.tolist(), *more.capacity.tolist()],
        [*problem.cost.tolist(), *more.cost.tolist()],
        node_rules=problem.node_rules,
    )

    before, after = solved(problem), solved(wider)
    assert cost_of(wider, after.nodes) <= cost_of(problem, before.nodes) * (1 + 1e-6)


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_leaving_dominated_choices_out_changes_no_cost(seed: int) -> None:
    problem = small(seed)
    kept = undominated(problem, np.zeros(problem.choices, dtype=np.int64))
    fewer = a_problem(
        problem.demand.tolist(),
        problem.count.tolist(),
        problem.capacity[kept].tolist(),
        problem.cost[kept].tolist(),
        node_rules=problem.node_rules,
    )

    assert least_cost(fewer) == pytest.approx(least_cost(problem))


def test_a_cheaper_choice_that_holds_as_much_leaves_the_dearer_out() -> None:
    problem = a_problem([[1, 1]], [3], [[4, 4], [4, 4], [2, 4]], [1.0, 2.0, 1.5])

    assert undominated(problem, np.zeros(3, dtype=np.int64)).tolist() == [0]


def test_choices_in_different_zones_do_not_dominate_each_other() -> None:
    problem = a_problem([[1, 1]], [3], [[4, 4], [4, 4]], [1.0, 2.0])

    assert undominated(problem, np.array([0, 1])).tolist() == [0, 1]


def zonal(count: int, skew: int | None, limit: int | None) -> Problem:
    """One kind that may go to either of two zones; the second zone is twice as dear."""
    asked = np.array([[1, 1], [1, 1]], dtype=np.int64)
    return Problem(
        demand=asked,
        kind=np.array([0, 0]),
        count=np.array([count]),
        capacity=np.array([[4, 4], [4, 4]]),
        cost=np.array([1.0, 2.0]),
        fits=np.eye(2, dtype=np.bool_),
        zone_rules=() if limit is None else (Rule((0,), limit), Rule((1,), limit)),
        balances=() if skew is None else (Balance((0,), (1,), skew), Balance((1,), (0,), skew)),
    )


def test_without_a_rule_all_pods_go_to_the_cheaper_zone() -> None:
    solution = solved(zonal(4, None, None))

    assert solution.nodes.patterns.sum(axis=0).tolist() == [4, 0]


def test_a_spread_sends_pods_to_the_dearer_zone_as_far_as_it_must() -> None:
    solution = solved(zonal(5, 1, None))

    assert solution.nodes.patterns.sum(axis=0).tolist() == [3, 2]
    assert cost_of(zonal(5, 1, None), solution.nodes) == pytest.approx(3.0)


def test_a_limit_per_zone_is_kept() -> None:
    solution = solved(zonal(2, None, 1))

    assert solution.nodes.patterns.sum(axis=0).tolist() == [1, 1]


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_first_fit_places_every_pod_and_is_never_cheaper_than_the_least(seed: int) -> None:
    problem = small(seed)
    nodes = first_answer(problem)

    check(problem, Solution(nodes, 0.0))
    assert cost_of(problem, nodes) >= least_cost(problem) * (1 - 1e-9)


def test_first_fit_says_so_where_an_item_fits_nothing() -> None:
    problem = a_problem([[5, 5]], [1], [[4, 4]], [1.0])

    with pytest.raises(ValueError, match="fits no choice"):
        first_fit(problem, naive_worth(problem), problem.bounds)
