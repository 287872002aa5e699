"""What a packing leaves unused, and the smallest single machine that would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

from advisor.packing.fit import NodeKind
from advisor.packing.packing import (
    Costs,
    Node,
    PackingSettings,
    for_architecture,
    node_kinds,
)
from advisor.packing.pods import Pod, Workload
from warehouse.records import Offering


@dataclass(frozen=True, slots=True)
class Utilisation:
    """How much of one resource all nodes have, how much pods ask for, and the share unused."""

    resource: str
    allocatable: int
    used: int

    @property
    def unused_share(self) -> float | None:
        """None where there is none of the resource."""
        return 1 - self.used / self.allocatable if self.allocatable else None


def utilisation(nodes: Sequence[Node]) -> list[Utilisation]:
    """Over all nodes, one row per resource that any has, by name; ``pods`` is not one."""
    names = sorted({name for node in nodes for name in node.allocatable} - {"pods"})
    return [
        Utilisation(
            name,
            sum(node.allocatable.get(name, 0) for node in nodes),
            sum(node.used.get(name, 0) for node in nodes),
        )
        for name in names
    ]


def wasted_usd_per_hour(node: Node) -> float:
    """What the node costs beyond the share of it that is used, by its most used resource.

    A node is as full as its fullest resource: no further pod fits once that is gone.
    """
    shares = [node.share_used(name) or 0.0 for name in node.allocatable if name != "pods"]
    return node.usd_per_hour * (1 - max(shares, default=0.0))


def smallest_machine(
    workload: Workload,
    offerings: Sequence[Offering],
    costs: Costs,
    settings: PackingSettings | None = None,
) -> NodeKind | None:
    """The cheapest one node that all pods would run on together; None if there is none.

    Pods that may not share a node, or a zone, have none.
    """
    settings = settings or PackingSettings()
    nodes, _ = node_kinds(offerings, costs, settings, workload.daemons)
    pods = [for_architecture(pod, settings.architecture) for pod in workload.pods]
    if any(_keeps_apart(pod, pods) for pod in pods):
        return None
    asked = reduce(_added, (_times(pod) for pod in pods), {"pods": 0})
    for node in nodes:
        if any(node.allocatable.get(name, 0) < amount for name, amount in asked.items()):
            continue
        if all(node.refuses(pod) is None for pod in pods):
            return node
    return None


def _keeps_apart(pod: Pod, pods: Sequence[Pod]) -> bool:
    """Whether a separation of ``pod`` forbids that all run in one place."""
    for rule in pod.separations:
        selected = sum(one.count for one in pods if one.selected_by(rule, pod))
        limit = rule.skew or int(pod.selected_by(rule, pod))
        if selected > limit:
            return True
    return False


def _times(pod: Pod) -> dict[str, int]:
    return {name: amount * pod.count for name, amount in (*pod.requests.items(), ("pods", 1))}


def _added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in one | other}
