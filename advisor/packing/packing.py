"""Pods onto a least-cost set of nodes: what to buy, what runs where, and what cannot run.

The cost of a node is the caller's, so that risk is in it where the caller puts it. An offering
whose cost is not known is not bought. Existing nodes are not looked at: this is the cheapest
cluster that these pods could run on, all of it new.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import numpy as np

from advisor.karpenter import labels as words
from advisor.packing.compile import Compiled, PodKind, compiled, fitting, pod_kinds, zonal_kinds
from advisor.packing.first_fit import naive_worth
from advisor.packing.fit import NodeKind, NodeSettings, node_kind
from advisor.packing.pods import Expression, Pod, Workload
from advisor.packing.problem import Ints
from advisor.packing.refusals import Unplaced, crowded, why_nowhere
from advisor.packing.solver import cost_of, first_answer, solve
from advisor.packing.zones import zone_counts
from warehouse.records import REGIONAL, CapacityType, Offering, Pool

ARCHITECTURE_KEYS = frozenset({words.ARCH, "beta.kubernetes.io/arch"})

Costs = Mapping[tuple[Pool, CapacityType], float]
"""USD per hour of one node, by pool and way to buy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackingSettings:
    """How to pack."""

    node: NodeSettings = field(default_factory=NodeSettings)
    zones: tuple[str, ...] = ()
    """Zones that offerings of a whole region are bought in; without any, pods that zones tell
    apart cannot run on them."""
    architecture: str | None = "amd64"
    """Of pods that do not say: most images are built for one. None trusts every image."""
    time_limit: timedelta = timedelta(seconds=10)
    gap: float = 0.001
    """Share above the bound at which the search ends."""
    seed: int = 0
    """Of the order in which nodes are taken apart."""


@dataclass(frozen=True, slots=True)
class Node:
    """One node to buy, and what runs on it."""

    offering: Offering
    zone: str | None
    """None where it does not matter, or is not known."""
    usd_per_hour: float
    pods: tuple[tuple[Pod, int], ...]
    """Each with how many of its count are here."""
    allocatable: Mapping[str, int]
    """For pods, after the daemons; units as in `Pod.requests`."""
    used: Mapping[str, int]

    @property
    def pod_count(self) -> int:
        """How many pods run here, daemons apart."""
        return sum(count for _, count in self.pods)

    def share_used(self, resource: str) -> float | None:
        """Share of the resource that pods ask for; None where the node has none of it."""
        room = self.allocatable.get(resource, 0)
        return self.used.get(resource, 0) / room if room else None


@dataclass(frozen=True, slots=True)
class Packing:
    """What to buy for the pods that can be placed, and what cannot."""

    nodes: tuple[Node, ...]
    """Dearest first; ties by type, zone and what runs there."""
    usd_per_hour: float
    bound_usd_per_hour: float
    """No packing of the same pods on the same offerings costs less: proven."""
    first_fit_usd_per_hour: float
    """What first-fit decreasing alone came to."""
    unplaced: tuple[Unplaced, ...]
    without_cost: int
    """Offerings that were not looked at, as their cost is not known."""

    @property
    def gap(self) -> float:
        """Share of the cost above the bound; 0 if there is nothing to buy."""
        return max(0.0, 1 - self.bound_usd_per_hour / self.usd_per_hour) if self.nodes else 0.0

    @property
    def is_optimal(self) -> bool:
        """Proven that nothing cheaper holds the same pods."""
        return self.gap <= 1e-6  # noqa: PLR2004 - HiGHS' own tolerance


def pack(
    workload: Workload,
    offerings: Sequence[Offering],
    costs: Costs,
    settings: PackingSettings | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Packing:
    """The cheapest nodes found for the pods of ``workload`` within the time limit.

    The order of pods and offerings does not matter. Where the search ends before its time, the
    answer is the same on any machine; ``clock`` (seconds) only tells it when time is up.
    """
    settings = settings or PackingSettings()
    end = clock() + settings.time_limit.total_seconds()
    nodes, without_cost = node_kinds(offerings, costs, settings, workload.daemons)
    pods = [for_architecture(pod, settings.architecture) for pod in workload.pods]
    kinds, unplaced = _placeable(pod_kinds(pods), nodes)
    if not kinds:
        return Packing((), 0.0, 0.0, 0.0, tuple(unplaced), without_cost)
    made, crowd = _without_crowd(compiled(kinds, nodes))
    unplaced += crowd
    if not len(made.kinds):
        return Packing((), 0.0, 0.0, 0.0, tuple(unplaced), without_cost)
    problem = made.problem
    generator = np.random.default_rng(settings.seed)
    solution = solve(problem, lambda: end - clock(), generator, gap=settings.gap)
    found = _nodes(made, solution.nodes.patterns, solution.nodes.choice)
    return Packing(
        nodes=found,
        usd_per_hour=cost_of(problem, solution.nodes),
        bound_usd_per_hour=solution.bound,
        first_fit_usd_per_hour=cost_of(problem, first_answer(problem)),
        unplaced=tuple(unplaced),
        without_cost=without_cost,
    )


def node_kinds(
    offerings: Sequence[Offering],
    costs: Costs,
    settings: PackingSettings,
    daemons: Sequence[Pod] = (),
) -> tuple[list[NodeKind], int]:
    """What can be bought, with its daemons on it, cheapest first; and how many have no cost."""
    found: list[NodeKind] = []
    without_cost = 0
    for offering in offerings:
        usd = costs.get((offering.pool, offering.capacity_type))
        if usd is None or not 0 < usd < float("inf"):
            without_cost += 1
            continue
        known = offering.pool.zone != REGIONAL
        zones = (offering.pool.zone,) if known else settings.zones or (None,)
        found += [
            with_daemons(node_kind(offering, zone, usd, settings.node), daemons) for zone in zones
        ]
    found.sort(key=_order)
    return found, without_cost


def for_architecture(pod: Pod, architecture: str | None) -> Pod:
    """The pod, bound to ``architecture`` if nothing in it speaks of one."""
    asked = [*pod.node_selector, *(one for term in pod.node_affinity for one in term)]
    if architecture is None or any(one.key in ARCHITECTURE_KEYS for one in asked):
        return pod
    bound = Expression(words.ARCH, "In", (architecture,))
    return replace(pod, node_selector=(*pod.node_selector, bound))


def _order(node: NodeKind) -> tuple[float, Pool, str, str]:
    offering = node.offering
    return (node.usd_per_hour, offering.pool, offering.capacity_type.value, node.zone or "")


def with_daemons(node: NodeKind, daemons: Sequence[Pod]) -> NodeKind:
    """The node with what daemons leave; those that its labels or taints keep off ask nothing."""
    left = dict(node.allocatable)
    for daemon in daemons:
        if node.refuses(daemon) is not None:
            continue
        for name, asked in (*daemon.requests.items(), ("pods", 1)):
            left[name] = max(left.get(name, 0) - asked, 0)
    return replace(node, allocatable=left)


def _placeable(
    kinds: Sequence[PodKind], nodes: Sequence[NodeKind]
) -> tuple[list[PodKind], list[Unplaced]]:
    """The kinds that some node takes, and why none takes the others."""
    if not kinds:
        return [], []
    may = fitting(kinds, nodes)
    zoned = np.array([node.zone is not None for node in nodes], dtype=np.bool_)
    zonal = zonal_kinds(kinds)
    fine: list[PodKind] = []
    refused: list[Unplaced] = []
    for at, kind in enumerate(kinds):
        if (may[at] & zoned if at in zonal else may[at]).any():
            fine.append(kind)
            continue
        needs_zone = bool(may[at].any())
        refused += [
            Unplaced(pod, pod.count, *why_nowhere(pod, nodes, needs_zone=needs_zone))
            for pod in kind.members
        ]
    return fine, refused


def _without_crowd(made: Compiled) -> tuple[Compiled, list[Unplaced]]:
    """Without the pods that the rules between zones leave no room for."""
    if not made.problem.is_zonal:
        return made, []
    _, left_out = zone_counts(made.problem, naive_worth(made.problem))
    if not left_out.any():
        return made, []
    refused: list[Unplaced] = []
    kinds: list[PodKind] = []
    for kind, less in zip(made.kinds, left_out.tolist(), strict=True):
        kept, out = _shortened(kind, less)
        refused += [Unplaced(pod, pod.count, *crowded(pod)) for pod in out]
        kinds += [kept] if kept.members else []
    if not kinds:
        return replace(made, kinds=()), refused
    return compiled(kinds, made.nodes), refused


def _shortened(kind: PodKind, less: int) -> tuple[PodKind, list[Pod]]:
    """The kind with ``less`` pods fewer, the last ones, and those."""
    kept: list[Pod] = []
    out: list[Pod] = []
    for pod in reversed(kind.members):
        gone = min(less, pod.count)
        less -= gone
        out += [replace(pod, count=gone)] if gone else []
        kept += [replace(pod, count=pod.count - gone)] if pod.count > gone else []
    return PodKind(kind.pod, tuple(reversed(kept))), out


def _nodes(made: Compiled, patterns: Ints, choice: Ints) -> tuple[Node, ...]:
    """The rows as nodes; the members of a kind are dealt out in their order."""
    ordered = sorted(
        range(len(choice)),
        key=lambda at: (-made.problem.cost[choice[at]], int(choice[at]), patterns[at].tolist()),
    )
    dealers = [_Dealer(kind) for kind in made.kinds]
    nodes: list[Node] = []
    for at in ordered:
        bought = made.nodes[int(choice[at])]
        held: list[tuple[Pod, int]] = []
        for item in np.flatnonzero(patterns[at]):
            held += dealers[int(made.problem.kind[item])].deal(int(patterns[at, item]))
        used = patterns[at] @ made.problem.demand
        amounts = zip(made.resources, used.tolist(), strict=True)
        nodes.append(
            Node(
                offering=bought.offering,
                zone=bought.zone,
                usd_per_hour=bought.usd_per_hour,
                pods=tuple(held),
                allocatable=bought.allocatable,
                used=dict(amounts),
            )
        )
    return tuple(nodes)


class _Dealer:
    """Deals the pods of one kind out, in order."""

    def __init__(self, kind: PodKind) -> None:
        self._left = [(pod, pod.count) for pod in kind.members]

    def deal(self, count: int) -> list[tuple[Pod, int]]:
        """The next ``count`` pods."""
        dealt: list[tuple[Pod, int]] = []
        while count:
            pod, left = self._left[0]
            taken = min(count, left)
            dealt.append((pod, taken))
            count -= taken
            if taken == left:
                self._left.pop(0)
            else:
                self._left[0] = (pod, left - taken)
        return dealt
