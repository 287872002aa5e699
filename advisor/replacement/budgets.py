"""How many nodes may be handed over at once: ours, the NodePools' and the pods' own budgets."""

from collections.abc import Iterable, Sequence

from advisor.replacement.records import (
    DisruptionBudget,
    GuardedNode,
    HandOver,
    Mechanism,
    Snapshot,
    State,
    Workload,
)
from advisor.replacement.settings import GuardSettings

ENDS = frozenset({State.DONE, State.ROLLED_BACK, State.OVERTAKEN, State.FAILED})
"""States that a hand-over never leaves."""

SURGED = frozenset({Mechanism.SURGE, Mechanism.CLAIM_AND_SURGE, Mechanism.SURGE_AND_EVICT})
"""Mechanisms that bring a pod before they take one."""


def nodes_refusal(
    node: GuardedNode,
    snapshot: Snapshot,
    open_ones: Sequence[HandOver],
    settings: GuardSettings,
) -> str | None:
    """Which budget of nodes keeps one more from being handed over, with numbers; None if none.

    The same for all nodes of a NodePool; with every hand-over that is begun it can only close.
    """
    return _cluster(node, open_ones, settings) or _nodepool(node, snapshot, open_ones, settings)


def drift_refusal(
    node: GuardedNode, snapshot: Snapshot, retiring: Sequence[HandOver]
) -> str | None:
    """Why the NodePool's own budget lets no more of its nodes be drifted, or None.

    ``retiring`` count beside the nodes that Karpenter disrupts, deletes or finds not ready.
    """
    state = snapshot.nodepools.get(node.nodepool or "")
    if node.nodepool is None or state is None:
        return None
    names = {one.node for one in retiring} | {
        one.name for one in snapshot.nodes.values() if _is_spent(one)
    }
    spent = sum(
        1
        for name in names - {node.name}
        if name in snapshot.nodes and snapshot.nodes[name].nodepool == node.nodepool
    )
    if spent < state.drift_allowed:
        return None
    return (
        f"the Drifted budget of NodePool {state.name} allows {state.drift_allowed} nodes at "
        f"once, and {spent} are on their way"
    )


def pods_refusal(
    node: GuardedNode,
    mechanism: Mechanism,
    snapshot: Snapshot,
    open_ones: Sequence[HandOver],
) -> str | None:
    """Which PodDisruptionBudget lets none of the node's pods go now, by name, or None.

    A node whose pods are surged takes nothing of it, and its new pods that are not Ready yet are
    not held against it.
    """
    for pod in node.pods:
        workload = snapshot.workloads.get(pod.workload) if pod.workload else None
        for budget in pod.budgets:
            allowed, spent = budget.allowed, 0
            if mechanism in SURGED:
                allowed += _rising(workload)
            else:
                spent = _evicting(budget, node, snapshot, open_ones)
            if spent >= allowed:
                return (
                    f"the PodDisruptionBudget {budget.namespace}/{budget.name} of pod "
                    f"{pod.namespace}/{pod.name} lets {max(0, budget.allowed)} pods go now, and "
                    f"{spent} nodes with such pods are on their way"
                )
    return None


def _cluster(
    node: GuardedNode, open_ones: Iterable[HandOver], settings: GuardSettings
) -> str | None:
    count = len({one.node for one in open_ones} - {node.name})
    if count < settings.most_at_once:
        return None
    return f"{count} hand-overs are open, of {settings.most_at_once} at once in the cluster"


def _nodepool(
    node: GuardedNode,
    snapshot: Snapshot,
    open_ones: Sequence[HandOver],
    settings: GuardSettings,
) -> str | None:
    if node.nodepool is None:
        return None
    mine = {
        one.node
        for one in open_ones
        if one.node in snapshot.nodes and snapshot.nodes[one.node].nodepool == node.nodepool
    }
    if len(mine - {node.name}) >= settings.most_per_nodepool:
        return (
            f"{len(mine)} hand-overs are open in NodePool {node.nodepool}, of "
            f"{settings.most_per_nodepool} at once"
        )
    return drift_refusal(node, snapshot, open_ones)


def _is_spent(node: GuardedNode) -> bool:
    """Whether Karpenter counts it against the budget, or is about to."""
    gone = node.is_disrupted or node.is_deleting or node.retire is not None
    return node.claim is not None and (gone or (node.is_initialized and not node.is_ready))


def _rising(workload: Workload | None) -> int:
    if workload is None:
        return 0
    return min(workload.surged_by, max(0, workload.replicas - workload.ready))


def _evicting(
    budget: DisruptionBudget, node: GuardedNode, snapshot: Snapshot, open_ones: Sequence[HandOver]
) -> int:
    """Other nodes whose pods of this budget will be evicted: each may cost it one at a time."""
    evicted = {one.node for one in open_ones if one.mechanism not in SURGED} | {
        one.name for one in snapshot.nodes.values() if one.retire or one.is_disrupted
    }
    named = (budget.namespace, budget.name)
    return sum(
        1
        for name in evicted - {node.name}
        if name in snapshot.nodes
        and any(
            (other.namespace, other.name) == named
            for pod in snapshot.nodes[name].pods
            for other in pod.budgets
        )
    )
