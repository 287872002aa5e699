"""Parts of a problem that have nothing to do with each other."""

import numpy as np

from advisor.packing.components import components
from advisor.packing.problem import Problem, Rule


def a_problem(*rules: Rule) -> Problem:
    """Two items, each of which fits a choice of its own."""
    asked = np.array([[1], [1]], dtype=np.int64)
    return Problem(
        demand=asked,
        kind=np.array([0, 1]),
        count=np.array([2, 3]),
        capacity=np.array([[4], [5]]),
        cost=np.array([1.0, 2.0]),
        fits=np.eye(2, dtype=np.bool_),
        node_rules=rules,
    )


def test_items_that_share_no_choice_are_apart() -> None:
    first, second = components(a_problem())

    assert first.problem.count.tolist() == [2]
    assert second.problem.count.tolist() == [3]
    assert second.choices.tolist() == [1]


def test_a_rule_keeps_its_items_together() -> None:
    assert len(components(a_problem(Rule((1,), 1, owner=0)))) == 1


def test_a_rule_goes_with_its_part_under_the_parts_own_numbers() -> None:
    _, second = components(a_problem(Rule((1,), 1)))

    assert second.problem.node_rules == (Rule((0,), 1),)
