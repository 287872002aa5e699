"""One look at a cluster: a `Snapshot` of its lists, and what is to be remembered of the look.

Lists are taken page by page and reduced at once: what is held are our records, never the objects
of 2,000 nodes.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from advisor.cluster import DO_NOT_DISRUPT, NODEPOOL_LABEL, Manifest
from advisor.karpenter.labels import CORDONED_BY, HELD_BY, OURS, RETIRE, WARMING
from advisor.kubernetes_api import (
    METADATA,
    KubeApi,
    annotations_of,
    condition_of,
    controller_of,
    is_true,
    labels_of,
)
from advisor.kubernetes_budgets import drift_allowed
from advisor.kubernetes_evidence import evidence_on
from advisor.kubernetes_machines import is_spot, pool_of
from advisor.kubernetes_pods import DEPLOYMENT, Budgets, Surged, Workloads, pods_by_node
from advisor.kubernetes_warmth import Warmers, awaiting, warmth
from advisor.lead_time_observed import Starts
from advisor.replacement.records import (
    Evidence,
    GuardedNode,
    NodePoolState,
    Pod,
    Snapshot,
    WorkloadName,
)
from warehouse.records import StartDuration

KARPENTER, APPS = "karpenter.sh/v1", "apps/v1"
DISRUPTED = "karpenter.sh/disrupted"
"""Karpenter's taint of a node that it is taking away."""
REGISTERED, INITIALIZED = "karpenter.sh/registered", "karpenter.sh/initialized"

LEARNED_EVERY = timedelta(minutes=5)
"""How often a look also notes how long starts took: it costs a fifth of a look at 2,000 nodes, and
what it reads stays on pods and NodeClaims for as long as they live."""

STANDING = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
"""Field selector of the pods that take room on a node."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What of a NodeClaim counts for its node."""

    name: str
    labels: Mapping[str, str]
    group: str
    launched_at: datetime | None
    is_drifted: bool
    is_deleting: bool
    is_held: bool


@dataclass(frozen=True, slots=True)
class _Pods:
    """The pods on each node, and those of them that warm it."""

    by_node: Mapping[str, Sequence[Pod]]
    warmers: Warmers


@dataclass(slots=True)
class Seen:
    """What a look leaves behind beside the snapshot: it is asked for later, or needed to act.

    ``uids`` by kind, namespace and name; ``launched`` tells of each NodeClaim whether it has its
    machine; ``starts`` are noted at every look that is due, the last at ``learned_at``;
    ``replica_sets`` are the owners of ReplicaSets by uid, which never change.
    """

    evidence: list[Evidence] = field(default_factory=list)
    node_of_claim: dict[str, str] = field(default_factory=dict)
    nodes: frozenset[str] = frozenset()
    uids: dict[tuple[str, str, str], str] = field(default_factory=dict)
    launched: dict[str, bool] = field(default_factory=dict)
    replica_sets: dict[str, tuple[str, str] | None] = field(default_factory=dict)
    starts: Starts | None = None
    learned_at: datetime | None = None


def look(
    api: KubeApi, now: datetime, before: Seen, of_services: Mapping[WorkloadName, Surged]
) -> tuple[Snapshot, Seen]:
    """The cluster as it is; ``before`` is what the last look left, ``of_services`` our surges."""
    seen = Seen(replica_sets=before.replica_sets, learned_at=before.learned_at)
    if seen.learned_at is None or now - seen.learned_at >= LEARNED_EVERY:
        seen.starts, seen.learned_at = Starts(), now
    workloads = _workloads(api, of_services)
    claims = _claims(api, seen)
    standing_on = _pods(api, workloads, now, seen)
    owners = list(api.every_if_served(KARPENTER, "nodepools"))
    waiting = awaiting(api, owners, standing_on.warmers)
    nodes = {
        one.name: one
        for manifest in waiting.noted(api.every("v1", "nodes"), now)
        for one in [_node(manifest, claims, standing_on, seen, now)]
    }
    # The caches' workers may be on any node, so that all must be known first.
    nodes |= {
        name: replace(one, warmth=waiting.warmth(one))
        for name, one in nodes.items()
        if one.is_warming
    }
    seen.nodes = frozenset(nodes)
    standing = Counter(one.nodepool for one in nodes.values() if one.is_initialized)
    nodepools = {
        str(one["metadata"]["name"]): _nodepool(one, standing[one["metadata"]["name"]], now)
        for one in owners
    }
    found = tuple(waiting.findings)
    told = _starts(seen, nodes)
    return Snapshot(now, nodes, nodepools, workloads.found, seen.launched, found, told), seen


def _starts(seen: Seen, nodes: Mapping[str, GuardedNode]) -> tuple[StartDuration, ...]:
    """How long starts took, where this look notes it."""
    if seen.starts is None:
        return ()
    return tuple(
        seen.starts.on({name: one.pool for name, one in nodes.items() if one.pool}).durations
    )


def _claims(api: KubeApi, seen: Seen) -> dict[str, Claim]:
    """The NodeClaims by the name of their node and by their provider's id."""
    found: dict[str, Claim] = {}
    listed = api.every_if_served(KARPENTER, "nodeclaims")
    for one in seen.starts.claims(listed) if seen.starts else listed:
        about, status = one["metadata"], one.get("status") or {}
        seen.uids["NodeClaim", "", about["name"]] = about["uid"]
        launched = condition_of(one, "Launched") or {}
        since = launched.get("lastTransitionTime") or about.get("creationTimestamp")
        claim = Claim(
            name=about["name"],
            labels=labels_of(one),
            group=(one["spec"].get("nodeClassRef") or {}).get("group", ""),
            launched_at=datetime.fromisoformat(since) if since else None,
            is_drifted=is_true(one, "Drifted"),
            is_deleting=bool(about.get("deletionTimestamp")),
            is_held=annotations_of(one).get(DO_NOT_DISRUPT) == "true",
        )
        seen.launched[claim.name] = bool(status.get("providerID"))
        if node := status.get("nodeName"):
            seen.node_of_claim[claim.name] = node
            found[node] = claim
        if provider_id := status.get("providerID"):
            found[provider_id] = claim
    return found


def _workloads(api: KubeApi, of_services: Mapping[WorkloadName, Surged]) -> Workloads:
    scaled = frozenset(
        (one["metadata"]["namespace"], target["name"])
        for one in api.every("autoscaling/v2", "horizontalpodautoscalers")
        if (target := one["spec"]["scaleTargetRef"])["kind"] == DEPLOYMENT
    )
    found = Workloads()
    found.add_deployments(api.every(APPS, "deployments"), scaled, of_services)
    found.add_stateful_sets(api.every(APPS, "statefulsets"))
    return found


def _pods(api: KubeApi, workloads: Workloads, now: datetime, seen: Seen) -> _Pods:
    budgets = Budgets.of(api.every("policy/v1", "poddisruptionbudgets"))

    def owner(pod: Manifest) -> WorkloadName | None:
        about = pod["metadata"]
        seen.uids["Pod", about["namespace"], about["name"]] = about["uid"]
        controller = controller_of(pod)
        if controller is None:
            return None
        if controller["kind"] == "ReplicaSet":
            above = _above(api, controller["uid"], seen)
            if above is None:
                return WorkloadName("ReplicaSet", about["namespace"], controller["name"])
            kind, name = above
            if kind == DEPLOYMENT:
                return workloads.owned_by_deployment(about["namespace"], name)
            return WorkloadName(kind, about["namespace"], name)
        return WorkloadName(controller["kind"], about["namespace"], controller["name"])

    standing = api.every("v1", "pods", params={"fieldSelector": STANDING})
    if seen.starts:
        standing = seen.starts.pods(standing)
    warmers = Warmers()
    return _Pods(pods_by_node(warmers.noted(standing), budgets, owner, now), warmers)


def _above(api: KubeApi, uid: str, seen: Seen) -> tuple[str, str] | None:
    """Kind and name of what a ReplicaSet belongs to; they are read anew when one is new."""
    if uid not in seen.replica_sets:
        seen.replica_sets = {
            one["metadata"]["uid"]: _kind_and_name(controller_of(one))
            for one in api.every(APPS, "replicasets", headers=METADATA)
        }
        # One that came after the list is looked up at the next look.
        seen.replica_sets.setdefault(uid, None)
    return seen.replica_sets[uid]


def _kind_and_name(owner: Manifest | None) -> tuple[str, str] | None:
    return (owner["kind"], owner["name"]) if owner else None


def _node(
    manifest: Manifest,
    claims: Mapping[str, Claim],
    standing: _Pods,
    seen: Seen,
    now: datetime,
) -> GuardedNode:
    about, spec = manifest["metadata"], manifest.get("spec") or {}
    name, labels = str(about["name"]), labels_of(manifest)
    provider_id = spec.get("providerID") or ""
    claim = claims.get(name) or claims.get(provider_id)
    of_claim: Mapping[str, str] = claim.labels if claim else {}
    seen.uids["Node", "", name] = about["uid"]
    seen.evidence += evidence_on(manifest, now)
    if claim:
        seen.node_of_claim[claim.name] = name
    taints = {one["key"] for one in spec.get("taints") or ()}
    created = about.get("creationTimestamp")
    launched_at = claim.launched_at if claim else None
    is_ready = is_true(manifest, "Ready")
    return GuardedNode(
        name=name,
        claim=claim.name if claim else None,
        nodepool=labels.get(NODEPOOL_LABEL) or of_claim.get(NODEPOOL_LABEL),
        pool=pool_of({**of_claim, **labels}, provider_id, claim.group if claim else ""),
        is_spot=is_spot(labels),
        launched_at=launched_at or (datetime.fromisoformat(created) if created else None),
        is_ready=is_ready,
        # Where Karpenter does not say so, a node that is Ready is all that can be asked for.
        is_initialized=labels.get(INITIALIZED) == "true" if claim else is_ready,
        is_drifted=bool(claim and claim.is_drifted),
        is_disrupted=DISRUPTED in taints,
        is_deleting=bool(about.get("deletionTimestamp") or (claim and claim.is_deleting)),
        is_cordoned=bool(spec.get("unschedulable")),
        is_warming=WARMING in taints,
        is_held=_is_held(manifest, claim),
        retire=of_claim.get(RETIRE),
        pods=tuple(
            sorted(standing.by_node.get(name, ()), key=lambda one: (one.namespace, one.name))
        ),
        provider_id=provider_id or None,
        is_cordoned_by_us=bool(spec.get("unschedulable"))
        and annotations_of(manifest).get(CORDONED_BY) == OURS,
        is_held_by_us=annotations_of(manifest).get(HELD_BY) == OURS,
        warmth=warmth(manifest, standing.warmers, now),
    )


def _is_held(node: Manifest, claim: Claim | None) -> bool:
    """Whether it must not be disrupted; the claim's word counts until its node is registered."""
    if annotations_of(node).get(DO_NOT_DISRUPT) == "true":
        return True
    return claim is not None and claim.is_held and labels_of(node).get(REGISTERED) != "true"


def _nodepool(manifest: Manifest, nodes: int, now: datetime) -> NodePoolState:
    template = manifest["spec"]["template"]["spec"]
    return NodePoolState(
        name=manifest["metadata"]["name"],
        has_retire=any(
            one["key"] == RETIRE and one["operator"] == "DoesNotExist"
            for one in _listed(template.get("requirements"))
        ),
        has_warming=any(one["key"] == WARMING for one in _listed(template.get("startupTaints"))),
        drift_allowed=drift_allowed(manifest, nodes, now),
        manifest=manifest,
    )


def _listed(given: Iterable[Manifest] | None) -> Iterable[Manifest]:
    return given or ()
