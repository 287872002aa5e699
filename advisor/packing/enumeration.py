"""Every pattern of a small problem, so that the best choice among them is the best packing."""

from collections.abc import Iterator

import numpy as np

from advisor.packing.problem import Columns, Ints, Problem, is_kept

MOST = 4_000
"""Patterns up to which all are listed: the solver is done with them in about a second."""


ITEMS = 12
"""Items up to which listing is tried at all."""


def every_pattern(problem: Problem, most: int = MOST) -> Columns | None:
    """The patterns to which no pod can be added, of each choice; None if there are too many."""
    if problem.items > ITEMS:
        return None
    patterns: list[Ints] = []
    choices: list[int] = []
    seen = 0
    for choice in range(problem.choices):
        for pattern in _of(problem, choice):
            seen += 1
            if seen > most:
                return None
            if not _can_grow(problem, choice, pattern):
                patterns.append(pattern)
                choices.append(choice)
    return Columns(
        np.array(patterns, dtype=np.int64).reshape(-1, problem.items),
        np.array(choices, dtype=np.int64),
    )


def _of(problem: Problem, choice: int) -> Iterator[Ints]:
    """Patterns of ``choice``: all those to which nothing can be added, and more."""
    items = np.flatnonzero(problem.most[:, choice] > 0)
    pattern = np.zeros(problem.items, dtype=np.int64)

    def deeper(at: int, room: Ints) -> Iterator[Ints]:
        if at == len(items):
            yield pattern.copy()
            return
        item = int(items[at])
        asked = problem.demand[item]
        some = asked > 0
        most = int(problem.most[item, choice])
        if some.any():
            most = min(most, int((room[some] // asked[some]).min()))
        for amount in range(most, -1, -1):
            pattern[item] = amount
            if all(is_kept(rule, pattern) for rule in problem.node_rules):
                yield from deeper(at + 1, room - amount * asked)
        pattern[item] = 0

    yield from deeper(0, problem.capacity[choice])


def _can_grow(problem: Problem, choice: int, pattern: Ints) -> bool:
    for item in np.flatnonzero(pattern < problem.most[:, choice]):
        more = pattern.copy()
        more[item] += 1
        if problem.allows(more, choice):
            return True
    return False
