"""What clouds have said of single machines: conditions and taints of nodes, and Karpenter's events.

Each cloud's own agent writes it in another place: a condition (ACK, AKS), a taint (AWS' node
termination handler), the kubelet's word that it shuts down (GKE), an event of Karpenter's (AWS).
NodeClaims carry no such word: their conditions tell what Karpenter does, not what the cloud will.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from advisor.cluster import Manifest
from advisor.hazards import NOTICE
from advisor.kubernetes_api import condition_of, is_true, labels_of
from advisor.replacement.records import Evidence, EvidenceKind

CONDITIONS = {
    "InstanceExpired": (EvidenceKind.EXPIRED, NOTICE["alibaba"]),
    "PreemptionScheduled": (EvidenceKind.PREEMPTION_SCHEDULED, NOTICE["azure"]),
}
"""Conditions that are True when the machine will be taken, and how long before."""

TAINTS: Mapping[str, tuple[EvidenceKind, timedelta | None]] = {
    "aws-node-termination-handler/spot-itn": (EvidenceKind.NOTICE, NOTICE["aws"]),
    "aws-node-termination-handler/rebalance-recommendation": (EvidenceKind.REBALANCE, None),
}
EVENTS: Mapping[str, tuple[EvidenceKind, timedelta | None]] = {
    "SpotInterrupted": (EvidenceKind.NOTICE, NOTICE["aws"]),
    "SpotRebalanceRecommendation": (EvidenceKind.REBALANCE, None),
}
"""By their reason; Karpenter gives each for the NodeClaim and for its Node."""

SHUTTING_DOWN = ("KubeletNotReady", "node is shutting down")
"""Reason and message of Ready=False while the kubelet ends its pods, for whatever reason."""
GKE_SPOT = ("cloud.google.com/gke-spot", "cloud.google.com/gke-preemptible")
RETIRING = ("ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted")
"""Taints of a node that somebody is about to delete; then its shutdown is not the cloud's doing."""


def evidence_on(node: Manifest, now: datetime) -> Iterator[Evidence]:
    """What stands on the node itself; what does not say since when was seen ``now``."""
    name = node["metadata"]["name"]
    for condition, (kind, notice) in CONDITIONS.items():
        if is_true(node, condition):
            since = _since(condition_of(node, condition), "lastTransitionTime")
            yield _evidence(name, kind, since, notice, now)
    for taint in node.get("spec", {}).get("taints") or ():
        if taint["key"] in TAINTS:
            kind, waits = TAINTS[taint["key"]]
            yield _evidence(name, kind, _since(taint, "timeAdded"), waits, now)
    if _is_shutting_down(node):
        since = _since(condition_of(node, "Ready"), "lastTransitionTime")
        yield _evidence(name, EvidenceKind.NOTICE, since, NOTICE["gcp"], now)


def evidence_in(
    events: Iterable[Manifest], node_of_claim: Mapping[str, str], nodes: frozenset[str]
) -> Iterator[Evidence]:
    """What Karpenter's events say of nodes that are there.

    A notice counts from its first telling, which does not come later when it is repeated; a
    recommendation from its last.
    """
    for event in events:
        about = event.get("involvedObject") or {}
        told = EVENTS.get(str(event.get("reason")))
        name = str(about.get("name"))
        node = node_of_claim.get(name) if about.get("kind") == "NodeClaim" else name
        first = _since(event, "firstTimestamp") or _since(event, "eventTime")
        last = _since(event, "lastTimestamp") or first
        if told is None or node is None or node not in nodes or first is None or last is None:
            continue
        kind, waits = told
        if waits is None:
            yield Evidence(node, kind, last)
        else:
            yield Evidence(node, kind, first, first + waits)


def each_once(evidence: Iterable[Evidence]) -> list[Evidence]:
    """The words by node and kind, each as it was first given; recommendations as last given."""
    found: dict[tuple[str, EvidenceKind], Evidence] = {}
    for one in sorted(evidence, key=lambda one: one.observed_at):
        key = one.node, one.kind
        if key not in found or one.kind is EvidenceKind.REBALANCE:
            found[key] = one
    return [found[key] for key in sorted(found)]


def _evidence(
    node: str, kind: EvidenceKind, since: datetime | None, notice: timedelta | None, now: datetime
) -> Evidence:
    takes_at = None if since is None or notice is None else since + notice
    return Evidence(node, kind, since or now, takes_at)


def _is_shutting_down(node: Manifest) -> bool:
    """A GKE spot node that shuts down though nobody had begun to retire it."""
    ready = condition_of(node, "Ready")
    if not ready or ready.get("status") == "True":
        return False
    is_spot = any(labels_of(node).get(name) == "true" for name in GKE_SPOT)
    spec = node.get("spec") or {}
    is_retiring = (
        bool(node["metadata"].get("deletionTimestamp"))
        or bool(spec.get("unschedulable"))
        or any(taint["key"] in RETIRING for taint in spec.get("taints") or ())
    )
    return (
        is_spot
        and not is_retiring
        and (ready.get("reason"), ready.get("message")) == (SHUTTING_DOWN)
    )


def _since(holder: Manifest | None, field: str) -> datetime | None:
    given = (holder or {}).get(field)
    return datetime.fromisoformat(given) if given else None
