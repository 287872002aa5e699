"""From pods and offerings to a `Problem`: kinds of pod, kinds of node, and rules as numbers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from advisor.packing.fit import NodeKind
from advisor.packing.pods import Pod, Separation
from advisor.packing.problem import Balance, Bools, Ints, Problem, Rule, undominated

BASE_RESOURCES = ("cpu", "memory", "ephemeral-storage", "pods")


@dataclass(frozen=True, slots=True)
class PodKind:
    """Pods that no node and no rule can tell apart; ``members`` with how many of each."""

    pod: Pod
    members: tuple[Pod, ...]

    @property
    def count(self) -> int:
        """How many pods."""
        return sum(one.count for one in self.members)


@dataclass(frozen=True, slots=True)
class Compiled:
    """The problem with what its numbers stand for."""

    problem: Problem
    kinds: tuple[PodKind, ...]
    nodes: tuple[NodeKind, ...]
    """The choices, after those that another is at least as good as are left out."""
    resources: tuple[str, ...]


def pod_kinds(pods: Sequence[Pod]) -> list[PodKind]:
    """The kinds of pods, in an order that does not depend on that of ``pods``.

    Labels tell pods apart only where a separation selects some and not others.
    """
    rules = {(one, pod.namespace) for pod in pods for one in pod.separations}
    owners = {(one, pod.namespace): pod for pod in pods for one in pod.separations}
    named = sorted(rules, key=repr)
    groups: dict[tuple[str, ...], list[Pod]] = defaultdict(list)
    for pod in pods:
        selected = [at for at, key in enumerate(named) if pod.selected_by(key[0], owners[key])]
        owned = [at for at, key in enumerate(named) if _owns(pod, key)]
        groups[
            repr(sorted((name, amount) for name, amount in pod.requests.items() if amount)),
            repr(sorted(map(repr, pod.node_selector))),
            repr(sorted(repr(sorted(map(repr, term))) for term in pod.node_affinity)),
            repr(sorted(map(repr, pod.tolerations))),
            repr(selected),
            repr(owned),
        ].append(pod)
    kinds: list[PodKind] = []
    for _, members in sorted(groups.items()):
        ordered = sorted(members, key=lambda one: (one.title, repr(one)))
        kinds.append(PodKind(ordered[0], tuple(ordered)))
    return kinds


def _owns(pod: Pod, key: tuple[Separation, str]) -> bool:
    return key[1] == pod.namespace and key[0] in pod.separations


def capacities(nodes: Sequence[NodeKind], resources: Sequence[str]) -> Ints:
    """(nodes, resources): what each has for pods."""
    rows = [[node.allocatable.get(name, 0) for name in resources] for node in nodes]
    return np.array(rows, dtype=np.int64).reshape(-1, len(resources))


def resources_of(kinds: Sequence[PodKind]) -> tuple[str, ...]:
    """What the pods ask for, the common resources first."""
    wanted = {name for kind in kinds for name, asked in kind.pod.requests.items() if asked}
    return (*BASE_RESOURCES, *sorted(wanted - set(BASE_RESOURCES)))


def welcome(kinds: Sequence[PodKind], nodes: Sequence[NodeKind]) -> Bools:
    """(kinds, nodes): labels and taints allow it; amounts apart.

    Nodes are asked once for all that look alike to these pods.
    """
    keys = sorted(
        {
            one.key
            for kind in kinds
            for one in (*kind.pod.node_selector, *(e for t in kind.pod.node_affinity for e in t))
        }
    )
    looks = [(tuple(node.labels.get(key) for key in keys), node.taints) for node in nodes]
    place = {look: at for at, look in enumerate(dict.fromkeys(looks))}
    first = dict(zip(reversed(looks), reversed(nodes), strict=True))
    answers = np.array(
        [[first[look].refuses(kind.pod) is None for look in place] for kind in kinds],
        dtype=np.bool_,
    ).reshape(len(kinds), len(place))
    return answers[:, [place[look] for look in looks]]


def fitting(kinds: Sequence[PodKind], nodes: Sequence[NodeKind]) -> Bools:
    """(kinds, nodes): a pod of the kind may run on an empty node."""
    resources = resources_of(kinds)
    asked = np.array([_asked(kind.pod, resources) for kind in kinds], dtype=np.int64)
    room = capacities(nodes, resources)
    enough = (asked.reshape(-1, 1, len(resources)) <= room[None]).all(axis=2)
    allowed: Bools = welcome(kinds, nodes) & enough
    return allowed


def compiled(kinds: Sequence[PodKind], nodes: Sequence[NodeKind]) -> Compiled:
    """The problem of placing ``kinds``, each of which fits some node, on ``nodes``."""
    resources = resources_of(kinds)
    zonal = zonal_kinds(kinds)
    zones = sorted({node.zone for node in nodes if node.zone is not None})
    may = fitting(kinds, nodes)
    where = np.array([zones.index(node.zone) if node.zone else -1 for node in nodes])
    items = _items(zonal, zones, may, where)
    fits = np.array(
        [may[kind] & ((zone is None) | (where == _index(zones, zone))) for kind, zone in items]
    )
    problem = Problem(
        demand=np.array([_asked(kinds[kind].pod, resources) for kind, _ in items], dtype=np.int64),
        kind=np.array([kind for kind, _ in items], dtype=np.int64),
        count=np.array([kind.count for kind in kinds], dtype=np.int64),
        capacity=capacities(nodes, resources),
        cost=np.array([node.usd_per_hour for node in nodes], dtype=np.float64),
        fits=fits,
        node_rules=_rules(kinds, items, "hostname"),
        zone_rules=_rules(kinds, items, "zone"),
        balances=_balances(kinds, items),
    )
    kept = undominated(problem, where if zonal else np.full(len(nodes), -1))
    return Compiled(
        _chosen(problem, kept), tuple(kinds), tuple(nodes[at] for at in kept), resources
    )


def _index(zones: Sequence[str], zone: str | None) -> int:
    return -2 if zone is None else zones.index(zone)


def _chosen(problem: Problem, kept: Ints) -> Problem:
    return replace(
        problem,
        capacity=problem.capacity[kept],
        cost=problem.cost[kept],
        fits=problem.fits[:, kept],
    )


def _asked(pod: Pod, resources: Sequence[str]) -> list[int]:
    return [1 if name == "pods" else pod.requests.get(name, 0) for name in resources]


def zonal_kinds(kinds: Sequence[PodKind]) -> set[int]:
    """The kinds that some rule between zones owns or selects."""
    found: set[int] = set()
    for at, kind in enumerate(kinds):
        for rule in kind.pod.separations:
            if rule.topology == "zone":
                found |= {at, *_selected(kinds, rule, kind.pod)}
    return found


def _selected(kinds: Sequence[PodKind], rule: Separation, owner: Pod) -> list[int]:
    return [at for at, kind in enumerate(kinds) if kind.pod.selected_by(rule, owner)]


def _items(
    zonal: set[int], zones: Sequence[str], may: Bools, where: Ints
) -> list[tuple[int, str | None]]:
    """One item per kind, or per zone that the kind can run in."""
    items: list[tuple[int, str | None]] = []
    for at in range(len(may)):
        if at not in zonal:
            items.append((at, None))
            continue
        items += [(at, zone) for place, zone in enumerate(zones) if may[at, where == place].any()]
    return items


def _rules(
    kinds: Sequence[PodKind], items: Sequence[tuple[int, str | None]], topology: str
) -> tuple[Rule, ...]:
    """The upper limits on one node or one zone; a rule that all its members own binds always."""
    found: dict[tuple[tuple[int, ...], int], set[int]] = defaultdict(set)
    for at, kind in enumerate(kinds):
        for separation in kind.pod.separations:
            if separation.topology != topology or (topology == "zone" and separation.is_spread):
                continue
            selected = _selected(kinds, separation, kind.pod)
            limit = 1 if at in selected else 0
            limit = separation.skew or limit
            for zone in _zones_of(items, at):
                members = tuple(_in_zone(items, selected, zone))
                if members:
                    found[members, limit].update(
                        one for one, item in enumerate(items) if item == (at, zone)
                    )
    rules: list[Rule] = []
    for (members, limit), owners in sorted(found.items()):
        if owners >= set(members):
            rules.append(Rule(members, limit))
        rules += [
            Rule(members, limit, owner)
            for owner in sorted(owners)
            if not (owners >= set(members) and owner in members)
        ]
    return tuple(rules)


def _zones_of(items: Sequence[tuple[int, str | None]], kind: int) -> list[str | None]:
    return [zone for one, zone in items if one == kind]


def _in_zone(
    items: Sequence[tuple[int, str | None]], kinds: Sequence[int], zone: str | None
) -> list[int]:
    """The items of ``kinds`` that can meet an item of ``zone``; without a zone they all can."""
    return [
        at
        for at, (kind, where) in enumerate(items)
        if kind in kinds and (zone is None or where is None or where == zone)
    ]


def _balances(
    kinds: Sequence[PodKind], items: Sequence[tuple[int, str | None]]
) -> tuple[Balance, ...]:
    """One per ordered pair of zones that the owner of a spread can run in."""
    found: set[tuple[tuple[int, ...], tuple[int, ...], int]] = set()
    for at, kind in enumerate(kinds):
        for spread in kind.pod.separations:
            if spread.topology != "zone" or not spread.is_spread:
                continue
            selected = _selected(kinds, spread, kind.pod)
            zones = _zones_of(items, at)
            groups = [tuple(_in_zone(items, selected, zone)) for zone in zones]
            found |= {
                (more, fewer, spread.skew or 1)
                for more in groups
                for fewer in groups
                if more != fewer
            }
    return tuple(Balance(*one) for one in sorted(found))
