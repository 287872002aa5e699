"""Which nodes are left alone, whatever their risk: one sentence each that says why."""

from advisor.karpenter.labels import RETIRE
from advisor.replacement.records import GuardedNode, Snapshot
from advisor.replacement.settings import GuardSettings

ADD_RETIRE = (
    f"add the requirement {{key: {RETIRE}, operator: DoesNotExist}} to it, which drifts nothing"
)


def protection(node: GuardedNode, snapshot: Snapshot, settings: GuardSettings) -> str | None:
    """Why a node must not be replaced now; None if it may be."""
    return (
        held(node)
        or _of_its_kind(node)
        or _of_its_state(node)
        or _unmanaged(node, snapshot, settings)
    )


def held(node: GuardedNode) -> str | None:
    """Who holds it back by `karpenter.sh/do-not-disrupt`; None if nobody does."""
    if node.is_held:
        return "it is annotated karpenter.sh/do-not-disrupt"
    for pod in node.pods:
        if pod.is_held:
            return f"its pod {pod.namespace}/{pod.name} is annotated karpenter.sh/do-not-disrupt"
    return None


def _of_its_kind(node: GuardedNode) -> str | None:
    if not node.is_spot:
        return "it is no spot machine: no cloud takes it back"
    if node.pool is None:
        return "its provider, zone or instance type cannot be told, and so neither can its risk"
    return None


def _of_its_state(node: GuardedNode) -> str | None:
    if node.is_deleting:
        return "it is being deleted already"
    if node.is_disrupted:
        return "Karpenter disrupts it already (karpenter.sh/disrupted)"
    if node.retire is not None:
        return f"its NodeClaim is labelled {RETIRE}={node.retire} already, by no hand-over of ours"
    if node.is_drifted:
        return "Karpenter calls it drifted already, and will replace it"
    return None


def _unmanaged(node: GuardedNode, snapshot: Snapshot, settings: GuardSettings) -> str | None:
    if node.claim is None or node.nodepool is None:
        if settings.without_karpenter and not snapshot.nodepools and node.claim is None:
            return None
        return "Karpenter does not manage it (no NodeClaim of a NodePool)"
    if not node.is_initialized:
        return "it is not Initialized yet: it serves nobody"
    state = snapshot.nodepools.get(node.nodepool)
    if state is None:
        return f"its NodePool {node.nodepool} is not there"
    if not state.has_retire:
        return f"its NodePool {node.nodepool} lacks our switch; {ADD_RETIRE}"
    return None
