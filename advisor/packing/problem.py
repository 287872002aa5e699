"""A packing as numbers: what is to be placed, what can be bought, and the rules between them.

Identical pods are one kind. A kind that rules bind to zones becomes one item per zone, so that
which zone a pod goes to is a number that the solver may choose; every other kind is one item.
A pattern says how many of each item one node holds. Every pattern that holds fewer is allowed
as well: all rules of a node are upper limits.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Rule:
    """Where ``owner`` is, at most ``limit`` of ``members`` are; ``owner`` None is everywhere.

    "Where" is one node, or one zone, by the list that the rule stands in. ``members`` are item
    indices, ascending; an owner may be among them.
    """

    members: tuple[int, ...]
    limit: int
    owner: int | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """``more`` hold at most ``skew`` pods more than ``fewer``: a spread between two zones."""

    more: tuple[int, ...]
    fewer: tuple[int, ...]
    skew: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is to be packed into what. Amounts are whole numbers, so that sums are exact."""

    demand: Ints
    """(items, resources): what one pod of the item takes."""
    kind: Ints
    """(items,): the kind of each item; ascending, without gaps."""
    count: Ints
    """(kinds,): pods of each kind, at least one."""
    capacity: Ints
    """(choices, resources): what a node of the choice has for pods."""
    cost: Floats
    """(choices,): USD per hour of one node, above zero."""
    fits: Bools
    """(items, choices): one pod of the item may run alone on a node of the choice."""
    node_rules: tuple[Rule, ...] = ()
    zone_rules: tuple[Rule, ...] = ()
    balances: tuple[Balance, ...] = ()
    most: Ints = field(init=False)
    """(items, choices): most pods of the item on one node of the choice, taken alone."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "most", self._most_alone())

    @property
    def items(self) -> int:
        """How many items there are."""
        return len(self.kind)

    @property
    def choices(self) -> int:
        """How many kinds of node can be bought."""
        return len(self.cost)

    @property
    def bounds(self) -> Ints:
        """(items,): no more pods than this can be of an item."""
        bounds: Ints = self.count[self.kind]
        return bounds

    @property
    def is_zonal(self) -> bool:
        """Whether some kind has a choice of zones."""
        return self.items > len(self.count)

    def allows(self, pattern: Ints, choice: int) -> bool:
        """Whether one node of ``choice`` may hold ``pattern``; exact."""
        if np.any(pattern @ self.demand > self.capacity[choice]):
            return False
        if np.any(pattern[~self.fits[:, choice]] > 0):
            return False
        return all(is_kept(rule, pattern) for rule in self.node_rules)

    def _most_alone(self) -> Ints:
        room = np.full((self.items, self.choices), np.iinfo(np.int64).max, dtype=np.int64)
        for resource in range(self.demand.shape[1]):
            asked = self.demand[:, resource]
            some = asked > 0
            room[some] = np.minimum(
                room[some], self.capacity[None, :, resource] // asked[some][:, None]
            )
        room = np.minimum(room, self.bounds[:, None])
        for rule in self.node_rules:
            for member in rule.members:
                if rule.owner in {None, member}:
                    room[member] = np.minimum(room[member], rule.limit)
        return np.where(self.fits, np.maximum(room, 0), 0)


@dataclass(frozen=True, slots=True)
class Columns:
    """Patterns that can be bought: one row each."""

    patterns: Ints
    """(columns, items)."""
    choice: Ints
    """(columns,)."""

    def followed_by(self, other: "Columns") -> "Columns":
        """Both, one after the other."""
        return Columns(
            np.vstack((self.patterns, other.patterns)),
            np.concatenate((self.choice, other.choice)),
        )

    def joined(self, other: "Columns") -> "Columns":
        """Both, each pattern of a choice once, in order."""
        both = self.followed_by(other)
        keyed = np.column_stack((both.choice, both.patterns))
        _, first = np.unique(keyed, axis=0, return_index=True)
        first.sort()
        return Columns(both.patterns[first], both.choice[first])


def is_kept(rule: Rule, pattern: Ints) -> bool:
    """Whether ``pattern`` keeps ``rule``."""
    if rule.owner is not None and pattern[rule.owner] == 0:
        return True
    return int(pattern[list(rule.members)].sum()) <= rule.limit


def undominated(problem: Problem, place: Ints) -> Ints:
    """The indices of the choices worth a look: for each other one there is one at least as good.

    ``place`` is what else tells choices apart (their zone where zones matter). A choice is as
    good if it costs no more, has no less of anything that all pods together could use, and takes
    every item that the other takes; of equals the first stays.
    """
    useful = np.minimum(problem.capacity, problem.bounds @ problem.demand)
    order = np.lexsort((np.arange(problem.choices), -useful.sum(axis=1), problem.cost))
    kept: list[int] = []
    for one in order:
        if not problem.fits[:, one].any():
            continue
        others = np.array(kept, dtype=np.int64)
        better = (
            (place[others] == place[one])
            & (useful[others] >= useful[one]).all(axis=1)
            & (problem.fits[:, others] | ~problem.fits[:, [one]]).all(axis=0)
        )
        if not better.any():
            kept.append(int(one))
    return np.array(sorted(kept), dtype=np.int64)
