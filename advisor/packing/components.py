"""Parts of a problem that have nothing to do with each other.

Pods that need a GPU and pods that do not tolerate its taint share no node: what is bought for the
one changes nothing for the other, and two small searches are quicker than a large one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

from advisor.packing.problem import Balance, Columns, Ints, Problem, Rule
from advisor.packing.sparse import Entries, matrix


@dataclass(frozen=True, slots=True)
class Component:
    """One part, and which items and choices of the whole it has."""

    problem: Problem
    items: Ints
    choices: Ints

    def widened(self, nodes: Columns, items: int) -> Columns:
        """Nodes of the part as nodes of the whole, which has so many ``items``."""
        patterns = np.zeros((len(nodes.choice), items), dtype=np.int64)
        patterns[:, self.items] = nodes.patterns
        return Columns(patterns, self.choices[nodes.choice])


def components(problem: Problem) -> list[Component]:
    """The parts, in the order of their first items; items of one kind or one rule stay together."""
    item, choice = np.nonzero(problem.most > 0)
    links: list[Entries] = [(item, problem.items + choice, np.ones(len(item)))]
    firsts = np.searchsorted(problem.kind, problem.kind)
    links.append((np.arange(problem.items), firsts, np.ones(problem.items)))
    rules = [*problem.node_rules, *problem.zone_rules]
    groups = [(*rule.members, *(() if rule.owner is None else (rule.owner,))) for rule in rules]
    groups += [(*one.more, *one.fewer) for one in problem.balances]
    for group in groups:
        members = np.array(group, dtype=np.int64)
        links.append((members, np.full(len(members), members[0]), np.ones(len(members))))
    size = problem.items + problem.choices
    _, label = connected_components(matrix(links, (size, size)), directed=False)
    parts = dict.fromkeys(label[: problem.items].tolist())
    return [_component(problem, label, part) for part in parts]


def _component(problem: Problem, label: Ints, part: int) -> Component:
    items = np.flatnonzero(label[: problem.items] == part)
    choices = np.flatnonzero(label[problem.items :] == part)
    kinds, kind = np.unique(problem.kind[items], return_inverse=True)
    cut = Problem(
        demand=problem.demand[items],
        kind=kind.astype(np.int64),
        count=problem.count[kinds],
        capacity=problem.capacity[choices],
        cost=problem.cost[choices],
        fits=problem.fits[np.ix_(items, choices)],
        node_rules=rules_of(problem.node_rules, items),
        zone_rules=rules_of(problem.zone_rules, items),
        balances=_balances_of(problem.balances, items),
    )
    return Component(cut, items, choices)


def rules_of(rules: Sequence[Rule], items: Ints) -> tuple[Rule, ...]:
    """The rules among ``items``, by their places there."""
    place = {int(item): at for at, item in enumerate(items)}
    kept: list[Rule] = []
    for rule in rules:
        members = tuple(place[one] for one in rule.members if one in place)
        if members and (rule.owner is None or rule.owner in place):
            owner = None if rule.owner is None else place[rule.owner]
            kept.append(Rule(members, rule.limit, owner))
    return tuple(kept)


def _balances_of(balances: Sequence[Balance], items: Ints) -> tuple[Balance, ...]:
    place = {int(item): at for at, item in enumerate(items)}
    return tuple(
        Balance(
            tuple(place[item] for item in one.more),
            tuple(place[item] for item in one.fewer),
            one.skew,
        )
        for one in balances
        if {*one.more, *one.fewer} <= place.keys()
    )
